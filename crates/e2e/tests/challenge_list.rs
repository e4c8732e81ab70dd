//! The ceremony of the challenge keys on a running system: the operator's commands, the real
//! server, and an agent that goes on running.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cardea_e2e::{AuthorizationRequest, PageScript, Stage};
use cardea_xtask::system::{Part, System};
use cardea_xtask::workspace;

/// The folder of keys, offline and on the server.
struct Ceremony {
    keys: PathBuf,
    settings: PathBuf,
    issuer: String,
}

impl Ceremony {
    fn of(system: &System) -> Self {
        Self {
            keys: system.folder().join("keys"),
            settings: system.server_settings(),
            issuer: system.addresses().issuer(),
        }
    }

    /// Whether the command was done, and what it said.
    fn run(&self, arguments: &[&str]) -> Result<(bool, String)> {
        let output = Command::new(workspace::binary("cardea")?)
            .arg("keys")
            .args(arguments)
            .current_dir(&self.keys)
            .output()?;
        let words = String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?;
        Ok((output.status.success(), words))
    }

    fn new_key(&self, file: &str) -> Result<()> {
        let (made, words) = self.run(&["new-challenge-key", "--out", file])?;
        ensure!(made, "{words}");
        Ok(())
    }

    fn sign(&self, root: &str, version: &str, keys: &[&str], out: &str) -> Result<()> {
        let mut arguments = vec!["challenge-list", "sign", "--root", root];
        arguments.extend(["--issuer", &self.issuer, "--version", version, "--out", out]);
        keys.iter().for_each(|key| arguments.extend(["--key", key]));
        let (signed, words) = self.run(&arguments)?;
        ensure!(signed, "{words}");
        Ok(())
    }

    fn publish(&self, list: &str) -> Result<(bool, String)> {
        let settings = self.settings.to_str().context("a path that is no text")?;
        self.run(&["challenge-list", "publish", list, "--config", settings])
    }

    fn read(&self, list: &str) -> Result<String> {
        Ok(fs::read_to_string(self.keys.join(list))?.trim().to_owned())
    }

    /// Starts the server anew with other challenge keys; nobody touches the agent.
    fn switch(&self, system: &mut System, from: &str, to: &str, others: &[&str]) -> Result<()> {
        let key = |name: &str| format!("{:?}", self.keys.join(name).display().to_string());
        let others: Vec<_> = others.iter().map(|name| key(name)).collect();
        let text = fs::read_to_string(&self.settings)?;
        let text: String = text
            .lines()
            .filter(|line| !line.starts_with("other_challenge_keys"))
            .map(|line| format!("{line}\n"))
            .collect();
        let before = format!("challenge_key = {}\n", key(from));
        ensure!(text.contains(&before), "{text}");
        let after = format!(
            "challenge_key = {}\nother_challenge_keys = [{}]\n",
            key(to),
            others.join(", ")
        );
        fs::write(&self.settings, text.replace(&before, &after))?;
        system.stop_part(Part::Server)?;
        system.start_part(Part::Server)
    }
}

async fn given_out(system: &System) -> Result<String> {
    let issuer = system.addresses().issuer();
    let address = format!("{issuer}/.well-known/cardea-challenge-keys");
    let answer = PageScript::http()?.get(address).send().await?;
    Ok(answer.text().await?.trim().to_owned())
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..300 {
        if holds().await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("{what} does not come about")
}

async fn log_in(system: &System) -> Result<String> {
    let page = PageScript::open(system, &AuthorizationRequest::new()?).await?;
    page.code(system).await
}

/// The running agent knows the next key by the list of the second root, and the server goes back to
/// no older list: neither at work nor at a start.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_agent_follows_the_lists_that_are_published_and_never_back() -> Result<()> {
    let mut stage = Stage::open("challenge-list").await?;
    let ceremony = Ceremony::of(stage.system());
    let agent = stage.system().process_of(Part::Agent);
    log_in(stage.system()).await?;
    let first = ceremony.read("challenge-keys.jws")?;
    fs::write(ceremony.keys.join("first.jws"), &first)?;

    // The first root is lost: the second one signs the list with the next key.
    ceremony.new_key("next.pem")?;
    let both = ["challenge-key.pem", "next.pem"];
    ceremony.sign("root-2.pem", "2", &both, "list-2.jws")?;
    let (published, words) = ceremony.publish("list-2.jws")?;
    ensure!(published, "{words}");
    let second = ceremony.read("list-2.jws")?;
    let system = stage.system();
    until("the second list", async || {
        Ok(given_out(system).await? == second)
    })
    .await?;
    log_in(system).await?;

    // Back to the first one: neither by command, nor by the file.
    let (published, words) = ceremony.publish("first.jws")?;
    ensure!(!published && words.contains("is not published"), "{words}");
    fs::copy(
        ceremony.keys.join("first.jws"),
        ceremony.keys.join("challenge-keys.jws"),
    )?;
    until("the server's refusal", async || {
        let log = system.log_of(Part::Server);
        Ok(log.contains("server.challenge_list_refused"))
    })
    .await?;
    assert_eq!(given_out(system).await?, second);
    fs::copy(
        ceremony.keys.join("list-2.jws"),
        ceremony.keys.join("challenge-keys.jws"),
    )?;

    // The server signs with the next key; the agent learns it from the second root's list.
    let old = "challenge-key.pem";
    ceremony.switch(stage.system_mut(), old, "next.pem", &[old])?;
    let system = stage.system();
    until("a login with the next key", async || {
        Ok(log_in(system).await.is_ok())
    })
    .await?;

    take_back_and_on(&mut stage, &ceremony).await?;
    let now = stage.system().process_of(Part::Agent);
    assert_eq!(now, agent, "it ran all the time");
    Ok(())
}

/// A server that was taken back to a list of before, with a key of somebody's own in it, does not
/// start; then the way on.
async fn take_back_and_on(stage: &mut Stage, ceremony: &Ceremony) -> Result<()> {
    ceremony.new_key("third.pem")?;
    ceremony.sign("root-1.pem", "1", &["third.pem"], "back.jws")?;
    fs::copy(
        ceremony.keys.join("back.jws"),
        ceremony.keys.join("challenge-keys.jws"),
    )?;
    let taken_back = ceremony.switch(stage.system_mut(), "next.pem", "third.pem", &[]);
    let words = format!("{:?}", taken_back.err().context("it started")?);
    ensure!(words.contains("server.challenge_list_older"), "{words}");

    // The way on is a list with a higher number.
    ceremony.sign("root-2.pem", "3", &["third.pem"], "list-3.jws")?;
    let (published, words) = ceremony.publish("list-3.jws")?;
    ensure!(published, "{words}");
    stage.system_mut().start_part(Part::Server)?;
    let system = stage.system();
    until("a login with the third list", async || {
        Ok(log_in(system).await.is_ok())
    })
    .await
}

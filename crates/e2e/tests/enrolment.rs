//! A workstation from its enrolment to the notice that its people read: the real commands of both
//! sides, a second agent beside the system's own, one card.

#![expect(
    clippy::indexing_slicing,
    reason = "a member that is not there fails the test"
)]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cardea_e2e::{AuthorizationRequest, PageScript, Stage};
use cardea_xtask::system::System;
use cardea_xtask::workspace;
use serde_json::{Value, json};

/// A second workstation of the same person.
struct Workstation {
    folder: PathBuf,
    port: u16,
    issuer: String,
    agent: Option<Child>,
}

impl Workstation {
    /// The system's own settings, without the issuer that stands in them.
    fn new(system: &System) -> Result<Self> {
        let folder = system.folder().join("second");
        fs::create_dir(&folder)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let own = fs::read_to_string(system.agent_settings())?;
        let kept = own.lines().take_while(|line| *line != "[[issuer]]");
        let kept = kept.filter(|line| {
            !["port ", "socket ", "state_dir "]
                .iter()
                .any(|key| line.starts_with(key))
        });
        let mut settings: String = kept.map(|line| format!("{line}\n")).collect();
        settings.push_str(&format!(
            "port = {port}\nsocket = \"agent.sock\"\nstate_dir = \"state\"\n\
             instance_name = \"Comptoir 2\"\n"
        ));
        let file = folder.join("agent.toml");
        fs::write(&file, settings)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        Ok(Self {
            folder,
            port,
            issuer: system.addresses().issuer(),
            agent: None,
        })
    }

    fn command(&self, system: &System, name: &str) -> Result<Command> {
        let mut command = Command::new(workspace::binary("cardea-agent")?);
        command
            .args([name, "--config"])
            .arg(self.folder.join("agent.toml"))
            .env("PCSCLITE_CSOCK_NAME", system.pcscd_socket())
            .env("LANG", "en_GB.UTF-8")
            .stdin(Stdio::null());
        Ok(command)
    }

    fn enrol(&self, system: &System, fingerprints: &[String]) -> Result<(bool, String)> {
        let mut command = self.command(system, "enrol")?;
        command.arg(&self.issuer).arg("--accept-warnings");
        for fingerprint in fingerprints {
            command.arg("--fingerprint").arg(fingerprint);
        }
        let output = command.output()?;
        let words = String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?;
        Ok((output.status.success(), words))
    }

    async fn start(&mut self, system: &System) -> Result<()> {
        let log = fs::File::create(self.folder.join("agent.log"))?;
        self.agent = Some(self.command(system, "run")?.stderr(log).spawn()?);
        for _ in 0..600 {
            let status = self.command(system, "status")?.arg("--json").output()?;
            let status: Value = serde_json::from_slice(&status.stdout)?;
            if status
                .pointer("/card")
                .is_some_and(|card| card == "present")
            {
                ensure!(status["instance_key"] == "file", "{status}");
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let log = fs::read_to_string(self.folder.join("agent.log"))?;
        anyhow::bail!("the agent does not answer: {log}")
    }

    /// A login here; gives where the server sends the browser.
    async fn log_in(&self, page: &PageScript) -> Result<String> {
        let challenge = page.challenge().await?;
        let address = format!("http://127.0.0.1:{}/v1/assertion", self.port);
        let request = page.client().post(address).header("origin", &self.issuer);
        let asked = request.json(&json!({ "challenge": challenge }));
        let text = asked.send().await?.text().await?;
        let last = text.lines().rfind(|line| !line.trim().is_empty());
        let signed: Value = serde_json::from_str(last.context("no answer")?)?;
        let part = |name: &str| signed[name].as_str().context(text.clone());
        let body = json!({
            "assertion": part("assertion")?,
            "attestation": part("attestation")?,
        });
        let answer: Value = page.post("assertion", &body).await?.json().await?;
        let target = answer["redirect_to"].as_str();
        Ok(target.with_context(|| answer.to_string())?.to_owned())
    }
}

impl Drop for Workstation {
    fn drop(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            let _ = agent.kill();
            let _ = agent.wait();
        }
    }
}

/// The fingerprints as the issuer's own command prints them.
fn fingerprints(system: &System) -> Result<Vec<String>> {
    let document = system.folder().join("keys/enrolment.jws");
    let output = Command::new(workspace::binary("cardea")?)
        .args(["keys", "show-enrolment"])
        .arg(document)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let keys = text.lines().filter(|line| line.starts_with("root key "));
    let keys = keys.filter_map(|line| Some(line.split_once(": ")?.1.to_owned()));
    Ok(keys.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workstation_is_enrolled_by_fingerprints_and_announced_to_its_person() -> Result<()> {
    let stage = Stage::open("enrolment").await?;
    let system = stage.system();
    // The person's own workstation, which she has had before.
    let page = PageScript::open(system, &AuthorizationRequest::new()?).await?;
    page.code(system).await?;

    let mut second = Workstation::new(system)?;
    let fingerprints = fingerprints(system)?;
    ensure!(fingerprints.len() == 2, "two roots");
    let (enrolled, words) = second.enrol(system, &fingerprints[..1])?;
    ensure!(
        !enrolled && words.contains("agent.enrolment_unconfirmed"),
        "{words}"
    );
    let (enrolled, words) = second.enrol(system, &fingerprints)?;
    ensure!(enrolled && words.contains(&fingerprints[1]), "{words}");
    second.start(system).await?;
    let page = PageScript::open(system, &AuthorizationRequest::new()?).await?;
    let target = second.log_in(&page).await?;
    // It is not announced to whoever used it.
    ensure!(target.contains("/callback?"), "{target}");

    // At her own workstation it is, once.
    let page = PageScript::open(system, &AuthorizationRequest::new()?).await?;
    let target = page.sign_in(system).await?;
    ensure!(target.path().starts_with("/new-workstations/"), "{target}");
    let notice = page
        .client()
        .get(target.clone())
        .send()
        .await?
        .text()
        .await?;
    ensure!(notice.contains("Comptoir 2"), "{notice}");
    let (_, rest) = notice
        .split_once("name=\"shown\" value=\"")
        .context("no form")?;
    let shown = rest.split('"').next().unwrap_or_default().to_owned();
    let issuer = system.addresses().issuer();
    let confirm = page.client().post(target).header("origin", issuer);
    let answer = confirm.form(&[("shown", shown)]).send().await?;
    let location = answer.headers().get("location").context("no way on")?;
    page.code_at(location.to_str()?).await?;
    let page = PageScript::open(system, &AuthorizationRequest::new()?).await?;
    page.code(system).await?;
    Ok(())
}

//! Business software that works all day: the examples of `crates/agent/examples`, in Python and in
//! Rust, beside each other at one reader, against an API on a library that others wrote. The
//! reader, the agent and the server are the real ones; the tokens live seconds instead of minutes.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cardea_e2e::{ForeignClient, PageScript, Stage, exchange_card, sources};
use cardea_xtask::system::{self, Answer, Part, System};
use cardea_xtask::{install, process, workspace};
use reqwest::StatusCode;

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long an access token lives.
const TOKEN_SECONDS: u32 = 6;
const EVERY_SECONDS: &str = "0.5";
/// Reads that take longer than a token lives.
const READS_PAST_EXPIRY: usize = 16;

const CONNECTED: &str = "Vous êtes connecté.";
const READ: &str = "Lu : 200";
const NO_ANSWER: &str = "Le serveur ne répond pas";
const CARD_GONE: &str = "La carte a été retirée";

/// One program that works all day.
struct Day {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Day {
    fn start(system: &System, name: &'static str, mut command: Command, api: &str) -> Result<Self> {
        let log = system.folder().join("logs").join(format!("{name}.log"));
        let file = File::create(&log)?;
        command.args(["--issuer", &system.addresses().issuer()]);
        command.args(["--client", "officine", "--resource", api]);
        command.args([
            "--read",
            &format!("{api}/patients"),
            "--every",
            EVERY_SECONDS,
        ]);
        command.arg("--socket").arg(programs_socket(system));
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("can't start {name}"))?;
        system.adopt(&child)?;
        Ok(Self { name, child, log })
    }

    fn said(&self, words: &str) -> usize {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter(|line| line.contains(words)).count()
    }

    /// Waits until it has said this so often.
    async fn says(&mut self, words: &str, times: usize) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while self.said(words) < times {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            if let Some(status) = self.child.try_wait()? {
                bail!("{} has ended ({status}):\n{log}", self.name);
            }
            if Instant::now() > until {
                bail!("{} does not say “{words}” {times} times:\n{log}", self.name);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }
}

impl Drop for Day {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Both programs.
struct Both([Day; 2]);

impl Both {
    async fn say(&mut self, words: &str, times: usize) -> Result<()> {
        for day in &mut self.0 {
            day.says(words, times).await?;
        }
        Ok(())
    }

    /// Waits until both have read so often from now on.
    async fn read_on(&mut self, times: usize) -> Result<()> {
        for day in &mut self.0 {
            let before = day.said(READ);
            day.says(READ, before + times).await?;
        }
        Ok(())
    }
}

fn programs_socket(system: &System) -> PathBuf {
    system.agent_socket().with_file_name("programs.sock")
}

fn prompts(system: &System) -> usize {
    system.pin_prompt_log().matches("PAS VÉRIFIÉ").count()
}

/// A system with the software and its API among its clients, and the private key of the API.
async fn open(name: &str, api: &str) -> Result<(Stage, String)> {
    let (private, public) = new_key(name)?;
    let clients = format!(
        "[[client]]\nclient_id = \"officine\"\nname = \"Logiciel d’officine\"\n\
         token_endpoint_auth_method = \"none\"\n\
         grant_types = [\"urn:ietf:params:oauth:grant-type:jwt-bearer\", \"refresh_token\"]\n\
         resources = [\"{api}\"]\nscopes = [\"openid\", \"profile\"]\n\n\
         [[client]]\nclient_id = \"officine-api\"\nname = \"API d’officine\"\n\
         token_endpoint_auth_method = \"private_key_jwt\"\njwks_file = \"api.jwks.json\"\n\
         grant_types = [\"client_credentials\"]\nresource_server_of = [\"{api}\"]\n\n"
    );
    let mut written = Ok(());
    let register = |options: &mut system::Options| {
        let file = options.folder.join("clients.toml");
        let others = fs::read_to_string(&file).unwrap_or_default();
        written = fs::write(&file, format!("{others}\n{clients}"))
            .and_then(|()| fs::write(options.folder.join("api.jwks.json"), &public));
        options.clients_file = Some(file);
        options.business_software = true;
    };
    let shorten = |system: &System| {
        let file = system.server_settings();
        let settings = fs::read_to_string(&file)?;
        let session = format!("\n[session]\naccess_token_seconds = {TOKEN_SECONDS}\n");
        Ok(fs::write(&file, settings + &session)?)
    };
    let stage = Stage::open_prepared(name, register, shorten).await?;
    written.context("can't write the clients")?;
    Ok((stage, private))
}

/// The private key of a client, and the set of its public one.
fn new_key(name: &str) -> Result<(String, String)> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    let printed = process::capture(&mut ForeignClient::node_in(&folder, "new-key.mjs")?)?;
    let keys: serde_json::Value = serde_json::from_str(&printed)?;
    let half = |half| keys.get(half).with_context(|| format!("no {half} key"));
    Ok((half("private")?.to_string(), half("public")?.to_string()))
}

/// The example in Rust under the name of a program that is installed, so that it can be deleted.
fn installed_example(system: &System) -> Result<PathBuf> {
    let built = workspace::binary_folder()?.join("examples/all_day");
    let hint = "cargo build -p cardea-agent --example all_day";
    let installed = system.folder().join("officine-du-midi");
    fs::copy(&built, &installed)
        .with_context(|| format!("{} is not built: {hint}", built.display()))?;
    fs::set_permissions(&installed, fs::Permissions::from_mode(0o700))?;
    Ok(installed)
}

/// The API takes no token without its proof (attack F10).
#[tokio::test(flavor = "multi_thread")]
async fn programs_work_all_day_through_pulls_expiries_and_restarts() -> Result<()> {
    let port = system::unused_port()?;
    let api = format!("http://127.0.0.1:{port}");
    let (mut stage, private) = open("business-day", &api).await?;
    let system = stage.system();
    let mut command = ForeignClient::node(system, "api.mjs")?;
    command
        .env("CLIENT_ID", "officine-api")
        .env("CLIENT_KEY", private)
        .env("API_AUDIENCE", &api);
    let _api = ForeignClient::serve(system, command, "api", port)?;
    let patients = format!("{api}/patients");
    let without_token = PageScript::http()?.get(&patients).send().await?;
    assert_eq!(without_token.status(), StatusCode::UNAUTHORIZED);

    let rust = installed_example(system)?;
    let mut both = begin(system, &rust, &api).await?;
    pull_and_put_back(system, &rust, &mut both).await?;
    restart_server(stage.system_mut(), &mut both).await?;
    restart_agent(stage.system_mut(), &mut both).await?;
    say_no(stage.system(), &mut both).await?;
    end(stage.system(), both).await
}

/// Both begin at once: whoever finds the place in front of the person taken tries again. They go on
/// past the expiry of their tokens, and nobody is asked for anything again.
async fn begin(system: &System, rust: &Path, api: &str) -> Result<Both> {
    let mut python = Command::new(install::python_program()?);
    python
        .arg("-B")
        .arg(sources().join("../../agent/examples/all_day.py"));
    let mut both = Both([
        Day::start(system, "all-day-python", python, api)?,
        Day::start(system, "all-day-rust", Command::new(rust), api)?,
    ]);
    both.say(READ, READS_PAST_EXPIRY).await?;
    assert_eq!(prompts(system), 2);
    let log = system.pin_prompt_log();
    for part in [
        "/python",
        "/officine-du-midi »",
        "(processus ",
        "Logiciel d’officine",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    Ok(both)
}

/// A card that is pulled ends both, and one that comes back is asked for its PIN again. By then the
/// file of one program is gone, as after an update.
async fn pull_and_put_back(system: &System, rust: &Path, both: &mut Both) -> Result<()> {
    fs::remove_file(rust)?;
    system.card().remove()?;
    both.say(CARD_GONE, 1).await?;
    assert_eq!(prompts(system), 2);
    system.card().insert()?;
    both.say(CONNECTED, 2).await?;
    both.read_on(2).await?;
    assert_eq!(prompts(system), 4);
    let log = system.pin_prompt_log();
    assert!(log.contains("/officine-du-midi », fichier absent"), "{log}");
    Ok(())
}

/// The server is away for longer than a token lives; the sessions outlast it.
async fn restart_server(system: &mut System, both: &mut Both) -> Result<()> {
    system.stop_part(Part::Server)?;
    both.say(NO_ANSWER, 3).await?;
    tokio::time::sleep(Duration::from_secs(u64::from(TOKEN_SECONDS))).await;
    system.start_part(Part::Server)?;
    both.read_on(3).await?;
    assert_eq!(prompts(system), 4);
    Ok(())
}

/// With the agent its sessions end; its successor asks the person anew.
async fn restart_agent(system: &mut System, both: &mut Both) -> Result<()> {
    system.stop_part(Part::Agent)?;
    system.start_part(Part::Agent)?;
    both.say(CONNECTED, 3).await?;
    both.read_on(2).await?;
    assert_eq!(prompts(system), 6);
    Ok(())
}

/// Who says no is left in peace until the card is put in again.
async fn say_no(system: &System, both: &mut Both) -> Result<()> {
    system.script_pin_prompt(&[Answer::Cancel])?;
    system.card().remove()?;
    both.say(CARD_GONE, 2).await?;
    system.card().insert()?;
    both.say("Retirez la carte et remettez-la", 1).await?;
    assert_eq!(prompts(system), 2);
    system.script_pin_prompt(&[Answer::Pin("1234".to_owned())])?;
    exchange_card(system, system.card()).await?;
    both.say(CONNECTED, 4).await?;
    both.read_on(2).await?;
    assert_eq!(prompts(system), 2);
    Ok(())
}

/// A program that ends takes its session with it.
async fn end(system: &System, both: Both) -> Result<()> {
    let departed = || system.log_of(Part::Agent).matches("\"departed\"").count();
    let before = departed();
    drop(both);
    let until = Instant::now() + PATIENCE;
    while departed() < before + 2 {
        assert!(Instant::now() < until, "{}", system.log_of(Part::Agent));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

//! The log's witness and the agent's memory of it, with every real part: the server, the agent with
//! a card in a real reader, `cardea-witness` that watches, and `cardea-witness verify`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cardea_e2e::Stage;
use cardea_xtask::system::{Part, System};
use cardea_xtask::workspace;
use serde_json::Value;

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A witness in a folder of its own.
struct Watching {
    folder: PathBuf,
    address: String,
    verifier_key: String,
}

impl Watching {
    /// Makes its key. It knows no log yet.
    fn prepare(folder: &Path, port: u16) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let address = format!("127.0.0.1:{port}");
        let mut watching = Self {
            folder: folder.to_owned(),
            address,
            verifier_key: String::new(),
        };
        watching.configure("")?;
        watching.verifier_key = text_of(&watching.run(&["key", "new"])?)?;
        Ok(watching)
    }

    fn config(&self) -> PathBuf {
        self.folder.join("witness.toml")
    }

    fn configure(&self, logs: &str) -> Result<()> {
        let text = format!(
            "name = \"witness.test\"\nkey_file = \"witness.key\"\nstate_folder = \"state\"\n\
             [serve]\nlisten = \"{}\"\n{logs}",
            self.address
        );
        Ok(fs::write(self.config(), text)?)
    }

    fn run(&self, words: &[&str]) -> Result<Output> {
        let mut command = Command::new(workspace::binary("cardea-witness")?);
        command
            .args(words.iter().take(2))
            .arg("--config")
            .arg(self.config());
        Ok(command.args(words.iter().skip(2)).output()?)
    }

    /// Watches this log from its beginning.
    fn begin(&self, log_key: &str) -> Result<()> {
        let origin = log_key.split('+').next().context("no name")?;
        self.configure(&format!(
            "[[log]]\norigin = \"{origin}\"\nkeys = [\"{log_key}\"]\n"
        ))?;
        text_of(&self.run(&["log", "begin", origin])?).map(drop)
    }

    fn serve(&self, system: &System) -> Result<Serving> {
        let mut command = Command::new(workspace::binary("cardea-witness")?);
        let log = fs::File::create(self.folder.join("witness.log"))?;
        command.arg("serve").arg("--config").arg(self.config());
        let child = command.stderr(log).spawn()?;
        system.adopt(&child)?;
        Ok(Serving(child))
    }
}

/// Ended when dropped.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text_of(output: &Output) -> Result<String> {
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout.clone())?.trim().to_owned())
}

fn cardea(system: &System, words: &[&str]) -> Result<Output> {
    let mut command = Command::new(workspace::binary("cardea")?);
    command
        .args(words)
        .arg("--config")
        .arg(system.server_settings());
    Ok(command.output()?)
}

/// Exports the log, and has it verified without the server by both keys.
fn verify(system: &System, folder: &str, keys: (&str, &str)) -> Result<Output> {
    let out = system.folder().join(folder);
    let path = out.to_str().context("a path of text")?;
    text_of(&cardea(system, &["ledger", "export", "--out", path])?)?;
    let mut command = Command::new(workspace::binary("cardea-witness")?);
    command.arg("verify").arg(&out).args(["--log-key", keys.0]);
    Ok(command.args(["--witness-key", keys.1]).output()?)
}

async fn wait_until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !is_so()? {
        ensure!(begun.elapsed() < PATIENCE, "{what} never came");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Ok(())
}

fn database_files(system: &System) -> [PathBuf; 3] {
    let file = system.server_settings().with_file_name("cardea.sqlite");
    ["", "-wal", "-shm"].map(|ending| {
        let mut name = file.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    })
}

/// Puts files by, or puts them back; what is not there goes.
fn copy(from: &[PathBuf], to: &[PathBuf]) -> Result<()> {
    for (from, to) in from.iter().zip(to) {
        match from.exists() {
            true => fs::copy(from, to).map(drop)?,
            false if to.exists() => fs::remove_file(to)?,
            false => {}
        }
    }
    Ok(())
}

/// How many entries the log of the database has by now.
fn size_of(system: &System) -> Result<u64> {
    let status = text_of(&cardea(system, &["ledger", "status", "--json"])?)?;
    let status: Value = serde_json::from_str(&status)?;
    status
        .get("size")
        .and_then(Value::as_u64)
        .context("no size")
}

/// How many entries the checkpoint covers that the agent keeps.
fn kept_by_agent(system: &System) -> Result<u64> {
    for entry in fs::read_dir(system.folder().join("agent"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("log-") && name.ends_with(".json") {
            let kept: Value = serde_json::from_slice(&fs::read(entry.path())?)?;
            let note = kept
                .get("note")
                .and_then(Value::as_str)
                .context("no note")?;
            return Ok(note.lines().nth(1).context("no size")?.parse()?);
        }
    }
    Ok(0)
}

fn says(system: &System, part: Part, text: &str) -> bool {
    system.log_of(part).contains(text)
}

/// A system whose server names a witness that is not there yet.
async fn open() -> Result<(Stage, Watching)> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port();
    let mut watching = None;
    let mut stage = Stage::prepare("witness", |_| {}).await?;
    tokio::task::block_in_place(|| {
        let system = stage.system_mut();
        let witness = Watching::prepare(&system.folder().join("witness"), port)?;
        let file = system.server_settings();
        let settings = format!(
            "{}\n[ledger]\nwitness_seconds = 1\n[[ledger.witness]]\nurl = \"http://{}\"\n\
             verifier_key = \"{}\"\n",
            fs::read_to_string(&file)?,
            witness.address,
            witness.verifier_key
        );
        fs::write(&file, settings)?;
        watching = Some(witness);
        system.start_parts()
    })?;
    Ok((stage, watching.context("no witness")?))
}

/// Puts an older database back, takes away what the node signed last, and signs in.
fn put_back(stage: &mut Stage, by: &[PathBuf]) -> Result<Result<String>> {
    tokio::task::block_in_place(|| {
        let system = stage.system_mut();
        system.stop_part(Part::Server)?;
        copy(by, &database_files(system))?;
        let signed_last = system
            .server_settings()
            .with_file_name("cardea.sqlite.last-signed");
        fs::remove_file(signed_last)?;
        system.start_part(Part::Server)?;
        anyhow::Ok(system.sign_in_once())
    })
}

/// Attack H14, by whoever runs the service: an older database is put back with what the node signed
/// last taken away, and the log is signed on with its own key.
#[tokio::test(flavor = "multi_thread")]
async fn h14_a_log_that_was_put_back_and_signed_anew_is_refused_by_witness_and_agent() -> Result<()>
{
    let (mut stage, witness) = open().await?;
    let system = stage.system();
    let log_key = text_of(&cardea(system, &["ledger", "key"])?)?;
    witness.begin(&log_key)?;
    let keys = (log_key.as_str(), witness.verifier_key.as_str());

    // A login waits for no witness: there is none yet.
    tokio::task::block_in_place(|| system.sign_in_once())?;
    wait_until("a silent witness", || {
        Ok(says(system, Part::Server, "server.witness_unreachable"))
    })
    .await?;
    let serving = witness.serve(system)?;
    let mut exports = 0;
    wait_until("a cosignature", || {
        exports += 1;
        let verified = verify(system, &format!("export-{exports}"), keys)?;
        Ok(verified.status.success())
    })
    .await?;
    assert!(
        kept_by_agent(system)? > 0,
        "the agent keeps what it was shown"
    );

    // The state of this moment comes back later.
    let by = [0, 1, 2].map(|number| system.folder().join(format!("by-{number}")));
    tokio::task::block_in_place(|| {
        let system = stage.system_mut();
        system.stop_part(Part::Server)?;
        copy(&database_files(system), &by)?;
        system.start_part(Part::Server)?;
        system.sign_in_once()
    })?;
    // Until the agent was shown more than that: what it is shown is what the witness has cosigned.
    let copied = size_of(stage.system())?;
    let begun = Instant::now();
    while kept_by_agent(stage.system())? <= copied {
        ensure!(begun.elapsed() < PATIENCE, "the agent is shown nothing new");
        tokio::time::sleep(Duration::from_secs(1)).await;
        tokio::task::block_in_place(|| stage.system().sign_in_once())?;
    }

    let refused = put_back(&mut stage, &by)?;
    let system = stage.system();
    assert!(refused.is_err(), "{refused:?}");
    assert!(says(system, Part::Agent, "agent.log_rewritten"));
    let evidence = fs::read_dir(system.folder().join("agent"))?
        .filter_map(Result::ok)
        .filter(|it| {
            it.file_name()
                .to_string_lossy()
                .starts_with("log-evidence-")
        });
    assert_eq!(evidence.count(), 1);
    wait_until("the witness's refusal", || {
        let log = system.log_of(Part::Server);
        Ok(log.contains("server.witness_ahead") || log.contains("server.witness_refused"))
    })
    .await?;
    wait_until("what the person is told", || {
        let told = system.pin_prompt_log();
        Ok(told.contains("agent.log_rewritten"))
    })
    .await?;
    drop(serving);
    Ok(())
}

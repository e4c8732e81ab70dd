//! A witness that watches the system's log, and what is asked of both.

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
pub(crate) struct Watching {
    folder: PathBuf,
    address: String,
    pub(crate) verifier_key: String,
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

    pub(crate) fn run(&self, words: &[&str]) -> Result<Output> {
        let mut command = Command::new(workspace::binary("cardea-witness")?);
        command
            .args(words.iter().take(2))
            .arg("--config")
            .arg(self.config());
        Ok(command.args(words.iter().skip(2)).output()?)
    }

    /// Watches this log from its beginning.
    pub(crate) fn begin(&self, log_key: &str) -> Result<()> {
        let origin = log_key.split('+').next().context("no name")?;
        self.configure(&format!(
            "[[log]]\norigin = \"{origin}\"\nkeys = [\"{log_key}\"]\n"
        ))?;
        text_of(&self.run(&["log", "begin", origin])?).map(drop)
    }

    pub(crate) fn serve(&self, system: &System) -> Result<Serving> {
        let mut command = Command::new(workspace::binary("cardea-witness")?);
        let log = fs::File::create(self.folder.join("witness.log"))?;
        command.arg("serve").arg("--config").arg(self.config());
        let child = command.stderr(log).spawn()?;
        system.adopt(&child)?;
        Ok(Serving(child))
    }
}

/// Ended when dropped.
pub(crate) struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn text_of(output: &Output) -> Result<String> {
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout.clone())?.trim().to_owned())
}

pub(crate) fn cardea(system: &System, words: &[&str]) -> Result<Output> {
    let mut command = Command::new(workspace::binary("cardea")?);
    command
        .args(words)
        .arg("--config")
        .arg(system.server_settings());
    Ok(command.output()?)
}

/// Exports the log, and has it verified without the server by both keys.
pub(crate) fn verify(system: &System, folder: &str, keys: (&str, &str)) -> Result<Output> {
    let out = system.folder().join(folder);
    let path = out.to_str().context("a path of text")?;
    text_of(&cardea(system, &["ledger", "export", "--out", path])?)?;
    let mut command = Command::new(workspace::binary("cardea-witness")?);
    command.arg("verify").arg(&out).args(["--log-key", keys.0]);
    Ok(command.args(["--witness-key", keys.1]).output()?)
}

/// Waits until the witness has cosigned more entries than these. An agent is shown the newest
/// checkpoint without waiting for that.
pub(crate) async fn is_cosigned_beyond(
    system: &System,
    size: u64,
    keys: (&str, &str),
) -> Result<()> {
    let mut exports = 0;
    wait_until("a cosignature of what came since", || {
        exports += 1;
        let folder = format!("beyond-{size}-{exports}");
        let verified = verify(system, &folder, keys)?;
        let note = fs::read_to_string(system.folder().join(folder).join("checkpoint"))?;
        let covered: u64 = note.lines().nth(1).context("no size")?.parse()?;
        Ok(verified.status.success() && covered > size)
    })
    .await
}

pub(crate) async fn wait_until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !is_so()? {
        ensure!(begun.elapsed() < PATIENCE, "{what} never came");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Ok(())
}

pub(crate) fn database_files(system: &System) -> [PathBuf; 3] {
    let file = system.server_settings().with_file_name("cardea.sqlite");
    ["", "-wal", "-shm"].map(|ending| {
        let mut name = file.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    })
}

/// Puts files by, or puts them back; what is not there goes.
pub(crate) fn copy(from: &[PathBuf], to: &[PathBuf]) -> Result<()> {
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
pub(crate) fn size_of(system: &System) -> Result<u64> {
    let status = text_of(&cardea(system, &["ledger", "status", "--json"])?)?;
    let status: Value = serde_json::from_str(&status)?;
    status
        .get("size")
        .and_then(Value::as_u64)
        .context("no size")
}

/// How many entries the checkpoint covers that the agent keeps.
pub(crate) fn kept_by_agent(system: &System) -> Result<u64> {
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

pub(crate) fn says(system: &System, part: Part, text: &str) -> bool {
    system.log_of(part).contains(text)
}

/// A system whose server names a witness that is not there yet.
pub(crate) async fn open(name: &str) -> Result<(Stage, Watching)> {
    let port = cardea_xtask::system::unused_port()?;
    let mut watching = None;
    let mut stage = Stage::prepare(name, |_| {}).await?;
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

/// Signs in until the agent was shown more than this: it is shown what the witness has cosigned.
pub(crate) async fn sign_in_until_kept(system: &System, size: u64) -> Result<()> {
    let begun = Instant::now();
    while kept_by_agent(system)? <= size {
        ensure!(begun.elapsed() < PATIENCE, "the agent is shown nothing new");
        tokio::time::sleep(Duration::from_secs(1)).await;
        tokio::task::block_in_place(|| system.sign_in_once())?;
    }
    Ok(())
}

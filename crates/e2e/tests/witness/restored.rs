//! A backup that is restored, with every real part: the log is an earlier one then, and neither
//! witness nor agent takes it up for that. What its own key has signed of the restore, and the
//! witness's keeper has had cosigned, explains it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use cardea_e2e::Stage;
use cardea_xtask::system::{Part, System};

use super::watching::{
    Serving, Watching, cardea, is_cosigned_beyond, kept_by_agent, open, says, sign_in_until_kept,
    size_of, text_of, verify, wait_until,
};

const REASON: &str = "the machine room was flooded";
/// What the agent says of a log that was put back and says so.
const PUT_BACK: &str = "the log was put back, and says so";

/// Attack H14, from the other side: what an operator did in the open is no attack, once whoever
/// keeps the witness has said so.
#[tokio::test(flavor = "multi_thread")]
async fn h14_a_restored_backup_is_believed_once_its_record_is_cosigned() -> Result<()> {
    let (mut stage, witness) = open("witness-restored").await?;
    let log_key = text_of(&cardea(stage.system(), &["ledger", "key"])?)?;
    witness.begin(&log_key)?;
    let serving = witness.serve(stage.system())?;
    is_cosigned(stage.system(), "begun", &log_key, &witness).await?;
    name_log(&mut stage, &log_key, &witness)?;
    tokio::task::block_in_place(|| stage.system().sign_in_once())?;

    let backup = stage.system().folder().join("of-monday.backup");
    let path = backup.to_str().context("a path of text")?;
    text_of(&cardea(stage.system(), &["backup", "--out", path])?)?;
    let backed_up = size_of(stage.system())?;
    sign_in_until_kept(stage.system(), backed_up).await?;
    let keys = (log_key.as_str(), witness.verifier_key.as_str());
    is_cosigned_beyond(stage.system(), backed_up, keys).await?;
    let kept = kept_by_agent(stage.system())?;

    // Signed by the log alone, the record explains nothing where the enrolment names a witness.
    let record = restore(&mut stage, path)?;
    ensure!(size_of(stage.system())? < kept, "the log is an earlier one");
    let refused = tokio::task::block_in_place(|| stage.system().sign_in_once());
    ensure!(refused.is_err(), "{refused:?}");
    ensure!(says(stage.system(), Part::Agent, "agent.log_"));
    ensure!(!says(stage.system(), Part::Agent, PUT_BACK));
    wait_until("the witness's refusal", || {
        let log = stage.system().log_of(Part::Server);
        Ok(log.contains("server.witness_ahead") || log.contains("server.witness_refused"))
    })
    .await?;

    let _serving = take_up(&mut stage, &witness, serving, &record)?;
    is_cosigned(stage.system(), "restored", &log_key, &witness).await?;
    tokio::task::block_in_place(|| stage.system().sign_in_once())?;
    ensure!(says(stage.system(), Part::Agent, PUT_BACK));
    wait_until("what the person is told", || {
        Ok(stage.system().pin_prompt_log().contains(REASON))
    })
    .await?;
    // From then on it has grown from there, and is held to that.
    let restored = kept_by_agent(stage.system())?;
    sign_in_until_kept(stage.system(), restored).await?;
    is_cosigned(stage.system(), "grown", &log_key, &witness).await
}

/// The log as it is exported now verifies by both keys.
async fn is_cosigned(system: &System, when: &str, log_key: &str, witness: &Watching) -> Result<()> {
    let keys = (log_key, witness.verifier_key.as_str());
    let mut exports = 0;
    wait_until("a cosignature", || {
        exports += 1;
        let verified = verify(system, &format!("export-{when}-{exports}"), keys)?;
        Ok(verified.status.success())
    })
    .await
}

/// The workstation is told by which keys it is to verify the log, as an enrolment document does.
fn name_log(stage: &mut Stage, log_key: &str, witness: &Watching) -> Result<()> {
    tokio::task::block_in_place(|| {
        let system = stage.system_mut();
        system.stop_part(Part::Agent)?;
        let file = system.agent_settings();
        let named = format!(
            "\n[issuer.log]\nkey = \"{log_key}\"\nwitnesses = [\"{}\"]\nquorum = 1\n",
            witness.verifier_key
        );
        fs::write(&file, fs::read_to_string(&file)? + &named)?;
        system.start_part(Part::Agent)
    })
}

/// Restores the backup as its operator does, and gives where the record lies.
fn restore(stage: &mut Stage, backup: &str) -> Result<PathBuf> {
    tokio::task::block_in_place(|| {
        let system = stage.system_mut();
        system.stop_part(Part::Server)?;
        let words = ["restore", backup, "--replace", "--reason", REASON];
        let said = text_of(&cardea(system, &words)?)?;
        system.start_part(Part::Server)?;
        let folder = system.server_settings();
        let folder = folder.parent().context("no folder")?;
        let record = find_record(folder)?;
        ensure!(said.contains(&record.display().to_string()), "{said}");
        Ok(record)
    })
}

fn find_record(folder: &Path) -> Result<PathBuf> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.to_string_lossy().contains(".restore-record-") {
            return Ok(path);
        }
    }
    anyhow::bail!("no record in {}", folder.display())
}

/// The witness's keeper takes the record, and the operator gives out what comes back.
fn take_up(
    stage: &mut Stage,
    witness: &Watching,
    serving: Serving,
    record: &Path,
) -> Result<Serving> {
    drop(serving);
    let record = record.to_str().context("a path of text")?;
    let taken = witness.run(&["log", "accept-restore", record])?;
    ensure!(taken.status.success(), "{taken:?}");
    tokio::task::block_in_place(|| {
        let system = stage.system_mut();
        let cosigned = system.folder().join("cosigned.note");
        fs::write(&cosigned, &taken.stdout)?;
        let file = system.server_settings();
        let text = fs::read_to_string(&file)?;
        let named = format!("witness_seconds = 1\nrestore_records = [{cosigned:?}]");
        fs::write(&file, text.replacen("witness_seconds = 1", &named, 1))?;
        system.stop_part(Part::Server)?;
        system.start_part(Part::Server)?;
        witness.serve(system)
    })
}

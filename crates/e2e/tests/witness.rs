//! The log's witness and the agent's memory of it, with every real part: the server, the agent with
//! a card in a real reader, `cardea-witness` that watches, and `cardea-witness verify`.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use cardea_e2e::Stage;
use cardea_xtask::system::Part;

mod witness {
    mod restored;
    pub(super) mod watching;
}

use witness::watching::{
    cardea, copy, database_files, is_cosigned_beyond, kept_by_agent, open, says,
    sign_in_until_kept, size_of, text_of, verify, wait_until,
};

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
    let (mut stage, witness) = open("witness").await?;
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
    let copied = size_of(stage.system())?;
    sign_in_until_kept(stage.system(), copied).await?;
    is_cosigned_beyond(stage.system(), copied, keys).await?;

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

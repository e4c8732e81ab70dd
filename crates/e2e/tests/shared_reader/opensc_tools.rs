//! OpenSC's tools, one after the other, in processes of their own.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, Result, bail};
use cardea_xtask::system::{DEFAULT_PIN, System};

use crate::opensc_module;

/// Another key than the agent's, so that the card's log tells their signatures apart.
const SIGNATURE_KEY: &str = "02";

pub(crate) struct OpenscTools {
    stop: Arc<AtomicBool>,
    worker: JoinHandle<Result<u64>>,
}

impl OpenscTools {
    /// Runs them until they are stopped, and one round at least.
    pub(crate) fn start(system: &System) -> Result<Self> {
        let (socket, folder) = (system.pcscd_socket().to_owned(), system.folder().to_owned());
        let module = opensc_module::installed();
        let (message, signature) = (
            folder.join("opensc-message"),
            folder.join("opensc-signature"),
        );
        std::fs::write(&message, "what OpenSC signs")?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let run = move |program: &str, words: &[&str]| -> Result<()> {
            let mut command = Command::new(program);
            command.args(words).env("PCSCLITE_CSOCK_NAME", &socket);
            let output = command.output().with_context(|| {
                format!("{program} is missing; on Debian: apt-get install opensc")
            })?;
            if !output.status.success() {
                let (out, err) = (
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr),
                );
                bail!("{program} {words:?} failed beside the agent: {out}\n{err}");
            }
            Ok(())
        };
        let worker = std::thread::spawn(move || {
            let mut rounds = 0;
            let [module, message, signature] =
                [&module, &message, &signature].map(|path| path.display().to_string());
            while rounds == 0 || !stopped.load(Ordering::Relaxed) {
                run("opensc-tool", &["--name"])?;
                run("pkcs11-tool", &["--module", &module, "--list-objects"])?;
                let sign = [
                    "--module",
                    &module,
                    "--login",
                    "--pin",
                    DEFAULT_PIN,
                    "--sign",
                    "--id",
                    SIGNATURE_KEY,
                    "--mechanism",
                    "ECDSA-SHA256",
                    "-i",
                    &message,
                    "-o",
                    &signature,
                ];
                run("pkcs11-tool", &sign)?;
                rounds += 1;
            }
            Ok(rounds)
        });
        Ok(Self { stop, worker })
    }

    /// Waits for the round under way; how many there were.
    pub(crate) fn stop(self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.worker.join().ok().context("the loop panicked")?
    }
}

//! Whether this person's agent runs.

use super::cause::Cause;
use super::configuration::told;
use super::finding::Finding;
use crate::Error;
use crate::agent_socket::{ask_status, connect};
use crate::config::{Config, Loopback};

/// What is known of the agent.
#[derive(Debug, Default)]
pub(super) struct RunningAgent {
    pub(super) findings: Vec<Finding>,
    /// Its process, where it runs.
    pub(super) pid: Option<u32>,
    /// Whether pages can come by its port, as it says itself.
    pub(super) loopback: Option<Loopback>,
}

pub(super) async fn examine(config: &Config) -> RunningAgent {
    let connection = connect(&config.socket).await;
    let pid = connection.as_ref().ok().and_then(|stream| {
        let pid = stream.peer_cred().ok()?.pid()?;
        u32::try_from(pid).ok()
    });
    let failed = match connection {
        Ok(_) => match ask_status(&config.socket).await {
            Ok(status) => {
                let unwatched = status
                    .no_pin_kept
                    .map(|reason| Finding::new(Cause::ScreenLockUnwatched).with("reason", reason));
                return RunningAgent {
                    findings: unwatched.into_iter().collect(),
                    pid,
                    loopback: status.loopback,
                };
            }
            Err(error) => error,
        },
        Err(error) => error,
    };
    let finding =
        Finding::new(Cause::AgentStopped).with("socket", config.socket.display().to_string());
    let finding = match &failed {
        Error::NotRunning => finding,
        error => {
            let said = told(error);
            let french = format!(" Message technique, en anglais : {said}");
            finding.with_words("reason", (french, format!(" {said}")))
        }
    };
    RunningAgent {
        findings: vec![finding],
        pid,
        loopback: None,
    }
}

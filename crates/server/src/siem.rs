//! The log's events to a SIEM: as syslog over TLS, or as JSON lines (docs/siem.md).
//!
//! Each output has a task of its own that follows the places of the log, on one node at a time.
//! What is stuck holds up nobody: a task reads what it sends, and nothing is kept for it anywhere
//! but in the log itself.

mod selection;
mod sender;
mod sink;
mod syslog;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cardea_provider::Clock as _;
use cardea_storage::ledger::{list_entries, load_state};
use cardea_storage::siem_output::find;
use tokio::sync::watch;
use tracing::Instrument as _;

use self::sender::Sender;
pub(crate) use self::sink::Sink;
use crate::clock::SystemClock;
use crate::config::SiemConfig;
use crate::error::Error;
use crate::state::AppState;
use crate::sweeper;

/// How often it is looked how far the outputs are behind.
const LOOK: Duration = Duration::from_secs(5);

/// The outputs of this node.
#[derive(Debug, Default)]
pub(crate) struct SiemOutputs {
    running: Mutex<HashMap<String, Output>>,
    /// Those of the configuration, until the server's tasks start.
    prepared: Mutex<Prepared>,
}

#[derive(Debug)]
struct Output {
    config: SiemConfig,
    files_sha256: String,
    standing: Standing,
    stop: watch::Sender<bool>,
}

/// How far an output is behind, whichever node sends it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Events of the log that do not count as received yet.
    pub(crate) waiting: u64,
    /// How long ago the oldest of them happened.
    pub(crate) lag_seconds: i64,
    /// Whether it has gone further than the log: the database was put back.
    pub(crate) is_ahead: bool,
}

/// An output that can be started.
#[derive(Debug)]
pub(crate) struct PreparedOutput {
    config: SiemConfig,
    sink: Sink,
    /// Of the files that its configuration names: others under the same names are others.
    files_sha256: String,
}

/// Outputs that can be started.
pub(crate) type Prepared = Vec<PreparedOutput>;

/// Reads the files that the outputs need.
///
/// # Errors
/// [`Error::FileUnusable`], [`Error::TlsUnusable`].
pub(crate) fn prepare(outputs: &[SiemConfig]) -> Result<Prepared, Error> {
    let prepare = |config: &SiemConfig| {
        Ok(PreparedOutput {
            config: config.clone(),
            sink: Sink::prepare(config)?,
            files_sha256: sink::files_sha256(config),
        })
    };
    outputs.iter().map(prepare).collect()
}

/// Starts the outputs, and to look how far they are behind; all ends when the state stops.
pub(crate) fn start(state: &AppState) {
    let prepared = state.siem().take_prepared();
    replace(state, prepared);
    sweeper::spawn(state, LOOK, |state| async move {
        state.siem().look(&state).await;
    });
}

/// Puts these outputs in the place of those that run. One that is the same goes on.
pub(crate) fn replace(state: &AppState, prepared: Prepared) {
    let mut outputs = state.siem().outputs();
    let mut running = std::mem::take(&mut *outputs);
    for new in prepared {
        let PreparedOutput {
            config,
            sink,
            files_sha256,
        } = new;
        let is_same = |it: &Output| it.config == config && it.files_sha256 == files_sha256;
        if running.get(&config.name).is_some_and(is_same)
            && let Some(same) = running.remove(&config.name)
        {
            outputs.insert(config.name.clone(), same);
            continue;
        }
        let (stop, stopped) = watch::channel(false);
        let span = tracing::info_span!("siem", output = config.name);
        let sender = Sender {
            state: state.clone(),
            config: config.clone(),
            sink,
            stopped,
        };
        tokio::spawn(sender.run().instrument(span));
        let name = config.name.clone();
        let standing = Standing::default();
        outputs.insert(
            name,
            Output {
                config,
                files_sha256,
                standing,
                stop,
            },
        );
    }
    for old in running.values() {
        old.stop.send_replace(true);
    }
}

impl SiemOutputs {
    /// Outputs that start with the server's tasks.
    ///
    /// # Errors
    /// As [`prepare`].
    pub(crate) fn new(outputs: &[SiemConfig]) -> Result<Self, Error> {
        Ok(Self {
            running: Mutex::default(),
            prepared: Mutex::new(prepare(outputs)?),
        })
    }

    /// How each output stands, by its name.
    pub(crate) fn standings(&self) -> Vec<(String, Standing)> {
        let outputs = self.outputs();
        let standings = outputs.iter().map(|(name, it)| (name.clone(), it.standing));
        standings.collect()
    }

    /// Whether any output is further behind than its operator wants to go without a warning.
    pub(crate) fn is_behind(&self) -> bool {
        self.outputs().values().any(|it| {
            let bound = i64::from(it.config.warn_after_seconds);
            it.standing.is_ahead || it.standing.lag_seconds > bound
        })
    }

    async fn look(&self, state: &AppState) {
        let names: Vec<_> = self.outputs().keys().cloned().collect();
        for name in names {
            let Ok(Some(standing)) = standing_of(state, &name).await else {
                continue;
            };
            if let Some(output) = self.outputs().get_mut(&name) {
                if standing.is_ahead && !output.standing.is_ahead {
                    tracing::error!(
                        output = name,
                        code = "server.siem_ahead",
                        "the output has gone further than the log, which was put back"
                    );
                }
                output.standing = standing;
            }
        }
    }

    fn take_prepared(&self) -> Prepared {
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut prepared)
    }

    fn outputs(&self) -> MutexGuard<'_, HashMap<String, Output>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn standing_of(
    state: &AppState,
    name: &str,
) -> Result<Option<Standing>, cardea_storage::Error> {
    let mut reading = state.store().begin_read().await?;
    let Some(output) = find(&mut reading, name).await? else {
        return Ok(None);
    };
    let size = load_state(&mut reading).await?.map_or(0, |it| it.size);
    let oldest = list_entries(&mut reading, output.next_place, 1).await?;
    let oldest = oldest.first().and_then(|it| it.entry.as_ref());
    let age = oldest.map(|it| (SystemClock.now() - it.event.occurred_at).whole_seconds());
    Ok(Some(Standing {
        waiting: size.saturating_sub(output.next_place),
        lag_seconds: age.unwrap_or(0).max(0),
        is_ahead: output.next_place > size,
    }))
}

//! One output's task: reads the log from the output's place on, and sends it.
//!
//! The place in the database moves only behind what is out: for a file once it is on the disk, for
//! a connection once it was written some seconds ago and the connection still lives. A restart, a
//! new connection or another node begins there again, so that a receiver may see an event twice and
//! none not at all.

use std::collections::VecDeque;
use std::time::Duration;

use cardea_jose::random_base64url;
use cardea_provider::{Clock as _, SiemBeginning};
use cardea_storage::ledger::{PlacedEntry, list_entries};
use cardea_storage::siem_output::{SiemHold, advance, let_go, take_over};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::selection::select;
use super::sink::{Connection, Sink, SinkError, WrittenFile, write_stdout};
use super::syslog;
use crate::clock::SystemClock;
use crate::config::{SiemConfig, SiemFormat, SiemFrom};
use crate::state::AppState;

/// Entries that are read, and handed over, at once.
const BATCH_MAX: u32 = 200;
/// How long a node holds an output without a word.
const LEASE: time::Duration = time::Duration::seconds(30);
/// How often it gives that word though nothing happens.
const HELD_ANEW: Duration = Duration::from_secs(10);
/// How often the log is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How often it is looked whether another node has let go.
const LOOK_FOR_HOLD: Duration = Duration::from_secs(2);
/// The pause after a failure; each further one doubles it.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Entries that were handed over and do not count as received yet; beyond, the output waits.
const UNCONFIRMED_MAX: u64 = 20_000;

/// One output of this node.
pub(super) struct Sender {
    pub(super) state: AppState,
    pub(super) config: SiemConfig,
    pub(super) sink: Sink,
    pub(super) stopped: watch::Receiver<bool>,
}

/// Why a node leaves an output.
#[derive(Debug, thiserror::Error)]
enum Left {
    #[error("another node has taken over")]
    Overtaken,
    #[error("told to stop")]
    Stopped,
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Storage(#[from] cardea_storage::Error),
    #[error(transparent)]
    Provider(#[from] cardea_provider::Error),
}

/// What was handed over and is not received for sure.
struct Progress {
    hold: SiemHold,
    /// The next entry to be read.
    next: u64,
    /// The place that the database has.
    noted: u64,
    held_at: Instant,
    /// Up to which place was handed over when.
    handed_over: VecDeque<(u64, Instant)>,
}

impl Sender {
    /// Sends until it is told to stop.
    pub(super) async fn run(mut self) {
        let Ok(holder) = random_base64url(12) else {
            return;
        };
        let mut pause = PAUSE_FIRST;
        let mut told = None;
        loop {
            let began = Instant::now();
            let left = self.turn(&holder).await;
            let code = match &left {
                Ok(()) => None,
                Err(Left::Stopped) => return,
                Err(Left::Overtaken) => None,
                Err(Left::Sink(error)) => Some(error.code()),
                Err(Left::Storage(error)) => Some(error.code()),
                Err(Left::Provider(error)) => Some(error.code()),
            };
            // One that went well for a while is no failure after a failure.
            if began.elapsed() > PAUSE_MAX {
                (pause, told) = (PAUSE_FIRST, None);
            }
            let wait = match (&left, code) {
                (Err(error), Some(code)) => {
                    if told != Some(code) {
                        let error: &dyn std::error::Error = error;
                        let cause = std::iter::successors(error.source(), |it| it.source())
                            .map(ToString::to_string)
                            .collect::<Vec<_>>()
                            .join(": ");
                        tracing::error!(
                            output = self.config.name,
                            code,
                            %error,
                            cause,
                            "events do not go out for now; they wait in the log"
                        );
                    }
                    told = Some(code);
                    let wait = jittered(pause);
                    pause = (pause * 2).min(PAUSE_MAX);
                    wait
                }
                _ => LOOK_FOR_HOLD,
            };
            if self.wait(wait).await {
                return;
            }
        }
    }

    /// Waits, and says whether it was told to stop.
    async fn wait(&mut self, time: Duration) -> bool {
        tokio::select! {
            () = sleep(time) => false,
            // The other end gone means the same.
            _ = self.stopped.wait_for(|stopped| *stopped) => true,
            () = self.state.stopped() => true,
        }
    }

    /// Holds the output where nobody else does, and sends as long as it goes well.
    async fn turn(&mut self, holder: &str) -> Result<(), Left> {
        let beginning = match self.config.from {
            SiemFrom::Now => SiemBeginning::Now,
            SiemFrom::Beginning => SiemBeginning::First,
        };
        let provider = self.state.provider();
        provider
            .begin_siem_output(&self.config.name, beginning)
            .await?;
        let now = SystemClock.now();
        let (now, until) = (now.unix_timestamp(), (now + LEASE).unix_timestamp());
        let output = (self.config.name.as_str(), holder);
        let mut transaction = self.state.store().begin().await?;
        let Some((hold, next)) = take_over(&mut transaction, output, now, until).await? else {
            return Ok(());
        };
        transaction.commit().await?;
        let mut progress = Progress {
            hold,
            next,
            noted: next,
            held_at: Instant::now(),
            handed_over: VecDeque::new(),
        };
        let left = self.send(&mut progress).await;
        if !matches!(left, Err(Left::Overtaken)) {
            // Another node may reach what this one does not.
            let mut transaction = self.state.store().begin().await?;
            let_go(&mut transaction, &progress.hold).await?;
            transaction.commit().await?;
        }
        left
    }

    async fn send(&mut self, progress: &mut Progress) -> Result<(), Left> {
        match self.sink.clone() {
            Sink::File(path) => {
                self.send_durably(progress, Some(WrittenFile::new(path)))
                    .await
            }
            Sink::Stdout => self.send_durably(progress, None).await,
            Sink::Connection(receiver) => {
                let mut connection = Connection::open(&receiver).await?;
                tracing::info!(output = self.config.name, "events go out");
                let left = self.send_over(progress, &mut connection).await;
                connection.close().await;
                left
            }
        }
    }

    /// To a file, or to standard output: what was written is out.
    async fn send_durably(
        &mut self,
        progress: &mut Progress,
        mut file: Option<WrittenFile>,
    ) -> Result<(), Left> {
        loop {
            let entries = self.read(progress.next).await?;
            if let Some(last) = entries.last() {
                let lines = self.encode(&entries);
                // On a thread of its own: a disk or a pipe that is stuck holds up this output.
                let written = tokio::task::spawn_blocking(move || {
                    let outcome = match &mut file {
                        Some(file) => file.write(&lines),
                        None => write_stdout(&lines),
                    };
                    (file, outcome)
                });
                let (own, outcome) = written.await.map_err(|_| SinkError::Ended)?;
                file = own;
                outcome?;
                progress.next = last.leaf.index.saturating_add(1);
            }
            self.note(progress, progress.next).await?;
            let is_more = u32::try_from(entries.len()) == Ok(BATCH_MAX);
            if !is_more && self.wait(LOOK).await {
                return Err(Left::Stopped);
            }
        }
    }

    /// Over a connection: what was handed over counts as received once it was some seconds ago and
    /// the connection still lives.
    async fn send_over(
        &mut self,
        progress: &mut Progress,
        connection: &mut Connection,
    ) -> Result<(), Left> {
        let confirmed_after = Duration::from_secs(u64::from(self.config.confirm_seconds));
        loop {
            let may_read = progress.next.saturating_sub(progress.noted) < UNCONFIRMED_MAX;
            let entries = match may_read {
                true => self.read(progress.next).await?,
                false => Vec::new(),
            };
            if let Some(last) = entries.last() {
                connection.write(&self.encode(&entries)).await?;
                progress.next = last.leaf.index.saturating_add(1);
                let at = Instant::now();
                progress.handed_over.push_back((progress.next, at));
            }
            // Looked at before the time: what is old enough was sent before it.
            let long_ago = Instant::now().checked_sub(confirmed_after);
            if connection.has_ended() {
                return Err(SinkError::Ended.into());
            }
            let mut confirmed = progress.noted;
            while let Some((place, at)) = progress.handed_over.front()
                && long_ago.is_some_and(|long_ago| *at <= long_ago)
            {
                confirmed = *place;
                progress.handed_over.pop_front();
            }
            self.note(progress, confirmed).await?;
            let is_more = u32::try_from(entries.len()) == Ok(BATCH_MAX);
            if !is_more && self.wait(LOOK).await {
                return Err(Left::Stopped);
            }
        }
    }

    async fn read(&self, from: u64) -> Result<Vec<PlacedEntry>, Left> {
        let mut reading = self.state.store().begin_read().await?;
        Ok(list_entries(&mut reading, from, BATCH_MAX).await?)
    }

    fn encode(&self, entries: &[PlacedEntry]) -> Vec<u8> {
        let header = syslog::Header {
            host: syslog::host_name(),
            enterprise: self.config.enterprise_number,
        };
        let mut bytes = Vec::new();
        for entry in entries {
            let event = select(entry, &self.config);
            match self.config.format {
                SiemFormat::Syslog => bytes.extend(syslog::frame(&event, &header)),
                SiemFormat::JsonLines => {
                    bytes.extend_from_slice(event.json_line().as_bytes());
                    bytes.push(b'\n');
                }
            }
        }
        bytes
    }

    /// Notes how far the output has come, and goes on holding it.
    async fn note(&self, progress: &mut Progress, place: u64) -> Result<(), Left> {
        if place == progress.noted && progress.held_at.elapsed() < HELD_ANEW {
            return Ok(());
        }
        let until = (SystemClock.now() + LEASE).unix_timestamp();
        let mut transaction = self.state.store().begin().await?;
        if !advance(&mut transaction, &progress.hold, place, until).await? {
            return Err(Left::Overtaken);
        }
        // A power cut that takes this back has some sent once more.
        transaction.commit_with_the_next().await?;
        progress.noted = place;
        progress.held_at = Instant::now();
        Ok(())
    }
}

/// Somewhere in the second half, so that what failed together is not tried together.
fn jittered(pause: Duration) -> Duration {
    let share = random_base64url(1).unwrap_or_default();
    let share = share.bytes().next().unwrap_or_default();
    pause / 2 + pause / 2 * u32::from(share) / 128
}

#[cfg(test)]
mod tests {
    use super::{PAUSE_MAX, jittered};

    #[test]
    fn pauses_differ_within_their_second_half() {
        let pauses: Vec<_> = (0..50).map(|_| jittered(PAUSE_MAX)).collect();
        assert!(
            pauses
                .iter()
                .all(|it| (PAUSE_MAX / 2..=PAUSE_MAX).contains(it))
        );
        assert!(pauses.iter().any(|it| *it != pauses[0]));
    }
}

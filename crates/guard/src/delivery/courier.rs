//! The one who delivers: oldest first, one batch at a time, again until it is acknowledged.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::post::{Issuer, Posted, is_code};
use super::set_aside::SetAside;
use super::standing::{Standing, URGENT_MAX};
use crate::{Error, SpooledRecord};

/// What the issuer takes at once: 200 reports in 40 KiB, of which an assertion by which the guard
/// proves itself has its part. Beside each record stand its id and the member's name.
const REPORTS_MAX: usize = 200;
const BATCH_BYTES_MAX: usize = 36 * 1024;
const EVENT_BYTES: usize = 64;
/// The same without the ids of as many as may be urgent.
const URGENT_BYTES_MAX: usize = BATCH_BYTES_MAX - URGENT_MAX * EVENT_BYTES;
/// First and longest pause after a failure; the longest one where an operator has to act.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(5);
const PAUSE_REFUSED: Duration = Duration::from_secs(30);

/// So many failures in a row, all alike, and it may be what is in the batch.
const ALIKE_MAX: u32 = 3;
/// Answers that say nothing of what is in a batch: they are for anything.
const OF_NO_BATCH: [u16; 4] = [401, 429, 503, 504];

/// Failures in a row that look the same.
#[derive(Default)]
struct Alike {
    status: u16,
    count: u32,
}

pub(super) struct Courier {
    issuer: Issuer,
    standing: Arc<Standing>,
    set_aside: Arc<SetAside>,
    /// Up to this record each goes alone: one of them spoils a batch.
    alone_until: u64,
    alike: Alike,
    pause: Duration,
}

impl Courier {
    pub(super) fn new(issuer: Issuer, standing: Arc<Standing>, set_aside: SetAside) -> Self {
        Self {
            issuer,
            standing,
            set_aside: Arc::new(set_aside),
            alone_until: 0,
            alike: Alike::default(),
            pause: PAUSE_FIRST,
        }
    }

    /// Delivers as long as the guard runs.
    pub(super) async fn run(mut self) {
        let mut durable = self.standing.spool.durable();
        let mut gathers = true;
        loop {
            let newest = *durable.borrow_and_update();
            if newest <= self.standing.spool.delivered() {
                if durable.changed().await.is_err() {
                    return;
                }
                gathers = true;
                continue;
            }
            if gathers {
                self.standing.gather().await;
            }
            match self.deliver().await {
                Ok(()) => {
                    self.pause = PAUSE_FIRST;
                    self.alike = Alike::default();
                    self.standing.note_delivery();
                    // What came meanwhile comes together first; a backlog does not wait.
                    gathers = newest <= self.standing.spool.delivered();
                }
                Err(error) => {
                    self.standing.note_trouble(&error);
                    sleep(self.next_pause(&error)).await;
                    gathers = false;
                }
            }
        }
    }

    /// One batch, and before it what may not wait for the ones between.
    async fn deliver(&mut self) -> Result<(), Error> {
        let waiting = self.read().await?;
        let Some(last) = waiting.last().map(|it| it.sequence) else {
            return Err(Error::SpoolFailed {
                reason: "a report that waits can't be found".to_owned(),
            });
        };
        let urgent = self.standing.urgent_beyond(last, URGENT_BYTES_MAX);
        if !urgent.is_empty() {
            // Whatever is wrong with one of them is seen in its turn.
            self.issuer.post(&urgent).await?;
            self.standing.forget_urgent(&urgent);
        }
        let posted = match self.issuer.post(&waiting).await {
            Err(error) if self.is_alike(&error) => self.narrow(last, &waiting, error).await?,
            posted => posted?,
        };
        match posted {
            Posted::Taken(refused) => {
                let find = |it: &SpooledRecord| refused.get(&it.event_id).cloned();
                let refused = waiting.into_iter().filter_map(|it| {
                    let code = find(&it)?;
                    Some((it, code))
                });
                self.settle(last, refused.collect()).await
            }
            Posted::Invalid(code) if waiting.len() == 1 => {
                let refused = waiting.into_iter().map(|it| (it, code.clone()));
                self.settle(last, refused.collect()).await
            }
            Posted::Invalid(_) => {
                self.alone_until = last;
                Ok(())
            }
        }
    }

    /// Counts a failure, and says whether it has come so often that the reports may be the cause.
    fn is_alike(&mut self, error: &Error) -> bool {
        let status = match error {
            Error::ReportsNotDelivered {
                status: Some(status),
                ..
            } if !OF_NO_BATCH.contains(status) && *status >= 400 => *status,
            _ => {
                self.alike = Alike::default();
                return false;
            }
        };
        let before = match self.alike.status == status {
            true => self.alike.count,
            false => 0,
        };
        self.alike = Alike {
            status,
            count: before.saturating_add(1),
        };
        self.alike.count >= ALIKE_MAX
    }

    /// Something between here and the issuer refuses the same batch each time: each report goes
    /// alone, and one that alone is refused while the next is taken is put aside like any that is
    /// invalid.
    async fn narrow(
        &mut self,
        last: u64,
        waiting: &[SpooledRecord],
        error: Error,
    ) -> Result<Posted, Error> {
        let status = self.alike.status;
        if waiting.len() > 1 {
            self.alone_until = last;
            self.alike = Alike::default();
            self.pause = PAUSE_FIRST;
            return Err(error);
        }
        let next = self.read_up_to(2, 2 * BATCH_BYTES_MAX).await?;
        let next = next.into_iter().filter(|it| it.sequence > last);
        let next: Vec<_> = next.take(1).collect();
        if next.is_empty() {
            return Err(error);
        }
        // It comes again in its turn, as what the issuer has already.
        self.issuer.post(&next).await?;
        // What was in the way may have gone between the two.
        match self.issuer.post(waiting).await {
            Err(again) if self.is_alike(&again) => Ok(Posted::Invalid(format!("http_{status}"))),
            posted => posted,
        }
    }

    async fn read(&self) -> Result<Vec<SpooledRecord>, Error> {
        let is_alone = self.standing.spool.delivered() < self.alone_until;
        let count = if is_alone { 1 } else { REPORTS_MAX };
        self.read_up_to(count, BATCH_BYTES_MAX).await
    }

    async fn read_up_to(
        &self,
        count: usize,
        bytes_max: usize,
    ) -> Result<Vec<SpooledRecord>, Error> {
        let spool = self.standing.spool.clone();
        let read = move || {
            let bytes = u64::try_from(bytes_max).unwrap_or(u64::MAX);
            let mut found = spool.read_waiting(count, bytes)?;
            let mut bytes = 0_usize;
            let has_room = |it: &&SpooledRecord| {
                bytes = bytes
                    .saturating_add(it.record.len())
                    .saturating_add(EVENT_BYTES);
                bytes <= bytes_max
            };
            let fitting = found.iter().take_while(has_room).count();
            found.truncate(fitting.max(1));
            Ok(found)
        };
        joined(spawn_blocking(read).await)
    }

    /// Puts aside what will never be taken, and only then takes all out of the spool.
    async fn settle(&self, up_to: u64, refused: Vec<(SpooledRecord, String)>) -> Result<(), Error> {
        let named = refused.iter().map(|(it, code)| Error::ReportRefused {
            event_id: it.event_id.clone(),
            reason: Some(code)
                .filter(|it| is_code(it))
                .cloned()
                .unwrap_or_default(),
        });
        let named: Vec<_> = named.collect();
        let (spool, set_aside) = (self.standing.spool.clone(), Arc::clone(&self.set_aside));
        let settle = move || {
            if !refused.is_empty() {
                set_aside.keep(&refused)?;
            }
            spool.note_delivered(up_to)
        };
        joined(spawn_blocking(settle).await)?;
        for error in &named {
            self.standing.note_refused(error);
        }
        Ok(())
    }

    /// How long to wait after a failure: longer each time, and never in step with other guards.
    fn next_pause(&mut self, error: &Error) -> Duration {
        let is_refusal = |status: u16| (400..500).contains(&status);
        let longest = match error {
            Error::ReportsNotDelivered {
                status: Some(status),
                ..
            } if is_refusal(*status) => PAUSE_REFUSED,
            _ => PAUSE_MAX,
        };
        let pause = self.pause.min(longest);
        self.pause = self.pause.saturating_mul(2).min(longest);
        let mut random = [0];
        // Without randomness the pause is whole, which does no harm.
        let _ = openssl::rand::rand_bytes(&mut random);
        let [random] = random;
        pause.mul_f64(1.0 - f64::from(random) / 512.0)
    }
}

fn joined<T>(outcome: Result<Result<T, Error>, tokio::task::JoinError>) -> Result<T, Error> {
    outcome.map_err(|error| Error::SpoolFailed {
        reason: error.to_string(),
    })?
}

//! How much waits for the server, and how much may: a full disk is seen before it is full.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing::{error, warn};

use super::SpoolStatus;
use super::segment::{HEAD_BYTES, Segment};

/// Free bytes on the disk below which nothing is taken any more: what is written in one go fits.
const FREE_BYTES_MIN: u64 = 1024 * 1024;
/// Free bytes below which there is a warning.
const FREE_BYTES_LOW: u64 = 256 * 1024 * 1024;
/// The longest segment, and how many of them fit at least: what was delivered must not fill it all.
const SEGMENT_BYTES_MAX: u64 = 4 * 1024 * 1024;
const SEGMENTS_LEAST: u64 = 8;
/// How exactly it is known how long something waits.
const MARK_SECONDS: i64 = 10;
/// Between two warnings, and between two looks at the disk.
const WARNED_EVERY_SECONDS: i64 = 60;
const LOOKED_EVERY_SECONDS: i64 = 1;
/// How long after a record that could not be written the spool counts as broken.
const FAILED_LATELY: Duration = Duration::from_secs(10);

/// What lies on the disk.
pub(super) struct Space {
    folder: PathBuf,
    bytes_max: u64,
    age_seconds_max: i64,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Oldest first; the last one may be open.
    segments: VecDeque<Segment>,
    bytes: u64,
    /// The number that the next record has.
    next: u64,
    /// The last record that the server has.
    delivered: u64,
    /// When records were written that wait: the first one of every few seconds.
    marks: VecDeque<(u64, i64)>,
    looked_at: i64,
    free: Option<u64>,
    warned_at: i64,
    failed_at: Option<std::time::Instant>,
    /// Nothing will be written any more.
    is_broken: bool,
}

impl Space {
    pub(super) fn new(
        folder: PathBuf,
        (bytes_max, age_seconds_max): (u64, i64),
        segments: Vec<Segment>,
        delivered: u64,
    ) -> Self {
        let bytes = segments.iter().map(|it| it.bytes).sum();
        let next = segments.last().map_or(0, |it| it.next);
        let waiting = segments.iter().filter(|it| it.next > delivered + 1);
        let marks = waiting.map(|it| (it.first, it.begun_at)).collect();
        let kept = Kept {
            segments: segments.into(),
            bytes,
            next: next.max(delivered + 1),
            delivered,
            marks,
            ..Kept::default()
        };
        Self {
            folder,
            bytes_max,
            age_seconds_max,
            kept: Mutex::new(kept),
        }
    }

    /// A segment is closed beyond it, so that what was delivered can go.
    pub(super) fn segment_bytes(&self) -> u64 {
        SEGMENT_BYTES_MAX.min(self.bytes_max / SEGMENTS_LEAST)
    }

    /// Whether more may be written; says early when it soon may not.
    pub(super) fn check(&self, now: i64) -> Result<(), String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_bounds(&mut kept, now)?;
        let (age, free) = (kept.age(now), kept.free.unwrap_or(u64::MAX));
        let is_early = kept.bytes >= self.bytes_max / 2
            || age > self.age_seconds_max / 2
            || free < FREE_BYTES_LOW;
        if is_early && now.saturating_sub(kept.warned_at) >= WARNED_EVERY_SECONDS {
            kept.warned_at = now;
            warn!(
                waiting_bytes = kept.bytes,
                bytes_max = self.bytes_max,
                oldest_seconds = age,
                free_bytes = kept.free,
                "reports wait for the server, or the disk fills up: at the bound everybody is \
                 refused"
            );
        }
        Ok(())
    }

    fn check_bounds(&self, kept: &mut Kept, now: i64) -> Result<(), String> {
        if now.saturating_sub(kept.looked_at).abs() >= LOOKED_EVERY_SECONDS {
            kept.looked_at = now;
            let found = rustix::fs::statvfs(&self.folder).ok();
            kept.free = found.map(|it| it.f_bavail.saturating_mul(it.f_frsize));
        }
        let age = kept.age(now);
        if kept.bytes >= self.bytes_max {
            return Err(format!("{} bytes wait for the server", kept.bytes));
        }
        if age > self.age_seconds_max {
            return Err(format!("a report waits for the server for {age} seconds"));
        }
        match kept.free {
            Some(free) if free < FREE_BYTES_MIN => {
                Err(format!("{free} bytes are free on the disk"))
            }
            _ => Ok(()),
        }
    }

    /// How much waits, and whether more is taken.
    pub(super) fn status(&self, now: i64) -> SpoolStatus {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_failing = kept
            .failed_at
            .is_some_and(|at| at.elapsed() < FAILED_LATELY);
        SpoolStatus {
            waiting: kept.next.saturating_sub(kept.delivered + 1),
            oldest_seconds: kept.age(now),
            takes: !is_failing && !kept.is_broken && self.check_bounds(&mut kept, now).is_ok(),
        }
    }

    pub(super) fn begin(&self, path: PathBuf, first: u64, begun_at: i64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes = kept.bytes.saturating_add(HEAD_BYTES);
        kept.segments.push_back(Segment {
            path,
            first,
            next: first,
            bytes: HEAD_BYTES,
            begun_at,
        });
    }

    pub(super) fn grow(&self, first: u64, count: u64, bytes: u64, now: i64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes = kept.bytes.saturating_add(bytes);
        kept.next = first.saturating_add(count);
        kept.failed_at = None;
        let is_long_ago = |(_, at): &(u64, i64)| now.saturating_sub(*at) >= MARK_SECONDS;
        if kept.marks.back().is_none_or(is_long_ago) {
            kept.marks.push_back((first, now));
        }
        if let Some(last) = kept.segments.back_mut() {
            last.next = first.saturating_add(count);
            last.bytes = last.bytes.saturating_add(bytes);
        }
    }

    /// Notes what the server has, and gives back the files that nobody needs any more.
    pub(super) fn deliver(&self, up_to: u64) -> Vec<PathBuf> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.delivered = kept.delivered.max(up_to);
        kept.forget_marks();
        let mut gone = Vec::new();
        // The last one may be open.
        while kept.segments.len() > 1
            && kept
                .segments
                .front()
                .is_some_and(|it| it.next <= kept.delivered + 1)
            && let Some(segment) = kept.segments.pop_front()
        {
            kept.bytes = kept.bytes.saturating_sub(segment.bytes);
            gone.push(segment.path);
        }
        gone
    }

    /// The segment that a record is in, or the next one behind a gap.
    pub(super) fn find(&self, sequence: u64) -> Option<Segment> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.segments.iter().find(|it| it.next > sequence).cloned()
    }

    pub(super) fn delivered(&self) -> u64 {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .delivered
    }

    /// Says that answers are refused; not for each of them. One that is broken stays so: a balancer
    /// that sends nobody here for a while must not find it well again.
    pub(super) fn report_failure(&self, reason: &str, is_broken: bool) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.is_broken |= is_broken;
        let now = std::time::Instant::now();
        let is_recent = |at: std::time::Instant| now.duration_since(at) < FAILED_LATELY;
        if !kept.failed_at.replace(now).is_some_and(is_recent) {
            error!(
                code = "guard.spool_failed",
                "answers can't be recorded: everybody is refused: {reason}"
            );
        }
    }
}

impl Kept {
    /// How long the oldest record waits that the server has not, at most.
    fn age(&self, now: i64) -> i64 {
        let oldest = self.marks.front();
        oldest.map_or(0, |(_, at)| now.saturating_sub(*at))
    }

    /// Drops the marks behind which everything is at the server.
    fn forget_marks(&mut self) {
        if self.next <= self.delivered + 1 {
            self.marks.clear();
        }
        while self
            .marks
            .get(1)
            .is_some_and(|(first, _)| *first <= self.delivered + 1)
        {
            self.marks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Space;

    #[test]
    fn a_spool_that_is_broken_takes_nothing_however_long_ago_it_broke() {
        let folder = tempfile::tempdir().unwrap();
        let bounds = (1_024 * 1_024, 3_600);
        let space = Space::new(folder.path().to_owned(), bounds, Vec::new(), 0);
        let takes = || space.status(0).takes;
        assert!(takes());
        space.report_failure("the disk is full", false);
        assert!(!takes());
        space.grow(1, 1, 10, 0);
        assert!(takes(), "there is room again");
        space.report_failure("the disk does not hold what was written", true);
        space.grow(2, 1, 10, 0);
        assert!(!takes());
    }
}

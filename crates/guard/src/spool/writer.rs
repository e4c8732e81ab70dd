//! The one thread that writes: it takes whatever waits, writes it at once, and has the disk hold it
//! by one flush for all of it.

use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::segment::{self, HEAD_BYTES, Head};
use super::space::Space;
use crate::Error;
use crate::clock::Clock;

/// Answers of one flush.
const GROUP_MAX: usize = 1_024;
/// A segment is closed beyond it, so that what was delivered can go; after a restart the age of
/// what waits is known as exactly as this.
const SEGMENT_SECONDS: i64 = 3_600;

/// The records of one answer, and who waits for them.
pub(super) struct Waiting {
    pub(super) records: Vec<Vec<u8>>,
    pub(super) done: oneshot::Sender<Result<Range<u64>, Error>>,
}

/// What writes, in a thread of its own.
pub(super) struct Writer {
    pub(super) folder: PathBuf,
    pub(super) run: String,
    pub(super) next: u64,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) space: Arc<Space>,
    pub(super) durable: watch::Sender<u64>,
    pub(super) open: Option<OpenSegment>,
    /// Why nothing is written any more: after a flush that failed, nobody knows what the disk has.
    pub(super) broken: Option<String>,
}

pub(super) struct OpenSegment {
    file: File,
    bytes: u64,
    begun_at: i64,
}

impl Writer {
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Waiting>) {
        let mut group = Vec::new();
        while queue.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
            let outcome = self.write(&group);
            if let Err(reason) = &outcome {
                self.space.report_failure(reason, self.broken.is_some());
            }
            let mut first = self.next;
            for waiting in group.drain(..) {
                let count = u64::try_from(waiting.records.len()).unwrap_or(u64::MAX);
                let next = first.saturating_add(count);
                let answer = match &outcome {
                    Ok(()) => Ok(first..next),
                    Err(reason) => Err(failed(reason)),
                };
                first = next;
                // Who no longer waits has given no answer.
                let _ = waiting.done.send(answer);
            }
            if let Ok(()) = outcome {
                self.next = first;
            }
        }
    }

    /// Writes a group and flushes it; on an error none of it counts.
    fn write(&mut self, group: &[Waiting]) -> Result<(), String> {
        if let Some(reason) = &self.broken {
            return Err(reason.clone());
        }
        let now = self.clock.unix_seconds();
        self.space.check(now)?;
        let mut buffer = Vec::new();
        let mut count = 0_u64;
        for (record, sequence) in group.iter().flat_map(|it| &it.records).zip(self.next..) {
            segment::frame(sequence, record, &mut buffer);
            count = count.saturating_add(1);
        }
        let bytes = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        let mut open = match self.open.take() {
            Some(open) if self.has_room(&open, now) => open,
            _ => self.begin(now)?,
        };
        if let Err(error) = open.file.write_all(&buffer) {
            // Mostly a full disk: what is half written goes, and the next may find room again.
            let cut = open.file.set_len(open.bytes);
            let cut = cut.and_then(|()| open.file.seek(SeekFrom::Start(open.bytes)));
            match cut {
                Ok(_) => self.open = Some(open),
                Err(error) => self.broken = Some(format!("can't cut a segment: {error}")),
            }
            return Err(error.to_string());
        }
        if let Err(error) = open.file.sync_data() {
            let reason = format!("the disk does not hold what was written: {error}");
            self.broken = Some(reason.clone());
            return Err(reason);
        }
        open.bytes = open.bytes.saturating_add(bytes);
        self.open = Some(open);
        self.space.grow(self.next, count, bytes, now);
        let last = self.next.saturating_add(count).saturating_sub(1);
        self.durable.send_replace(last);
        Ok(())
    }

    fn has_room(&self, open: &OpenSegment, now: i64) -> bool {
        let age = now.saturating_sub(open.begun_at);
        open.bytes < self.space.segment_bytes() && age < SEGMENT_SECONDS
    }

    /// Begins a segment, and has the disk know its name.
    fn begin(&mut self, now: i64) -> Result<OpenSegment, String> {
        let path = self.folder.join(segment::file_name(self.next));
        let head = Head {
            run: self.run.clone(),
            begun_at: now,
        };
        let begun = begin_file(&self.folder, &path, &head);
        let file = begun.map_err(|error| {
            // A file without records would stand in the way of the next try.
            let _ = std::fs::remove_file(&path);
            format!("{}: {error}", path.display())
        })?;
        self.space.begin(path, self.next, now);
        Ok(OpenSegment {
            file,
            bytes: HEAD_BYTES,
            begun_at: now,
        })
    }
}

fn begin_file(folder: &Path, path: &Path, head: &Head) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(&head.to_bytes())?;
    file.sync_all()?;
    File::open(folder)?.sync_all()?;
    Ok(file)
}

pub(super) fn failed(reason: &str) -> Error {
    Error::SpoolFailed {
        reason: reason.to_owned(),
    }
}

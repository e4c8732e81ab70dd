//! The spool itself: opened once a folder, appended to by many, read on from where the server is.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cardea_jose::random_base64url;
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::warn;

use super::reading::{Bounds, Places};
use super::segment::{self, RECORD_BYTES_MAX, Segment};
use super::space::Space;
use super::writer::{Waiting, Writer, failed};
use super::{Recorded, Report, Reporter, SpoolStatus};
use crate::Error;
use crate::clock::Clock;

/// Answers that wait for the disk; more wait for a place among them.
const QUEUE_MAX: usize = 4_096;
/// Who waits longer is refused.
const RECORD_TIME: Duration = Duration::from_secs(5);
const RUN_RANDOM_BYTES: usize = 16;
const LOCK: &str = "lock";
const DELIVERED: &str = "delivered";
const MEBIBYTES: std::ops::RangeInclusive<u32> = 16..=1_048_576;
const MEBIBYTES_USUAL: u32 = 1_024;
/// The server knows a token for a day after its end: what comes later is refused there.
const HOURS: std::ops::RangeInclusive<u32> = 1..=23;
const HOURS_USUAL: u32 = 20;

/// `[reports]` of guard.toml: where answers are put down, and how much may wait for the server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawSpoolConfig")]
pub struct SpoolConfig {
    pub(crate) folder: PathBuf,
    pub(crate) bytes_max: u64,
    pub(crate) age_seconds_max: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSpoolConfig {
    folder: PathBuf,
    mebibytes_max: Option<u32>,
    hours_max: Option<u32>,
}

impl TryFrom<RawSpoolConfig> for SpoolConfig {
    type Error = String;

    fn try_from(raw: RawSpoolConfig) -> Result<Self, String> {
        let between = |name: &str, value: u32, range: std::ops::RangeInclusive<u32>| {
            if range.contains(&value) {
                Ok(value)
            } else {
                let (least, most) = (range.start(), range.end());
                Err(format!("{name}: between {least} and {most}"))
            }
        };
        let mebibytes = raw.mebibytes_max.unwrap_or(MEBIBYTES_USUAL);
        let hours = raw.hours_max.unwrap_or(HOURS_USUAL);
        if raw.folder.as_os_str().is_empty() {
            return Err("folder: it is empty".to_owned());
        }
        Ok(Self {
            folder: raw.folder,
            bytes_max: u64::from(between("mebibytes_max", mebibytes, MEBIBYTES)?) * 1_024 * 1_024,
            age_seconds_max: i64::from(between("hours_max", hours, HOURS)?) * 3_600,
        })
    }
}

impl SpoolConfig {
    /// A spool in a folder, with the usual bounds.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            bytes_max: u64::from(MEBIBYTES_USUAL) * 1_024 * 1_024,
            age_seconds_max: i64::from(HOURS_USUAL) * 3_600,
        }
    }

    /// The same, with a folder that lies below another unless its path is absolute.
    #[must_use]
    pub fn below(mut self, folder: &Path) -> Self {
        self.folder = folder.join(&self.folder);
        self
    }
}

/// What is on disk and not at the server yet. Cheap to clone; the folder is free when the last
/// clone is gone.
#[derive(Clone)]
pub struct Spool {
    queue: mpsc::Sender<Waiting>,
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    folder: PathBuf,
    run: String,
    space: Arc<Space>,
    places: Places,
    durable: watch::Receiver<u64>,
    /// Held as long as anybody holds the spool.
    _lock: File,
}

/// A durable record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpooledRecord {
    /// Its number in this folder.
    pub sequence: u64,
    /// Its id, the same each time it is sent: the run that wrote it, and its number.
    pub event_id: String,
    /// What was appended.
    pub record: Vec<u8>,
}

impl Spool {
    /// Opens a folder, which is made where it is not there; what a crash left half written goes.
    ///
    /// # Errors
    /// [`Error::SpoolFailed`]: the folder can't be used, is another process's, or is damaged where
    /// the disk had already said that it holds it.
    pub fn open(config: &SpoolConfig, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let folder = config.folder.clone();
        let at = |error: std::io::Error| failed(&format!("{}: {error}", folder.display()));
        make_folder(&folder).map_err(at)?;
        let lock = lock(&folder)?;
        let delivered = read_delivered(&folder).map_err(at)?;
        let segments = recover(&folder)?;
        let last = segments.last().map_or(0, |it| it.next.saturating_sub(1));
        let last = last.max(delivered);
        let bounds = (config.bytes_max, config.age_seconds_max);
        let space = Arc::new(Space::new(folder.clone(), bounds, segments, delivered));
        let (durable, seen) = watch::channel(last);
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let run = random_base64url(RUN_RANDOM_BYTES)
            .map_err(|error| Error::Access(crate::AccessError::CryptoFailed(error)))?;
        let writer = Writer {
            folder: folder.clone(),
            run: run.clone(),
            next: last.saturating_add(1),
            clock,
            space: Arc::clone(&space),
            durable,
            open: None,
            broken: None,
        };
        let shared = Arc::new(Shared {
            folder,
            run,
            space,
            places: Places::default(),
            durable: seen,
            _lock: lock,
        });
        // The folder stays locked until the last record is written.
        let held = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("spool".to_owned());
        let started = thread.spawn(move || {
            writer.run(waiting);
            drop(held);
        });
        started.map_err(|error| failed(&error.to_string()))?;
        Ok(Self { queue, shared })
    }

    /// Appends a record, and comes back with its number when the disk holds it.
    ///
    /// # Errors
    /// [`Error::SpoolFailed`].
    pub async fn append(&self, record: Vec<u8>) -> Result<u64, Error> {
        Ok(self.append_all(vec![record]).await?.start)
    }

    /// Appends the records of one answer, and comes back with their numbers when the disk holds
    /// all of them.
    ///
    /// # Errors
    /// [`Error::SpoolFailed`].
    pub async fn append_all(&self, records: Vec<Vec<u8>>) -> Result<Range<u64>, Error> {
        if records.iter().any(|it| it.len() > RECORD_BYTES_MAX) {
            return Err(failed("a record is too long"));
        }
        let (done, durable) = oneshot::channel();
        let waiting = Waiting { records, done };
        let written = async {
            let gone = || failed("the writer is gone");
            self.queue.send(waiting).await.map_err(|_| gone())?;
            durable.await.map_err(|_| gone())?
        };
        match tokio::time::timeout(RECORD_TIME, written).await {
            Ok(outcome) => outcome,
            Err(_) => Err(failed("the disk is too slow")),
        }
    }

    /// The event id of a record that was appended by this opening of the folder.
    #[must_use]
    pub fn event_id(&self, sequence: u64) -> String {
        event_id(&self.shared.run, sequence)
    }

    /// How much waits for the server, and whether more is taken.
    #[must_use]
    pub fn status(&self, now: i64) -> SpoolStatus {
        self.shared.space.status(now)
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// The number of the last record that the disk holds, and each later one.
    #[must_use]
    pub fn durable(&self) -> watch::Receiver<u64> {
        self.shared.durable.clone()
    }

    /// The number of the last record that the server has said it has.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.shared.space.delivered()
    }

    /// Reads durable records that the server has not, oldest first. It reads files: call it where
    /// that may block.
    ///
    /// # Errors
    /// [`Error::SpoolFailed`].
    pub fn read_waiting(
        &self,
        count_max: usize,
        bytes_max: u64,
    ) -> Result<Vec<SpooledRecord>, Error> {
        let bounds = Bounds {
            last: *self.shared.durable.borrow(),
            count_max,
            bytes_max,
        };
        self.shared.places.read(&self.shared.space, &bounds)
    }

    /// Notes that the server has all records up to this one. What it has is deleted, a segment at a
    /// time.
    ///
    /// # Errors
    /// [`Error::SpoolFailed`]: the records may be sent once more after a restart, which the server
    /// takes for what it is.
    pub fn note_delivered(&self, up_to: u64) -> Result<(), Error> {
        let folder = &self.shared.folder;
        let at = |error: std::io::Error| failed(&format!("{}: {error}", folder.display()));
        write_delivered(folder, up_to).map_err(at)?;
        for path in self.shared.space.deliver(up_to) {
            fs::remove_file(path).map_err(at)?;
        }
        Ok(())
    }
}

impl Reporter for Spool {
    fn record(&self, report: Report) -> Recorded<'_> {
        Box::pin(async move {
            let records = report.into_records()?;
            self.append_all(records).await.map(|_| ())
        })
    }
}

pub(super) fn event_id(run: &str, sequence: u64) -> String {
    format!("{run}-{sequence}")
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)
}

/// One process a folder: two writers would give one number twice.
fn lock(folder: &Path) -> Result<File, Error> {
    let at = |error: std::io::Error| failed(&format!("{}: {error}", folder.display()));
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).write(true);
    let file = options.open(folder.join(LOCK)).map_err(at)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(failed(&format!(
            "{}: another guard uses this folder",
            folder.display()
        ))),
        Err(TryLockError::Error(error)) => Err(at(error)),
    }
}

/// Reads what is there, and cuts off what was being written when the last run ended.
pub(super) fn recover(folder: &Path) -> Result<Vec<Segment>, Error> {
    let at = |error: std::io::Error| failed(&format!("{}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(at)? {
        let path = entry.map_err(at)?.path();
        files.extend(segment::first_of(&path).map(|first| (first, path)));
    }
    files.sort();
    let newest = files.last().map(|(first, _)| *first);
    let (mut segments, mut next) = (Vec::new(), 0_u64);
    for (first, path) in files {
        let whole = fs::metadata(&path).map_err(at)?.len();
        let scanned = segment::scan(&path, first).map_err(at)?;
        let bytes = scanned.as_ref().map_or(0, |it| it.bytes);
        let is_torn = bytes < whole || scanned.is_none();
        // Only what was written last can be torn; elsewhere the disk has lost what it held.
        if first < next || (is_torn && newest != Some(first)) {
            return Err(failed(&format!(
                "{} is damaged at byte {bytes}",
                path.display()
            )));
        }
        if is_torn {
            warn!(
                segment = %path.display(),
                bytes_cut = whole.saturating_sub(bytes),
                "a record was being written when the guard ended: it was not answered, and goes"
            );
        }
        let Some(segment) = scanned.filter(|it| it.next > it.first) else {
            fs::remove_file(&path).map_err(at)?;
            continue;
        };
        if is_torn {
            let file = OpenOptions::new().write(true).open(&path).map_err(at)?;
            file.set_len(bytes).map_err(at)?;
            file.sync_all().map_err(at)?;
        }
        next = segment.next;
        segments.push(segment);
    }
    File::open(folder)
        .and_then(|it| it.sync_all())
        .map_err(at)?;
    Ok(segments)
}

/// Zero where nothing is known: everything is sent again then.
fn read_delivered(folder: &Path) -> std::io::Result<u64> {
    let mut text = String::new();
    match File::open(folder.join(DELIVERED)) {
        Ok(file) => file.take(32).read_to_string(&mut text)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    Ok(text.trim().parse().unwrap_or_default())
}

fn write_delivered(folder: &Path, up_to: u64) -> std::io::Result<()> {
    let new = folder.join("delivered.new");
    let mut file = File::create(&new)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{up_to}")?;
    file.sync_data()?;
    fs::rename(new, folder.join(DELIVERED))
}

//! One file of the spool: a head, then records, each with its length and a checksum.
//!
//! A record that was being written when the machine stopped is found by either, and cut off: it was
//! never acknowledged, since that happens after the disk has it.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use openssl::sha::Sha256;

const MAGIC: &[u8; 8] = b"cdspool1";
/// Of a run's random name, base64url of 16 bytes.
pub(super) const RUN_BYTES: usize = 22;
/// Magic, run, when it was begun, and the checksum of these.
pub(super) const HEAD_BYTES: u64 = 46;
const CHECKSUM_BYTES: usize = 8;
/// Length and checksum.
const FRAME_BYTES: usize = 12;
/// The longest record: one always fits into what the server takes at once (40 KiB). A search with
/// many hits becomes several.
pub(super) const RECORD_BYTES_MAX: usize = 24 * 1024;
const SUFFIX: &str = "spool";

/// What the head of a segment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The random name of the run that wrote it: the first half of its records' event ids.
    pub(super) run: String,
    /// When it was begun, Unix seconds.
    pub(super) begun_at: i64,
}

/// A segment as it was found on disk.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// The number of its first record.
    pub(super) first: u64,
    /// The number that its next record would have.
    pub(super) next: u64,
    /// Bytes of the head and of whole records.
    pub(super) bytes: u64,
    pub(super) begun_at: i64,
}

impl Head {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(self.run.as_bytes());
        bytes.extend_from_slice(&self.begun_at.to_le_bytes());
        let checksum = checksum(0, &bytes);
        bytes.extend_from_slice(&checksum);
        bytes
    }

    /// The head; none where it is not whole.
    pub(super) fn read(reader: &mut impl Read) -> io::Result<Option<Self>> {
        let mut magic = [0; MAGIC.len()];
        let mut run = [0; RUN_BYTES];
        let mut begun_at = [0; 8];
        let mut found = [0; CHECKSUM_BYTES];
        for part in [&mut magic[..], &mut run, &mut begun_at, &mut found] {
            if !fill(reader, part)? {
                return Ok(None);
            }
        }
        let mut whole = magic.to_vec();
        whole.extend_from_slice(&run);
        whole.extend_from_slice(&begun_at);
        let run = String::from_utf8(run.to_vec()).ok();
        let is_good = &magic == MAGIC && checksum(0, &whole) == found;
        Ok(run.filter(|_| is_good).map(|run| Self {
            run,
            begun_at: i64::from_le_bytes(begun_at),
        }))
    }
}

/// The name of the segment that begins with a record.
pub(super) fn file_name(first: u64) -> String {
    format!("{first:020}.{SUFFIX}")
}

/// The number of the first record in a file of this name; none for another file.
pub(super) fn first_of(path: &Path) -> Option<u64> {
    let is_segment = path.extension().is_some_and(|it| it == SUFFIX);
    let stem = path.file_stem()?.to_str()?;
    let number = stem.parse().ok()?;
    (is_segment && stem.len() == 20).then_some(number)
}

/// Puts a record into a buffer that is written as a whole.
pub(super) fn frame(sequence: u64, record: &[u8], buffer: &mut Vec<u8>) {
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&checksum(sequence, record));
    buffer.extend_from_slice(record);
}

/// Reads the next record; none at the end, and where it is torn.
pub(super) fn read_frame(reader: &mut impl Read, sequence: u64) -> io::Result<Option<Vec<u8>>> {
    let (mut length, mut found) = ([0; 4], [0; CHECKSUM_BYTES]);
    if !fill(reader, &mut length)? || !fill(reader, &mut found)? {
        return Ok(None);
    }
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > RECORD_BYTES_MAX {
        return Ok(None);
    }
    let mut record = vec![0; length];
    if !fill(reader, &mut record)? || checksum(sequence, &record) != found {
        return Ok(None);
    }
    Ok(Some(record))
}

/// The bytes that a record takes in a segment.
pub(super) fn framed_bytes(record: &[u8]) -> u64 {
    u64::try_from(record.len().saturating_add(FRAME_BYTES)).unwrap_or(u64::MAX)
}

/// Reads a segment through; none where not even its head is whole.
pub(super) fn scan(path: &Path, first: u64) -> io::Result<Option<Segment>> {
    let mut reader = BufReader::new(File::open(path)?);
    let Some(head) = Head::read(&mut reader)? else {
        return Ok(None);
    };
    let (mut next, mut bytes) = (first, HEAD_BYTES);
    while let Some(record) = read_frame(&mut reader, next)? {
        next = next.saturating_add(1);
        bytes = bytes.saturating_add(framed_bytes(&record));
    }
    Ok(Some(Segment {
        path: path.to_path_buf(),
        first,
        next,
        bytes,
        begun_at: head.begun_at,
    }))
}

/// Fills a buffer; false where the file ends before.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Over the record's number too: a record in another's place is no record.
fn checksum(sequence: u64, record: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hash = Sha256::new();
    hash.update(&sequence.to_le_bytes());
    hash.update(record);
    let mut short = [0; CHECKSUM_BYTES];
    for (to, from) in short.iter_mut().zip(hash.finish()) {
        *to = from;
    }
    short
}

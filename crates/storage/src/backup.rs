//! Copies of the whole database in one file, and back.
//!
//! The form is our own, so that one file restores either database: a line of JSON says what it is,
//! a line a row follows, the last line has the count and the SHA-256 of everything before. It is
//! read in one transaction, beside a running server. What operators compare is the SHA-256 of the
//! whole file in hexadecimal digits, as `sha256sum` prints it.
//!
//! A restore takes the database back to an earlier moment, and must not make anything usable again
//! that was used since: [`end_everything`] ends it all in the transaction of the restore.

mod catalogue;
mod ending;
mod occupied;
mod reading;
mod writing;

pub use catalogue::{Column, Table};
pub use ending::{Ended, end_everything, restored_at};
pub use occupied::{Occupied, occupied};
pub use reading::{VerifiedBackup, restore, verify};
pub use writing::{Written, write};

use serde::{Deserialize, Serialize};

/// The form of the file.
const FORM: u32 = 2;
/// The longest line that is read: a row of an event or of a pushed request is far shorter.
const LINE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The program that made it.
    pub program: String,
    /// Whose database it is.
    pub issuer: String,
    /// When it was made.
    pub made_at: i64,
    /// The files that the server needs beside its database, which are not in here.
    pub files: Vec<FileReference>,
}

/// A file that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReference {
    /// The key that names it, such as `keys.challenge_key`.
    pub key: String,
    /// Its path.
    pub path: String,
    /// Whether it was there.
    pub found: bool,
    /// SHA-256 of its content in hexadecimal digits; only of a file that holds no secret, for a
    /// digest lets whoever has it try out a short one.
    pub sha256: Option<String>,
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    cardea_backup: u32,
    schema: i64,
    database: String,
    about: About,
    tables: Vec<Table>,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trailer {
    rows: u64,
    sha256: String,
}

/// A value in a row: every column is a text or a whole number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Value {
    Integer(i64),
    Text(String),
    Null,
}

/// A row: the place of its table in the header's list, and its values.
#[derive(Debug, Serialize, Deserialize)]
struct Row(usize, Vec<Value>);

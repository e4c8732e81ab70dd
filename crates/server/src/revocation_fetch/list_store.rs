//! Fetched lists on disk, so that a restart fetches nothing anew.
//!
//! The folder belongs to one server alone and to its user (mode 0700). It holds
//! - for each address and series of lists there, one file `<SHA-256 of both>.list`: a line of JSON
//!   ([`Header`]) and then the list's DER, in one file so that they are replaced in one step. The
//!   file's own time of modification is when the publisher last confirmed it;
//! - `numbers`: the highest CRL number and the latest time of issue of each issuer and scope,
//!   against roll-back across restarts.
//!
//! A file is written beside its place, synced and renamed: a reader, also after a loss of power,
//! finds the old one or the new one. Nothing here is trusted: what is loaded is verified like what
//! is fetched, and a file that is damaged, or whose name does not fit its content, is only
//! reported.

mod file;
mod stored_list;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cardea_jose::{base64url, parse_base64url, sha256_base64url};
use cardea_pki::Certificate;
use cardea_pki::revocation::CRL_BYTES_MAX;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;

pub(crate) use self::stored_list::{StoredList, stored_lists};
use super::address::{Address, Kind};
use crate::http_client::Validators;

/// Files of lists that are kept; the one that was confirmed longest ago makes room.
const FILES_MAX: usize = 256;
/// Bytes of all lists together.
const BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Bytes of a header line: an issuer's certificate and an address.
const HEADER_BYTES_MAX: usize = 40 * 1024;
/// Bytes of the file of numbers: some hundred bytes for each scope of each issuer.
const NUMBERS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The form of files that is read and written.
const FORMAT: u32 = 2;
const LIST_EXTENSION: &str = "list";
const NUMBERS_FILE: &str = "numbers";

/// The folder.
#[derive(Debug)]
pub(super) struct ListStore {
    dir: PathBuf,
    /// One writer at a time: the numbers must not go back, and room is made by counting.
    writing: Mutex<()>,
}

/// The first line of a list's file.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format: u32,
    /// The name of the card rules that the list is fetched for.
    rules: String,
    url: Url,
    /// The certificate of the authority that the list is asked for, DER in base64url.
    issuer: String,
    is_delta: bool,
    /// The list's series, in base64url.
    series: String,
    /// SHA-256 of the list: damage is told from forgery by it, and nothing else.
    sha256: String,
    #[serde(flatten)]
    validators: Validators,
}

/// A list as it was fetched, to be verified.
#[derive(Debug)]
pub(super) struct StoredBody {
    pub(super) address: Address,
    /// Names its place beside others of the same address.
    pub(super) series: Vec<u8>,
    pub(super) der: Vec<u8>,
    pub(super) validators: Validators,
    /// Of its DER.
    pub(super) sha256: String,
    pub(super) fetched_at: OffsetDateTime,
}

impl ListStore {
    /// Opens the folder, makes it if need be, and clears away what a crash left half-written.
    ///
    /// # Errors
    /// The folder cannot be made, or is another user's.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        if !dir.exists() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let metadata = fs::metadata(dir)?;
        let user = rustix::process::geteuid().as_raw();
        if !metadata.is_dir() || metadata.uid() != user {
            return Err(io::Error::other(
                "it is not this user's folder; its owner could put old lists back",
            ));
        }
        if metadata.mode() & 0o077 != 0 {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        }
        file::remove_leftovers(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            writing: Mutex::default(),
        })
    }

    /// Replaces the list of an address and series.
    pub(super) fn save(&self, stored: &StoredBody) -> io::Result<()> {
        let header = Header {
            format: FORMAT,
            rules: stored.address.rules().to_owned(),
            url: stored.address.url().clone(),
            issuer: base64url(stored.address.issuer_der()),
            is_delta: stored.address.kind() == Kind::Delta,
            series: base64url(&stored.series),
            sha256: stored.sha256.clone(),
            validators: stored.validators.clone(),
        };
        let mut header = serde_json::to_vec(&header)?;
        header.push(b'\n');
        let _writing = self.lock();
        let place = self.place_of(&stored.address, &stored.series);
        file::replace(&place, &[&header, &stored.der], Some(stored.fetched_at))?;
        self.make_room()
    }

    /// Notes that the publisher has confirmed a list of an address.
    pub(super) fn confirm(
        &self,
        address: &Address,
        series: &[u8],
        at: OffsetDateTime,
    ) -> io::Result<()> {
        let file = fs::OpenOptions::new()
            .write(true)
            .open(self.place_of(address, series))?;
        file.set_modified(at.into())
    }

    /// Removes lists of an address that are not used any more.
    pub(super) fn remove<'a>(
        &self,
        address: &Address,
        series: impl Iterator<Item = &'a [u8]>,
    ) -> io::Result<()> {
        let _writing = self.lock();
        for series in series {
            match fs::remove_file(self.place_of(address, series)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Replaces the numbers; `text` is asked for while nobody else writes.
    pub(super) fn save_numbers(&self, text: impl FnOnce() -> String) -> io::Result<()> {
        let _writing = self.lock();
        file::replace(&self.dir.join(NUMBERS_FILE), &[text().as_bytes()], None)
    }

    /// The numbers; none when there were none yet.
    pub(super) fn load_numbers(&self) -> io::Result<Option<String>> {
        match file::read(&self.dir.join(NUMBERS_FILE), NUMBERS_BYTES_MAX) {
            Ok((bytes, _)) => String::from_utf8(bytes).map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The files of lists, the one confirmed last first.
    pub(super) fn files(&self) -> io::Result<Vec<PathBuf>> {
        Ok(list_files(&self.dir)?
            .into_iter()
            .map(|found| found.path)
            .take(FILES_MAX)
            .collect())
    }

    fn make_room(&self) -> io::Result<()> {
        let mut bytes: u64 = 0;
        for (position, found) in list_files(&self.dir)?.into_iter().enumerate() {
            bytes = bytes.saturating_add(found.bytes);
            if position >= FILES_MAX || bytes > BYTES_MAX {
                fs::remove_file(found.path)?;
            }
        }
        Ok(())
    }

    fn place_of(&self, address: &Address, series: &[u8]) -> PathBuf {
        self.dir
            .join(address.digest(series))
            .with_extension(LIST_EXTENSION)
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StoredBody {
    /// Reads a file of the folder.
    ///
    /// # Errors
    /// It is damaged, too large, no plain file, or not in its own place.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let (mut bytes, fetched_at) = file::read(path, HEADER_BYTES_MAX + CRL_BYTES_MAX)?;
        let end = bytes
            .iter()
            .take(HEADER_BYTES_MAX)
            .position(|byte| *byte == b'\n')
            .ok_or_else(|| io::Error::other("it has no header line"))?;
        let der = bytes.split_off(end.saturating_add(1));
        let header: Header = serde_json::from_slice(&bytes)?;
        if header.format != FORMAT {
            return Err(io::Error::other("it has the form of another version"));
        }
        if sha256_base64url(&der) != header.sha256 {
            return Err(io::Error::other("its content is damaged"));
        }
        let issuer = parse_base64url(&header.issuer)
            .ok()
            .and_then(|der| Certificate::parse(&der).ok())
            .ok_or_else(|| io::Error::other("its issuer is not a certificate"))?;
        let series = parse_base64url(&header.series)
            .map_err(|_| io::Error::other("its series is not readable"))?;
        let kind = match header.is_delta {
            true => Kind::Delta,
            false => Kind::Complete,
        };
        let address = Address::new(&header.rules, &header.url, &issuer, kind);
        let digest = address.digest(&series);
        if path.file_stem().and_then(|stem| stem.to_str()) != Some(&digest) {
            return Err(io::Error::other("it stands in the place of another list"));
        }
        Ok(Self {
            address,
            series,
            der,
            validators: header.validators,
            sha256: header.sha256,
            fetched_at,
        })
    }
}

/// A file of a list.
struct Found {
    path: PathBuf,
    bytes: u64,
    confirmed_at: OffsetDateTime,
}

/// All files of lists, the one confirmed last first.
fn list_files(dir: &Path) -> io::Result<Vec<Found>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        if path
            .extension()
            .is_none_or(|extension| extension != LIST_EXTENSION)
        {
            continue;
        }
        let metadata = entry.metadata()?;
        files.push(Found {
            path,
            bytes: metadata.len(),
            confirmed_at: metadata.modified()?.into(),
        });
    }
    files.sort_by_key(|found| std::cmp::Reverse(found.confirmed_at));
    Ok(files)
}

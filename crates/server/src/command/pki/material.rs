//! The certificates, CRLs and OCSP responses that cases name, by file or folder.
//!
//! A file is parsed once and kept as long as it stays what it was: thousands of cases share a few
//! anchors. A file named by itself must hold what it is named for; an anchors' file also nothing
//! that only says so. A folder is read without its subfolders, and files in it that hold nothing of
//! the kind are stepped over.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cardea_pki::revocation::{Crl, OcspResponse};
use cardea_pki::{Certificate, Error as PkiError};
use cardea_provider::Clock as _;

use super::input_error::InputError;
use super::material_file::{self, FileState, Item, Kind};
use crate::clock::SystemClock;

/// Most files of one folder.
const FOLDER_FILES_MAX: usize = 20_000;
/// Most bytes of files whose contents are kept; beyond it everything is let go at once.
const KEPT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Most files whose contents are kept.
const KEPT_FILES_MAX: usize = 50_000;
/// A file that changed so recently may change again within the same tick of its time stamp, and
/// is not kept.
const SETTLED_SECONDS: i64 = 2;

/// Reads files, and keeps what they hold.
#[derive(Default)]
pub(super) struct Materials {
    kept: HashMap<PathBuf, (FileState, Arc<Vec<Item>>)>,
    kept_bytes: u64,
}

/// Something that a case named and that cannot be used.
#[derive(Clone)]
pub(super) struct NotUsed {
    pub(super) file: PathBuf,
    pub(super) error: Arc<PkiError>,
}

/// What a file named by itself does whose contents begin as what it is named for and are not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// The case cannot be judged: with less trust than the caller meant, no verdict means much.
    Unusable,
    /// It is left out and named in the reason of a refusal.
    NotUsed,
}

/// What the files of one option hold.
pub(super) struct Collected<T> {
    pub(super) usable: Vec<T>,
    pub(super) not_used: Vec<NotUsed>,
}

/// The certificate to be judged.
pub(super) struct Leaf {
    /// The first certificate of its file, or why it is refused.
    pub(super) certificate: Result<Certificate, Arc<PkiError>>,
    /// The others: candidates for its issuers.
    pub(super) others: Vec<Certificate>,
}

impl Materials {
    /// Reads the certificate to be judged.
    pub(super) fn leaf(&mut self, file: &Path) -> Result<Leaf, InputError> {
        let items = self.items(file)?;
        let mut certificates = items.iter().filter(|it| it.kind() == Kind::Certificate);
        let certificate = match certificates.next() {
            Some(Item::Certificate(certificate)) => Ok(certificate.clone()),
            Some(Item::Refused(_, error)) => Err(Arc::clone(error)),
            _ => return Err(nothing(file, Kind::Certificate)),
        };
        let others = certificates.filter_map(certificate_of).collect();
        Ok(Leaf {
            certificate,
            others,
        })
    }

    /// Reads certificates from files and folders.
    pub(super) fn certificates(
        &mut self,
        paths: &[PathBuf],
    ) -> Result<Collected<Certificate>, InputError> {
        self.collect(paths, Kind::Certificate, Broken::NotUsed, certificate_of)
    }

    /// Reads trust anchors; at least one must be usable.
    pub(super) fn anchors(
        &mut self,
        paths: &[PathBuf],
    ) -> Result<Collected<Certificate>, InputError> {
        let anchors = self.collect(paths, Kind::Certificate, Broken::Unusable, certificate_of)?;
        if !anchors.usable.is_empty() {
            return Ok(anchors);
        }
        Err(match (anchors.not_used.into_iter().next(), paths.first()) {
            (Some(NotUsed { file, error }), _) => InputError::AnchorUnusable {
                file,
                source: error,
            },
            (None, Some(folder)) => nothing(folder, Kind::Certificate),
            (None, None) => InputError::case("no trust anchor is named"),
        })
    }

    /// Reads CRLs from files and folders.
    pub(super) fn crls(&mut self, paths: &[PathBuf]) -> Result<Collected<Crl>, InputError> {
        self.collect(paths, Kind::Crl, Broken::NotUsed, |item| match item {
            Item::Crl(crl) => Some(crl.clone()),
            _ => None,
        })
    }

    /// Reads OCSP responses from files and folders.
    pub(super) fn ocsp(
        &mut self,
        paths: &[PathBuf],
    ) -> Result<Collected<OcspResponse>, InputError> {
        self.collect(paths, Kind::Ocsp, Broken::NotUsed, |item| match item {
            Item::Ocsp(response) => Some(response.clone()),
            _ => None,
        })
    }

    fn collect<T>(
        &mut self,
        paths: &[PathBuf],
        kind: Kind,
        broken: Broken,
        take: impl Fn(&Item) -> Option<T>,
    ) -> Result<Collected<T>, InputError> {
        let mut collected = Collected {
            usable: Vec::new(),
            not_used: Vec::new(),
        };
        for path in paths {
            let is_folder = material_file::metadata(path)?.is_dir();
            let files = if is_folder {
                files_of(path)?
            } else {
                vec![path.clone()]
            };
            for file in files {
                let items = self.items(&file)?;
                let mut of_kind = items.iter().filter(|item| item.kind() == kind).peekable();
                if of_kind.peek().is_none() && !is_folder {
                    return Err(nothing(&file, kind));
                }
                for item in of_kind {
                    let error = match item {
                        Item::Garbage(_) if !is_folder && broken == Broken::Unusable => {
                            return Err(nothing(&file, kind));
                        }
                        Item::Garbage(_) => Arc::new(unreadable(kind)),
                        Item::Refused(_, error) => Arc::clone(error),
                        usable => {
                            collected.usable.extend(take(usable));
                            continue;
                        }
                    };
                    let file = file.clone();
                    collected.not_used.push(NotUsed { file, error });
                }
            }
        }
        Ok(collected)
    }

    /// What a file holds, from memory where it is still the same file.
    fn items(&mut self, file: &Path) -> Result<Arc<Vec<Item>>, InputError> {
        let state = FileState::of(&material_file::metadata(file)?);
        if let Some((kept_state, items)) = self.kept.get(file)
            && *kept_state == state
        {
            return Ok(Arc::clone(items));
        }
        let items = Arc::new(material_file::items(file, &material_file::read(file)?)?);
        let settled = SystemClock.now().unix_timestamp() - state.changed_at() >= SETTLED_SECONDS;
        if settled {
            self.keep(file, state, &items);
        }
        Ok(items)
    }

    fn keep(&mut self, file: &Path, state: FileState, items: &Arc<Vec<Item>>) {
        let bytes = self.kept_bytes.saturating_add(state.bytes);
        if bytes > KEPT_BYTES_MAX || self.kept.len() >= KEPT_FILES_MAX {
            self.kept.clear();
            self.kept_bytes = 0;
        }
        self.kept_bytes = self.kept_bytes.saturating_add(state.bytes);
        self.kept
            .insert(file.to_owned(), (state, Arc::clone(items)));
    }
}

fn certificate_of(item: &Item) -> Option<Certificate> {
    match item {
        Item::Certificate(certificate) => Some(certificate.clone()),
        _ => None,
    }
}

/// What begins as one of the kind and is not readable is noted, and spoils nothing else.
fn unreadable(kind: Kind) -> PkiError {
    const REASON: &str = "it is not readable to its end";
    match kind {
        Kind::Crl => PkiError::CrlMalformed(REASON),
        Kind::Certificate => PkiError::CertificateMalformed(REASON),
        Kind::Ocsp => PkiError::OcspResponseMalformed(REASON),
    }
}

fn nothing(file: &Path, kind: Kind) -> InputError {
    InputError::NothingUsable {
        file: file.to_owned(),
        wanted: kind.name(),
    }
}

/// The regular files of a folder, by name; what hangs or loops (pipes, subfolders) is left out.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, InputError> {
    let unreadable = |source| InputError::Unreadable {
        file: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_file() {
            files.push(path);
        }
        if files.len() > FOLDER_FILES_MAX {
            return Err(InputError::TooLarge {
                file: folder.to_owned(),
                bound: u64::try_from(FOLDER_FILES_MAX).unwrap_or(u64::MAX),
                unit: "files",
            });
        }
    }
    files.sort_unstable();
    Ok(files)
}

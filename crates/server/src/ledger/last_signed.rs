//! What this node signed last, in a file outside of the database: whoever writes into that alone
//! cannot have the next start sign another history.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use cardea_jose::random_base64url;
use cardea_ledger::{Error, LastSigned};
use cardea_transparency::NOTE_BYTES_MAX;

use crate::key_file::folder_of;

/// The file of one node.
#[derive(Clone, Debug)]
pub(crate) struct LastSignedFile(PathBuf);

impl LastSignedFile {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self(file)
    }

    /// Whether something was signed here.
    ///
    /// # Errors
    /// `ledger.last_signed_unusable`.
    pub(crate) fn is_there(&self) -> Result<bool, Error> {
        self.0.try_exists().map_err(unusable)
    }

    /// Renames the file, so that the next start takes the database as it is. Gives its new name,
    /// or none where there was none.
    ///
    /// # Errors
    /// `ledger.last_signed_unusable`.
    pub(crate) fn put_by(&self) -> Result<Option<PathBuf>, Error> {
        if !self.is_there()? {
            return Ok(None);
        }
        let by = beside(&self.0, "before").map_err(unusable)?;
        fs::rename(&self.0, &by)
            .and_then(|()| File::open(folder_of(&self.0))?.sync_all())
            .map_err(unusable)?;
        Ok(Some(by))
    }

    fn read(&self) -> io::Result<Option<String>> {
        let opened = match File::open(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let bytes_max = u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        opened.take(bytes_max).read_to_end(&mut bytes)?;
        // What is no note is told by whoever verifies it.
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn replace(&self, note: &str) -> io::Result<()> {
        let unfinished = beside(&self.0, "new")?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let written = options.open(&unfinished).and_then(|mut opened| {
            opened.write_all(note.as_bytes())?;
            opened.sync_all()?;
            fs::rename(&unfinished, &self.0)
        });
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written.and_then(|()| File::open(folder_of(&self.0))?.sync_all())
    }
}

#[async_trait]
impl LastSigned for LastSignedFile {
    async fn recall(&self) -> Result<Option<String>, Error> {
        let own = self.clone();
        blocking(move || own.read()).await
    }

    async fn keep(&self, note: &str) -> Result<(), Error> {
        let (own, note) = (self.clone(), note.to_owned());
        blocking(move || own.replace(&note)).await
    }
}

/// A name that nobody can have put a file or a link at.
fn beside(file: &Path, why: &str) -> io::Result<PathBuf> {
    let random = random_base64url(12).map_err(|_| io::Error::other("no random bytes"))?;
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{why}-{random}"));
    Ok(PathBuf::from(name))
}

fn unusable(source: io::Error) -> Error {
    Error::LastSignedUnusable { source }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other)
        .and_then(|done| done)
        .map_err(unusable)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use cardea_ledger::LastSigned as _;

    use super::LastSignedFile;

    #[tokio::test]
    async fn the_newest_note_is_kept_for_the_owner_alone_until_it_is_put_by() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last-signed");
        let file = LastSignedFile::new(path.clone());
        assert_eq!(file.recall().await.unwrap(), None);
        assert_eq!(file.put_by().unwrap(), None);
        for note in ["one", "another"] {
            file.keep(note).await.unwrap();
            assert_eq!(file.recall().await.unwrap().as_deref(), Some(note));
        }
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let by = file.put_by().unwrap().unwrap();
        assert_eq!(fs::read_to_string(by).unwrap(), "another");
        assert!(!file.is_there().unwrap());
    }

    #[tokio::test]
    async fn what_cannot_be_read_or_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        // A folder where the file is to be.
        let file = LastSignedFile::new(folder.path().to_owned());
        let code = "ledger.last_signed_unusable";
        assert_eq!(file.recall().await.unwrap_err().code(), code);
        let file = LastSignedFile::new(folder.path().join("none").join("last-signed"));
        assert_eq!(file.keep("note").await.unwrap_err().code(), code);
    }
}

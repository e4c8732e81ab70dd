//! How old the newest backup is.

use std::fs::{self, DirEntry};
use std::path::Path;

use time::OffsetDateTime;

/// A folder of backups has fewer files.
const FILES_MAX: usize = 10_000;

/// When the newest file with anything in it was written; none where there is none.
pub(super) fn newest_backup(folder: &Path) -> Option<OffsetDateTime> {
    let written_at = |entry: DirEntry| {
        let metadata = entry.metadata().ok()?;
        let is_backup = metadata.is_file() && metadata.len() > 0;
        is_backup.then(|| metadata.modified().ok())?
    };
    let files = fs::read_dir(folder).ok()?.take(FILES_MAX).flatten();
    files.filter_map(written_at).max().map(OffsetDateTime::from)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::newest_backup;

    #[test]
    fn an_empty_file_is_no_backup() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(newest_backup(folder.path()), None);
        fs::write(folder.path().join("begun"), "").unwrap();
        assert_eq!(newest_backup(folder.path()), None);
        fs::write(folder.path().join("whole"), "records").unwrap();
        assert!(newest_backup(folder.path()).is_some());
        assert_eq!(newest_backup(&folder.path().join("missing")), None);
    }
}

//! What is kept where a log was refused: both notes, for whoever looks into it.

use std::path::Path;

use cardea_jose::sha256_base64url;

use super::kept::Kept;
use crate::Error;
use crate::protected_file;

/// Files of one workstation. The first ones say most, and no server fills the disk.
const FILES_MAX: usize = 16;

/// Keeps what is known and what was shown. Failing to do so changes nothing about the refusal.
pub(super) fn keep(state_dir: &Path, issuer: &str, kept: &Kept, refused: (&Error, &str)) {
    let (error, shown) = refused;
    let code = error.code();
    let text = format!(
        "# Cardea: what {issuer} showed of its log does not fit what it had shown before.\n\
         # {code}: {error}\n\
         # Give this file to whoever looks into it. The time is the file's.\n\n\
         ## Kept, by the key {}\n\n{}\n## Shown now\n\n{shown}\n",
        kept.key(),
        kept.note(),
    );
    // The same again says nothing new.
    let digest = sha256_base64url(text.as_bytes());
    let short: String = digest.chars().take(16).collect();
    let file = state_dir.join(format!("log-evidence-{short}.txt"));
    if count(state_dir) >= FILES_MAX {
        return;
    }
    match protected_file::create_once(&file, text.as_bytes()) {
        Ok(true) => tracing::error!(code, file = %file.display(), "both notes are kept"),
        Ok(false) => {}
        Err(failure) => tracing::error!(code = failure.code(), %failure, "no evidence is kept"),
    }
}

fn count(state_dir: &Path) -> usize {
    let is_evidence = |entry: &std::fs::DirEntry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with("log-evidence-")
    };
    std::fs::read_dir(state_dir).map_or(0, |entries| {
        entries.filter_map(Result::ok).filter(is_evidence).count()
    })
}

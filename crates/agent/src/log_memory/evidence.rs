//! What is kept where a log was refused: both notes, for whoever looks into it.

use std::path::Path;

use cardea_jose::sha256_base64url;

use super::kept::Kept;
use crate::Error;
use crate::protected_file;

/// Files of one issuer about one thing. The first ones say most, no server fills the disk, and none
/// takes the places of what it does later by what it does before.
const FILES_MAX: usize = 4;

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
    let beginning = beginning(issuer, code);
    let file = state_dir.join(format!("{beginning}{}.txt", short(&digest)));
    if count(state_dir, &beginning) >= FILES_MAX {
        return;
    }
    match protected_file::create_once(&file, text.as_bytes()) {
        Ok(true) => tracing::error!(code, file = %file.display(), "both notes are kept"),
        Ok(false) => {}
        Err(failure) => tracing::error!(code = failure.code(), %failure, "no evidence is kept"),
    }
}

/// How the names of all files begin that are about one thing of one issuer.
fn beginning(issuer: &str, code: &str) -> String {
    let what = code.rsplit('.').next().unwrap_or(code);
    let issuer = sha256_base64url(issuer.as_bytes());
    format!("log-evidence-{what}-{}-", short(&issuer))
}

fn short(digest: &str) -> String {
    digest.chars().take(16).collect()
}

fn count(state_dir: &Path, beginning: &str) -> usize {
    let is_one = |entry: &std::fs::DirEntry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with(beginning)
    };
    std::fs::read_dir(state_dir).map_or(0, |entries| {
        entries.filter_map(Result::ok).filter(is_one).count()
    })
}

//! What can go wrong around a virtual card.

use std::path::PathBuf;

/// A failure of the virtual card's surroundings. What the card itself refuses is a status word.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// OpenSSL refused an operation.
    #[error("the crypto library refused an operation")]
    CryptoFailed(#[from] openssl::error::ErrorStack),
    /// The test PKI refused to issue.
    #[error("the test PKI refused: {0}")]
    PkiRefused(#[from] cardea_test_pki::Error),
    /// A PIN or PUK has the wrong form.
    #[error("a PIN or PUK has 4 to 8 digits")]
    ReferenceDataMalformed,
    /// A card's content contradicts itself.
    #[error("the card image is malformed: {reason}")]
    ImageMalformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file of a card or PKI folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    FileInaccessible {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of a card or PKI folder does not hold what it should.
    #[error("{}: {reason}", path.display())]
    FileMalformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder that a new card or PKI should go to is in use.
    #[error("{} already holds a {what}", path.display())]
    FolderTaken {
        /// The folder.
        path: PathBuf,
        /// `card` or `PKI`.
        what: &'static str,
    },
    /// Nobody listens where vpcd should.
    #[error(
        "no vpcd at {address}: {source}; start pcscd with the vpcd driver \
         (Debian: apt install pcscd vsmartcard-vpcd)"
    )]
    VpcdUnreachable {
        /// The address that was tried.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The connection to vpcd failed while the card was inserted.
    #[error("the connection to vpcd broke: {0}")]
    VpcdBroken(std::io::Error),
    /// The card of this folder is already in a reader.
    #[error("the card is already inserted (process {process_id})")]
    AlreadyInserted {
        /// The process that holds it.
        process_id: i32,
    },
    /// The card of this folder is in no reader.
    #[error("the card is not inserted")]
    NotInserted,
    /// A program that must be installed is not.
    #[error("{program} is not installed; on Debian: apt install {package}")]
    ToolMissing {
        /// The program.
        program: &'static str,
        /// The package that holds it.
        package: &'static str,
    },
    /// A program that was started failed.
    #[error("{program} failed: {reason}")]
    ToolFailed {
        /// The program.
        program: &'static str,
        /// What it said last, or what did not happen in time.
        reason: String,
    },
    /// A network address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    ListenFailed {
        /// The address.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Error {
    /// Every code that [`Error::code`] can return.
    pub const ALL_CODES: &'static [&'static str] = &[
        "virtual_card.crypto_failed",
        "virtual_card.pki_refused",
        "virtual_card.reference_data_malformed",
        "virtual_card.image_malformed",
        "virtual_card.file_inaccessible",
        "virtual_card.file_malformed",
        "virtual_card.folder_taken",
        "virtual_card.vpcd_unreachable",
        "virtual_card.vpcd_broken",
        "virtual_card.already_inserted",
        "virtual_card.not_inserted",
        "virtual_card.tool_missing",
        "virtual_card.tool_failed",
        "virtual_card.listen_failed",
    ];

    /// The stable machine code, listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::CryptoFailed(_) => "virtual_card.crypto_failed",
            Self::PkiRefused(_) => "virtual_card.pki_refused",
            Self::ReferenceDataMalformed => "virtual_card.reference_data_malformed",
            Self::ImageMalformed { .. } => "virtual_card.image_malformed",
            Self::FileInaccessible { .. } => "virtual_card.file_inaccessible",
            Self::FileMalformed { .. } => "virtual_card.file_malformed",
            Self::FolderTaken { .. } => "virtual_card.folder_taken",
            Self::VpcdUnreachable { .. } => "virtual_card.vpcd_unreachable",
            Self::VpcdBroken(_) => "virtual_card.vpcd_broken",
            Self::AlreadyInserted { .. } => "virtual_card.already_inserted",
            Self::NotInserted => "virtual_card.not_inserted",
            Self::ToolMissing { .. } => "virtual_card.tool_missing",
            Self::ToolFailed { .. } => "virtual_card.tool_failed",
            Self::ListenFailed { .. } => "virtual_card.listen_failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn every_code_has_a_row_in_the_error_document() {
        let document = include_str!("../../../docs/errors.md");
        for code in Error::ALL_CODES {
            assert!(
                document.contains(&format!("| `{code}` |")),
                "{code} is not in docs/errors.md"
            );
        }
    }
}

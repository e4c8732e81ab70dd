//! What can go wrong while making test certificates.

/// A failure of the test PKI.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// OpenSSL refused to make a key, a digest or a signature.
    #[error("the crypto library refused an operation")]
    CryptoFailed(#[from] openssl::error::ErrorStack),
    /// A value does not fit the ASN.1 type that it has to become.
    #[error("a value cannot be encoded as DER")]
    EncodingFailed(#[from] x509_cert::der::Error),
    /// An identifier breaks the rules of its kind.
    #[error("{kind} identifier refused: {reason}")]
    IdentifierRefused {
        /// Which kind of identifier, for example `RPPS`.
        kind: &'static str,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// A profession code is not in the terminology of its card family.
    #[error("profession code {code} is not in {terminology}")]
    ProfessionUnknown {
        /// The code that was asked for.
        code: u8,
        /// `TRE_G15` (professionals) or `TRE_G16` (professionals in training).
        terminology: &'static str,
    },
    /// A time lies outside what X.509 can write (1970 to 9999).
    #[error("time is outside the range of X.509")]
    TimeOutOfRange,
    /// The PKI holds no authority of this name.
    #[error("no authority {name} in this PKI")]
    AuthorityMissing {
        /// File name of the authority, for example `ACI-FO-PP`.
        name: String,
    },
}

impl Error {
    /// Every code that [`Error::code`] can return.
    pub const ALL_CODES: &'static [&'static str] = &[
        "test_pki.crypto_failed",
        "test_pki.encoding_failed",
        "test_pki.identifier_refused",
        "test_pki.profession_unknown",
        "test_pki.time_out_of_range",
        "test_pki.authority_missing",
    ];

    /// The stable machine code, listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::CryptoFailed(_) => "test_pki.crypto_failed",
            Self::EncodingFailed(_) => "test_pki.encoding_failed",
            Self::IdentifierRefused { .. } => "test_pki.identifier_refused",
            Self::ProfessionUnknown { .. } => "test_pki.profession_unknown",
            Self::TimeOutOfRange => "test_pki.time_out_of_range",
            Self::AuthorityMissing { .. } => "test_pki.authority_missing",
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

//! Everything that can go wrong between a program and a card.

use std::path::PathBuf;

use crate::StatusWord;

/// A failure of card access.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The PC/SC service does not run or cannot be reached.
    #[error("the smart-card service is not reachable")]
    ReaderServiceUnavailable,
    /// No reader is connected, or the named one is not.
    #[error("no card reader is connected")]
    NoReader,
    /// The reader is empty.
    #[error("no card is in the reader")]
    NoCard,
    /// The card left the reader, or died in the middle of a command.
    #[error("the card was removed")]
    CardRemoved,
    /// Another program reset the card; open it again.
    #[error("the card was reset by another program")]
    CardReset,
    /// The card does not answer its reset: it is upside down, dirty or broken.
    #[error("the card does not respond")]
    Unresponsive,
    /// Another program holds the card for itself, or earlier calls still hang.
    #[error("the card is in use by another program")]
    Busy,
    /// The card or the reader did not answer within the limit.
    #[error("the card did not answer within {limit_ms} ms")]
    TimedOut {
        /// The limit of the call.
        limit_ms: u64,
    },
    /// The caller gave the call up before the PIN was used.
    #[error("the call was given up before the PIN was used")]
    Abandoned,
    /// The reader or its driver failed.
    #[error("the reader failed: {reason} (0x{status:08X})")]
    ReaderFault {
        /// The PC/SC return code.
        status: u32,
        /// The text that goes with it.
        reason: String,
    },
    /// The card is not of a kind that this crate speaks to.
    #[error("the card is not supported: {missing}")]
    Unsupported {
        /// What the card lacks.
        missing: &'static str,
    },
    /// The card answered a command with a status that the command does not allow.
    #[error("the card answered {command} with {status}")]
    UnexpectedStatus {
        /// The command's name.
        command: &'static str,
        /// The status word.
        status: StatusWord,
    },
    /// The card's answer does not have the form that the specification demands.
    #[error("the card's answer is malformed: {reason}")]
    ResponseMalformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The card answered with more bytes than anything on a card has, or without end.
    #[error("the card's answer is longer than {bytes_max} bytes")]
    ResponseTooLong {
        /// The limit.
        bytes_max: usize,
    },
    /// A command does not fit into one APDU.
    #[error("the command's data is longer than {bytes_max} bytes")]
    CommandTooLong {
        /// The limit.
        bytes_max: usize,
    },
    /// What was typed cannot be a PIN; no try was used.
    #[error("a PIN has 4 to 8 digits")]
    PinMalformed,
    /// The PIN is wrong.
    #[error("the PIN is incorrect{}", tries_text(*tries_left))]
    PinIncorrect {
        /// Tries left, where the card tells.
        tries_left: Option<u8>,
    },
    /// One try is left, and the person has not accepted that it may block the card.
    #[error("one PIN try is left")]
    PinLastTry,
    /// The card is blocked until it is unblocked with its unblocking code.
    #[error("the PIN is blocked")]
    PinBlocked,
    /// Another session of this program is logged in, so the module would not check the PIN.
    #[error("the module would not check the PIN, because the token is already logged in")]
    PinNotDemanded,
    /// The card wants a PIN, and the request gave none: what was verified earlier is so no more.
    #[error("the PIN is not verified, and the card wants it")]
    PinNotVerified,
    /// Nobody typed the PIN on the reader in time.
    #[error("no PIN was typed on the reader in time")]
    PinEntryTimedOut,
    /// The person pressed the reader's cancel key.
    #[error("the PIN entry was cancelled on the reader")]
    PinEntryCancelled,
    /// The reader has no keys of its own, or does not offer them.
    #[error("the reader has no PIN pad")]
    PinPadMissing,
    /// What was typed cannot be an unblocking code; no try was used.
    #[error("an unblocking code has 6 to 8 characters")]
    PukMalformed,
    /// The unblocking code is wrong.
    #[error("the unblocking code is incorrect{}", tries_text(*tries_left))]
    PukIncorrect {
        /// Tries left, where the card tells.
        tries_left: Option<u8>,
    },
    /// One try of the unblocking code is left, or the card does not tell how many are, and the
    /// person has not accepted that a wrong one may end the card.
    #[error("one try of the unblocking code may be left")]
    PukLastTry,
    /// The unblocking code was wrong too often: nothing unblocks this card any more.
    #[error("the unblocking code is blocked")]
    PukBlocked,
    /// The card does not take this PIN as its new one; no try was used.
    #[error("the card refuses the new PIN")]
    NewPinRefused,
    /// The card left, or did not answer, while its PIN was being changed.
    #[error("the card did not say whether its PIN was changed")]
    PinChangeUncertain,
    /// A card on a contactless interface takes neither PIN nor unblocking code.
    #[error("the card's PIN can be changed on a reader with contacts only")]
    ContactNeeded,
    /// The reader takes the PIN on its own keys, which is for signatures alone.
    #[error("the card's PIN cannot be changed on a reader with keys of its own")]
    NotOnPinPad,
    /// A PKCS#11 module unblocks by its security officer's code alone.
    #[error("the card can be unblocked with its issuer's tool only")]
    UnblockingNotOffered,
    /// No certificate on the card is for authentication.
    #[error("the card has no authentication certificate")]
    NoAuthenticationCertificate,
    /// Several authentication certificates of different people are on the card.
    #[error("the card has authentication certificates of different subjects")]
    AuthenticationCertificateAmbiguous,
    /// A certificate on the card cannot be read.
    #[error("a certificate on the card is malformed: {reason}")]
    CertificateMalformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A certificate on the card is stored compressed, which is not supported.
    #[error("a certificate on the card is stored compressed")]
    CertificateCompressed,
    /// The certificate's key is neither RSA of 2048 bits nor P-256.
    #[error("the certificate's key is neither RSA of 2048 bits nor P-256")]
    KeyUnsupported,
    /// The private key that belongs to the certificate is not on this card.
    #[error("the private key of the certificate is not on the card")]
    KeyMissing,
    /// The signature does not verify with the certificate: another card, or a faulty one.
    #[error("the card's signature does not fit its certificate")]
    SignatureInvalid,
    /// The PKCS#11 module cannot be loaded.
    #[error("the PKCS#11 module {} cannot be loaded: {reason}{}", path.display(), hint_text(*hint))]
    ModuleMissing {
        /// The configured path.
        path: PathBuf,
        /// What the loader says.
        reason: String,
        /// How to install it, where known.
        hint: Option<&'static str>,
    },
    /// The PKCS#11 module failed.
    #[error("the PKCS#11 module failed: {reason}")]
    ModuleFault {
        /// The function and the return value by name.
        reason: String,
    },
    /// A thread for card calls could not be started.
    #[error("a thread for card calls cannot be started")]
    ThreadUnavailable,
}

fn tries_text(tries_left: Option<u8>) -> String {
    tries_left
        .map(|tries| format!(", {tries} tries left"))
        .unwrap_or_default()
}

fn hint_text(hint: Option<&'static str>) -> String {
    hint.map(|hint| format!("; {hint}")).unwrap_or_default()
}

impl Error {
    /// Every code that [`Error::code`] can return.
    pub const ALL_CODES: &'static [&'static str] = &[
        "card.reader_service_unavailable",
        "card.no_reader",
        "card.no_card",
        "card.removed",
        "card.reset",
        "card.unresponsive",
        "card.busy",
        "card.timed_out",
        "card.abandoned",
        "card.reader_fault",
        "card.unsupported",
        "card.unexpected_status",
        "card.response_malformed",
        "card.response_too_long",
        "card.command_too_long",
        "card.pin_malformed",
        "card.pin_incorrect",
        "card.pin_last_try",
        "card.pin_blocked",
        "card.pin_not_demanded",
        "card.pin_not_verified",
        "card.pin_entry_timed_out",
        "card.pin_entry_cancelled",
        "card.pin_pad_missing",
        "card.puk_malformed",
        "card.puk_incorrect",
        "card.puk_last_try",
        "card.puk_blocked",
        "card.new_pin_refused",
        "card.pin_change_uncertain",
        "card.contact_needed",
        "card.not_on_pin_pad",
        "card.unblocking_not_offered",
        "card.no_authentication_certificate",
        "card.authentication_certificate_ambiguous",
        "card.certificate_malformed",
        "card.certificate_compressed",
        "card.key_unsupported",
        "card.key_missing",
        "card.signature_invalid",
        "card.module_missing",
        "card.module_fault",
        "card.thread_unavailable",
    ];

    /// The stable machine code, listed in docs/errors.md.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ReaderServiceUnavailable => "card.reader_service_unavailable",
            Self::NoReader => "card.no_reader",
            Self::NoCard => "card.no_card",
            Self::CardRemoved => "card.removed",
            Self::CardReset => "card.reset",
            Self::Unresponsive => "card.unresponsive",
            Self::Busy => "card.busy",
            Self::TimedOut { .. } => "card.timed_out",
            Self::Abandoned => "card.abandoned",
            Self::ReaderFault { .. } => "card.reader_fault",
            Self::Unsupported { .. } => "card.unsupported",
            Self::UnexpectedStatus { .. } => "card.unexpected_status",
            Self::ResponseMalformed { .. } => "card.response_malformed",
            Self::ResponseTooLong { .. } => "card.response_too_long",
            Self::CommandTooLong { .. } => "card.command_too_long",
            Self::PinMalformed => "card.pin_malformed",
            Self::PinIncorrect { .. } => "card.pin_incorrect",
            Self::PinLastTry => "card.pin_last_try",
            Self::PinBlocked => "card.pin_blocked",
            Self::PinNotDemanded => "card.pin_not_demanded",
            Self::PinNotVerified => "card.pin_not_verified",
            Self::PinEntryTimedOut => "card.pin_entry_timed_out",
            Self::PinEntryCancelled => "card.pin_entry_cancelled",
            Self::PinPadMissing => "card.pin_pad_missing",
            Self::PukMalformed => "card.puk_malformed",
            Self::PukIncorrect { .. } => "card.puk_incorrect",
            Self::PukLastTry => "card.puk_last_try",
            Self::PukBlocked => "card.puk_blocked",
            Self::NewPinRefused => "card.new_pin_refused",
            Self::PinChangeUncertain => "card.pin_change_uncertain",
            Self::ContactNeeded => "card.contact_needed",
            Self::NotOnPinPad => "card.not_on_pin_pad",
            Self::UnblockingNotOffered => "card.unblocking_not_offered",
            Self::NoAuthenticationCertificate => "card.no_authentication_certificate",
            Self::AuthenticationCertificateAmbiguous => "card.authentication_certificate_ambiguous",
            Self::CertificateMalformed { .. } => "card.certificate_malformed",
            Self::CertificateCompressed => "card.certificate_compressed",
            Self::KeyUnsupported => "card.key_unsupported",
            Self::KeyMissing => "card.key_missing",
            Self::SignatureInvalid => "card.signature_invalid",
            Self::ModuleMissing { .. } => "card.module_missing",
            Self::ModuleFault { .. } => "card.module_fault",
            Self::ThreadUnavailable => "card.thread_unavailable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_row_in_the_documents() {
        let errors = include_str!("../../../docs/errors.md");
        let section = errors
            .split("\n## ")
            .find(|section| section.starts_with("card\n"))
            .unwrap();
        let documented: Vec<&str> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        assert_eq!(documented, Error::ALL_CODES);
    }

    #[test]
    fn messages_are_lower_case_without_a_full_stop() {
        let hint = Some("on Debian: apt-get install softhsm2");
        let errors = [
            Error::PinIncorrect {
                tries_left: Some(2),
            },
            Error::PinBlocked,
            Error::ModuleMissing {
                path: "/m.so".into(),
                reason: "none".to_owned(),
                hint,
            },
            Error::UnexpectedStatus {
                command: "VERIFY",
                status: StatusWord(0x6F00),
            },
        ];
        for error in errors {
            let text = error.to_string();
            assert!(!text.ends_with('.'), "{text}");
            assert!(text.starts_with("the "), "{text}");
        }
        let text = Error::PinIncorrect {
            tries_left: Some(2),
        }
        .to_string();
        assert_eq!(text, "the PIN is incorrect, 2 tries left");
    }
}

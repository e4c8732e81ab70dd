//! Why the server does not start, or an operator command fails.
//!
//! What HTTP callers see stands in `problem.rs`.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use cardea_provider::LookUpFinding;

/// A failure that an operator reads on standard error or in the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration file cannot be read.
    #[error("{}: cannot be read", file.display())]
    ConfigUnreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A configuration file has a mistake.
    #[error("{}: {}{reason}", place(file, *line), key_and_colon(key))]
    ConfigInvalid {
        /// The file.
        file: PathBuf,
        /// Its line, where it is known.
        line: Option<usize>,
        /// The key, empty for the whole file.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that the configuration names cannot be read or written.
    #[error("{}: {action}", file.display())]
    FileUnusable {
        /// The file.
        file: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// A file would be overwritten.
    #[error("{}: exists already and is not overwritten", file.display())]
    FileExists {
        /// The file.
        file: PathBuf,
    },
    /// A server runs on the database that is to be replaced.
    #[error("a server listens at {address}: stop all servers of this database first")]
    ServerRunning {
        /// Where.
        address: SocketAddr,
    },
    /// A backup is not the one that was meant.
    #[error("{}: this backup is not restored: {reason}", file.display())]
    BackupRefused {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// What cannot be taken back needs a word more.
    #[error("{what}: say {flag} to go on; nothing was changed")]
    ConfirmationMissing {
        /// What would be done.
        what: String,
        /// The option that says so.
        flag: &'static str,
    },
    /// The database has tables of another program.
    #[error("the database has tables of another program, and is left as it is")]
    DatabaseForeign,
    /// A command was stopped by a signal.
    #[error("{}: stopped by a signal, and nothing is left of it", file.display())]
    Stopped {
        /// The file that was being written.
        file: PathBuf,
    },
    /// A key file is not there yet.
    #[error("{}: the {what} is missing; make it with `{command}`", file.display())]
    KeyMissing {
        /// The file.
        file: PathBuf,
        /// Which key.
        what: &'static str,
        /// The command that makes it.
        command: String,
    },
    /// A private key can be read or replaced by others.
    #[error("{}: this private key is not private: {reason}", file.display())]
    KeyNotPrivate {
        /// The file.
        file: PathBuf,
        /// Why not, and what to do.
        reason: &'static str,
    },
    /// A key cannot be read or made.
    #[error("{}: is not a usable key", file.display())]
    KeyUnusable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: cardea_jose::Error,
    },
    /// The key that token keys are encrypted with is not where it should be.
    #[error(
        "the key-encryption key is missing: {place}; put it back, no other opens the token keys"
    )]
    KeyEncryptionKeyMissing {
        /// Where it was looked for.
        place: String,
    },
    /// What should be a key-encryption key is none.
    #[error("{place}: is not a key-encryption key (32 bytes in base64url)")]
    KeyEncryptionKeyMalformed {
        /// Where it is.
        place: String,
    },
    /// The token keys are encrypted with another key.
    #[error("the token keys are encrypted with the key {wanted}, and the one here is {present}")]
    KeyEncryptionKeyWrong {
        /// The id of the one that would open them.
        wanted: String,
        /// The id of the one that is there.
        present: String,
    },
    /// A token key of the database does not open.
    #[error("the token key {kid} cannot be read: its row was changed, or its key is another one")]
    TokenKeyUnreadable {
        /// The key.
        kid: String,
    },
    /// A token key cannot be made or encrypted.
    #[error("the token key {kid} cannot be used")]
    TokenKeyUnusable {
        /// The key.
        kid: String,
        /// Why.
        source: cardea_jose::Error,
    },
    /// Token keys cannot be read or changed.
    #[error("the token keys cannot be read or changed ({}): {source}", source.code())]
    TokenKeysUnavailable {
        /// Why.
        source: cardea_provider::Error,
    },
    /// The PKCS#11 token does not do what it is asked.
    #[error("the PKCS#11 token of [keys.pkcs11] does not serve: {reason}")]
    Pkcs11Unavailable {
        /// Why.
        reason: String,
    },
    /// A challenge-key list is not published.
    #[error("{}: is not published: {reason}", file.display())]
    ChallengeListRefused {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A later challenge-key list was given out before.
    #[error(
        "{}: is version {version}, and version {highest} was given out: agents refuse an older one",
        file.display()
    )]
    ChallengeListOlder {
        /// The file.
        file: PathBuf,
        /// Its version.
        version: u64,
        /// The highest version that was given out.
        highest: i64,
    },
    /// The signed challenge-key list does not fit the configuration.
    #[error("{}: {reason}; make it anew with `{command}`", file.display())]
    ChallengeListUnusable {
        /// The file.
        file: PathBuf,
        /// What does not fit.
        reason: &'static str,
        /// The command that makes it.
        command: String,
    },
    /// The enrolment document does not fit, and workstations would refuse it.
    #[error(
        "{}: the enrolment document is not usable: {reason}; make it anew with `cardea keys \
         sign-enrolment`",
        file.display()
    )]
    EnrolmentUnusable {
        /// The file.
        file: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// No certificate profile has this name.
    #[error(
        "there is no profile {name:?}: it must be one of {known}, or a file that ends in .toml"
    )]
    ProfileUnknown {
        /// The name.
        name: String,
        /// The profiles that come with the program.
        known: String,
    },
    /// Certificates of a trust anchor cannot be used.
    #[error("{}: holds no usable certificates", file.display())]
    TrustAnchorUnusable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: Box<cardea_pki::Error>,
    },
    /// A certificate for a trust anchor cannot be used.
    #[error("{}: {reason}", file.display())]
    AnchorUnusable {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A certificate is not the one whose fingerprint was given.
    #[error(
        "{}: has the SHA-256 {is}, and not the given one; nothing was changed",
        file.display()
    )]
    AnchorFingerprintMismatch {
        /// The file.
        file: PathBuf,
        /// Its certificate's SHA-256.
        is: String,
    },
    /// A trust anchor's certificate stands in a file.
    #[error("the certificate stands in {}, and is taken out there", file.display())]
    AnchorConfigured {
        /// The file.
        file: PathBuf,
    },
    /// The configuration was not read to its end.
    #[error("reading the configuration ended in a fault of this program")]
    ReloadAbandoned,
    /// The TLS certificate or key cannot be used.
    #[error("{}: cannot be used for TLS", file.display())]
    TlsUnusable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: openssl::error::ErrorStack,
    },
    /// The database cannot be opened.
    #[error("the database cannot be opened ({})", source.code())]
    DatabaseUnavailable {
        /// Why.
        source: cardea_storage::Error,
    },
    /// The log cannot be carried on, or looked at.
    #[error("the log cannot be used: {source}")]
    LedgerUnavailable {
        /// Why.
        source: cardea_ledger::Error,
    },
    /// Something is wrong with the log.
    #[error("{finding}")]
    LedgerTampered {
        /// What.
        finding: cardea_ledger::Finding,
    },
    /// Something is wrong with the look-ups that the log has on record.
    #[error("{finding}")]
    LookUpsTampered {
        /// What.
        finding: LookUpFinding,
    },
    /// A document has more pages than one may have.
    #[error("the document would be longer than one may be: ask for less, or for CSV")]
    DocumentTooLong,
    /// A client of the configuration is not changed by command.
    #[error(
        "client {client_id} is registered in {}: change it there and restart the server",
        file.display()
    )]
    ClientConfigured {
        /// The client.
        client_id: String,
        /// The file of its table.
        file: PathBuf,
    },
    /// A client stands in the configuration and in the database.
    #[error(
        "client {client_id} is registered in {} and in the database: take it out of the file, or \
         run `cardea clients remove {client_id}`",
        file.display()
    )]
    ClientRegisteredTwice {
        /// The client.
        client_id: String,
        /// The file of its table.
        file: PathBuf,
    },
    /// The provider refuses what the configuration says.
    #[error("the configuration cannot be used ({}): {source}", source.code())]
    ProviderRefused {
        /// Why.
        source: cardea_provider::Error,
    },
    /// Outbound connections cannot be set up.
    #[error("outbound connections cannot be set up")]
    HttpClientUnusable {
        /// Why.
        source: reqwest::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    ListenFailed {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Traces cannot be sent.
    #[error("[telemetry]: traces cannot be sent")]
    TelemetryUnusable {
        /// Why.
        source: opentelemetry_otlp::ExporterBuildError,
    },
}

impl Error {
    /// Every code of this type.
    pub const ALL_CODES: &'static [&'static str] = &[
        "server.config_unreadable",
        "server.config_invalid",
        "server.file_unusable",
        "server.file_exists",
        "server.confirmation_missing",
        "server.database_foreign",
        "server.stopped",
        "server.key_missing",
        "server.key_not_private",
        "server.key_unusable",
        "server.key_encryption_key_missing",
        "server.key_encryption_key_malformed",
        "server.key_encryption_key_wrong",
        "server.token_key_unreadable",
        "server.token_key_unusable",
        "server.token_keys_unavailable",
        "server.pkcs11_unavailable",
        "server.challenge_list_refused",
        "server.challenge_list_older",
        "server.challenge_list_unusable",
        "server.enrolment_unusable",
        "server.profile_unknown",
        "server.trust_anchor_unusable",
        "server.anchor_unusable",
        "server.anchor_fingerprint_mismatch",
        "server.anchor_configured",
        "server.reload_abandoned",
        "server.tls_unusable",
        "server.database_unavailable",
        "server.look_up_changed",
        "server.look_up_removed",
        "server.look_up_added",
        "server.document_too_long",
        "server.client_configured",
        "server.client_registered_twice",
        "server.provider_refused",
        "server.http_client_unusable",
        "server.listen_failed",
        "server.telemetry_unusable",
    ];

    /// Codes that stand in the log alone, where nothing is refused to anybody.
    pub const LOG_CODES: &'static [&'static str] = &[
        "ledger.events_missed",
        "server.witness_unreachable",
        "server.witness_refused",
        "server.witness_ahead",
        "server.logout_undelivered",
        "server.presence_key_changed",
        "server.clock_set_back",
        "server.file_limit_low",
        "server.list_not_stored",
        "server.token_keys_not_followed",
        "server.key_rotation_failed",
        "server.clients_not_read",
        "server.client_left_out",
        "server.anchors_not_read",
        "server.anchor_left_out",
        "server.reload_refused",
        "server.reload_needs_restart",
    ];

    /// The stable code of this failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ConfigUnreadable { .. } => "server.config_unreadable",
            Self::ConfigInvalid { .. } => "server.config_invalid",
            Self::FileUnusable { .. } => "server.file_unusable",
            Self::FileExists { .. } => "server.file_exists",
            Self::ServerRunning { .. } => "server.running",
            Self::BackupRefused { .. } => "server.backup_refused",
            Self::ConfirmationMissing { .. } => "server.confirmation_missing",
            Self::DatabaseForeign => "server.database_foreign",
            Self::Stopped { .. } => "server.stopped",
            Self::KeyMissing { .. } => "server.key_missing",
            Self::KeyNotPrivate { .. } => "server.key_not_private",
            Self::KeyUnusable { .. } => "server.key_unusable",
            Self::KeyEncryptionKeyMissing { .. } => "server.key_encryption_key_missing",
            Self::KeyEncryptionKeyMalformed { .. } => "server.key_encryption_key_malformed",
            Self::KeyEncryptionKeyWrong { .. } => "server.key_encryption_key_wrong",
            Self::TokenKeyUnreadable { .. } => "server.token_key_unreadable",
            Self::TokenKeyUnusable { .. } => "server.token_key_unusable",
            Self::TokenKeysUnavailable { .. } => "server.token_keys_unavailable",
            Self::Pkcs11Unavailable { .. } => "server.pkcs11_unavailable",
            Self::ChallengeListRefused { .. } => "server.challenge_list_refused",
            Self::ChallengeListOlder { .. } => "server.challenge_list_older",
            Self::ChallengeListUnusable { .. } => "server.challenge_list_unusable",
            Self::EnrolmentUnusable { .. } => "server.enrolment_unusable",
            Self::ProfileUnknown { .. } => "server.profile_unknown",
            Self::TrustAnchorUnusable { .. } => "server.trust_anchor_unusable",
            Self::AnchorUnusable { .. } => "server.anchor_unusable",
            Self::AnchorFingerprintMismatch { .. } => "server.anchor_fingerprint_mismatch",
            Self::AnchorConfigured { .. } => "server.anchor_configured",
            Self::ReloadAbandoned => "server.reload_abandoned",
            Self::TlsUnusable { .. } => "server.tls_unusable",
            Self::DatabaseUnavailable { .. } => "server.database_unavailable",
            Self::LedgerUnavailable { source } => source.code(),
            Self::LedgerTampered { finding } => finding.code(),
            Self::LookUpsTampered { finding } => match finding {
                LookUpFinding::Changed { .. } => "server.look_up_changed",
                LookUpFinding::Removed { .. } => "server.look_up_removed",
                LookUpFinding::Added { .. } => "server.look_up_added",
            },
            Self::DocumentTooLong => "server.document_too_long",
            Self::ClientConfigured { .. } => "server.client_configured",
            Self::ClientRegisteredTwice { .. } => "server.client_registered_twice",
            Self::ProviderRefused { .. } => "server.provider_refused",
            Self::HttpClientUnusable { .. } => "server.http_client_unusable",
            Self::ListenFailed { .. } => "server.listen_failed",
            Self::TelemetryUnusable { .. } => "server.telemetry_unusable",
        }
    }
}

fn place(file: &std::path::Path, line: Option<usize>) -> String {
    match line {
        Some(line) => format!("{}:{line}", file.display()),
        None => file.display().to_string(),
    }
}

fn key_and_colon(key: &str) -> String {
    if key.is_empty() {
        String::new()
    } else {
        format!("{key}: ")
    }
}

#[cfg(test)]
mod tests {
    use super::Error;
    use crate::problem::Problem;

    #[test]
    fn every_code_is_documented() {
        let documented = include_str!("../../../docs/errors.md");
        let problems = Problem::ALL.iter().map(|problem| problem.code());
        let own = Error::ALL_CODES.iter().chain(Error::LOG_CODES).copied();
        let codes = own.chain(problems);
        for code in codes {
            assert!(
                documented.contains(&format!("| `{code}` |")),
                "{code} is not in docs/errors.md"
            );
        }
    }
}

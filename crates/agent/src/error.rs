//! Everything that the agent refuses or fails at, and the code that tells each case apart.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::display_text::for_display;
use crate::log_memory::LogRefusal;

/// A refusal or failure of the agent. Failures of the card keep the card crate's own codes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that the agent needs cannot be read.
    #[error("{} cannot be read", path.display())]
    FileUnreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Someone else than its owner may read or change a file that must be the agent's alone.
    #[error("{} is not safe to use: {reason}", path.display())]
    FileUnsafe {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong, and how to mend it.
        reason: &'static str,
    },
    /// The configuration is not usable.
    #[error("{}: {key}: {reason}", path.display())]
    ConfigInvalid {
        /// The configuration file.
        path: PathBuf,
        /// The key that is wrong.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What the configuration names cannot be used, for the reason of another failure. It has the
    /// code of that one.
    #[error("{}: {key}: {}", path.display(), with_sources(reason))]
    Configured {
        /// The configuration file.
        path: PathBuf,
        /// The key that names it.
        key: &'static str,
        /// What is wrong with it.
        reason: Box<Error>,
    },
    /// The agent's own state cannot be written or is damaged.
    #[error("the agent's state {} is not usable: {reason}", path.display())]
    StateUnusable {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What holds the instance key, such as a TPM, does not answer for it.
    #[error("the instance key is not available: {reason}")]
    InstanceKeyUnavailable {
        /// What its holder says.
        reason: String,
    },
    /// The port is taken: by another agent, or by a program that wants to pass for one.
    #[error("cannot listen on {address}")]
    AddressUnavailable {
        /// The loopback address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The socket for programs of this user cannot be listened on: most often another agent does.
    #[error("cannot listen on {}", path.display())]
    SocketUnavailable {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A frame on the socket or from a browser breaks the form.
    #[error("the frame is not valid: {reason}")]
    FrameInvalid {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A browser extension that is not listed started the native host.
    #[error("the browser extension is not one that may use this agent")]
    ExtensionRefused,
    /// No agent answers at the configured port.
    #[error("no agent answers")]
    NotRunning,
    /// The connection comes from another user's program.
    #[error("the caller is not a program of this user")]
    PeerRefused,
    /// `Host` is not one of this agent's two names: another one was made to point here (DNS
    /// rebinding).
    #[error("the Host header is not this agent's address")]
    HostRefused,
    /// `Origin` is missing, doubled, or not an enrolled one.
    #[error("the Origin header is not one enrolled origin")]
    OriginRefused,
    /// There is no such route.
    #[error("there is no such resource")]
    NotFound,
    /// The route exists, for another method.
    #[error("the method is not allowed here")]
    MethodNotAllowed,
    /// The body is not `application/json`.
    #[error("the Content-Type is not application/json")]
    ContentTypeRefused,
    /// The body is not the JSON object expected, or too long.
    #[error("the request body is not {{\"challenge\": …}}")]
    RequestInvalid,
    /// Another prompt is open: there is never more than one.
    #[error("another sign-in is under way")]
    Busy,
    /// Too many requests from one origin, or its prompts were cancelled again and again.
    #[error("too many requests from this origin")]
    RateLimited {
        /// When a next try makes sense, in seconds.
        retry_after_seconds: u64,
    },
    /// The person blocked this site for a while.
    #[error("the person blocked this site")]
    SiteBlocked {
        /// When a next try makes sense, in seconds.
        retry_after_seconds: u64,
    },
    /// The challenge is malformed, of another type or purpose, or not signed by a listed key.
    #[error("the challenge is not valid: {reason}")]
    ChallengeInvalid {
        /// The fact that failed.
        reason: &'static str,
    },
    /// The challenge was put to the person before: each one is signed at most once.
    #[error("the challenge was used before")]
    ChallengeRepeated,
    /// The challenge's issuer and the page's origin do not belong to one enrolment.
    #[error("the challenge's issuer is not enrolled for this origin")]
    EnrolmentMismatch,
    /// The issuer's list of challenge keys could not be fetched.
    #[error("the issuer's challenge keys cannot be fetched: {reason}")]
    ChallengeKeysUnreachable {
        /// The kind of failure.
        reason: String,
    },
    /// The list is not signed by a pinned root, or is not this issuer's.
    #[error("the issuer's challenge key list is not valid")]
    ChallengeKeysInvalid {
        /// Why it was refused.
        source: cardea_assertion::Error,
    },
    /// The list is older than one that was seen before.
    #[error("the issuer's challenge key list is older than version {version_min}")]
    ChallengeKeysRolledBack {
        /// The highest version seen so far.
        version_min: u64,
    },
    /// What the issuer shows of its log cannot be.
    #[error(transparent)]
    Log(#[from] LogRefusal),
    /// What was given is no address that an issuer can have.
    #[error("the address {reason}")]
    EnrolmentAddressInvalid {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The issuer's TLS certificate leads to no authority that is trusted here.
    #[error("the issuer's TLS certificate is not trusted; --ca-file names a private authority")]
    IssuerCertificateUntrusted,
    /// The enrolment document is none, or disagrees with itself.
    #[error("the enrolment document is not valid: {reason}")]
    EnrolmentInvalid {
        /// What is wrong with it.
        reason: String,
    },
    /// The document at an issuer's address is another issuer's.
    #[error("the document is that of another issuer, {}", for_display(named))]
    EnrolmentForeignIssuer {
        /// Whom it names.
        named: String,
    },
    /// The issuer would pass for another one.
    #[error("the issuer would pass for another: {reason}")]
    EnrolmentDeceptive {
        /// By what.
        reason: String,
    },
    /// The issuer is enrolled already, otherwise.
    #[error("{issuer} is enrolled already: {reason}")]
    EnrolmentConflict {
        /// The issuer.
        issuer: String,
        /// What is different, and what to do.
        reason: String,
    },
    /// The document is older than the one that the issuer was enrolled by.
    #[error("the enrolment document is older than the one that this workstation has")]
    EnrolmentRolledBack,
    /// Nobody has compared the root keys.
    #[error("nothing was enrolled: {reason}")]
    EnrolmentUnconfirmed {
        /// What is missing.
        reason: &'static str,
    },
    /// The challenge's lifetime ended before the card had signed.
    #[error("the challenge's lifetime has ended")]
    ChallengeExpired,
    /// The person pressed Cancel.
    #[error("the person cancelled")]
    PromptCancelled,
    /// Nobody answered the prompt in time.
    #[error("nobody answered the prompt in time")]
    PromptTimedOut,
    /// The prompt program is missing or failed.
    #[error("the prompt cannot be shown: {reason}")]
    PromptUnavailable {
        /// What failed; never anything that was typed.
        reason: &'static str,
    },
    /// No browser shows the page of the workstation's state.
    #[error("the page cannot be shown: {reason}")]
    PageUnavailable {
        /// What failed.
        reason: &'static str,
    },
    /// The person did not accept to use the last try.
    #[error("the person declined to use the last try")]
    LastTryDeclined,
    /// What was typed was never a PIN, or was wrong too often in one sign-in.
    #[error("too many PIN entries in one sign-in")]
    TooManyEntries,
    /// The card's certificate has expired, by the issuer's time.
    #[error("the card expired {days_ago} days ago")]
    CardExpired {
        /// Whole days since then.
        days_ago: i64,
    },
    /// The card takes no PIN where it lies (contactless), and this login wants one.
    #[error("a card on a contactless reader takes no PIN, and this login wants one")]
    PinWantedContactless,
    /// The card in the reader is no longer the one that the sign-in began with.
    #[error("the card was changed during the sign-in")]
    CardChanged,
    /// Another program keeps the card to itself, or holds it in a transaction without end.
    #[error("the reader is held by {}", names(programs))]
    ReaderHeld {
        /// The other programs that are connected to the smart-card service, where the system tells.
        programs: Vec<cardea_card::ProgramAtReader>,
    },
    /// Several cards are inserted, and the command does not say which one it is about.
    #[error(
        "several cards are inserted; --reader names one of: {}",
        shown_names(readers)
    )]
    ReaderAmbiguous {
        /// The readers with a card.
        readers: Vec<String>,
    },
    /// The page closed the request; nothing is signed.
    #[error("the page has gone")]
    PageGone,
    /// The departure of a card could not be told to the server in time.
    #[error("the departure of the card could not be delivered")]
    DepartureUndelivered,
    /// The person's screen is locked, another session's, or about to sleep: nobody can be asked.
    #[error("the screen is locked, so nobody can be asked")]
    ScreenLocked,
    /// Nothing tells when the person's screen is locked.
    #[error("nothing tells when the screen is locked: {reason}")]
    ScreenLockUnwatched {
        /// What the bus says.
        reason: String,
    },
    /// The configuration does not let programs have tokens.
    #[error(
        "this workstation gives no tokens to programs; its administrator can set `enabled` under \
         [business_software] in agent.toml"
    )]
    BusinessSoftwareDisabled,
    /// The configuration does not list this client for programs.
    #[error("the client is not listed under [business_software] in agent.toml")]
    ClientNotAllowed,
    /// The workstation is not enrolled with this issuer.
    #[error("this workstation is not enrolled with the issuer")]
    IssuerUnknown,
    /// The issuer does not answer.
    #[error("the issuer does not answer: {reason}")]
    IssuerUnreachable {
        /// The kind of failure.
        reason: &'static str,
    },
    /// The issuer answered something else than its protocol has.
    #[error("the issuer's answer is not usable: {reason}")]
    IssuerAnswerInvalid {
        /// What was wrong with it.
        reason: &'static str,
    },
    /// The issuer refused the challenge or the grant.
    #[error("the issuer refused with {error}: {reason}")]
    GrantRefused {
        /// OAuth's name of the refusal.
        error: String,
        /// The issuer's own code, which its error list explains; else OAuth's name again.
        reason: String,
    },
    /// A proof of possession was asked for that the agent does not make.
    #[error("no proof is made: {reason}")]
    ProofRefused {
        /// Why not, with what was asked and what is registered.
        reason: Cow<'static, str>,
    },
    /// A program said something else than the local API's messages.
    #[error("the program's request is not valid: {reason}")]
    ProgramRequestInvalid {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// More programs are connected than the local API serves at once.
    #[error("too many programs are connected")]
    TooManyPrograms,
    /// The session of a program was ended, by the issuer or by the agent, with its card still
    /// there.
    #[error("the session is over")]
    SessionOver,
    /// A signal ended a sign-in under way.
    #[error("the sign-in was stopped")]
    Interrupted,
    /// A failure of the agent itself.
    #[error("the agent failed: {reason}")]
    Internal {
        /// What failed.
        reason: &'static str,
    },
    /// A failure of card access.
    #[error(transparent)]
    Card(#[from] cardea_card::Error),
}

impl Error {
    /// Every code of this crate; [`Error::code`] also passes on the codes of `cardea-card`.
    pub const ALL_CODES: &'static [&'static str] = &[
        "agent.file_unreadable",
        "agent.file_unsafe",
        "agent.config_invalid",
        "agent.state_unusable",
        "agent.instance_key_unavailable",
        "agent.address_unavailable",
        "agent.socket_unavailable",
        "agent.frame_invalid",
        "agent.extension_refused",
        "agent.not_running",
        "agent.peer_refused",
        "agent.host_refused",
        "agent.origin_refused",
        "agent.not_found",
        "agent.method_not_allowed",
        "agent.content_type_refused",
        "agent.request_invalid",
        "agent.busy",
        "agent.rate_limited",
        "agent.site_blocked",
        "agent.challenge_invalid",
        "agent.challenge_repeated",
        "agent.enrolment_mismatch",
        "agent.challenge_keys_unreachable",
        "agent.challenge_keys_invalid",
        "agent.challenge_keys_rolled_back",
        "agent.log_not_shown",
        "agent.log_invalid",
        "agent.log_key_changed",
        "agent.log_not_cosigned",
        "agent.log_rewritten",
        "agent.log_not_grown",
        "agent.log_cosigned_long_ago",
        "agent.log_memory_unusable",
        "agent.enrolment_address_invalid",
        "agent.issuer_certificate_untrusted",
        "agent.enrolment_invalid",
        "agent.enrolment_foreign_issuer",
        "agent.enrolment_deceptive",
        "agent.enrolment_conflict",
        "agent.enrolment_rolled_back",
        "agent.enrolment_unconfirmed",
        "agent.challenge_expired",
        "agent.prompt_cancelled",
        "agent.prompt_timed_out",
        "agent.prompt_unavailable",
        "agent.page_unavailable",
        "agent.last_try_declined",
        "agent.too_many_entries",
        "agent.card_expired",
        "agent.pin_wanted_contactless",
        "agent.card_changed",
        "agent.reader_held",
        "agent.reader_ambiguous",
        "agent.page_gone",
        "agent.departure_undelivered",
        "agent.screen_locked",
        "agent.screen_lock_unwatched",
        "agent.business_software_disabled",
        "agent.client_not_allowed",
        "agent.issuer_unknown",
        "agent.issuer_unreachable",
        "agent.issuer_answer_invalid",
        "agent.grant_refused",
        "agent.proof_refused",
        "agent.program_request_invalid",
        "agent.too_many_programs",
        "agent.session_over",
        "agent.interrupted",
        "agent.internal",
    ];

    /// The stable machine code, listed in docs/errors.md.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::FileUnreadable { .. } => "agent.file_unreadable",
            Self::FileUnsafe { .. } => "agent.file_unsafe",
            Self::ConfigInvalid { .. } => "agent.config_invalid",
            Self::Configured { reason, .. } => reason.code(),
            Self::StateUnusable { .. } => "agent.state_unusable",
            Self::InstanceKeyUnavailable { .. } => "agent.instance_key_unavailable",
            Self::AddressUnavailable { .. } => "agent.address_unavailable",
            Self::SocketUnavailable { .. } => "agent.socket_unavailable",
            Self::FrameInvalid { .. } => "agent.frame_invalid",
            Self::ExtensionRefused => "agent.extension_refused",
            Self::NotRunning => "agent.not_running",
            Self::PeerRefused => "agent.peer_refused",
            Self::HostRefused => "agent.host_refused",
            Self::OriginRefused => "agent.origin_refused",
            Self::NotFound => "agent.not_found",
            Self::MethodNotAllowed => "agent.method_not_allowed",
            Self::ContentTypeRefused => "agent.content_type_refused",
            Self::RequestInvalid => "agent.request_invalid",
            Self::Busy => "agent.busy",
            Self::RateLimited { .. } => "agent.rate_limited",
            Self::SiteBlocked { .. } => "agent.site_blocked",
            Self::ChallengeInvalid { .. } => "agent.challenge_invalid",
            Self::ChallengeRepeated => "agent.challenge_repeated",
            Self::EnrolmentMismatch => "agent.enrolment_mismatch",
            Self::ChallengeKeysUnreachable { .. } => "agent.challenge_keys_unreachable",
            Self::ChallengeKeysInvalid { .. } => "agent.challenge_keys_invalid",
            Self::ChallengeKeysRolledBack { .. } => "agent.challenge_keys_rolled_back",
            Self::Log(refusal) => refusal.code(),
            Self::EnrolmentAddressInvalid { .. } => "agent.enrolment_address_invalid",
            Self::IssuerCertificateUntrusted => "agent.issuer_certificate_untrusted",
            Self::EnrolmentInvalid { .. } => "agent.enrolment_invalid",
            Self::EnrolmentForeignIssuer { .. } => "agent.enrolment_foreign_issuer",
            Self::EnrolmentDeceptive { .. } => "agent.enrolment_deceptive",
            Self::EnrolmentConflict { .. } => "agent.enrolment_conflict",
            Self::EnrolmentRolledBack => "agent.enrolment_rolled_back",
            Self::EnrolmentUnconfirmed { .. } => "agent.enrolment_unconfirmed",
            Self::ChallengeExpired => "agent.challenge_expired",
            Self::PromptCancelled => "agent.prompt_cancelled",
            Self::PromptTimedOut => "agent.prompt_timed_out",
            Self::PromptUnavailable { .. } => "agent.prompt_unavailable",
            Self::PageUnavailable { .. } => "agent.page_unavailable",
            Self::LastTryDeclined => "agent.last_try_declined",
            Self::TooManyEntries => "agent.too_many_entries",
            Self::CardExpired { .. } => "agent.card_expired",
            Self::PinWantedContactless => "agent.pin_wanted_contactless",
            Self::CardChanged => "agent.card_changed",
            Self::ReaderHeld { .. } => "agent.reader_held",
            Self::ReaderAmbiguous { .. } => "agent.reader_ambiguous",
            Self::PageGone => "agent.page_gone",
            Self::DepartureUndelivered => "agent.departure_undelivered",
            Self::ScreenLocked => "agent.screen_locked",
            Self::ScreenLockUnwatched { .. } => "agent.screen_lock_unwatched",
            Self::BusinessSoftwareDisabled => "agent.business_software_disabled",
            Self::ClientNotAllowed => "agent.client_not_allowed",
            Self::IssuerUnknown => "agent.issuer_unknown",
            Self::IssuerUnreachable { .. } => "agent.issuer_unreachable",
            Self::IssuerAnswerInvalid { .. } => "agent.issuer_answer_invalid",
            Self::GrantRefused { .. } => "agent.grant_refused",
            Self::ProofRefused { .. } => "agent.proof_refused",
            Self::ProgramRequestInvalid { .. } => "agent.program_request_invalid",
            Self::TooManyPrograms => "agent.too_many_programs",
            Self::SessionOver => "agent.session_over",
            Self::Interrupted => "agent.interrupted",
            Self::Internal { .. } => "agent.internal",
            Self::Card(error) => error.code(),
        }
    }

    /// How many tries the card has left, where this failure says so.
    #[must_use]
    pub fn tries_left(&self) -> Option<u8> {
        match self {
            Self::Card(cardea_card::Error::PinIncorrect { tries_left }) => *tries_left,
            Self::Card(cardea_card::Error::PinLastTry) | Self::LastTryDeclined => Some(1),
            Self::Card(cardea_card::Error::PinBlocked) => Some(0),
            _ => None,
        }
    }

    /// When a next try makes sense, in seconds, where this failure says so.
    pub(crate) fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::RateLimited {
                retry_after_seconds,
            }
            | Self::SiteBlocked {
                retry_after_seconds,
            } => Some(*retry_after_seconds),
            _ => None,
        }
    }
}

/// A failure and what caused it, as one text.
pub(crate) fn with_sources(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// The readers' names, fit to be shown.
fn shown_names(readers: &[String]) -> String {
    let names: Vec<_> = readers.iter().map(|name| for_display(name)).collect();
    names.join(", ")
}

/// The programs' names, for the log.
fn names(programs: &[cardea_card::ProgramAtReader]) -> String {
    let names: Vec<_> = programs
        .iter()
        .map(|program| program.name.as_deref().map_or("?".to_owned(), for_display))
        .collect();
    match names.as_slice() {
        [] => "another program".to_owned(),
        names => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_section_in_the_error_list_has_these_codes_and_no_others() {
        let mut sections = include_str!("../../../docs/errors.md").split("\n## ");
        let section = sections.find(|text| text.starts_with("agent\n")).unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        let codes: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
        assert_eq!(codes, super::Error::ALL_CODES);
    }
}

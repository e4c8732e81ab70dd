//! What the doctor can find, in the order in which it must be mended.

use serde::Serialize;

/// One cause. The order is that of mending: what stands further down may be a consequence of what
/// stands above it, and is worth nothing before that is mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// agent.toml, or a file that it names, is not usable.
    ConfigurationUnusable,
    /// The program that asks for the PIN is missing or not safe.
    PromptMissing,
    /// The smart-card service is not installed.
    ReaderServiceMissing,
    /// The smart-card service does not run.
    ReaderServiceStopped,
    /// The smart-card service is not for this account.
    ReaderServiceForbidden,
    /// The smart-card service takes connections and says nothing.
    ReaderServiceSilent,
    /// The vendor's PKCS#11 module does not work.
    ModuleUnusable,
    /// No reader is connected.
    ReaderMissing,
    /// Another program keeps the card to itself.
    ReaderHeld,
    /// The card does not answer.
    CardMute,
    /// The card is of no kind that is known here.
    CardUnknown,
    /// The card answers, and has nothing to log in with.
    CardUnusable,
    /// No issuer is enrolled.
    IssuerMissing,
    /// An issuer cannot be reached.
    IssuerUnreachable,
    /// The workstation's clock is off.
    ClockOff,
    /// The issuer's own TLS certificate is out of date.
    IssuerCertificateOutdated,
    /// Somebody else's certificate answers in the issuer's place.
    TlsIntercepted,
    /// The issuer's certificate comes from an authority that was added to this workstation.
    TlsLocalAuthority,
    /// What answers is not the issuer that was enrolled.
    IssuerForeign,
    /// The issuer's log is not what this workstation knows of it: nobody is signed in.
    LogRefused,
    /// The issuer's log is not as new as it ought to be.
    LogDoubtful,
    /// The card's certificate has expired.
    CertificateExpired,
    /// The card's certificate expires soon.
    CertificateExpiring,
    /// The agent does not run.
    AgentStopped,
    /// The agent is not told when the screen is locked, and so keeps no PIN.
    ScreenLockUnwatched,
    /// Another program has the agent's port.
    PortTaken,
    /// A browser does not know where the agent is.
    BrowserHostMissing,
    /// The browser's policy lets no page of the issuer reach the agent's port.
    PolicyMissing,
    /// A browser has the extension, and it is switched off.
    ExtensionOff,
    /// A browser lacks the extension.
    ExtensionMissing,
    /// No card is in a reader.
    CardMissing,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing is wrong; the person may want to know.
    Note,
    /// It works today.
    Warning,
    /// Nobody can sign in, or not by this way.
    Fault,
}

impl Cause {
    /// Every cause, in the order of mending.
    pub const ALL: &'static [Self] = &[
        Self::ConfigurationUnusable,
        Self::PromptMissing,
        Self::ReaderServiceMissing,
        Self::ReaderServiceStopped,
        Self::ReaderServiceForbidden,
        Self::ReaderServiceSilent,
        Self::ModuleUnusable,
        Self::ReaderMissing,
        Self::ReaderHeld,
        Self::CardMute,
        Self::CardUnknown,
        Self::CardUnusable,
        Self::IssuerMissing,
        Self::IssuerUnreachable,
        Self::ClockOff,
        Self::IssuerCertificateOutdated,
        Self::TlsIntercepted,
        Self::TlsLocalAuthority,
        Self::IssuerForeign,
        Self::LogRefused,
        Self::LogDoubtful,
        Self::CertificateExpired,
        Self::CertificateExpiring,
        Self::AgentStopped,
        Self::ScreenLockUnwatched,
        Self::PortTaken,
        Self::BrowserHostMissing,
        Self::PolicyMissing,
        Self::ExtensionOff,
        Self::ExtensionMissing,
        Self::CardMissing,
    ];

    /// The stable machine code, listed in docs/doctor.md.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::ConfigurationUnusable => "doctor.configuration_unusable",
            Self::PromptMissing => "doctor.prompt_missing",
            Self::ReaderServiceMissing => "doctor.reader_service_missing",
            Self::ReaderServiceStopped => "doctor.reader_service_stopped",
            Self::ReaderServiceForbidden => "doctor.reader_service_forbidden",
            Self::ReaderServiceSilent => "doctor.reader_service_silent",
            Self::ModuleUnusable => "doctor.module_unusable",
            Self::ReaderMissing => "doctor.reader_missing",
            Self::ReaderHeld => "doctor.reader_held",
            Self::CardMute => "doctor.card_mute",
            Self::CardUnknown => "doctor.card_unknown",
            Self::CardUnusable => "doctor.card_unusable",
            Self::IssuerMissing => "doctor.issuer_missing",
            Self::IssuerUnreachable => "doctor.issuer_unreachable",
            Self::ClockOff => "doctor.clock_off",
            Self::IssuerCertificateOutdated => "doctor.issuer_certificate_outdated",
            Self::TlsIntercepted => "doctor.tls_intercepted",
            Self::TlsLocalAuthority => "doctor.tls_local_authority",
            Self::IssuerForeign => "doctor.issuer_foreign",
            Self::LogRefused => "doctor.log_refused",
            Self::LogDoubtful => "doctor.log_doubtful",
            Self::CertificateExpired => "doctor.certificate_expired",
            Self::CertificateExpiring => "doctor.certificate_expiring",
            Self::AgentStopped => "doctor.agent_stopped",
            Self::ScreenLockUnwatched => "doctor.screen_lock_unwatched",
            Self::PortTaken => "doctor.port_taken",
            Self::BrowserHostMissing => "doctor.browser_host_missing",
            Self::PolicyMissing => "doctor.policy_missing",
            Self::ExtensionOff => "doctor.extension_off",
            Self::ExtensionMissing => "doctor.extension_missing",
            Self::CardMissing => "doctor.card_missing",
        }
    }

    /// How bad it is.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::CardMissing => Severity::Note,
            Self::ClockOff
            | Self::LogDoubtful
            | Self::TlsLocalAuthority
            | Self::CertificateExpiring
            | Self::PolicyMissing
            | Self::ScreenLockUnwatched => Severity::Warning,
            _ => Severity::Fault,
        }
    }

    /// Whether `--fix` mends it.
    #[must_use]
    pub fn is_fixable(self) -> bool {
        self == Self::BrowserHostMissing
    }
}

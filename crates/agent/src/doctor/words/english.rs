//! In English.

use crate::doctor::cause::Cause;

/// Title, detail, fix.
type Said = (&'static str, &'static str, &'static str);

pub(super) fn of(cause: Cause) -> Said {
    match cause {
        Cause::ConfigurationUnusable => CONFIGURATION_UNUSABLE,
        Cause::PromptMissing => PROMPT_MISSING,
        Cause::ReaderServiceMissing => READER_SERVICE_MISSING,
        Cause::ReaderServiceStopped => READER_SERVICE_STOPPED,
        Cause::ReaderServiceForbidden => READER_SERVICE_FORBIDDEN,
        Cause::ReaderServiceSilent => READER_SERVICE_SILENT,
        Cause::ModuleUnusable => MODULE_UNUSABLE,
        Cause::ReaderMissing => READER_MISSING,
        Cause::ReaderHeld => READER_HELD,
        Cause::CardMute => CARD_MUTE,
        Cause::CardUnknown => CARD_UNKNOWN,
        Cause::CardUnusable => CARD_UNUSABLE,
        Cause::IssuerMissing => ISSUER_MISSING,
        Cause::IssuerUnreachable => ISSUER_UNREACHABLE,
        Cause::ClockOff => CLOCK_OFF,
        Cause::IssuerCertificateOutdated => ISSUER_CERTIFICATE_OUTDATED,
        Cause::TlsIntercepted => TLS_INTERCEPTED,
        Cause::TlsLocalAuthority => TLS_LOCAL_AUTHORITY,
        Cause::IssuerForeign => ISSUER_FOREIGN,
        Cause::LogRefused => LOG_REFUSED,
        Cause::LogDoubtful => LOG_DOUBTFUL,
        Cause::CertificateExpired => CERTIFICATE_EXPIRED,
        Cause::CertificateExpiring => CERTIFICATE_EXPIRING,
        Cause::AgentStopped => AGENT_STOPPED,
        Cause::ScreenLockUnwatched => SCREEN_LOCK_UNWATCHED,
        Cause::PortTaken => PORT_TAKEN,
        Cause::BrowserHostMissing => BROWSER_HOST_MISSING,
        Cause::PolicyMissing => POLICY_MISSING,
        Cause::ExtensionOff => EXTENSION_OFF,
        Cause::ExtensionMissing => EXTENSION_MISSING,
        Cause::CardMissing => CARD_MISSING,
    }
}

const CONFIGURATION_UNUSABLE: Said = (
    "Cardea's configuration cannot be used.",
    "{reason}",
    "Correct the file where it says; agent.example.toml explains each setting.",
);

const PROMPT_MISSING: Said = (
    "The window that asks for the PIN cannot open.",
    "{reason}",
    "Install a graphical pinentry.",
);

const READER_SERVICE_MISSING: Said = (
    "The smart-card service is not installed.",
    "The program pcscd is not on this workstation.",
    "Install it, or ask your IT support to.",
);

const READER_SERVICE_STOPPED: Said = (
    "The smart-card service is stopped.",
    "pcscd is installed, but nobody answers at {socket}.",
    "Start it, or ask your IT support to.",
);

const READER_SERVICE_FORBIDDEN: Said = (
    "Your account may not use the card reader.",
    "{reason}",
    "Ask your IT support to allow your account: a polkit rule for \
     org.debian.pcsc-lite.access_pcsc and access_card, access to {socket}. A session that \
     was opened from afar often has no such right.",
);

const READER_SERVICE_SILENT: Said = (
    "The smart-card service has stopped answering.",
    "pcscd takes the connection, and then nothing comes: {reason}.",
    "Unplug the reader and plug it in again; if that is not enough, restart the service.",
);

const MODULE_UNUSABLE: Said = (
    "The card's module (PKCS#11) does not work.",
    "{reason}",
    "Install the software that came with the card anew, or correct \"backend\" in \
     agent.toml.",
);

const READER_MISSING: Said = (
    "No card reader is connected.",
    "The smart-card service works, but sees no reader.",
    "Plug the reader in, directly into the computer if you can. If it is plugged in, unplug \
     it and plug it in again; some readers need their maker's driver (package libccid for \
     most).",
);

const READER_HELD: Said = (
    "Another program keeps the card to itself.",
    "Reader: {reader}.",
    "{advice}",
);

const CARD_MUTE: Said = (
    "The card does not answer.",
    "Reader: {reader}.",
    "Pull the card, wipe its chip, put it in with the chip ahead and up. If it happens with \
     another card, too, it is the reader.",
);

const CARD_UNKNOWN: Said = (
    "This card is not recognised.",
    "Reader: {reader}. The card's answer to reset (ATR): {atr}. {module}",
    "See that it is your professional card, and no bank or health-insurance card. A CPS \
     card needs the \"Cryptolib CPS\" of the Agence du Numérique en Santé. Else give the \
     ATR to your support.",
);

const CARD_UNUSABLE: Said = (
    "Nothing on the card can log in.",
    "Reader: {reader}. {reason} ATR: {atr}.",
    "Ask the card's issuer.",
);

const ISSUER_MISSING: Said = (
    "This workstation is enrolled with no sign-in service.",
    "No issuer stands in agent.toml or issuers.d.",
    "Enrol the workstation at the address that your portal gave you, and compare the \
     fingerprints with those in the letter.",
);

const ISSUER_UNREACHABLE: Said = (
    "The sign-in service cannot be reached.",
    "{issuer}: {reason}.",
    "See whether another site opens. If others do, the service is down, or a firewall \
     blocks it.",
);

const CLOCK_OFF: Said = (
    "This workstation's clock is off.",
    "It {offset} by the clock of {issuer}.",
    "Set date and time, or have them set automatically. Until then, good certificates may \
     look expired.",
);

const ISSUER_CERTIFICATE_OUTDATED: Said = (
    "The sign-in service's own certificate is out of date.",
    "{issuer}: its TLS certificate has expired or is not valid yet, and this workstation's \
     clock is not to blame.",
    "Tell the service's operator; there is nothing to change on this workstation.",
);

const TLS_INTERCEPTED: Said = (
    "Somebody answers in the sign-in service's place.",
    "{issuer}: {reason} Authority at the end of the chain: {authority}.",
    "An antivirus, a firewall or a Wi-Fi portal reads the connection. Open the network's \
     welcome page first if it has one; else ask for this address to be left out of TLS \
     inspection. Do not go on regardless.",
);

const TLS_LOCAL_AUTHORITY: Said = (
    "The connection to the service goes by an authority that was added to this \
     workstation.",
    "{issuer}: its certificate comes from {authority}, an authority that somebody added to \
     this workstation.",
    "That is as it should be if the service is your organisation's own: then enrol it with \
     that authority. Else an antivirus or a firewall reads the connection: ask for this \
     address to be left out.",
);

const ISSUER_FOREIGN: Said = (
    "What answers is not the service that this workstation is enrolled with.",
    "{issuer}: {reason}.",
    "Do not sign in. Ask the service whether its keys have changed; if so, enrol the \
     workstation again and compare the fingerprints.",
);

const LOG_REFUSED: Said = (
    "The service's log is not what this workstation knows of it, and nobody is signed in.",
    "{issuer}: {reason} [{code}: {said}]",
    "{advice}",
);

const LOG_DOUBTFUL: Said = (
    "The service's log is not as new as it ought to be.",
    "{issuer}: {reason} [{code}: {said}]",
    "{advice}",
);

const CERTIFICATE_EXPIRED: Said = (
    "The card has expired.",
    "Reader: {reader}. Its certificate is valid from {from} to {until}.",
    "Take your new card, or ask its issuer for one.",
);

const CERTIFICATE_EXPIRING: Said = (
    "The card expires soon.",
    "Reader: {reader}. {days} day(s) left, until {until}.",
    "Ask for a new card now.",
);

const AGENT_STOPPED: Said = (
    "Cardea is not running in your session.",
    "Nobody answers at {socket}.{reason}",
    "Log out and in again, or run the command; from then on it starts with your session.",
);

const SCREEN_LOCK_UNWATCHED: Said = (
    "Cardea is not told when the screen is locked.",
    "The PIN is asked each time, although the configuration would have it kept ({reason}).",
    "Ask your IT support to start D-Bus and logind (systemd-logind) on this workstation.",
);

const PORT_TAKEN: Said = (
    "Another program has Cardea's port.",
    "At 127.0.0.1:{port}: {program}.",
    "Close that program, then restart Cardea. If you do not know it, tell your IT support: \
     it may want to pass for Cardea.",
);

const BROWSER_HOST_MISSING: Said = (
    "The browser does not know where Cardea is.",
    "{browser}: {reason}",
    "Run the command, or cardea-agent doctor --fix, then restart the browser.",
);

const POLICY_MISSING: Said = (
    "The browser has no leave in advance to reach Cardea on this workstation.",
    "{browser}: the extension is not there, and no enterprise policy names {issuer} \
     (LocalNetworkAccessAllowedForUrls).",
    "Install Cardea's extension; else press \"Allow\" when the browser asks, or have the \
     address added to the policy in {folder}.",
);

const EXTENSION_OFF: Said = (
    "The browser has Cardea's extension switched off.",
    "{browser}: the extension is there, and the browser does not run it.",
    "Open {page} in the browser and switch Cardea on. \
     If that cannot be done there, ask your IT support: \
     a policy may forbid it.",
);

const EXTENSION_MISSING: Said = (
    "The browser lacks Cardea's extension.",
    "{browser}: no profile holds the extension, and the local port is shut on this \
     workstation ({loopback}).",
    "Install Cardea's extension, or have the enterprise policy install it.",
);

const CARD_MISSING: Said = (
    "No card is inserted.",
    "Reader(s): {readers}.",
    "Insert your card to sign in.",
);

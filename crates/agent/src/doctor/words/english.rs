//! In English.

use crate::doctor::cause::Cause;

/// Title, detail, fix.
#[expect(clippy::too_many_lines, reason = "a table, to be read as one")]
pub(super) fn of(cause: Cause) -> (&'static str, &'static str, &'static str) {
    match cause {
        Cause::ConfigurationUnusable => (
            "Cardea's configuration cannot be used.",
            "{reason}",
            "Correct the file where it says; agent.example.toml explains each setting.",
        ),
        Cause::PromptMissing => (
            "The window that asks for the PIN cannot open.",
            "{reason}",
            "Install a graphical pinentry.",
        ),
        Cause::ReaderServiceMissing => (
            "The smart-card service is not installed.",
            "The program pcscd is not on this workstation.",
            "Install it, or ask your IT support to.",
        ),
        Cause::ReaderServiceStopped => (
            "The smart-card service is stopped.",
            "pcscd is installed, but nobody answers at {socket}.",
            "Start it, or ask your IT support to.",
        ),
        Cause::ReaderServiceForbidden => (
            "Your account may not use the card reader.",
            "{reason}",
            "Ask your IT support to allow your account: a polkit rule for \
             org.debian.pcsc-lite.access_pcsc and access_card, access to {socket}. A session that \
             was opened from afar often has no such right.",
        ),
        Cause::ReaderServiceSilent => (
            "The smart-card service has stopped answering.",
            "pcscd takes the connection, and then nothing comes: {reason}.",
            "Unplug the reader and plug it in again; if that is not enough, restart the service.",
        ),
        Cause::ModuleUnusable => (
            "The card's module (PKCS#11) does not work.",
            "{reason}",
            "Install the software that came with the card anew, or correct \"backend\" in \
             agent.toml.",
        ),
        Cause::ReaderMissing => (
            "No card reader is connected.",
            "The smart-card service works, but sees no reader.",
            "Plug the reader in, directly into the computer if you can. If it is plugged in, unplug \
             it and plug it in again; some readers need their maker's driver (package libccid for \
             most).",
        ),
        Cause::ReaderHeld => (
            "Another program keeps the card to itself.",
            "Reader: {reader}.",
            "{advice}",
        ),
        Cause::CardMute => (
            "The card does not answer.",
            "Reader: {reader}.",
            "Pull the card, wipe its chip, put it in with the chip ahead and up. If it happens with \
             another card, too, it is the reader.",
        ),
        Cause::CardUnknown => (
            "This card is not recognised.",
            "Reader: {reader}. The card's answer to reset (ATR): {atr}. {module}",
            "See that it is your professional card, and no bank or health-insurance card. A CPS \
             card needs the \"Cryptolib CPS\" of the Agence du Numérique en Santé. Else give the \
             ATR to your support.",
        ),
        Cause::CardUnusable => (
            "Nothing on the card can log in.",
            "Reader: {reader}. {reason} ATR: {atr}.",
            "Ask the card's issuer.",
        ),
        Cause::IssuerMissing => (
            "This workstation is enrolled with no sign-in service.",
            "No issuer stands in agent.toml or issuers.d.",
            "Enrol the workstation at the address that your portal gave you, and compare the \
             fingerprints with those in the letter.",
        ),
        Cause::IssuerUnreachable => (
            "The sign-in service cannot be reached.",
            "{issuer}: {reason}.",
            "See whether another site opens. If others do, the service is down, or a firewall \
             blocks it.",
        ),
        Cause::ClockOff => (
            "This workstation's clock is off.",
            "It {offset} by the clock of {issuer}.",
            "Set date and time, or have them set automatically. Until then, good certificates may \
             look expired.",
        ),
        Cause::IssuerCertificateOutdated => (
            "The sign-in service's own certificate is out of date.",
            "{issuer}: its TLS certificate has expired or is not valid yet, and this workstation's \
             clock is not to blame.",
            "Tell the service's operator; there is nothing to change on this workstation.",
        ),
        Cause::TlsIntercepted => (
            "Somebody answers in the sign-in service's place.",
            "{issuer}: {reason} Authority at the end of the chain: {authority}.",
            "An antivirus, a firewall or a Wi-Fi portal reads the connection. Open the network's \
             welcome page first if it has one; else ask for this address to be left out of TLS \
             inspection. Do not go on regardless.",
        ),
        Cause::TlsLocalAuthority => (
            "The connection to the service goes by an authority that was added to this \
             workstation.",
            "{issuer}: its certificate comes from {authority}, an authority that somebody added to \
             this workstation.",
            "That is as it should be if the service is your organisation's own: then enrol it with \
             that authority. Else an antivirus or a firewall reads the connection: ask for this \
             address to be left out.",
        ),
        Cause::IssuerForeign => (
            "What answers is not the service that this workstation is enrolled with.",
            "{issuer}: {reason}.",
            "Do not sign in. Ask the service whether its keys have changed; if so, enrol the \
             workstation again and compare the fingerprints.",
        ),
        Cause::CertificateExpired => (
            "The card has expired.",
            "Reader: {reader}. Its certificate is valid from {from} to {until}.",
            "Take your new card, or ask its issuer for one.",
        ),
        Cause::CertificateExpiring => (
            "The card expires soon.",
            "Reader: {reader}. {days} day(s) left, until {until}.",
            "Ask for a new card now.",
        ),
        Cause::AgentStopped => (
            "Cardea is not running in your session.",
            "Nobody answers at {socket}. {reason}",
            "Start it; from then on it starts with your session.",
        ),
        Cause::PortTaken => (
            "Another program has Cardea's port.",
            "At 127.0.0.1:{port}: {program}.",
            "Close that program, then restart Cardea. If you do not know it, tell your IT support: \
             it may want to pass for Cardea.",
        ),
        Cause::BrowserHostMissing => (
            "The browser does not know where Cardea is.",
            "{browser}: {reason}",
            "Run the command, or cardea-agent doctor --fix, then restart the browser.",
        ),
        Cause::PolicyMissing => (
            "The browser has no leave in advance to reach Cardea on this workstation.",
            "{browser}: the extension is not there, and no enterprise policy names {issuer} \
             (LocalNetworkAccessAllowedForUrls).",
            "Install Cardea's extension; else press \"Allow\" when the browser asks, or have the \
             address added to the policy in {folder}.",
        ),
        Cause::ExtensionMissing => (
            "The browser lacks Cardea's extension.",
            "{browser}: no profile holds the extension, and the local port is shut on this \
             workstation ({loopback}).",
            "Install Cardea's extension, or have the enterprise policy install it.",
        ),
        Cause::CardMissing => (
            "No card is inserted.",
            "Reader(s): {readers}.",
            "Insert your card to sign in.",
        ),
    }
}

//! The words of each cause, in both languages. `{name}` stands for what was seen.

use super::cause::Cause;
use crate::language::Language;

mod english;
mod french;

/// What is said of a cause.
pub(super) struct Words {
    /// What is wrong, in one sentence without names.
    pub(super) title: &'static str,
    /// What was seen.
    pub(super) detail: &'static str,
    /// What to do.
    pub(super) fix: &'static str,
}

pub(super) fn of(cause: Cause, language: Language) -> Words {
    let (title, detail, fix) = match language {
        Language::French => french::of(cause),
        Language::English => english::of(cause),
    };
    Words { title, detail, fix }
}

/// The command that mends it, where there is one.
pub(super) fn command(cause: Cause) -> Option<&'static str> {
    match cause {
        Cause::PromptMissing => Some("sudo apt install pinentry-gtk2"),
        Cause::ReaderServiceMissing => Some("sudo apt install pcscd"),
        Cause::ReaderServiceStopped => Some("sudo systemctl enable --now pcscd.socket"),
        Cause::ReaderServiceSilent => Some("sudo systemctl restart pcscd.service"),
        Cause::IssuerMissing => Some("cardea-agent enrol https://…"),
        Cause::ClockOff => Some("sudo timedatectl set-ntp true"),
        Cause::TlsLocalAuthority => Some("cardea-agent enrol {issuer} --ca-file …"),
        Cause::AgentStopped => Some("systemctl --user enable --now cardea-agent.service"),
        Cause::BrowserHostMissing => Some("cardea-agent browser-setup"),
        Cause::PolicyMissing => Some("sudo cardea-agent browser-policies"),
        _ => None,
    }
}

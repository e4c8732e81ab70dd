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
        Cause::PolicyMissing => Some("sudo cardea-agent {policies}"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_tables_have_each_cause_in_order_and_in_its_words() {
        let document = include_str!("../../../../docs/doctor.md");
        for (language, section) in [(Language::English, 1), (Language::French, 2)] {
            let section = document.split("\n## ").nth(section).unwrap();
            let rows: Vec<_> = section
                .lines()
                .filter(|line| line.starts_with("| `"))
                .collect();
            assert_eq!(rows.len(), Cause::ALL.len());
            for (row, cause) in rows.iter().zip(Cause::ALL) {
                let begin = format!("| `{}` | {} | ", cause.code(), of(*cause, language).title);
                assert!(row.starts_with(&begin), "{row}\nis not\n{begin}");
            }
        }
    }

    #[test]
    fn both_languages_name_the_same_facts() {
        let names = |text: &str| {
            let parts = text
                .split('{')
                .skip(1)
                .filter_map(|part| part.split('}').next());
            let mut names: Vec<_> = parts.map(str::to_owned).collect();
            names.sort();
            names
        };
        for cause in Cause::ALL {
            let (french, english) = (of(*cause, Language::French), of(*cause, Language::English));
            assert_eq!(names(french.detail), names(english.detail), "{cause:?}");
            assert_eq!(names(french.fix), names(english.fix), "{cause:?}");
        }
    }

    #[test]
    fn causes_are_listed_in_the_order_of_mending() {
        assert!(Cause::ALL.is_sorted());
    }
}

//! The notice of workstations that a person's card was never used at before, and two buttons.

use askama::Template;
use cardea_provider::NewWorkstations;

use crate::language::{Language, Text};
use crate::moment::Moments;

/// Everything that the page shows.
#[derive(Template)]
#[template(path = "new_workstations.html")]
pub(crate) struct NewWorkstationsPage<'a> {
    language: Language,
    client_name: &'a str,
    workstations: Vec<Line<'a>>,
    shown: &'a str,
    action: &'a str,
    switch_href: String,
    say: Texts,
}

/// One workstation in words.
struct Line<'a> {
    since: String,
    name: Option<&'a str>,
    place: &'static str,
}

/// Fixed words of the page in one language.
struct Texts {
    title: &'static str,
    portal: &'static str,
    switch: &'static str,
    question: &'static str,
    told: &'static str,
    since: &'static str,
    named: &'static str,
    quoted: (&'static str, &'static str),
    confirm: &'static str,
    deny: &'static str,
    otherwise: &'static str,
    again: &'static str,
}

impl<'a> NewWorkstationsPage<'a> {
    /// `path` is the page's own address, where its form goes too.
    pub(crate) fn new(moments: &Moments, path: &'a str, described: &'a NewWorkstations) -> Self {
        let language = moments.language();
        let say = Texts {
            title: TITLE.in_language(language),
            portal: PORTAL.in_language(language),
            switch: super::SWITCH.in_language(language),
            question: QUESTION.in_language(language),
            told: TOLD.in_language(language),
            since: SINCE.in_language(language),
            named: NAMED.in_language(language),
            quoted: match language {
                Language::French => ("« ", " »"),
                Language::English => ("“", "”"),
            },
            confirm: CONFIRM.in_language(language),
            deny: DENY.in_language(language),
            otherwise: OTHERWISE.in_language(language),
            again: AGAIN.in_language(language),
        };
        let workstations = described.workstations.iter().map(|workstation| Line {
            since: moments.written(workstation.first_seen_at),
            name: workstation.name.as_deref(),
            place: if workstation.is_this_one {
                HERE
            } else {
                ELSEWHERE
            }
            .in_language(language),
        });
        Self {
            language,
            client_name: super::portal_name(&described.client_name, language),
            workstations: workstations.collect(),
            shown: &described.shown,
            action: path,
            switch_href: format!("{path}?lang={}", language.other().tag()),
            say,
        }
    }
}

const TITLE: Text = Text::new("A new workstation", "Un nouveau poste de travail");
const PORTAL: Text = Text::new("You are signing in to", "Vous vous connectez à");
const QUESTION: Text = Text::new("Was it you?", "Était-ce vous ?");
const TOLD: Text = Text::new(
    "Your card was used, with its PIN, at a workstation where it had not been used before:",
    "Votre carte a été utilisée, avec son code, sur un poste où elle ne l’avait jamais été :",
);
const SINCE: Text = Text::new("for the first time on", "pour la première fois le");
const NAMED: Text = Text::new("which calls itself", "qui se nomme");
const ELSEWHERE: Text = Text::new("a workstation", "un poste");
const HERE: Text = Text::new("this very workstation", "ce poste-ci");
const CONFIRM: Text = Text::new("It was me – continue", "C’était moi – continuer");
const DENY: Text = Text::new("It was not me", "Ce n’était pas moi");
const OTHERWISE: Text = Text::new(
    "If it was not you, say so: your card then signs nobody in there any more, and the next page \
     says what to do.",
    "Si ce n’était pas vous, dites-le : votre carte n’y connectera plus personne, et la page \
     suivante vous dira quoi faire.",
);
const AGAIN: Text = Text::new(
    "Until you answer, you are asked again at each sign-in.",
    "Tant que vous ne répondez pas, la question revient à chaque connexion.",
);

#[cfg(test)]
mod tests {
    use askama::Template;
    use cardea_provider::{NewWorkstation, NewWorkstations};
    use time::macros::datetime;

    use super::NewWorkstationsPage;
    use crate::language::Language;
    use crate::moment::Moments;

    fn page(language: Language) -> String {
        let workstation = |name: Option<&str>, is_this_one| NewWorkstation {
            name: name.map(str::to_owned),
            first_seen_at: datetime!(2026-11-29 18:04 UTC),
            is_this_one,
        };
        let described = NewWorkstations {
            workstations: vec![
                workstation(Some("<b>Comptoir</b>"), false),
                workstation(None, true),
            ],
            client_name: "<b>Portail</b>".to_owned(),
            shown: "digest".to_owned(),
            ui_locales: None,
            form_action: "https://portal.example.test".to_owned(),
        };
        NewWorkstationsPage::new(&Moments::utc(language), "/new-workstations/abc", &described)
            .render()
            .unwrap()
    }

    #[test]
    fn each_workstation_is_told_with_its_day_in_both_languages() {
        for (language, words) in [
            (
                Language::French,
                [
                    "29 novembre 2026 à 18:04 UTC",
                    "un poste qui se nomme <strong><bdi>« &#60;b&#62;",
                    "ce poste-ci, pour la première fois le",
                    "C’était moi – continuer",
                ],
            ),
            (
                Language::English,
                [
                    "29 November 2026, 18:04 UTC",
                    "a workstation which calls itself <strong><bdi>“&#60;b&#62;",
                    "this very workstation, for the first time on",
                    "It was me – continue",
                ],
            ),
        ] {
            let html = page(language);
            for part in words {
                assert!(html.contains(part), "{part} is not in {html}");
            }
            assert!(html.contains(r#"name="shown" value="digest""#));
            assert!(html.contains(r#"name="answer" value="not_mine""#));
        }
    }

    #[test]
    fn names_are_escaped_and_no_script_is_needed() {
        let html = page(Language::French);
        assert!(!html.contains("<b>"), "{html}");
        assert!(html.contains("&#60;b&#62;Comptoir"), "{html}");
        // What to do if it was not her stands before the button that she may press in a hurry.
        let otherwise = html.find("Si ce n’était pas vous").unwrap();
        assert!(otherwise < html.find("<button").unwrap(), "{html}");
        assert!(!html.contains("<script"), "{html}");
    }
}

//! Between a login and the portal: a session of hers was ended, or her account stopped at a
//! service, because what was done in her name is not what one person does.

use askama::Template;
use cardea_provider::{GuardNews, GuardStopNotice, StoppedThing};

use crate::language::{Language, Text};
use crate::moment::Moments;

/// Everything that the page shows.
#[derive(Template)]
#[template(path = "guard_news.html")]
pub(crate) struct GuardNewsPage<'a> {
    language: Language,
    moments: Moments,
    news: &'a GuardNews,
    action: &'a str,
}

impl<'a> GuardNewsPage<'a> {
    /// `path` is the page's own address, where its form goes too.
    pub(crate) fn new(moments: Moments, path: &'a str, news: &'a GuardNews) -> Self {
        Self {
            language: moments.language(),
            moments,
            news,
            action: path,
        }
    }

    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn switch(&self) -> &'static str {
        self.say(super::SWITCH)
    }

    fn portal(&self) -> &str {
        super::portal_name(&self.news.client_name, self.language)
    }

    fn title(&self) -> &'static str {
        heading(&self.news.stops, self.language)
    }

    /// Of patients only where the guards' reasons are of patients.
    fn why(&self) -> &'static str {
        match is_for_patients(&self.news.stops) {
            true => self.say(WHY_PATIENTS),
            false => self.say(WHY),
        }
    }

    fn line(&self, stop: &GuardStopNotice) -> String {
        line(stop, &self.moments)
    }

    fn advice(&self) -> Vec<&'static str> {
        advice(&self.news.stops, self.language)
    }
}

/// What happened, in a few words: what still holds comes first.
pub(crate) fn heading(stops: &[GuardStopNotice], language: Language) -> &'static str {
    let is_account = |it: &GuardStopNotice| matches!(it.stopped, StoppedThing::Account { .. });
    let text = match (stops.iter().any(is_stopped), stops.iter().any(is_account)) {
        (true, _) => ACCOUNT_HEADING,
        (false, true) => LIFTED_HEADING,
        (false, false) => SESSION_HEADING,
    };
    text.in_language(language)
}

fn is_for_patients(stops: &[GuardStopNotice]) -> bool {
    stops.iter().all(|it| it.for_patients)
}

fn is_stopped(stop: &GuardStopNotice) -> bool {
    stop.stopped == StoppedThing::Account { lifted_at: None }
}

/// One stop: when, where, how many patients, and what it means.
pub(crate) fn line(stop: &GuardStopNotice, moments: &Moments) -> String {
    let language = moments.language();
    let say = |text: Text| text.in_language(language);
    let (open, close) = match language {
        Language::French => ("«\u{a0}", "\u{a0}»"),
        Language::English => ("“", "”"),
    };
    let service = format!("{open}{}{close}", stop.service);
    let place = match &stop.client_name {
        Some(portal) => format!("{portal}, {} {service}", say(SERVICE)),
        None => format!("{} {service}", say(SERVICE)),
    };
    let when = moments.written(stop.occurred_at);
    let mut line = match stop.stopped {
        StoppedThing::Session => format!("{place}{} {when}", say(SESSION_ENDED)),
        StoppedThing::Account { .. } => format!("{place}{} {when}", say(ACCOUNT_STOPPED)),
    };
    if stop.patients > 0 {
        let (one, many) = match stop.stopped {
            StoppedThing::Session => (PATIENT_OF_SESSION, PATIENTS_OF_SESSION),
            StoppedThing::Account { .. } => (PATIENT_OF_WEEK, PATIENTS_OF_WEEK),
        };
        let counted = say(if stop.patients == 1 { one } else { many });
        line.push_str(&counted.replace("{count}", &stop.patients.to_string()));
    }
    line.push('.');
    if let StoppedThing::Account { lifted_at } = stop.stopped {
        line.push(' ');
        match lifted_at {
            None => line.push_str(say(STILL_STOPPED)),
            Some(at) => {
                line.push_str(say(LIFTED));
                line.push(' ');
                line.push_str(&moments.written(at));
                line.push('.');
            }
        }
    }
    line
}

/// What she can do, one sentence a paragraph.
pub(crate) fn advice(stops: &[GuardStopNotice], language: Language) -> Vec<&'static str> {
    let was_you = match (stops.iter().any(is_stopped), is_for_patients(stops)) {
        (true, _) => WAS_YOU_STOPPED,
        (false, true) => WAS_YOU_CARDS,
        (false, false) => WAS_YOU,
    };
    [was_you, NOT_YOU]
        .map(|it| it.in_language(language))
        .to_vec()
}

const PORTAL: Text = Text::new("You are signing in to", "Vous vous connectez à");
const ACCOUNT_HEADING: Text = Text::new(
    "Your access to a service is stopped",
    "Votre accès à un service est arrêté",
);
const LIFTED_HEADING: Text = Text::new(
    "Your access to a service was stopped",
    "Votre accès à un service a été arrêté",
);
const SESSION_HEADING: Text = Text::new(
    "A session of yours was ended",
    "Une de vos sessions a été fermée",
);
const WHY: Text = Text::new(
    "What was done there in your name looked unlike what one person does. To protect patients’ \
     data, the service has stopped this by itself.",
    "Ce qui y a été fait en votre nom ne ressemblait pas à l’activité d’une seule personne. Pour \
     protéger les données des patients, le service l’a interrompu de lui-même.",
);
const WHY_PATIENTS: Text = Text::new(
    "Many patients were looked up in your name without their cards. To protect their data, the \
     service has stopped this by itself.",
    "De nombreux patients ont été consultés en votre nom sans leur carte. Pour protéger leurs \
     données, le service a interrompu ces consultations de lui-même.",
);
const SERVICE: Text = Text::new("service", "service");
const SESSION_ENDED: Text = Text::new(": session ended on", "\u{a0}: session fermée le");
const ACCOUNT_STOPPED: Text = Text::new(": access stopped on", "\u{a0}: accès arrêté le");
const PATIENT_OF_SESSION: Text = Text::new(
    ", after 1 patient was looked up in it without their card",
    ", après la consultation d’un patient sans sa carte",
);
const PATIENTS_OF_SESSION: Text = Text::new(
    ", after {count} patients were looked up in it without their cards",
    ", après la consultation de {count} patients sans leur carte",
);
const PATIENT_OF_WEEK: Text = Text::new(
    ", after 1 patient was looked up without their card within a week",
    ", après la consultation d’un patient sans sa carte en une semaine",
);
const PATIENTS_OF_WEEK: Text = Text::new(
    ", after {count} patients were looked up without their cards within a week",
    ", après la consultation de {count} patients sans leur carte en une semaine",
);
const STILL_STOPPED: Text = Text::new(
    "You cannot look up patients there until the support has lifted it.",
    "Vous ne pouvez plus y consulter de patient avant que l’assistance ne rétablisse l’accès.",
);
const LIFTED: Text = Text::new(
    "The support lifted it on",
    "L’assistance a rétabli l’accès le",
);
const WAS_YOU: Text = Text::new(
    "Was it you? Then there is nothing to do.",
    "C’était vous\u{a0}? Vous n’avez rien à faire.",
);
const WAS_YOU_CARDS: Text = Text::new(
    "Was it you? Then there is nothing to do; reading your patients’ cards avoids it.",
    "C’était vous\u{a0}? Vous n’avez rien à faire\u{a0}; lire la carte de vos patients l’évite.",
);
const WAS_YOU_STOPPED: Text = Text::new(
    "Was it you? Call the support of this service: it lifts the stop once it has made sure who \
     you are. All else that you use goes on.",
    "C’était vous\u{a0}? Appelez l’assistance de ce service\u{a0}: elle rétablit l’accès après \
     avoir vérifié votre identité. Le reste fonctionne comme avant.",
);
const NOT_YOU: Text = Text::new(
    "Was it not you? Take your card out and call the support of this service at once: somebody \
     uses your card or your workstation.",
    "Ce n’était pas vous\u{a0}? Retirez votre carte et appelez aussitôt l’assistance de ce \
     service\u{a0}: quelqu’un utilise votre carte ou votre poste.",
);
const SEEN: Text = Text::new("I have seen it – continue", "J’en prends note – continuer");

#[cfg(test)]
mod tests {
    use askama::Template;
    use cardea_provider::{GuardNews, GuardStopNotice, StoppedThing};
    use time::macros::datetime;

    use super::GuardNewsPage;
    use crate::language::Language;
    use crate::moment::Moments;

    fn stop(stopped: StoppedThing, patients: i64) -> GuardStopNotice {
        GuardStopNotice {
            id: Some("id".to_owned()),
            client_name: Some("<b>Portail</b>".to_owned()),
            service: "dossiers".to_owned(),
            occurred_at: datetime!(2026-11-28 18:04 UTC),
            stopped,
            patients,
            for_patients: true,
        }
    }

    fn page(language: Language, stops: Vec<GuardStopNotice>) -> String {
        let news = GuardNews {
            stops,
            client_name: "<b>Portail</b>".to_owned(),
            shown: "digest".to_owned(),
            ui_locales: None,
            form_action: "https://portal.example.test".to_owned(),
        };
        let page = GuardNewsPage::new(Moments::utc(language), "/guard-news/abc", &news);
        page.render().unwrap()
    }

    #[test]
    fn a_stopped_account_is_told_with_where_when_how_many_and_what_to_do() {
        let account = || vec![stop(StoppedThing::Account { lifted_at: None }, 97)];
        for (language, words) in [
            (
                Language::French,
                [
                    "Votre accès à un service est arrêté",
                    "service «\u{a0}dossiers\u{a0}»\u{a0}: accès arrêté le 28 novembre 2026 à",
                    "97 patients sans leur carte en une semaine",
                    "avant que l’assistance ne rétablisse",
                    "Retirez votre carte",
                    "J’en prends note",
                ],
            ),
            (
                Language::English,
                [
                    "Your access to a service is stopped",
                    "service “dossiers”: access stopped on 28 November 2026",
                    "97 patients were looked up without their cards within a week",
                    "until the support has lifted it",
                    "Take your card out",
                    "I have seen it",
                ],
            ),
        ] {
            let html = page(language, account());
            for part in words {
                assert!(html.contains(part), "{part} is not in {html}");
            }
            assert!(!html.contains("<b>"), "{html}");
        }
    }

    #[test]
    fn what_is_lifted_and_what_was_a_session_alone_asks_for_nothing() {
        let lifted_at = Some(datetime!(2026-11-29 09:00 UTC));
        let lifted = stop(StoppedThing::Account { lifted_at }, 0);
        let html = page(Language::French, vec![lifted]);
        for part in [
            "Votre accès à un service a été arrêté",
            "L’assistance a rétabli l’accès le 29 novembre 2026",
            "Vous n’avez rien à faire",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
        assert!(!html.contains("en une semaine"), "{html}");
        let session = stop(StoppedThing::Session, 1);
        let html = page(Language::English, vec![session]);
        for part in [
            "A session of yours was ended",
            "session ended on 28 November 2026",
            "after 1 patient was looked up in it without their card",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    /// What the page says of cards follows from the guard's reasons alone.
    #[test]
    fn a_machines_pace_is_no_number_of_patients_without_their_cards() {
        for (language, cards, pace) in [
            (
                Language::English,
                "without their cards. To",
                "unlike what one person does",
            ),
            (
                Language::French,
                "sans leur carte. Pour",
                "l’activité d’une seule personne",
            ),
        ] {
            let counted = stop(StoppedThing::Session, 0);
            let machine = GuardStopNotice {
                for_patients: false,
                ..counted.clone()
            };
            let html = page(language, vec![counted.clone()]);
            assert!(html.contains(cards) && !html.contains(pace), "{html}");
            for stops in [vec![machine.clone()], vec![counted, machine]] {
                let html = page(language, stops);
                assert!(html.contains(pace) && !html.contains(cards), "{html}");
            }
        }
    }
}

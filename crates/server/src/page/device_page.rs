//! The pages where a person answers for a device: the code, who asks, and how it ended.

use askama::Template;
use cardea_assertion::HostAccount;
use cardea_provider::DevicePage;

use crate::language::{Language, Text};
use crate::moment::Moments;

/// Asks for the code that the device shows.
#[derive(Template)]
#[template(path = "device_code.html")]
pub(crate) struct DeviceCodePage {
    language: Language,
    typed: Typed,
}

/// What was typed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// Nothing yet.
    Nothing,
    /// Something that no device shows.
    Unknown,
}

/// Shows who asks, before the card.
#[derive(Template)]
#[template(path = "device_confirmation.html")]
pub(crate) struct DeviceConfirmationPage<'a> {
    language: Language,
    described: &'a DevicePage,
    /// Who wants to enter which account, in the host's words.
    host_says: Option<HostSays<'a>>,
    asked_at: String,
    ago: String,
    login_path: String,
    switch_href: String,
}

/// A sentence around what a host says: the texts between are ours.
struct HostSays<'a> {
    who: &'static str,
    remote_host: &'a str,
    wants: &'static str,
    account: &'a str,
    service: Option<&'a str>,
}

/// How it ended.
#[derive(Template)]
#[template(path = "device_answer.html")]
pub(crate) struct DeviceAnswerPage {
    language: Language,
    tone: &'static str,
    heading: Text,
    detail: Text,
    path: &'static str,
}

impl DeviceCodePage {
    pub(crate) fn new(language: Language, typed: Typed) -> Self {
        Self { language, typed }
    }

    fn is_wrong(&self) -> bool {
        self.typed == Typed::Unknown
    }

    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }
}

impl<'a> DeviceConfirmationPage<'a> {
    pub(crate) fn new(moments: &Moments, request_id: &str, described: &'a DevicePage) -> Self {
        let language = moments.language();
        Self {
            language,
            described,
            host_says: described
                .host_account
                .as_ref()
                .map(|said| HostSays::new(language, said)),
            asked_at: moments.written(described.asked_at),
            ago: ago(described.age.whole_seconds(), language),
            // The id is base64url, so that it needs no escaping in an address.
            login_path: format!("/login/{request_id}"),
            switch_href: format!("/device/{request_id}?lang={}", language.other().tag()),
        }
    }

    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }
}

impl<'a> HostSays<'a> {
    fn new(language: Language, said: &'a HostAccount) -> Self {
        let (who, wants) = match said.remote_host() {
            Some(_) => (SOMEBODY_AT, WANTS_TO_ENTER),
            None => (SOMEBODY_THERE, WANTS_TO_ACT),
        };
        Self {
            who: who.in_language(language),
            remote_host: said.remote_host().unwrap_or_default(),
            wants: wants.in_language(language),
            account: said.account(),
            service: said.service(),
        }
    }
}

impl DeviceAnswerPage {
    /// The device may go on.
    pub(crate) fn approved(language: Language) -> Self {
        Self {
            language,
            tone: "success",
            heading: APPROVED_HEADING,
            detail: APPROVED_DETAIL,
            path: "/device/approved",
        }
    }

    /// The device learns the no.
    pub(crate) fn refused(language: Language) -> Self {
        Self {
            language,
            tone: "warning",
            heading: REFUSED_HEADING,
            detail: REFUSED_DETAIL,
            path: "/device/refused",
        }
    }

    fn heading(&self) -> &'static str {
        self.heading.in_language(self.language)
    }

    fn detail(&self) -> &'static str {
        self.detail.in_language(self.language)
    }

    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }
}

/// How long ago, in the words of a person who has just asked.
fn ago(seconds: i64, language: Language) -> String {
    let minutes = seconds / 60;
    match (language, minutes) {
        (Language::French, ..1) => "il y a moins d’une minute".to_owned(),
        (Language::French, 1) => "il y a une minute".to_owned(),
        (Language::French, _) => format!("il y a {minutes} minutes"),
        (Language::English, ..1) => "less than a minute ago".to_owned(),
        (Language::English, 1) => "a minute ago".to_owned(),
        (Language::English, _) => format!("{minutes} minutes ago"),
    }
}

const CODE_HEADING: Text = Text::new(
    "Sign in on another device",
    "Se connecter sur un autre appareil",
);
const CODE_DETAIL: Text = Text::new(
    "Type the code that the other screen shows. It has eight letters, such as WDJB-MJHT.",
    "Tapez le code que l’autre écran affiche. Il a huit lettres, comme WDJB-MJHT.",
);
const CODE_BUTTON: Text = Text::new("Continue", "Continuer");
const CODE_UNKNOWN: Text = Text::new(
    "No device that waits shows this code. Look at the other screen again; after ten minutes it \
     needs a new one.",
    "Aucun appareil en attente n’affiche ce code. Regardez de nouveau l’autre écran ; au bout de \
     dix minutes, il en faut un autre.",
);
const CODE_WARNING: Text = Text::new(
    "Never type a code that came by mail, by telephone or in a message: with it, somebody else \
     would be signed in under your name.",
    "Ne tapez jamais un code reçu par courriel, par téléphone ou par message : quelqu’un d’autre \
     serait alors connecté sous votre nom.",
);
const ASKED: Text = Text::new(
    "Another device asks for your card:",
    "Un autre appareil demande votre carte :",
);
const CLIENT: Text = Text::new("Sign-in to", "Connexion à");
const FROM: Text = Text::new(
    "That device speaks to us from the address",
    "Cet appareil s’adresse à nous depuis l’adresse",
);
const SINCE: Text = Text::new("on", "le");
const SAYS_THAT: Text = Text::new("says that", "dit que");
const SOMEBODY_AT: Text = Text::new("somebody at", "quelqu’un à l’adresse");
const WANTS_TO_ENTER: Text = Text::new("wants to enter the account", "veut entrer dans le compte");
const SOMEBODY_THERE: Text = Text::new(
    "somebody who is on it already",
    "quelqu’un qui s’y trouve déjà",
);
const WANTS_TO_ACT: Text = Text::new("asks for the account", "demande le compte");
const QUESTION: Text = Text::new(
    "Is that you? Did you start this yourself, just now, on a screen before you?",
    "Est-ce vous\u{a0}? Avez-vous lancé cette connexion vous-même, à l’instant, sur un écran que \
     vous avez devant vous\u{a0}?",
);
const YES: Text = Text::new("It is me – use my card", "C’est moi – utiliser ma carte");
const NO: Text = Text::new("This is not me – refuse", "Ce n’est pas moi – refuser");
const AFTERWARDS: Text = Text::new(
    "The PIN of your card is asked for by the workstation, never by this page. Pulling the card \
     ends your session; what is open on the other device stays open until you close it there.",
    "Le code de votre carte est demandé par le poste, jamais par cette page. Retirer la carte met \
     fin à votre session ; ce qui est ouvert sur l’autre appareil le reste, jusqu’à ce que vous \
     l’y fermiez.",
);
const APPROVED_HEADING: Text = Text::new("The other device goes on", "L’autre appareil continue");
const APPROVED_DETAIL: Text = Text::new(
    "You can close this page. Leave your card in the reader until the other device has signed you \
     in.",
    "Vous pouvez fermer cette page. Laissez votre carte dans le lecteur jusqu’à ce que l’autre \
     appareil vous ait connecté.",
);
const REFUSED_HEADING: Text = Text::new("Refused", "Refusé");
const REFUSED_DETAIL: Text = Text::new(
    "The other device was not let in. If it was not you who began this, tell your support: \
     somebody tries to be signed in under your name.",
    "L’autre appareil n’a pas été admis. Si vous n’êtes pas à l’origine de la demande, \
     prévenez votre assistance : quelqu’un cherche à se connecter sous votre nom.",
);

#[cfg(test)]
mod tests {
    use askama::Template as _;
    use cardea_provider::DevicePage;
    use time::Duration;
    use time::macros::datetime;

    use super::{DeviceCodePage, DeviceConfirmationPage, Typed};
    use crate::language::Language;
    use crate::moment::Moments;

    #[test]
    fn who_asks_from_where_and_since_when_is_said_in_both_languages() {
        let described = DevicePage {
            client_name: "<b>Serveur db01</b>".to_owned(),
            address: "192.0.2.7".to_owned(),
            asked_at: datetime!(2026-11-30 04:20 UTC),
            age: Duration::seconds(130),
            host_account: None,
        };
        for (language, parts) in [
            (
                Language::French,
                [
                    "192.0.2.7",
                    "il y a 2 minutes",
                    "30 novembre 2026",
                    "Ce n’est pas moi",
                ],
            ),
            (
                Language::English,
                [
                    "192.0.2.7",
                    "2 minutes ago",
                    "30 November 2026",
                    "This is not me",
                ],
            ),
        ] {
            let html = DeviceConfirmationPage::new(&Moments::utc(language), "abc", &described)
                .render()
                .unwrap();
            for part in parts {
                assert!(html.contains(part), "{part} is not in {html}");
            }
            assert!(html.contains("&#60;b&#62;Serveur db01") && !html.contains("<b>"));
            assert!(!html.contains("<script"), "{html}");
            // The way out is no harder to find than the way on.
            assert!(html.contains("action=\"/login/abc/cancel"), "{html}");
        }
    }

    #[test]
    fn the_field_is_empty_and_the_warning_is_there() {
        for typed in [Typed::Nothing, Typed::Unknown] {
            let html = DeviceCodePage::new(Language::French, typed)
                .render()
                .unwrap();
            assert!(!html.contains("value="), "{html}");
            assert!(html.contains("Ne tapez jamais un code reçu"));
            assert_eq!(html.contains("Aucun appareil"), typed == Typed::Unknown);
        }
    }
}

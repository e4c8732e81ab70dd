//! What the prompts say, in French and in English.
//!
//! Every name that goes in has been through [`for_display`] before: [`Subject`] sees to that.

use cardea_card::{CardCertificate, CardHolder};

use crate::display_text::for_display;
use crate::language::Language;
use crate::program_api::CallingProgram;
use crate::wanted::Wanted;

mod asking_guard;
mod care;
mod other_device;
mod questions;

pub(crate) use asking_guard::AskingGuard;
pub(crate) use care::{Care, CareRemark, Entry, ShownCard};
use other_device::OtherDevice;
pub(crate) use questions::{NearExpiry, days_until};

/// Who asks for the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A login page, whose origin the browser told.
    Page,
    /// A program on this workstation. Nobody can say which: any program of this user can name any
    /// client. What the system tells of it is shown.
    Program(CallingProgram),
    /// A guard at the service of a portal where the person is signed in.
    Guard(AskingGuard),
}

/// What a prompt is about: names fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    caller: Caller,
    /// Another device that asks, if one does.
    device: Option<OtherDevice>,
    client: String,
    issuer: String,
    person: String,
    card: String,
    expiry: Option<NearExpiry>,
}

impl Subject {
    /// The names that a prompt shows: the client's from the verified challenge, the issuer's from
    /// the enrolment, the person's and the card's kind from the card. `now` is the issuer's time.
    #[must_use]
    pub(crate) fn new(
        wanted: &Wanted,
        issuer_name: &str,
        certificate: &CardCertificate,
        card_name: &str,
        now: i64,
    ) -> Self {
        let holder = certificate.holder();
        let client = for_display(wanted.client_name());
        Self {
            caller: wanted.caller(),
            device: OtherDevice::of(wanted),
            client: if client.is_empty() {
                for_display(wanted.client_id())
            } else {
                client
            },
            issuer: for_display(issuer_name),
            person: person(holder),
            card: match holder.card_family {
                Some(family) => family.as_str().to_owned(),
                None => for_display(card_name),
            },
            expiry: NearExpiry::of(certificate.not_after(), now),
        }
    }

    /// The person's name as shown, for choosing among several cards.
    #[must_use]
    pub fn person(&self) -> &str {
        &self.person
    }

    /// The card's kind as shown.
    pub(crate) fn card(&self) -> &str {
        &self.card
    }

    /// The client's name as shown.
    pub(crate) fn client(&self) -> &str {
        &self.client
    }

    /// The issuer's name as shown.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }
}

/// "Camille DURAND, Pharmacien"; the common name only where the certificate names nobody, since on
/// health professionals' cards it is a number.
fn person(holder: &CardHolder) -> String {
    let names = [&holder.given_name, &holder.surname];
    let name = names
        .into_iter()
        .flatten()
        .map(|name| for_display(name))
        .collect::<Vec<_>>()
        .join(" ");
    let name = match (name.is_empty(), &holder.common_name) {
        (true, Some(common_name)) => for_display(common_name),
        _ => name,
    };
    let title = holder.title.as_deref().map(for_display).unwrap_or_default();
    let text = if title.is_empty() {
        name
    } else {
        format!("{name}, {title}")
    };
    for_display(&text)
}

/// Why a PIN is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// The card refused the PIN.
    Incorrect {
        /// Tries left, where the card tells.
        tries_left: Option<u8>,
    },
    /// What was typed cannot be a PIN; no try was used.
    Malformed,
}

/// The texts of one language.
impl Language {
    /// Title of every window.
    #[must_use]
    pub fn window_title(self) -> &'static str {
        match self {
            Self::French => "Cardea – carte professionnelle",
            Self::English => "Cardea – professional card",
        }
    }

    /// Above the PIN field: which portal or software, whose card, how many tries.
    #[must_use]
    pub fn pin_description(self, subject: &Subject, tries_left: Option<u8>) -> String {
        let (request, card) = (self.request(subject), self.card_line(subject));
        let (tries, expiry) = (self.tries_line(tries_left), self.expiry_notice(subject));
        let advice = match self {
            _ if matches!(subject.caller, Caller::Guard(_)) => self.advice_about_guard(),
            Self::French => {
                "\n\nSaisissez le code uniquement si vous venez de demander cette connexion."
            }
            Self::English => "\n\nType the PIN only if you have just asked for this sign-in.",
        };
        format!("{request}\n\n{card}{tries}{expiry}{advice}")
    }

    /// Whose card it is.
    fn card_line(self, subject: &Subject) -> String {
        let Subject { person, card, .. } = subject;
        match self {
            Self::French => format!("Carte {card} : {person}"),
            Self::English => format!("Card {card}: {person}"),
        }
    }

    /// How many tries are left, where the card tells: a line of its own, or nothing.
    fn tries_line(self, tries_left: Option<u8>) -> String {
        match (self, tries_left) {
            (_, None) => String::new(),
            (Self::French, Some(tries)) => format!("\nEssais restants : {tries}"),
            (Self::English, Some(tries)) => format!("\nTries left: {tries}"),
        }
    }

    /// What is asked for. The server vouches for the client's name; that the program which asks is
    /// the client's, nobody vouches for.
    fn request(self, subject: &Subject) -> String {
        let Subject {
            caller,
            client,
            issuer,
            ..
        } = subject;
        if let Some(device) = &subject.device {
            return self.request_of_device(client, issuer, device);
        }
        match (self, caller) {
            (Self::French, Caller::Page) => {
                format!("Connexion à « {client} »\npar « {issuer} »")
            }
            (Self::English, Caller::Page) => {
                format!("Sign in to “{client}”\nthrough “{issuer}”")
            }
            (Self::French, Caller::Program(program)) => format!(
                "Un logiciel de ce poste demande l’accès de\n« {client} »\npar « {issuer} »\n\n\
                 Ce logiciel n’est PAS VÉRIFIÉ :\n{}",
                program.shown(self)
            ),
            (Self::English, Caller::Program(program)) => format!(
                "A program on this computer asks for the access of\n\
                 “{client}”\nthrough “{issuer}”\n\nThis program is NOT VERIFIED:\n{}",
                program.shown(self)
            ),
            (_, Caller::Guard(guard)) => self.request_of_guard(client, issuer, guard),
        }
    }

    /// The client's name in a question, with the warning where a program asks.
    fn asker(self, subject: &Subject) -> String {
        let client = &subject.client;
        match (self, &subject.caller) {
            (Self::French, Caller::Page | Caller::Guard(_)) => format!("« {client} »"),
            (Self::English, Caller::Page | Caller::Guard(_)) => format!("“{client}”"),
            (Self::French, Caller::Program(_)) => format!("« {client} » (logiciel non vérifié)"),
            (Self::English, Caller::Program(_)) => format!("“{client}” (unverified program)"),
        }
    }

    /// Beside the PIN field.
    #[must_use]
    pub fn pin_label(self) -> &'static str {
        match self {
            Self::French => "Code de la carte :",
            Self::English => "Card PIN:",
        }
    }

    /// In red, when the PIN is asked again.
    #[must_use]
    pub fn remark(self, remark: Remark) -> String {
        match (self, remark) {
            (Self::French, Remark::Malformed) => {
                "Le code a 4 à 8 chiffres. Aucun essai n’a été utilisé.".to_owned()
            }
            (Self::English, Remark::Malformed) => {
                "A PIN has 4 to 8 digits. No try was used.".to_owned()
            }
            (
                Self::French,
                Remark::Incorrect {
                    tries_left: Some(1),
                },
            ) => "Code incorrect. Il reste 1 essai.".to_owned(),
            (
                Self::English,
                Remark::Incorrect {
                    tries_left: Some(1),
                },
            ) => "Incorrect PIN. 1 try is left.".to_owned(),
            (
                Self::French,
                Remark::Incorrect {
                    tries_left: Some(tries),
                },
            ) => {
                format!("Code incorrect. Il reste {tries} essais.")
            }
            (
                Self::English,
                Remark::Incorrect {
                    tries_left: Some(tries),
                },
            ) => {
                format!("Incorrect PIN. {tries} tries are left.")
            }
            (Self::French, Remark::Incorrect { tries_left: None }) => "Code incorrect.".to_owned(),
            (Self::English, Remark::Incorrect { tries_left: None }) => "Incorrect PIN.".to_owned(),
        }
    }

    /// Asked before the last try is used.
    #[must_use]
    pub fn last_try_question(self, subject: &Subject) -> String {
        let Subject { person, card, .. } = subject;
        let client = self.asker(subject);
        match self {
            Self::French => format!(
                "Attention : il ne reste qu’UN essai.\n\nCarte {card} : {person}\n\n\
                 Si le code est encore faux, la carte sera bloquée et il faudra son code de \
                 déblocage.\n\nContinuer vers {client} ?"
            ),
            Self::English => format!(
                "Warning: only ONE try is left.\n\nCard {card}: {person}\n\n\
                 If the PIN is wrong again, the card will be blocked and its unblocking code will \
                 be needed.\n\nGo on to {client}?"
            ),
        }
    }

    /// What to do about a blocked card.
    #[must_use]
    pub fn blocked_advice(self) -> &'static str {
        match self {
            Self::French => {
                "Votre carte est bloquée : le code a été saisi trop de fois de façon \
                 incorrecte.\n\n\
                 Débloquez-la sur ce poste par la commande « cardea-agent card unblock », avec le \
                 code de déblocage du courrier de l’émetteur, ou demandez de l’aide à l’émetteur. \
                 Aucune page et aucun portail ne peut la débloquer, et personne ne doit vous \
                 demander ces codes."
            }
            Self::English => {
                "Your card is blocked: the PIN was entered wrongly too many times.\n\n\
                 Unblock it on this computer by the command “cardea-agent card unblock”, with the \
                 unblocking code of the issuer's letter, or ask the issuer for help. No page and \
                 no portal can unblock it, and nobody should ask you for these codes."
            }
        }
    }

    /// Asked when several cards are inserted, once a card.
    #[must_use]
    pub fn which_card_question(self, subject: &Subject, reader: &str) -> String {
        let Subject { person, card, .. } = subject;
        let client = self.asker(subject);
        let reader = for_display(reader);
        match self {
            Self::French => format!(
                "Plusieurs cartes sont insérées.\n\nCarte {card} : {person}\nLecteur : {reader}\n\n\
                 Utiliser cette carte pour {client} ?"
            ),
            Self::English => format!(
                "Several cards are inserted.\n\nCard {card}: {person}\nReader: {reader}\n\n\
                 Use this card for {client}?"
            ),
        }
    }

    /// The button that goes on.
    #[must_use]
    pub fn go_on(self) -> &'static str {
        match self {
            Self::French => "Continuer",
            Self::English => "Continue",
        }
    }

    /// The button that gives up.
    #[must_use]
    pub fn cancel(self) -> &'static str {
        match self {
            Self::French => "Annuler",
            Self::English => "Cancel",
        }
    }

    /// The only button of a notice.
    #[must_use]
    pub fn close(self) -> &'static str {
        match self {
            Self::French => "Fermer",
            Self::English => "Close",
        }
    }

    /// The button that passes on to the next card.
    #[must_use]
    pub fn other_card(self) -> &'static str {
        match self {
            Self::French => "Autre carte",
            Self::English => "Another card",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program_api::calling_program;

    fn holder() -> CardHolder {
        CardHolder {
            given_name: Some("Camille".to_owned()),
            surname: Some("DURAND".to_owned()),
            title: Some("Pharmacien".to_owned()),
            common_name: Some("899700000001".to_owned()),
            issuer_name: None,
            card_family: None,
        }
    }

    pub(super) fn subject() -> Subject {
        Subject {
            caller: Caller::Page,
            device: None,
            client: "Officine".to_owned(),
            issuer: "Émetteur".to_owned(),
            person: "Camille DURAND".to_owned(),
            card: "CPS".to_owned(),
            expiry: None,
        }
    }

    #[test]
    fn the_person_is_named_by_name_and_title() {
        assert_eq!(person(&holder()), "Camille DURAND, Pharmacien");
        let nameless = CardHolder {
            given_name: None,
            surname: None,
            title: None,
            ..holder()
        };
        assert_eq!(person(&nameless), "899700000001");
        let hostile = CardHolder {
            surname: Some("DUR\u{202E}AND\n".to_owned()),
            title: None,
            ..holder()
        };
        assert_eq!(person(&hostile), "Camille DURAND");
    }

    #[test]
    fn a_program_is_called_unverified_and_a_page_is_not() {
        let subject = |caller| Subject {
            caller,
            ..subject()
        };
        for (language, warning) in [
            (Language::French, "PAS VÉRIFIÉ"),
            (Language::English, "NOT VERIFIED"),
        ] {
            let program = calling_program("/opt/logiciel", true);
            let text = language.pin_description(&subject(Caller::Program(program)), Some(3));
            let after_warning = text.split(warning).nth(1).unwrap_or_default();
            assert!(after_warning.contains("/opt/logiciel"), "{text}");
            assert!(text.contains("Officine"), "{text}");
            let text = language.pin_description(&subject(Caller::Page), Some(3));
            assert!(
                !text.contains(warning) && text.contains("Officine"),
                "{text}"
            );
        }
    }

    /// Whoever types the PIN must know which portal asks, why, and how many patients so far.
    #[test]
    fn a_guard_says_which_service_how_many_patients_and_what_to_do_otherwise() {
        let subject = |patients| Subject {
            caller: Caller::Guard(AskingGuard::new("dos\u{202E}siers", patients)),
            ..subject()
        };
        for (language, said) in [
            (
                Language::French,
                ["41 patients consultés", "annulez et retirez"],
            ),
            (
                Language::English,
                ["41 patients looked up", "cancel and take"],
            ),
        ] {
            let text = language.pin_description(&subject(41), Some(3));
            for part in said
                .into_iter()
                .chain(["Officine", "dossiers", "Camille DURAND"])
            {
                assert!(text.contains(part), "{part}: {text}");
            }
            let text = language.pin_description(&subject(0), Some(3));
            assert!(!text.contains('0'), "{text}");
        }
    }

    #[test]
    fn the_longest_prompt_fits_a_line_of_the_protocol() {
        let widest = for_display(&"%".repeat(500));
        let subject = |(caller, device)| Subject {
            caller,
            device,
            client: widest.clone(),
            issuer: widest.clone(),
            person: widest.clone(),
            card: widest.clone(),
            expiry: NearExpiry::of(time::macros::datetime!(2026-09-30 12:00 UTC), 1_788_200_000),
        };
        let remark = |language: Language| {
            language.remark(Remark::Incorrect {
                tries_left: Some(2),
            })
        };
        let cases = [Language::French, Language::English]
            .into_iter()
            .flat_map(|language| {
                let program = Caller::Program(calling_program(&"%".repeat(500), false));
                let asked = [
                    (Caller::Page, None),
                    (Caller::Page, Some(other_device::tests::widest())),
                    (
                        Caller::Guard(AskingGuard::new(&"%".repeat(500), u32::MAX)),
                        None,
                    ),
                    (program, None),
                ];
                asked.map(|asked| (language, asked))
            });
        for (language, asked) in cases {
            let subject = subject(asked);
            for text in [
                language.pin_description(&subject, Some(3)),
                language.last_try_question(&subject),
                language.which_card_question(&subject, &widest),
                language.kept_pin_question(&subject),
                language.contactless_question(&subject),
                language.on_reader_notice(&subject, Some(3), Some(&remark(language))),
                language.block_question(&widest, &widest),
                language.blocked_advice().to_owned(),
            ] {
                let encoded = text.replace('%', "%25").replace('\n', "%0A");
                // "SETDESC " and the line's end come on top; a request past 1000 is cut.
                assert!(encoded.len() <= 980, "{}: {text}", encoded.len());
            }
        }
    }
}

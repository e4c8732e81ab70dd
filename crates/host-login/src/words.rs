//! What the person reads on the terminal, in French or in English.

use serde::Deserialize;

use crate::Error;

/// A language of the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Language {
    /// French, when nothing else is configured.
    #[default]
    #[serde(rename = "fr")]
    French,
    /// English.
    #[serde(rename = "en")]
    English,
}

impl Language {
    /// What to do at the workstation.
    pub(crate) fn instructions(self, verification_uri: &str, user_code: &str) -> [String; 3] {
        match self {
            Self::French => [
                "Connexion par carte professionnelle.".to_owned(),
                format!("Sur votre poste, ouvrez {verification_uri}"),
                format!("et tapez le code {user_code}"),
            ],
            Self::English => [
                "Sign-in by professional card.".to_owned(),
                format!("At your workstation, open {verification_uri}"),
                format!("and type the code {user_code}"),
            ],
        }
    }

    /// The line that waits.
    pub(crate) fn prompt(self) -> &'static str {
        match self {
            Self::French => "Puis appuyez ici sur Entrée : ",
            Self::English => "Then press Enter here: ",
        }
    }

    /// Why nobody was let in: what the person can do about it, and the code for who helps her.
    pub(crate) fn refusal(self, error: &Error) -> String {
        let (french, english) = match error {
            Error::IssuerUnreachable { .. } => (
                "Le service des cartes ne répond pas.",
                "The card service does not answer.",
            ),
            Error::PersonRefused => ("Refusé sur votre poste.", "Refused at your workstation."),
            Error::TimedOut => (
                "Pas de réponse à temps. Recommencez.",
                "No answer in time. Begin again.",
            ),
            Error::TooManyAtOnce => (
                "Trop de connexions attendent déjà une carte. Réessayez dans deux minutes.",
                "Too many sign-ins wait for a card already. Try again in two minutes.",
            ),
            Error::LevelInsufficient => (
                "Ce serveur demande la carte et son code.",
                "This host asks for the card and its PIN.",
            ),
            Error::AccountUnmapped | Error::PersonUnmapped { .. } => (
                "Votre carte n’ouvre pas ce compte.",
                "Your card does not open this account.",
            ),
            _ => (
                "La connexion par carte n’est pas possible ici.",
                "Signing in by card is not possible here.",
            ),
        };
        let text = match self {
            Self::French => french,
            Self::English => english,
        };
        format!("{text} ({})", error.code())
    }
}

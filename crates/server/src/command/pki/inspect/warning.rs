//! What a person should know before anything else.

use serde::Serialize;

use super::reading::{Certified, Reading, Validity};
use crate::language::Text;

/// A reason why the certificate will not do for a login, or not where one might think.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Warning {
    /// A card's signature certificate.
    SignatureCertificate,
    /// A person's certificate that is on no card.
    SoftwareCertificate,
    /// Of a certification authority, a server, or something else.
    NoCardCertificate,
    /// Past its validity.
    Expired,
    /// Before its validity.
    NotYetValid,
    /// Of a test PKI.
    Test,
    /// A key or a signature that logins refuse.
    Weak,
}

impl Warning {
    /// The words; what to do about a card is not what to do about a file.
    pub(super) fn text(self, certified: Certified) -> Text {
        let is_card = matches!(
            certified,
            Certified::CardAuthentication | Certified::CardSignature | Certified::CardOther
        );
        match self {
            Self::SignatureCertificate => Text::new(
                "This certificate is for signing documents. It cannot be used to sign in: for that \
                 the same card has an authentication certificate.",
                "Ce certificat sert à signer des documents. Il ne permet pas de se connecter : \
                 pour cela, la même carte a un certificat d'authentification.",
            ),
            Self::SoftwareCertificate => Text::new(
                "This certificate is not on a card: it is a software certificate. It cannot be \
                 used to sign in where a card is asked for.",
                "Ce certificat n'est pas sur une carte : c'est un certificat logiciel. Il ne \
                 permet pas de se connecter là où une carte est demandée.",
            ),
            Self::NoCardCertificate => Text::new(
                "This is not the authentication certificate of a professional card that is known \
                 here.",
                "Ce n'est pas le certificat d'authentification d'une carte professionnelle connue \
                 ici.",
            ),
            Self::Expired if is_card => Text::new(
                "This card's certificate has expired: order a new card.",
                "Le certificat de cette carte est expiré : commandez une nouvelle carte.",
            ),
            Self::Expired => Text::new(
                "This certificate has expired: it has to be renewed.",
                "Ce certificat est expiré : il faut le renouveler.",
            ),
            Self::NotYetValid => Text::new(
                "This certificate is not valid yet. If its first day has come, this computer's \
                 clock is wrong.",
                "Ce certificat n'est pas encore valable. Si son premier jour est passé, l'horloge \
                 de cet ordinateur est fausse.",
            ),
            Self::Test => Text::new(
                "This is a TEST certificate: it stands for nobody and is refused in production.",
                "C'est un certificat de TEST : il ne représente personne et il est refusé en \
                 production.",
            ),
            Self::Weak => Text::new(
                "Its key or its signature is too weak for today's rules: it will be refused.",
                "Sa clé ou sa signature est trop faible pour les règles actuelles : il sera \
                 refusé.",
            ),
        }
    }
}

/// The warnings of a reading, the most important first.
pub(super) fn of(reading: &Reading, is_weak: bool) -> Vec<Warning> {
    let certified = match reading.certified {
        Certified::CardAuthentication => None,
        Certified::CardSignature => Some(Warning::SignatureCertificate),
        Certified::SoftwareAuthentication
        | Certified::SoftwareSignature
        | Certified::SoftwareOther => Some(Warning::SoftwareCertificate),
        _ => Some(Warning::NoCardCertificate),
    };
    let validity = match reading.validity {
        Validity::Current => None,
        Validity::Expired => Some(Warning::Expired),
        Validity::NotYetValid => Some(Warning::NotYetValid),
    };
    let test = (reading.test == Some(true)).then_some(Warning::Test);
    let weak = is_weak.then_some(Warning::Weak);
    [test, validity, certified, weak]
        .into_iter()
        .flatten()
        .collect()
}

//! The words for a card that is genuine and not let in: why not, and which card to use instead.

use super::Problem;
use crate::language::Text;

/// What happened to a card that is suspended at this server.
pub(super) const SUSPENDED: Text = Text::new("This card is suspended", "Cette carte est suspendue");

/// What to do about it.
pub(super) const SUSPENDED_ADVICE: Text = Text::new(
    "It was reported lost or stolen at this service. Use another card of yours. Only the support \
     of this service can lift the suspension, once it has checked who you are.",
    "Elle a été signalée perdue ou volée auprès de ce service. Utilisez une autre de vos cartes. \
     Seule l’assistance de ce service peut lever la suspension, après avoir vérifié votre \
     identité.",
);

/// What happened.
pub(super) const fn title(problem: Problem) -> Text {
    match problem {
        Problem::NotACard => Text::new(
            "This is not a professional card",
            "Ce n’est pas une carte professionnelle",
        ),
        Problem::CardOfOtherEnvironment => Text::new(
            "This card belongs to another environment",
            "Cette carte appartient à un autre environnement",
        ),
        Problem::CardFamilyNotAccepted => Text::new(
            "This type of card is not accepted here",
            "Ce type de carte n’est pas accepté ici",
        ),
        Problem::IdentifierNotAccepted => Text::new(
            "The number on this card is not accepted here",
            "Le numéro porté par cette carte n’est pas accepté ici",
        ),
        Problem::ProfessionNotAccepted => Text::new(
            "This portal is for other professions",
            "Ce portail est réservé à d’autres professions",
        ),
        // Whatever else keeps a genuine card out has no words of its own.
        _ => Text::new(
            "This card does not open this portal",
            "Cette carte ne donne pas accès à ce portail",
        ),
    }
}

/// What to do about it.
pub(super) const fn advice(problem: Problem) -> Text {
    match problem {
        Problem::NotACard => Text::new(
            "Sign in with your professional card; a software certificate is not one.",
            "Connectez-vous avec votre carte professionnelle ; un certificat logiciel n’en est \
             pas une.",
        ),
        Problem::CardOfOtherEnvironment => Text::new(
            "Use your own card on the real service, and a test card on a test service.",
            "Utilisez votre propre carte sur le service réel, et une carte de test sur un \
             service de test.",
        ),
        Problem::CardFamilyNotAccepted => Text::new(
            "Use your personal professional card, or ask the portal's operator which cards it \
             accepts.",
            "Utilisez votre carte professionnelle nominative, ou demandez à l’exploitant du \
             portail quelles cartes il accepte.",
        ),
        Problem::IdentifierNotAccepted => Text::new(
            "If you have a newer card, use it. Else ask the card's issuer for one with your \
             present national number.",
            "Si vous avez une carte plus récente, utilisez-la. Sinon, demandez à l’émetteur \
             une carte portant votre numéro national actuel.",
        ),
        Problem::ProfessionNotAccepted => Text::new(
            "If your profession on the card is out of date, have it corrected by your register \
             and order a new card. Else ask the portal's operator.",
            "Si la profession portée par la carte n’est plus la vôtre, faites-la corriger par \
             votre ordre ou votre registre et commandez une nouvelle carte. Sinon, contactez \
             l’exploitant du portail.",
        ),
        // Whatever else keeps a genuine card out has no words of its own.
        _ => Text::new(
            "Use a card that this portal accepts, or ask its operator.",
            "Utilisez une carte acceptée par ce portail, ou contactez son exploitant.",
        ),
    }
}

//! Panels when the server has said no.

use super::{Action, Panel, Tone};
use crate::language::Text;

const ASK_SUPPORT: Text = Text::new(
    "If it happens again, give your support the reference below.",
    "Si cela se reproduit, communiquez la référence ci-dessous à votre assistance.",
);

const BACK_TO_PORTAL: Text = Text::new(
    "Go back to the portal and start signing in again.",
    "Retournez sur le portail et recommencez la connexion.",
);

/// Panels when the server has said no.
pub(super) const REFUSALS: &[Panel] = &[
    Panel {
        state: "refused",
        codes: "login.refused",
        tone: Tone::Refused,
        heading: Text::new("Signing in was refused", "La connexion a été refusée"),
        lines: &[
            Text::new(
                "Your card could not be checked.",
                "Votre carte n’a pas pu être vérifiée.",
            ),
            ASK_SUPPORT,
        ],
        action: Action::Retry,
    },
    Panel {
        state: "card_expired",
        codes: "login.card_expired",
        tone: Tone::Refused,
        heading: Text::new("Your card has expired", "Votre carte est expirée"),
        lines: &[Text::new(
            "Use your new card. If you have none, ask the card's issuer for it.",
            "Utilisez votre nouvelle carte. Si vous ne l’avez pas, demandez-la à l’émetteur.",
        )],
        action: Action::Retry,
    },
    Panel {
        state: "card_revoked",
        codes: "login.card_revoked",
        tone: Tone::Refused,
        heading: Text::new(
            "Your card is no longer valid",
            "Votre carte n’est plus valide",
        ),
        lines: &[Text::new(
            "It was revoked, as happens when a card is reported lost or is replaced. Use your new \
             card, or call the card's issuer.",
            "Elle a été révoquée, comme après une perte déclarée ou un remplacement. Utilisez \
             votre nouvelle carte ou appelez l’émetteur de la carte.",
        )],
        action: Action::Retry,
    },
    Panel {
        state: "revocation_unavailable",
        codes: "login.revocation_unavailable",
        tone: Tone::Warning,
        heading: Text::new(
            "Your card cannot be checked for now",
            "Votre carte ne peut pas être vérifiée pour l’instant",
        ),
        lines: &[
            Text::new(
                "The card issuer's service does not answer. Your card is not at fault: try again \
                 in a few minutes.",
                "Le service de l’émetteur de la carte ne répond pas. Votre carte n’est pas en \
                 cause : réessayez dans quelques minutes.",
            ),
            ASK_SUPPORT,
        ],
        action: Action::Retry,
    },
    Panel {
        state: "card_not_accepted",
        codes: "login.card_not_accepted",
        tone: Tone::Refused,
        heading: Text::new(
            "This card does not open this portal",
            "Cette carte ne donne pas accès à ce portail",
        ),
        lines: &[
            Text::new(
                "Your card is in order, but this portal does not accept its type or profession.",
                "Votre carte est en règle, mais ce portail n’accepte pas ce type de carte ou cette \
                 profession.",
            ),
            ASK_SUPPORT,
        ],
        action: Action::Retry,
    },
    Panel {
        state: "presence_missing",
        codes: "login.presence_missing agent.challenge_keys_unreachable",
        tone: Tone::Warning,
        heading: Text::new(
            "The agent cannot reach this server",
            "L’agent ne parvient pas à joindre le serveur",
        ),
        lines: &[
            Text::new(
                "Leave the card in the reader, check the network of this computer, then try again.",
                "Laissez la carte dans le lecteur, vérifiez le réseau de cet ordinateur, puis \
                 réessayez.",
            ),
            ASK_SUPPORT,
        ],
        action: Action::Retry,
    },
    Panel {
        state: "login_expired",
        codes: "login.expired login.other_browser server.not_found",
        tone: Tone::Warning,
        heading: Text::new("This page is too old", "Cette page n’est plus valable"),
        lines: &[BACK_TO_PORTAL],
        action: Action::Nothing,
    },
    Panel {
        state: "agent_not_enrolled",
        codes: "agent.challenge_invalid agent.enrolment_mismatch agent.challenge_keys_invalid \
                agent.challenge_keys_rolled_back",
        tone: Tone::Refused,
        heading: Text::new(
            "The agent does not trust this site",
            "L’agent ne fait pas confiance à ce site",
        ),
        lines: &[
            Text::new(
                "Check the address of this page. If it is right, ask your support to register this \
                 site in the agent.",
                "Vérifiez l’adresse de cette page. Si elle est correcte, demandez à votre \
                 assistance d’enregistrer ce site dans l’agent.",
            ),
            ASK_SUPPORT,
        ],
        action: Action::Retry,
    },
    Panel {
        state: "server_unreachable",
        codes: "login.unavailable server.unavailable server.internal server.timed_out",
        tone: Tone::Warning,
        heading: Text::new("The server does not answer", "Le serveur ne répond pas"),
        lines: &[Text::new(
            "Check your connection, then try again.",
            "Vérifiez votre connexion, puis réessayez.",
        )],
        action: Action::Retry,
    },
];

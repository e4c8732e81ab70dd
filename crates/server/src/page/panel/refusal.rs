//! Panels when the server has said no.

use super::{Action, Panel, Tone};
use crate::language::Text;
use crate::problem::workstation;

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
        codes: "login.card_expired agent.card_expired",
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
        state: "card_suspended",
        codes: "login.card_suspended",
        tone: Tone::Refused,
        heading: Text::new("This card is suspended", "Cette carte est suspendue"),
        lines: &[
            Text::new(
                "It was reported lost or stolen at this service, and signs nobody in here. If you \
                 have another card, use it.",
                "Elle a été signalée perdue ou volée auprès de ce service et n’y connecte plus \
                 personne. Si vous avez une autre carte, utilisez-la.",
            ),
            Text::new(
                "Only the support of this service can lift the suspension, once it has checked who \
                 you are. If you have not reported your card, tell that support at once.",
                "Seule l’assistance de ce service peut lever la suspension, après avoir vérifié \
                 votre identité. Si vous n’avez pas signalé votre carte, prévenez cette assistance \
                 aussitôt.",
            ),
        ],
        action: Action::Nothing,
    },
    Panel {
        state: "workstation_not_known",
        codes: "login.workstation_not_known",
        tone: Tone::Warning,
        heading: workstation::NOT_KNOWN,
        lines: &[workstation::NOT_KNOWN_ADVICE],
        action: Action::Nothing,
    },
    Panel {
        state: "workstation_not_managed",
        codes: "login.workstation_not_managed",
        tone: Tone::Warning,
        heading: workstation::NOT_MANAGED,
        lines: &[workstation::NOT_MANAGED_ADVICE],
        action: Action::Nothing,
    },
    Panel {
        state: "workstation_revoked",
        codes: "login.workstation_revoked",
        tone: Tone::Refused,
        heading: workstation::REVOKED,
        lines: &[workstation::REVOKED_ADVICE],
        action: Action::Nothing,
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
                 cause : réessayez dans quelques minutes.",
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
                "Use the professional card that this portal accepts. If it is this one, it may \
                 have to be replaced: ask the card's issuer.",
                "Utilisez la carte professionnelle acceptée par ce portail. Si c’est bien \
                 celle-ci, elle est peut-être à remplacer : contactez l’émetteur de la carte.",
            ),
            ASK_SUPPORT,
        ],
        action: Action::Retry,
    },
    Panel {
        state: "not_a_card",
        codes: "login.not_a_card",
        tone: Tone::Refused,
        heading: Text::new(
            "This is not a professional card",
            "Ce n’est pas une carte professionnelle",
        ),
        lines: &[
            Text::new(
                "Sign in with your professional card. A software certificate on this computer does \
                 not take its place.",
                "Connectez-vous avec votre carte professionnelle. Un certificat logiciel installé \
                 sur cet ordinateur ne la remplace pas.",
            ),
            ASK_SUPPORT,
        ],
        action: Action::Retry,
    },
    Panel {
        state: "card_of_other_environment",
        codes: "login.card_of_other_environment",
        tone: Tone::Refused,
        heading: Text::new(
            "This card belongs to another environment",
            "Cette carte appartient à un autre environnement",
        ),
        lines: &[
            Text::new(
                "A test card does not open a real service, and your own card does not open a test \
                 service. Insert the other card.",
                "Une carte de test n’ouvre pas un service réel, et votre propre carte n’ouvre pas \
                 un service de test. Insérez l’autre carte.",
            ),
            ASK_SUPPORT,
        ],
        action: Action::Retry,
    },
    Panel {
        state: "card_family_not_accepted",
        codes: "login.card_family_not_accepted",
        tone: Tone::Refused,
        heading: Text::new(
            "This type of card is not accepted here",
            "Ce type de carte n’est pas accepté ici",
        ),
        lines: &[
            Text::new(
                "Use your personal professional card. If you have none, ask the portal's operator \
                 which cards it accepts.",
                "Utilisez votre carte professionnelle nominative. Si vous n’en avez pas, demandez \
                 à l’exploitant du portail quelles cartes il accepte.",
            ),
            ASK_SUPPORT,
        ],
        action: Action::Retry,
    },
    Panel {
        state: "identifier_not_accepted",
        codes: "login.identifier_not_accepted",
        tone: Tone::Refused,
        heading: Text::new(
            "The number on this card is not accepted here",
            "Le numéro porté par cette carte n’est pas accepté ici",
        ),
        lines: &[
            Text::new(
                "Your card names you by a number that this service does not take. If you have a \
                 newer card, use it; else ask the card's issuer for one with your present national \
                 number.",
                "Votre carte vous désigne par un numéro que ce service n’accepte pas. Si vous avez \
                 une carte plus récente, utilisez-la ; sinon, demandez à l’émetteur une carte \
                 portant votre numéro national actuel.",
            ),
            ASK_SUPPORT,
        ],
        action: Action::Retry,
    },
    Panel {
        state: "profession_not_accepted",
        codes: "login.profession_not_accepted",
        tone: Tone::Refused,
        heading: Text::new(
            "This portal is for other professions",
            "Ce portail est réservé à d’autres professions",
        ),
        lines: &[
            Text::new(
                "If the profession on your card is out of date, have it corrected by your register \
                 and order a new card. If it is right, ask the portal's operator.",
                "Si la profession portée par votre carte n’est plus la vôtre, faites-la corriger \
                 par votre ordre ou votre registre et commandez une nouvelle carte. Si elle est \
                 exacte, contactez l’exploitant du portail.",
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

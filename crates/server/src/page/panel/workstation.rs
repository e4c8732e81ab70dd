//! Panels when something on the workstation stands in the way.

use super::{Action, Panel, Tone};
use crate::language::Text;

/// Panels when something on the workstation stands in the way.
pub(super) const WORKSTATION: &[Panel] = &[
    Panel {
        state: "agent_missing",
        codes: "agent.origin_refused agent.host_refused",
        tone: Tone::Warning,
        heading: Text::new(
            "The Cardea agent does not answer",
            "L’agent Cardea ne répond pas",
        ),
        lines: &[
            Text::new(
                "Start the Cardea agent on this computer: signing in then goes on by itself.",
                "Démarrez l’agent Cardea sur cet ordinateur : la connexion continuera d’elle-même.",
            ),
            Text::new(
                "If it is running, your browser may be blocking it, or this site is not registered \
                 in it: ask your support.",
                "S’il est démarré, votre navigateur le bloque peut-être, ou ce site n’y est pas \
                 enregistré : contactez votre assistance.",
            ),
        ],
        action: Action::Retry,
    },
    Panel {
        state: "no_reader",
        codes: "card.no_reader card.reader_service_unavailable card.reader_fault \
                card.module_missing card.module_fault",
        tone: Tone::Warning,
        heading: Text::new("No card reader found", "Aucun lecteur de carte trouvé"),
        lines: &[Text::new(
            "Plug your card reader in, wait a few seconds, then try again.",
            "Branchez votre lecteur de carte, patientez quelques secondes, puis réessayez.",
        )],
        action: Action::Retry,
    },
    Panel {
        state: "card_removed",
        codes: "card.removed card.no_card card.reset card.unresponsive agent.card_changed",
        tone: Tone::Warning,
        heading: Text::new("The card was taken out", "La carte a été retirée"),
        lines: &[Text::new(
            "Put your card back in and leave it in until you are signed in.",
            "Remettez votre carte et laissez-la en place jusqu’à la fin de la connexion.",
        )],
        action: Action::Retry,
    },
    Panel {
        state: "card_blocked",
        codes: "card.pin_blocked",
        tone: Tone::Refused,
        heading: Text::new("Your card is blocked", "Votre carte est bloquée"),
        lines: &[
            Text::new(
                "The PIN was wrong too many times. For your protection this card cannot be used \
                 until it is unblocked.",
                "Le code a été incorrect trop de fois. Pour vous protéger, cette carte ne peut \
                 plus servir avant d’être débloquée.",
            ),
            Text::new(
                "Unblock it with the unblocking code that came with your card, or call the card's \
                 issuer. No adviser will ever ask for your PIN.",
                "Débloquez-la avec le code de déblocage reçu avec votre carte, ou appelez \
                 l’émetteur de la carte. Aucun conseiller ne vous demandera votre code.",
            ),
        ],
        action: Action::Retry,
    },
    Panel {
        state: "cancelled",
        codes: "agent.prompt_cancelled agent.last_try_declined agent.page_gone",
        tone: Tone::Card,
        heading: Text::new(
            "You stopped signing in",
            "Vous avez interrompu la connexion",
        ),
        lines: &[Text::new(
            "Nothing was sent. You can start again whenever you like.",
            "Rien n’a été transmis. Vous pouvez recommencer quand vous le souhaitez.",
        )],
        action: Action::SignIn,
    },
    Panel {
        state: "agent_busy",
        codes: "agent.busy card.busy card.abandoned",
        tone: Tone::Warning,
        heading: Text::new("Your card is in use", "Votre carte est utilisée"),
        lines: &[Text::new(
            "Another program or another page is using the card. Finish there, then try again.",
            "Un autre logiciel ou une autre page utilise la carte. Terminez-y, puis réessayez.",
        )],
        action: Action::Retry,
    },
    Panel {
        state: "too_many",
        codes: "agent.rate_limited agent.too_many_entries server.too_many_requests",
        tone: Tone::Warning,
        heading: Text::new("Too many attempts", "Trop de tentatives"),
        lines: &[Text::new(
            "Wait one minute, then try again.",
            "Patientez une minute, puis réessayez.",
        )],
        action: Action::Retry,
    },
    Panel {
        state: "timed_out",
        codes: "card.timed_out agent.prompt_timed_out agent.challenge_expired",
        tone: Tone::Warning,
        heading: Text::new("That took too long", "Le délai est dépassé"),
        lines: &[Text::new(
            "Take the card out, put it back in, then try again.",
            "Retirez la carte, remettez-la, puis réessayez.",
        )],
        action: Action::Retry,
    },
    Panel {
        state: "card_unsupported",
        codes: "card.unsupported card.no_authentication_certificate \
                card.authentication_certificate_ambiguous card.certificate_malformed \
                card.certificate_compressed card.key_unsupported card.key_missing \
                card.signature_invalid card.pin_not_demanded",
        tone: Tone::Refused,
        heading: Text::new("This card cannot be used", "Cette carte ne convient pas"),
        lines: &[Text::new(
            "Use your own professional card: a patient's card or another kind of card cannot sign \
             you in.",
            "Utilisez votre carte professionnelle : une carte Vitale ou une autre carte ne permet \
             pas de se connecter.",
        )],
        action: Action::Retry,
    },
    Panel {
        state: "agent_fault",
        codes: "agent.internal agent.prompt_unavailable agent.state_unusable agent.file_unreadable \
                card.thread_unavailable",
        tone: Tone::Warning,
        heading: Text::new(
            "The Cardea agent has a problem",
            "L’agent Cardea a un problème",
        ),
        lines: &[Text::new(
            "Restart the Cardea agent on this computer, then try again.",
            "Redémarrez l’agent Cardea sur cet ordinateur, puis réessayez.",
        )],
        action: Action::Retry,
    },
];

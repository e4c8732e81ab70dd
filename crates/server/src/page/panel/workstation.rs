//! Panels when something on the workstation stands in the way.

use super::progress::SERVICE_FOR_SUPPORT;
use super::{Action, Panel, Tone};
use crate::language::Text;

/// Panels when something on the workstation stands in the way.
pub(super) const WORKSTATION: &[Panel] = &[
    Panel {
        state: "no_reader",
        codes: "card.no_reader card.reader_fault",
        tone: Tone::Warning,
        heading: Text::new("No card reader found", "Aucun lecteur de carte trouvé"),
        lines: &[Text::new(
            "Plug your card reader in, wait a few seconds, then try again.",
            "Branchez votre lecteur de carte, patientez quelques secondes, puis réessayez.",
        )],
        action: Action::Retry,
    },
    Panel {
        state: "no_reader_service",
        codes: "card.reader_service_unavailable card.module_missing card.module_fault",
        tone: Tone::Warning,
        heading: Text::new(
            "This computer cannot reach its card readers",
            "Cet ordinateur n’accède pas à ses lecteurs de carte",
        ),
        lines: &[
            Text::new(
                "Restart this computer and sign in again.",
                "Redémarrez cet ordinateur, puis connectez-vous de nouveau.",
            ),
            SERVICE_FOR_SUPPORT,
        ],
        action: Action::Retry,
    },
    Panel {
        state: "card_removed",
        codes: "card.removed card.no_card card.reset agent.card_changed",
        tone: Tone::Warning,
        heading: Text::new("The card was taken out", "La carte a été retirée"),
        lines: &[Text::new(
            "Put your card back in and leave it in until you are signed in.",
            "Remettez votre carte et laissez-la en place jusqu’à la fin de la connexion.",
        )],
        action: Action::Retry,
    },
    Panel {
        state: "card_unresponsive",
        codes: "card.unresponsive card.timed_out card.response_malformed \
                card.response_too_long card.unexpected_status card.command_too_long",
        tone: Tone::Warning,
        heading: Text::new("Your card does not respond", "Votre carte ne répond pas"),
        lines: &[
            Text::new(
                "Take it out and put it back in, chip first and facing the right way, then try \
                 again.",
                "Retirez-la et remettez-la, puce en avant et dans le bon sens, puis réessayez.",
            ),
            Text::new(
                "If it happens again, wipe the chip with a dry cloth, or try another reader.",
                "Si cela se reproduit, essuyez la puce avec un chiffon sec ou essayez un autre \
                 lecteur.",
            ),
        ],
        action: Action::Retry,
    },
    Panel {
        state: "contact_wanted",
        codes: "agent.pin_wanted_contactless",
        tone: Tone::Card,
        heading: Text::new(
            "Insert your card instead of holding it near",
            "Insérez votre carte au lieu de l’approcher",
        ),
        lines: &[Text::new(
            "This portal wants the PIN, which a card asks for only when it is inserted.",
            "Ce portail demande le code, que la carte ne vérifie qu’une fois insérée.",
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
        codes: "agent.prompt_cancelled agent.last_try_declined agent.page_gone \
                card.pin_entry_cancelled",
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
        lines: &[
            Text::new(
                "Another program or another page is using the card. Finish there, then try again.",
                "Un autre logiciel ou une autre page utilise la carte. Terminez-y, puis réessayez.",
            ),
            Text::new(
                "A window of the Cardea agent may still be open: answer or close it.",
                "Une fenêtre de l’agent Cardea est peut-être encore ouverte : répondez-y ou \
                 fermez-la.",
            ),
        ],
        action: Action::Retry,
    },
    Panel {
        state: "reader_held",
        codes: "agent.reader_held",
        tone: Tone::Warning,
        heading: Text::new(
            "Another program keeps your card busy",
            "Un autre logiciel occupe votre carte",
        ),
        lines: &[
            Text::new("The agent says: {advice}", "L’agent indique : {advice}"),
            Text::new(
                "Your card is not at fault.",
                "Votre carte n’est pas en cause.",
            ),
        ],
        action: Action::Retry,
    },
    Panel {
        state: "screen_locked",
        codes: "agent.screen_locked",
        tone: Tone::Warning,
        heading: Text::new("Your screen is locked", "Votre écran est verrouillé"),
        lines: &[Text::new(
            "Nothing was asked of your card. Unlock the screen, then try again.",
            "Rien n’a été demandé à votre carte. Déverrouillez l’écran, puis réessayez.",
        )],
        action: Action::Retry,
    },
    Panel {
        state: "site_blocked",
        codes: "agent.site_blocked",
        tone: Tone::Refused,
        heading: Text::new(
            "You blocked this site on this computer",
            "Vous avez bloqué ce site sur cet ordinateur",
        ),
        lines: &[
            Text::new(
                "You did so in the window of the Cardea agent, for one hour.",
                "Vous l’avez fait dans la fenêtre de l’agent Cardea, pour une heure.",
            ),
            Text::new(
                "It ends in {minutes} min.",
                "Ce blocage prend fin dans {minutes} min.",
            ),
            Text::new(
                "If it was not meant, “cardea-agent unblock” on this computer ends it at once; \
                 your support can help.",
                "Si c’était une erreur, « cardea-agent unblock » sur cet ordinateur y met fin \
                 aussitôt ; votre assistance peut vous aider.",
            ),
        ],
        action: Action::Retry,
    },
    Panel {
        state: "too_many",
        codes: "agent.rate_limited agent.too_many_entries server.too_many_requests",
        tone: Tone::Warning,
        heading: Text::new("Too many attempts", "Trop de tentatives"),
        lines: &[
            Text::new(
                "Wait a little, then try again.",
                "Patientez un peu, puis réessayez.",
            ),
            Text::new(
                "It works again in {minutes} min.",
                "Ce sera de nouveau possible dans {minutes} min.",
            ),
            Text::new(
                "A portal whose requests you cancel three times has to pause. If you want to go \
                 on before: “cardea-agent unblock” on this computer.",
                "Un portail dont vous annulez trois fois les demandes doit patienter. Pour \
                 continuer avant : « cardea-agent unblock » sur cet ordinateur.",
            ),
        ],
        action: Action::Retry,
    },
    Panel {
        state: "timed_out",
        codes: "agent.prompt_timed_out agent.challenge_expired card.pin_entry_timed_out \
                agent.challenge_repeated",
        tone: Tone::Warning,
        heading: Text::new("That took too long", "Le délai est dépassé"),
        lines: &[Text::new(
            "Nothing was sent. Have your PIN ready, then try again.",
            "Rien n’a été transmis. Préparez votre code, puis réessayez.",
        )],
        action: Action::Retry,
    },
    Panel {
        state: "card_unsupported",
        codes: "card.unsupported card.no_authentication_certificate \
                card.authentication_certificate_ambiguous card.certificate_malformed \
                card.certificate_compressed card.key_unsupported card.key_missing \
                card.signature_invalid card.pin_not_demanded card.pin_pad_missing",
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
        codes: "agent.internal agent.instance_key_unavailable agent.prompt_unavailable \
                agent.state_unusable agent.file_unreadable \
                card.thread_unavailable card.pin_not_verified card.pin_malformed \
                agent.not_found agent.method_not_allowed agent.content_type_refused \
                agent.request_invalid agent.peer_refused",
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

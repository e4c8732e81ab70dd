//! Panels while a login goes its way.

use super::{Action, Panel, Tone};
use crate::language::Text;

const NEVER_IN_A_PAGE: Text = Text::new(
    "Type your PIN in the window of the Cardea agent, never into a web page.",
    "Saisissez votre code dans la fenêtre de l’agent Cardea, jamais dans une page web.",
);

const WINDOW_HIDDEN: Text = Text::new(
    "No such window? Look behind your browser or in the task bar.",
    "Vous ne voyez pas cette fenêtre ? Cherchez derrière le navigateur ou dans la barre des \
     tâches.",
);

/// For whoever looks after the computer.
pub(super) const SERVICE_FOR_SUPPORT: Text = Text::new(
    "If that does not help, tell your support: the smart-card service (pcscd) does not answer; \
     “cardea-agent status” says why.",
    "Si cela ne suffit pas, dites à votre assistance que le service des cartes à puce (pcscd) ne \
     répond pas ; « cardea-agent status » indique pourquoi.",
);

/// Panels while a login goes its way.
pub(super) const PROGRESS: &[Panel] = &[
    Panel {
        state: "start",
        codes: "",
        tone: Tone::Card,
        heading: Text::new("Have your card ready", "Préparez votre carte"),
        lines: &[Text::new(
            "Your professional card and its PIN are all you need.",
            "Votre carte professionnelle et son code suffisent.",
        )],
        action: Action::SignIn,
    },
    Panel {
        state: "looking",
        codes: "",
        tone: Tone::Busy,
        heading: Text::new(
            "Looking for your card reader…",
            "Recherche de votre lecteur de carte…",
        ),
        lines: &[Text::new(
            "Your browser is calling the Cardea agent of this computer.",
            "Votre navigateur appelle l’agent Cardea de cet ordinateur.",
        )],
        action: Action::Nothing,
    },
    Panel {
        state: "insert_card",
        codes: "",
        tone: Tone::Card,
        heading: Text::new(
            "Insert your card into the reader",
            "Insérez votre carte dans le lecteur",
        ),
        lines: &[Text::new(
            "Signing in goes on by itself as soon as the card is in.",
            "La connexion continue d’elle-même dès que la carte est insérée.",
        )],
        action: Action::Nothing,
    },
    Panel {
        state: "reader_missing",
        codes: "",
        tone: Tone::Warning,
        heading: Text::new(
            "No card reader is connected",
            "Aucun lecteur de carte n’est branché",
        ),
        lines: &[
            Text::new(
                "Plug your card reader into this computer: signing in goes on by itself.",
                "Branchez votre lecteur de carte sur cet ordinateur : la connexion continue \
                 d’elle-même.",
            ),
            Text::new(
                "Is it plugged in already? Unplug it, wait a few seconds and plug it into another \
                 socket. If that does not help, call your support.",
                "Il est déjà branché ? Débranchez-le, patientez quelques secondes et rebranchez-le \
                 sur une autre prise. Si cela ne suffit pas, appelez votre assistance.",
            ),
        ],
        action: Action::Nothing,
    },
    Panel {
        state: "reader_service_down",
        codes: "",
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
            Text::new(
                "As soon as it answers, signing in goes on by itself.",
                "Dès qu’il répond, la connexion continue d’elle-même.",
            ),
        ],
        action: Action::Nothing,
    },
    Panel {
        state: "choose_card",
        codes: "",
        tone: Tone::Card,
        heading: Text::new("Which card is yours?", "Quelle carte est la vôtre ?"),
        lines: &[Text::new(
            "Several cards are in. Choose yours in the window of the Cardea agent.",
            "Plusieurs cartes sont insérées. Choisissez la vôtre dans la fenêtre de l’agent \
             Cardea.",
        )],
        action: Action::Nothing,
    },
    Panel {
        state: "reader_busy",
        codes: "",
        tone: Tone::Busy,
        heading: Text::new(
            "Another program is using your card…",
            "Un autre logiciel utilise votre carte…",
        ),
        lines: &[Text::new(
            "Signing in goes on by itself as soon as it has finished. Leave the card in the \
             reader.",
            "La connexion continue d’elle-même dès qu’il a terminé. Laissez la carte dans le \
             lecteur.",
        )],
        action: Action::Nothing,
    },
    Panel {
        state: "card_found",
        codes: "",
        tone: Tone::Busy,
        heading: Text::new("Reading your card…", "Lecture de votre carte…"),
        lines: &[Text::new(
            "Leave the card in the reader.",
            "Laissez la carte dans le lecteur.",
        )],
        action: Action::Nothing,
    },
    Panel {
        state: "pin_asked",
        codes: "",
        tone: Tone::Pin,
        heading: Text::new("Your card asks for its PIN", "Votre carte demande son code"),
        lines: &[
            NEVER_IN_A_PAGE,
            Text::new(
                "No such window? Look behind your browser or in the task bar.",
                "Vous ne voyez pas cette fenêtre ? Cherchez derrière le navigateur ou dans la \
                 barre des tâches.",
            ),
        ],
        action: Action::Nothing,
    },
    Panel {
        state: "pin_on_reader",
        codes: "",
        tone: Tone::Pin,
        heading: Text::new(
            "Type your PIN on the reader's own keys",
            "Saisissez votre code sur le clavier du lecteur",
        ),
        lines: &[Text::new(
            "Not on this computer's keyboard. Confirm with the reader's green key.",
            "Et non sur celui de l’ordinateur. Validez avec la touche verte du lecteur.",
        )],
        action: Action::Nothing,
    },
    Panel {
        state: "confirm_asked",
        codes: "",
        tone: Tone::Pin,
        heading: Text::new(
            "Confirm that you are signing in",
            "Confirmez votre connexion",
        ),
        lines: &[
            Text::new(
                "Accept in the window of the Cardea agent, which names this portal. Your PIN is \
                 not \
                 needed this time.",
                "Acceptez dans la fenêtre de l’agent Cardea, qui nomme ce portail. Votre code \
                 n’est \
                 pas nécessaire cette fois.",
            ),
            WINDOW_HIDDEN,
        ],
        action: Action::Nothing,
    },
    Panel {
        state: "pin_incorrect",
        codes: "card.pin_incorrect",
        tone: Tone::Warning,
        heading: Text::new("That PIN is not right", "Ce code est incorrect"),
        lines: &[
            Text::new("Tries left: {tries}.", "Essais restants : {tries}."),
            NEVER_IN_A_PAGE,
        ],
        action: Action::Nothing,
    },
    Panel {
        state: "pin_last_try",
        codes: "card.pin_last_try",
        tone: Tone::Warning,
        heading: Text::new("One try left", "Il ne reste qu’un essai"),
        lines: &[
            Text::new(
                "One more wrong PIN blocks your card. If you are not sure, stop here and look for \
                 your PIN first.",
                "Un nouveau code incorrect bloquera votre carte. En cas de doute, arrêtez-vous et \
                 retrouvez d’abord votre code.",
            ),
            NEVER_IN_A_PAGE,
        ],
        action: Action::Nothing,
    },
    Panel {
        state: "signing",
        codes: "",
        tone: Tone::Busy,
        heading: Text::new("Your card is signing…", "Votre carte signe…"),
        lines: &[Text::new(
            "Leave the card in the reader.",
            "Laissez la carte dans le lecteur.",
        )],
        action: Action::Nothing,
    },
    Panel {
        state: "checking",
        codes: "",
        tone: Tone::Busy,
        heading: Text::new("Checking your card…", "Vérification de votre carte…"),
        lines: &[Text::new(
            "Leave the card in the reader.",
            "Laissez la carte dans le lecteur.",
        )],
        action: Action::Nothing,
    },
    Panel {
        state: "success",
        codes: "",
        tone: Tone::Success,
        heading: Text::new("You are signed in", "Connexion réussie"),
        lines: &[Text::new(
            "Going back to the portal. Your session lasts as long as your card stays in the \
             reader.",
            "Retour au portail. Votre session dure tant que votre carte reste dans le lecteur.",
        )],
        action: Action::Nothing,
    },
];

//! Panels about the way from the page to the agent: the browser, its extension, the port.

use super::{Action, Panel, Tone};
use crate::language::Text;

/// Panels about the way from the page to the agent.
pub(super) const REACH: &[Panel] = &[
    Panel {
        state: "network_prompt",
        codes: "",
        tone: Tone::Busy,
        heading: Text::new(
            "Your browser may ask for your leave",
            "Votre navigateur peut demander votre accord",
        ),
        lines: &[
            Text::new(
                "If it asks to “Access other apps and services on this device”, press “Allow”.",
                "S’il demande à « Accéder à d’autres applis et services sur cet appareil », \
                 appuyez sur « Autoriser ».",
            ),
            Text::new(
                "That is how this page reaches the Cardea agent, the program of this computer that \
                 reads your card. You are asked only once.",
                "C’est ainsi que cette page joint l’agent Cardea, le programme de cet ordinateur \
                 qui \
                 lit votre carte. La question n’est posée qu’une fois.",
            ),
        ],
        action: Action::Nothing,
    },
    Panel {
        state: "network_denied",
        codes: "",
        tone: Tone::Warning,
        heading: Text::new(
            "Your browser blocks the card reader",
            "Votre navigateur bloque le lecteur de carte",
        ),
        lines: &[
            Text::new(
                "Press the symbol to the left of this page's address and allow this site to access \
                 other apps and services on this device (or the local network).",
                "Cliquez sur le symbole à gauche de l’adresse de cette page et autorisez ce site à \
                 accéder à d’autres applis et services sur cet appareil (ou au réseau local).",
            ),
            Text::new(
                "Signing in then goes on by itself. If it does not, reload the page.",
                "La connexion continue alors d’elle-même. Sinon, rechargez la page.",
            ),
            Text::new(
                "Is that setting locked? Ask your support for the Cardea extension: it needs no \
                 such permission.",
                "Réglage verrouillé ? Demandez à votre assistance l’extension Cardea : elle n’a \
                 pas besoin de cette autorisation.",
            ),
        ],
        action: Action::Retry,
    },
    Panel {
        state: "insecure_page",
        codes: "",
        tone: Tone::Refused,
        heading: Text::new(
            "This page is not protected",
            "Cette page n’est pas protégée",
        ),
        lines: &[Text::new(
            "Its address does not begin with https, so your browser does not let it reach your \
             card. Do not go on; tell your support.",
            "Son adresse ne commence pas par https : votre navigateur ne la laisse pas joindre \
             votre carte. N’allez pas plus loin et prévenez votre assistance.",
        )],
        action: Action::Nothing,
    },
    Panel {
        state: "agent_missing",
        codes: "",
        tone: Tone::Warning,
        heading: Text::new(
            "The Cardea agent does not answer",
            "L’agent Cardea ne répond pas",
        ),
        lines: &[
            Text::new(
                "Start the Cardea agent, or restart this computer: signing in then goes on by \
                 itself.",
                "Démarrez l’agent Cardea ou redémarrez cet ordinateur : la connexion continuera \
                 d’elle-même.",
            ),
            Text::new(
                "If it is running, the Cardea extension may be missing from this browser: ask your \
                 support.",
                "S’il est démarré, l’extension Cardea manque peut-être dans ce navigateur : \
                 contactez votre assistance.",
            ),
        ],
        action: Action::Retry,
    },
    Panel {
        state: "agent_not_running",
        codes: "extension.agent_not_running",
        tone: Tone::Warning,
        heading: Text::new(
            "The Cardea agent is not running",
            "L’agent Cardea n’est pas démarré",
        ),
        lines: &[
            Text::new(
                "Start the Cardea agent: signing in then goes on by itself.",
                "Démarrez l’agent Cardea : la connexion reprendra aussitôt.",
            ),
            Text::new(
                "If you do not find it, restart this computer and sign in again. If that does not \
                 help, call your support.",
                "Si vous ne le trouvez pas, redémarrez cet ordinateur, puis connectez-vous de \
                 nouveau. Si cela ne suffit pas, appelez votre assistance.",
            ),
        ],
        action: Action::Retry,
    },
    Panel {
        state: "host_missing",
        codes: "extension.host_missing extension.host_failed agent.extension_refused \
                agent.socket_unavailable agent.frame_invalid",
        tone: Tone::Warning,
        heading: Text::new(
            "The Cardea extension does not find the agent",
            "L’extension Cardea ne trouve pas l’agent",
        ),
        lines: &[
            Text::new(
                "Reload this page (F5) and sign in again.",
                "Rechargez cette page (F5) et connectez-vous de nouveau.",
            ),
            Text::new(
                "If this stays, call your support: the Cardea agent is to be installed again on \
                 this computer, and “cardea-agent browser-setup” to be run in your account.",
                "Si cela persiste, appelez votre assistance : l’agent Cardea est à réinstaller \
                 sur cet ordinateur, et « cardea-agent browser-setup » à lancer sous votre compte.",
            ),
        ],
        action: Action::Retry,
    },
    Panel {
        state: "not_for_this_site",
        codes: "agent.origin_refused agent.host_refused",
        tone: Tone::Warning,
        heading: Text::new(
            "The agent does not know this site",
            "L’agent ne connaît pas ce site",
        ),
        lines: &[
            Text::new(
                "Check the address of this page. If it is right, ask your support to register this \
                 site in the Cardea agent.",
                "Vérifiez l’adresse de cette page. Si elle est correcte, demandez à votre \
                 assistance \
                 d’enregistrer ce site dans l’agent Cardea.",
            ),
            Text::new(
                "If it is registered, another program may be answering at the agent's place.",
                "S’il est enregistré, un autre programme répond peut-être à la place de l’agent.",
            ),
        ],
        action: Action::Retry,
    },
    Panel {
        state: "other_program",
        codes: "",
        tone: Tone::Refused,
        heading: Text::new(
            "Another program answers at the agent's place",
            "Un autre programme répond à la place de l’agent",
        ),
        lines: &[
            Text::new(
                "What answers on this computer is not the Cardea agent. Nobody was signed in.",
                "Ce qui répond sur cet ordinateur n’est pas l’agent Cardea. Personne n’a été \
                 connecté.",
            ),
            Text::new(
                "Type your PIN nowhere. Restart this computer; if it happens again, tell your \
                 support.",
                "Ne saisissez votre code nulle part. Redémarrez cet ordinateur ; si cela se \
                 reproduit, prévenez votre assistance.",
            ),
        ],
        action: Action::Retry,
    },
];

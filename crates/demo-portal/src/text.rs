//! Every word that a visitor reads, in French and in English.

use crate::language::Language;
use crate::look_up::desk::WayOut;

/// The texts of all pages in one language.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) portal: &'static str,
    pub(crate) audience: &'static str,
    pub(crate) invented: &'static str,
    pub(crate) welcome: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) sign_in: &'static str,
    pub(crate) steps_title: &'static str,
    pub(crate) steps: [&'static str; 3],
    pub(crate) why_title: &'static str,
    pub(crate) why: &'static str,
    pub(crate) hello: &'static str,
    pub(crate) presence: &'static str,
    pub(crate) unwatched: &'static str,
    pub(crate) sign_out: &'static str,
    pub(crate) services_title: &'static str,
    pub(crate) services: [(&'static str, &'static str); 4],
    pub(crate) patients_title: &'static str,
    pub(crate) patients_lead: &'static str,
    pub(crate) patients_seen: &'static str,
    pub(crate) patients_per_minute: &'static str,
    pub(crate) patients_per_hour: &'static str,
    pub(crate) signature_wanted: Advice,
    pub(crate) session_stopped: Advice,
    pub(crate) session_over: Advice,
    pub(crate) account_stopped: Advice,
    pub(crate) look_up_failed: Advice,
    pub(crate) patients_name: &'static str,
    pub(crate) patients_search: &'static str,
    pub(crate) patients_none: &'static str,
    pub(crate) robot_title: &'static str,
    pub(crate) robot_lead: &'static str,
    pub(crate) robot_walk: &'static str,
    pub(crate) ended_title: &'static str,
    pub(crate) ended_lead: &'static str,
    pub(crate) ended_again: &'static str,
    pub(crate) cancelled_title: &'static str,
    pub(crate) cancelled: &'static str,
    pub(crate) problem_title: &'static str,
    pub(crate) problem_code: &'static str,
    pub(crate) problem_refused: &'static str,
    pub(crate) problem_overtaken: &'static str,
    pub(crate) problem_unknown: &'static str,
    pub(crate) problem_provider: &'static str,
    pub(crate) try_again: &'static str,
    pub(crate) other_language: &'static str,
}

/// What stands around the guard's own words where it does not let somebody look a patient up.
#[derive(Debug)]
pub(crate) struct Advice {
    pub(crate) title: &'static str,
    pub(crate) more: Option<&'static str>,
    /// Leads to a login, for which the card signs.
    pub(crate) button: Option<&'static str>,
    /// Ends the session first: a login alone would go on with the one that was stopped.
    pub(crate) leave: Option<&'static str>,
}

impl Text {
    /// What helps.
    pub(crate) fn way_out(&self, way_out: WayOut) -> &Advice {
        match way_out {
            WayOut::Sign => &self.signature_wanted,
            WayOut::Stopped => &self.session_stopped,
            WayOut::SignIn => &self.session_over,
            WayOut::Call => &self.account_stopped,
            WayOut::Later => &self.look_up_failed,
        }
    }

    /// The texts of `language`.
    pub(crate) fn of(language: Language) -> &'static Self {
        match language {
            Language::French => &FRENCH,
            Language::English => &ENGLISH,
        }
    }
}

static FRENCH: Text = Text {
    portal: "Assurance santé de l’Amandier",
    audience: "Espace des professionnels de santé",
    invented: "Portail de démonstration : l’assureur, les personnes et les services sont inventés.",
    welcome: "Votre espace professionnel",
    lead: "Vérifiez les droits de vos patients, suivez vos paiements et écrivez à nos équipes.",
    sign_in: "Me connecter avec ma carte",
    steps_title: "Comment ça se passe",
    steps: [
        "Insérez votre carte professionnelle dans le lecteur de votre poste.",
        "Appuyez sur le bouton ci-dessus.",
        "Tapez votre code dans la fenêtre qui s’ouvre sur votre poste, jamais dans une page web.",
    ],
    why_title: "Sans mot de passe",
    why: "Votre carte est votre seul moyen d’accès : aucun mot de passe à retenir ni à se faire \
          voler. Retirez votre carte et votre session se ferme aussitôt.",
    hello: "Bonjour",
    presence: "Votre session reste ouverte tant que votre carte est dans le lecteur.",
    unwatched: "Connexion sans l’agent : retirer votre carte ne ferme pas votre session. \
                Déconnectez-vous avant de partir.",
    sign_out: "Me déconnecter",
    services_title: "Vos services",
    services: [
        (
            "Droits d’un patient",
            "Vérifier une couverture avant la délivrance.",
        ),
        (
            "Paiements",
            "Suivre les remboursements en tiers payant de l’officine.",
        ),
        ("Messages", "Écrire à votre correspondant à l’assurance."),
        ("Documents", "Retrouver conventions et relevés annuels."),
    ],
    patients_title: "Droits d’un patient",
    patients_lead: "Cinq cents patients inventés, comme Alix Abricot ou Lou Saule. Une recherche \
                    compte chaque patient qu’elle nomme\u{a0}; revoir le même ne compte presque \
                    pas.",
    patients_seen: "patients différents consultés par vous. Le contrôleur d’accès en laisse passer",
    patients_per_minute: "par minute et",
    patients_per_hour: "par heure\u{a0}; au-delà, il demande votre carte.",
    signature_wanted: Advice {
        title: "Confirmez que c’est bien vous",
        more: None,
        button: Some("Confirmer avec ma carte"),
        leave: None,
    },
    session_stopped: Advice {
        title: "Vos consultations sont arrêtées",
        more: Some(
            "Déconnectez-vous et reconnectez-vous\u{a0}: votre carte vous sera demandée, puis une \
             fois encore à la prochaine recherche\u{a0}; ensuite vous pourrez continuer.",
        ),
        button: None,
        leave: Some("Me déconnecter pour recommencer"),
    },
    session_over: Advice {
        title: "Reconnectez-vous pour continuer",
        more: None,
        button: Some("Me reconnecter avec ma carte"),
        leave: None,
    },
    account_stopped: Advice {
        title: "Votre accès aux droits des patients est suspendu",
        more: Some(
            "Se reconnecter n’y change rien. Donnez le code ci-dessous à l’assistance\u{a0}; vos \
             autres services restent ouverts.",
        ),
        button: None,
        leave: None,
    },
    look_up_failed: Advice {
        title: "La recherche n’est pas possible pour l’instant",
        more: Some("Ce n’est pas votre faute\u{a0}; réessayez dans un instant."),
        button: None,
        leave: None,
    },
    patients_name: "Nom",
    patients_search: "Rechercher",
    patients_none: "Aucun patient de ce nom. Cette recherche compte aussi.",
    robot_title: "Et si c’était un robot\u{a0}?",
    robot_lead: "Le bouton consulte un numéro après l’autre, sans pause, jusqu’à ce que le \
                 contrôleur d’accès l’arrête. Un compte arrêté le reste jusqu’au redémarrage de la \
                 démonstration.",
    robot_walk: "Consulter les suivants à la chaîne",
    ended_title: "Votre session est terminée",
    ended_lead: "Votre carte n’est plus dans le lecteur, ou votre session a été fermée ailleurs. \
                 Rien ne reste affiché sur ce poste.",
    ended_again: "Pour reprendre, remettez votre carte dans le lecteur et connectez-vous.",
    cancelled_title: "Connexion annulée",
    cancelled: "Personne n’a été connecté. Vous pouvez recommencer quand vous le souhaitez.",
    problem_title: "La connexion n’a pas abouti",
    problem_code: "Code à donner à l’assistance :",
    problem_refused: "La connexion a été refusée. Vous pouvez recommencer.",
    problem_overtaken: "Votre carte a quitté le lecteur, ou votre session a été fermée ailleurs, \
                        avant la fin de la connexion. Remettez votre carte et recommencez.",
    problem_unknown: "Cette connexion n’a pas été commencée dans ce navigateur, ou il y a trop \
                      longtemps. Recommencez depuis la page d’accueil.",
    problem_provider: "Le service de connexion ne répond pas comme prévu. Ce n’est pas votre \
                       faute ; réessayez dans un instant.",
    try_again: "Recommencer",
    other_language: "English",
};

static ENGLISH: Text = Text {
    portal: "Amandier Health Insurance",
    audience: "For health professionals",
    invented: "Demonstration portal: the insurer, the people and the services are invented.",
    welcome: "Your professional space",
    lead: "Check your patients’ cover, follow your payments and write to our teams.",
    sign_in: "Sign in with my card",
    steps_title: "How it works",
    steps: [
        "Insert your professional card into your workstation’s reader.",
        "Press the button above.",
        "Type your PIN into the window that opens on your workstation, never into a web page.",
    ],
    why_title: "No password",
    why: "Your card is your only way in: no password to remember or to have stolen. Take your \
          card out and your session closes at once.",
    hello: "Hello",
    presence: "Your session stays open as long as your card is in the reader.",
    unwatched: "You came in without the agent: taking your card out does not end your session. \
                Sign out before you leave.",
    sign_out: "Sign out",
    services_title: "Your services",
    services: [
        (
            "Patient cover",
            "Check a patient’s cover before dispensing.",
        ),
        ("Payments", "Follow the pharmacy’s third-party payments."),
        ("Messages", "Write to your contact at the insurer."),
        ("Documents", "Find agreements and yearly statements."),
    ],
    patients_title: "Patient cover",
    patients_lead: "Five hundred invented patients, such as Alix Abricot or Lou Saule. A search \
                    counts each patient that it names; seeing the same one again counts for next \
                    to nothing.",
    patients_seen: "different patients looked up by you. The guard lets",
    patients_per_minute: "pass in a minute and",
    patients_per_hour: "in an hour; beyond, it asks for your card.",
    signature_wanted: Advice {
        title: "Confirm that it is you",
        more: None,
        button: Some("Confirm with my card"),
        leave: None,
    },
    session_stopped: Advice {
        title: "Your look-ups are stopped",
        more: Some(
            "Sign out and sign in again: your card is asked for, and once more at your next \
             search; then you can go on.",
        ),
        button: None,
        leave: Some("Sign out and start again"),
    },
    session_over: Advice {
        title: "Sign in again to go on",
        more: None,
        button: Some("Sign in again with my card"),
        leave: None,
    },
    account_stopped: Advice {
        title: "Your access to patients’ cover is suspended",
        more: Some(
            "Signing in again does not change that. Give the help desk the code below; your other \
             services stay open.",
        ),
        button: None,
        leave: None,
    },
    look_up_failed: Advice {
        title: "Patients can’t be looked up at the moment",
        more: Some("It is not your fault; please try again in a moment."),
        button: None,
        leave: None,
    },
    patients_name: "Name",
    patients_search: "Search",
    patients_none: "No patient of that name. This search counts, too.",
    robot_title: "And if it were a robot?",
    robot_lead: "The button looks up one number after the other, without a pause, until the guard \
                 stops it. An account that is stopped stays so until the demo is started anew.",
    robot_walk: "Look up the next ones in a row",
    ended_title: "Your session is over",
    ended_lead: "Your card is no longer in the reader, or your session was closed elsewhere. \
                 Nothing stays on this screen.",
    ended_again: "To go on, put your card back into the reader and sign in.",
    cancelled_title: "Sign-in cancelled",
    cancelled: "Nobody was signed in. You can start again whenever you like.",
    problem_title: "You are not signed in",
    problem_code: "Code for the help desk:",
    problem_refused: "The sign-in was refused. You can start again.",
    problem_overtaken: "Your card left the reader, or your session was closed elsewhere, before \
                        the sign-in was finished. Put your card back and start again.",
    problem_unknown: "This sign-in was not begun in this browser, or too long ago. Start again \
                      from the home page.",
    problem_provider: "The sign-in service does not answer as it should. It is not your fault; \
                       please try again in a moment.",
    try_again: "Start again",
    other_language: "Français",
};

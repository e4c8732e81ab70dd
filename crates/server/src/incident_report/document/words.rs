//! The words of the document.

use crate::language::Text;

pub(crate) const TITLE: Text = Text {
    en: "Incident report: patient records looked up",
    fr: "Rapport d’incident : dossiers de patients consultés",
};
pub(crate) const CONFIDENTIAL: Text = Text {
    en: "confidential: pseudonymised health data",
    fr: "confidentiel : données de santé pseudonymisées",
};
pub(crate) const SERVER: Text = Text {
    en: "Server",
    fr: "Serveur",
};
pub(crate) const MADE_AT: Text = Text {
    en: "Made on",
    fr: "Établi le",
};
pub(crate) const PERSON: Text = Text {
    en: "Person (pseudonym)",
    fr: "Personne (pseudonyme)",
};
pub(crate) const SESSION: Text = Text {
    en: "Session",
    fr: "Session",
};
pub(crate) const CARD: Text = Text {
    en: "Card",
    fr: "Carte",
};
pub(crate) const CLOCKS: Text = Text {
    en: "Times",
    fr: "Heures",
};
pub(crate) const FROM: Text = Text {
    en: "From",
    fr: "À partir du",
};
pub(crate) const TO: Text = Text {
    en: "Until",
    fr: "Jusqu’au",
};
pub(crate) const TOTALS: Text = Text {
    en: "1. What was looked up",
    fr: "1. Ce qui a été consulté",
};
pub(crate) const TOTALS_TOLD: Text = Text {
    en: "By the guards in front of the services, as their clocks went. What is counted is what \
         was let through.",
    fr: "Selon les contrôleurs d’accès placés devant les services, à l’heure qu’ils ont \
         relevée. Sont comptées les demandes qui ont reçu une réponse.",
};
pub(crate) const UNPROVEN_TOLD: Text = Text {
    en: "Without proof: a guard delivered the following so late that the token was forgotten \
         here. The names are the guard’s word, and nobody has checked them. One patient may \
         stand in both counts.",
    fr: "Sans preuve : un contrôleur d’accès a livré ce qui suit si tard que le jeton était \
         oublié ici. Les noms sont ceux qu’il indique, et personne ne les a vérifiés. Un même \
         patient peut figurer dans les deux décomptes.",
};
pub(crate) const UNPROVEN: Text = Text {
    en: "(unproven)",
    fr: "(sans preuve)",
};
pub(crate) const PATIENTS: Text = Text {
    en: "Distinct patients",
    fr: "Patients distincts",
};
pub(crate) const DATA_SETS: Text = Text {
    en: "Data sets (a patient in a look-up each)",
    fr: "Accès à un dossier (patient et consultation)",
};
pub(crate) const LOOK_UPS: Text = Text {
    en: "Look-ups",
    fr: "Consultations",
};
pub(crate) const WRITES: Text = Text {
    en: "Writes",
    fr: "Écritures",
};
pub(crate) const STEP_UPS: Text = Text {
    en: "Held up: a signature was asked for",
    fr: "Retenues : signature demandée",
};
pub(crate) const SLOWED: Text = Text {
    en: "Slowed down",
    fr: "Ralenties",
};
pub(crate) const STOPPED: Text = Text {
    en: "Stopped (session or account)",
    fr: "Arrêtées (session ou compte)",
};
pub(crate) const ACCOUNTS: Text = Text {
    en: "Accounts",
    fr: "Comptes",
};
pub(crate) const SESSIONS: Text = Text {
    en: "Sessions",
    fr: "Sessions",
};
pub(crate) const PORTALS: Text = Text {
    en: "Portals",
    fr: "Portails",
};
pub(crate) const SERVICES: Text = Text {
    en: "Services",
    fr: "Services",
};
pub(crate) const WORKSTATIONS: Text = Text {
    en: "Workstations",
    fr: "Postes",
};
pub(crate) const FIRST: Text = Text {
    en: "First time",
    fr: "Première fois",
};
pub(crate) const LAST: Text = Text {
    en: "Last time",
    fr: "Dernière fois",
};
pub(crate) const FIRST_WHEN: Text = Text {
    en: "First time ({zone})",
    fr: "Première fois ({zone})",
};
pub(crate) const LAST_WHEN: Text = Text {
    en: "Last time ({zone})",
    fr: "Dernière fois ({zone})",
};
pub(crate) const BY_HAND: Text = Text {
    en: "2. To be filled in by hand (GDPR article 33(3))",
    fr: "2. À compléter à la main (RGPD, article 33, paragraphe 3)",
};
pub(crate) const BY_HAND_TOLD: Text = Text {
    en: "The log does not know the following. The notice to the authority (in France, the CNIL) \
         is due within 72 hours of becoming aware; what is missing may follow in phases.",
    fr: "Le journal ne sait pas ce qui suit. La notification à l’autorité (en France, la CNIL) \
         est due dans les 72 heures après en avoir pris connaissance ; ce qui manque peut suivre \
         par étapes.",
};
pub(crate) const TO_FILL: Text = Text {
    en: "[TO BE FILLED IN]",
    fr: "[À COMPLÉTER]",
};
pub(crate) const PLACES: Text = Text {
    en: "3. From where",
    fr: "3. D’où",
};
pub(crate) const WHEN: Text = Text {
    en: "When ({zone})",
    fr: "Quand ({zone})",
};
pub(crate) const WHERE: Text = Text {
    en: "Portal · service",
    fr: "Portail · service",
};
pub(crate) const WORKSTATION: Text = Text {
    en: "Workstation",
    fr: "Poste",
};
pub(crate) const PATIENTS_OF_LOOK_UPS: Text = Text {
    en: "Patients / requests",
    fr: "Patients / demandes",
};
pub(crate) const CUT: Text = Text {
    en: "The list is cut: the CSV file of the same report is complete.",
    fr: "La liste est coupée : le fichier CSV du même rapport est complet.",
};
pub(crate) const TIMELINE: Text = Text {
    en: "4. Card and sessions: what happened",
    fr: "4. Carte et sessions : ce qui s’est passé",
};
pub(crate) const TIMELINE_TOLD: Text = Text {
    en: "In the words in which the person reads it in their own history.",
    fr: "Dans les termes que la personne elle-même lit dans son historique.",
};
pub(crate) const OF_NOBODY: Text = Text {
    en: "Something that names nobody.",
    fr: "Un événement qui ne concerne aucune personne connue.",
};
pub(crate) const EVENT: Text = Text {
    en: "What happened",
    fr: "Ce qui s’est passé",
};
pub(crate) const REASON: Text = Text {
    en: "Code",
    fr: "Code",
};
pub(crate) const PORTAL: Text = Text {
    en: "Portal",
    fr: "Portail",
};
pub(crate) const PATIENT_LIST: Text = Text {
    en: "5. Patients",
    fr: "5. Patients",
};
pub(crate) const PATIENTS_TOLD: Text = Text {
    en: "The pseudonyms are the portals’, which alone know who it is. Those of a guard’s word \
         alone come last, and are marked.",
    fr: "Les pseudonymes sont ceux des portails, qui seuls savent de qui il s’agit. Ceux que seul \
         un contrôleur d’accès a indiqués viennent en dernier et sont signalés.",
};
pub(crate) const PATIENT: Text = Text {
    en: "Patient (pseudonym)",
    fr: "Patient (pseudonyme)",
};
pub(crate) const TIMES: Text = Text {
    en: "Times",
    fr: "Fois",
};
pub(crate) const LOOK_UP_LIST: Text = Text {
    en: "6. Requests, one by one",
    fr: "6. Demandes, une à une",
};
pub(crate) const ANSWER: Text = Text {
    en: "Request and answer",
    fr: "Demande et réponse",
};
pub(crate) const LOG: Text = Text {
    en: "Log",
    fr: "Journal",
};
pub(crate) const IN_LOG: Text = Text {
    en: "7. What the tamper-evident log says",
    fr: "7. Ce que dit le journal inviolable",
};
pub(crate) const LOG_TOLD: Text = Text {
    en: "Each request listed above was compared with its entry in the log, under the newest \
         signed checkpoint. “cardea ledger verify” walks over the whole log, and finds requests \
         that were taken out, too.",
    fr: "Chacune des demandes listées ci-dessus a été comparée à son inscription au journal, \
         sous le dernier état signé. «\u{a0}cardea ledger verify\u{a0}» parcourt le journal \
         entier et trouve aussi les demandes retirées.",
};
pub(crate) const LOG_TAMPERED: Text = Text {
    en: "WARNING: requests are not as the log has them on record. Somebody has written into the \
         database; the totals above cannot be relied on.",
    fr: "ATTENTION : des demandes ne sont pas telles que le journal les a inscrites. Quelqu’un a \
         écrit dans la base de données ; les totaux ci-dessus ne sont pas fiables.",
};
pub(crate) const LOG_NONE: Text = Text {
    en: "The log has no signed checkpoint yet: nothing was compared.",
    fr: "Le journal n’a encore aucun état signé : rien n’a été comparé.",
};
pub(crate) const VERIFIED: Text = Text {
    en: "As the log has them",
    fr: "Conformes au journal",
};
pub(crate) const WAITING: Text = Text {
    en: "On record, not signed yet",
    fr: "Inscrites, pas encore signées",
};
pub(crate) const CHANGED: Text = Text {
    en: "Changed",
    fr: "Modifiées",
};
pub(crate) const MISSING: Text = Text {
    en: "Whose entry is gone",
    fr: "Sans leur inscription",
};
pub(crate) const UNRECORDED: Text = Text {
    en: "From before the log had look-ups",
    fr: "Antérieures à l’inscription",
};
pub(crate) const UNCHECKED: Text = Text {
    en: "Not compared",
    fr: "Non comparées",
};
pub(crate) const LOG_NAME: Text = Text {
    en: "Name of the log",
    fr: "Nom du journal",
};
pub(crate) const LOG_KEY: Text = Text {
    en: "Verifier key",
    fr: "Clé de vérification",
};
pub(crate) const LOG_SIZE: Text = Text {
    en: "Signed entries",
    fr: "Entrées signées",
};
pub(crate) const LOG_ROOT: Text = Text {
    en: "Root",
    fr: "Racine",
};

/// What the notice has to say and no log knows.
pub(crate) const BY_HAND_POINTS: [Text; 8] = [
    Text {
        en: "Nature of the breach (confidentiality, integrity, availability)",
        fr: "Nature de la violation (confidentialité, intégrité, disponibilité)",
    },
    Text {
        en: "When and how it became known",
        fr: "Quand et comment elle a été connue",
    },
    Text {
        en: "Categories of people (patients, professionals) and their approximate number",
        fr: "Catégories de personnes (patients, professionnels) et leur nombre approximatif",
    },
    Text {
        en: "Categories of data of the services named above",
        fr: "Catégories de données des services nommés ci-dessus",
    },
    Text {
        en: "Likely consequences",
        fr: "Conséquences probables",
    },
    Text {
        en: "Measures taken or proposed",
        fr: "Mesures prises ou proposées",
    },
    Text {
        en: "Data protection officer, or other contact",
        fr: "Délégué à la protection des données, ou autre contact",
    },
    Text {
        en: "Telling the people concerned (article 34)",
        fr: "Information des personnes (article 34)",
    },
];

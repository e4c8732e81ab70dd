//! The words of the document.

use crate::language::Text;

pub(super) const TITLE: Text = Text {
    en: "Incident report: patient records looked up",
    fr: "Rapport d’incident : dossiers de patients consultés",
};
pub(super) const CONFIDENTIAL: Text = Text {
    en: "confidential: pseudonymised health data",
    fr: "confidentiel : données de santé pseudonymisées",
};
pub(super) const SERVER: Text = Text {
    en: "Server",
    fr: "Serveur",
};
pub(super) const MADE_AT: Text = Text {
    en: "Made on",
    fr: "Établi le",
};
pub(super) const PERSON: Text = Text {
    en: "Person (pseudonym)",
    fr: "Personne (pseudonyme)",
};
pub(super) const SESSION: Text = Text {
    en: "Session",
    fr: "Session",
};
pub(super) const CARD: Text = Text {
    en: "Card",
    fr: "Carte",
};
pub(super) const FROM: Text = Text {
    en: "From",
    fr: "À partir du",
};
pub(super) const TO: Text = Text {
    en: "Until",
    fr: "Jusqu’au",
};
pub(super) const TOTALS: Text = Text {
    en: "1. What was looked up",
    fr: "1. Ce qui a été consulté",
};
pub(super) const TOTALS_TOLD: Text = Text {
    en: "By the guards in front of the services and by their clocks (UTC). What is counted is \
         what was let through.",
    fr: "Selon les contrôleurs d’accès placés devant les services, à leur horloge (UTC). Sont \
         comptées les demandes qui ont reçu une réponse.",
};
pub(super) const UNPROVEN_TOLD: Text = Text {
    en: "Without proof: a guard delivered the following so late that the token was forgotten \
         here. The names are the guard’s word, and nobody has checked them. One patient may \
         stand in both counts.",
    fr: "Sans preuve : un contrôleur d’accès a livré ce qui suit si tard que le jeton était \
         oublié ici. Les noms sont ceux qu’il indique, et personne ne les a vérifiés. Un même \
         patient peut figurer dans les deux décomptes.",
};
pub(super) const UNPROVEN: Text = Text {
    en: "(unproven)",
    fr: "(sans preuve)",
};
pub(super) const PATIENTS: Text = Text {
    en: "Distinct patients",
    fr: "Patients distincts",
};
pub(super) const DATA_SETS: Text = Text {
    en: "Data sets (a patient in a look-up each)",
    fr: "Accès à un dossier (patient et consultation)",
};
pub(super) const LOOK_UPS: Text = Text {
    en: "Look-ups",
    fr: "Consultations",
};
pub(super) const WRITES: Text = Text {
    en: "Writes",
    fr: "Écritures",
};
pub(super) const STEP_UPS: Text = Text {
    en: "Held up: a signature was asked for",
    fr: "Retenues : signature demandée",
};
pub(super) const SLOWED: Text = Text {
    en: "Slowed down",
    fr: "Ralenties",
};
pub(super) const STOPPED: Text = Text {
    en: "Stopped (session or account)",
    fr: "Arrêtées (session ou compte)",
};
pub(super) const ACCOUNTS: Text = Text {
    en: "Accounts",
    fr: "Comptes",
};
pub(super) const SESSIONS: Text = Text {
    en: "Sessions",
    fr: "Sessions",
};
pub(super) const PORTALS: Text = Text {
    en: "Portals",
    fr: "Portails",
};
pub(super) const SERVICES: Text = Text {
    en: "Services",
    fr: "Services",
};
pub(super) const WORKSTATIONS: Text = Text {
    en: "Workstations",
    fr: "Postes",
};
pub(super) const FIRST: Text = Text {
    en: "First time",
    fr: "Première fois",
};
pub(super) const LAST: Text = Text {
    en: "Last time",
    fr: "Dernière fois",
};
pub(super) const BY_HAND: Text = Text {
    en: "2. To be filled in by hand (GDPR article 33(3))",
    fr: "2. À compléter à la main (RGPD, article 33, paragraphe 3)",
};
pub(super) const BY_HAND_TOLD: Text = Text {
    en: "The log does not know the following. The notice to the authority (in France, the CNIL) \
         is due within 72 hours of becoming aware; what is missing may follow in phases.",
    fr: "Le journal ne sait pas ce qui suit. La notification à l’autorité (en France, la CNIL) \
         est due dans les 72 heures après en avoir pris connaissance ; ce qui manque peut suivre \
         par étapes.",
};
pub(super) const TO_FILL: Text = Text {
    en: "[TO BE FILLED IN]",
    fr: "[À COMPLÉTER]",
};
pub(super) const PLACES: Text = Text {
    en: "3. From where",
    fr: "3. D’où",
};
pub(super) const WHEN: Text = Text {
    en: "When (UTC)",
    fr: "Quand (UTC)",
};
pub(super) const WHERE: Text = Text {
    en: "Portal · service",
    fr: "Portail · service",
};
pub(super) const WORKSTATION: Text = Text {
    en: "Workstation",
    fr: "Poste",
};
pub(super) const PATIENTS_OF_LOOK_UPS: Text = Text {
    en: "Patients / requests",
    fr: "Patients / demandes",
};
pub(super) const CUT: Text = Text {
    en: "The list is cut: the CSV file of the same report is complete.",
    fr: "La liste est coupée : le fichier CSV du même rapport est complet.",
};
pub(super) const TIMELINE: Text = Text {
    en: "4. Card and sessions: what happened",
    fr: "4. Carte et sessions : ce qui s’est passé",
};
pub(super) const EVENT: Text = Text {
    en: "Event",
    fr: "Événement",
};
pub(super) const REASON: Text = Text {
    en: "Code",
    fr: "Code",
};
pub(super) const PORTAL: Text = Text {
    en: "Portal",
    fr: "Portail",
};
pub(super) const PATIENT_LIST: Text = Text {
    en: "5. Patients",
    fr: "5. Patients",
};
pub(super) const PATIENTS_TOLD: Text = Text {
    en: "The pseudonyms are the portals’, which alone know who it is.",
    fr: "Les pseudonymes sont ceux des portails, qui seuls savent de qui il s’agit.",
};
pub(super) const PATIENT: Text = Text {
    en: "Patient (pseudonym)",
    fr: "Patient (pseudonyme)",
};
pub(super) const TIMES: Text = Text {
    en: "Times",
    fr: "Fois",
};
pub(super) const LOOK_UP_LIST: Text = Text {
    en: "6. Requests, one by one",
    fr: "6. Demandes, une à une",
};
pub(super) const ANSWER: Text = Text {
    en: "Kind · answer",
    fr: "Nature · réponse",
};
pub(super) const LOG: Text = Text {
    en: "Log",
    fr: "Journal",
};
pub(super) const IN_LOG: Text = Text {
    en: "7. What the tamper-evident log says",
    fr: "7. Ce que dit le journal inviolable",
};
pub(super) const LOG_TOLD: Text = Text {
    en: "Each request listed above was compared with its entry in the log, under the newest \
         signed checkpoint. “cardea ledger verify” walks over the whole log, and finds requests \
         that were taken out, too.",
    fr: "Chacune des demandes listées ci-dessus a été comparée à son inscription au journal, \
         sous le dernier état signé. « cardea ledger verify » parcourt le journal entier et \
         trouve aussi les demandes retirées.",
};
pub(super) const LOG_TAMPERED: Text = Text {
    en: "WARNING: requests are not as the log has them on record. Somebody has written into the \
         database; the totals above cannot be relied on.",
    fr: "ATTENTION : des demandes ne sont pas telles que le journal les a inscrites. Quelqu’un a \
         écrit dans la base de données ; les totaux ci-dessus ne sont pas fiables.",
};
pub(super) const LOG_NONE: Text = Text {
    en: "The log has no signed checkpoint yet: nothing was compared.",
    fr: "Le journal n’a encore aucun état signé : rien n’a été comparé.",
};
pub(super) const VERIFIED: Text = Text {
    en: "As the log has them (verified)",
    fr: "Conformes au journal (verified)",
};
pub(super) const WAITING: Text = Text {
    en: "On record, not signed yet (waiting)",
    fr: "Inscrites, pas encore signées (waiting)",
};
pub(super) const CHANGED: Text = Text {
    en: "Changed (changed)",
    fr: "Modifiées (changed)",
};
pub(super) const MISSING: Text = Text {
    en: "Whose entry is gone (missing)",
    fr: "Sans leur inscription (missing)",
};
pub(super) const UNRECORDED: Text = Text {
    en: "From before the log had look-ups (unrecorded)",
    fr: "Antérieures à l’inscription (unrecorded)",
};
pub(super) const UNCHECKED: Text = Text {
    en: "Not compared (unchecked)",
    fr: "Non comparées (unchecked)",
};
pub(super) const LOG_NAME: Text = Text {
    en: "Name of the log",
    fr: "Nom du journal",
};
pub(super) const LOG_KEY: Text = Text {
    en: "Verifier key",
    fr: "Clé de vérification",
};
pub(super) const LOG_SIZE: Text = Text {
    en: "Signed entries",
    fr: "Entrées signées",
};
pub(super) const LOG_ROOT: Text = Text {
    en: "Root",
    fr: "Racine",
};

/// What the notice has to say and no log knows.
pub(super) const BY_HAND_POINTS: [Text; 8] = [
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

//! What the console says when something is refused.

use axum::http::StatusCode;
use cardea_provider::Error;

use crate::language::Text;

/// What the operator is told, where she can do something about it.
pub(crate) fn mistake(error: &Error) -> Option<(StatusCode, Text)> {
    let (status, text) = match error {
        Error::ApprovalOwn => (StatusCode::FORBIDDEN, OWN),
        Error::ApprovalDecided => (StatusCode::CONFLICT, DECIDED),
        Error::ApprovalExpired => (StatusCode::CONFLICT, EXPIRED),
        Error::ApprovalExists => (StatusCode::CONFLICT, EXISTS),
        Error::ApprovalChanged => (StatusCode::CONFLICT, CHANGED),
        Error::ApprovalLimitReached => (StatusCode::CONFLICT, TOO_MANY),
        Error::AdminAnchorsOff => (StatusCode::FORBIDDEN, ANCHORS_OFF),
        Error::StopUnknown
        | Error::ApprovalUnknown
        | Error::CardUnknown
        | Error::IncidentUnknown
        | Error::AnchorUnknown
        | Error::AnchorRulesUnknown { .. } => (StatusCode::NOT_FOUND, UNKNOWN),
        Error::StopReasonInvalid | Error::SuspensionReasonInvalid => {
            (StatusCode::UNPROCESSABLE_ENTITY, WORDS)
        }
        Error::IncidentWordsInvalid => (StatusCode::UNPROCESSABLE_ENTITY, INCIDENT_WORDS),
        Error::CardOwn => (StatusCode::FORBIDDEN, OWN_CARD),
        Error::CardSuspendedAlready
        | Error::CardNotSuspended
        | Error::IncidentClosed
        | Error::AnchorExists => (StatusCode::CONFLICT, ALREADY),
        Error::IncidentNotesTooMany | Error::IncidentsTooMany | Error::AnchorLimitReached => {
            (StatusCode::CONFLICT, FULL)
        }
        Error::Pki(_) | Error::AnchorNotAuthority => {
            (StatusCode::UNPROCESSABLE_ENTITY, CERTIFICATE)
        }
        Error::AnchorFingerprintMismatch => (StatusCode::UNPROCESSABLE_ENTITY, FINGERPRINT),
        Error::IncidentNameUnknown { .. } => (StatusCode::NOT_FOUND, NAME_UNKNOWN),
        _ => return None,
    };
    Some((status, text))
}

const OWN: Text = Text::new(
    "Another person has to confirm this: it is your own proposal, or your own account. A second \
     card of yours does not change that.",
    "Une autre personne doit le confirmer\u{a0}: il s’agit de votre propre proposition, ou de \
     votre propre compte. Une seconde carte à votre nom n’y change rien.",
);
const DECIDED: Text = Text::new(
    "This was confirmed or cancelled already; nothing was done twice.",
    "La proposition a déjà été confirmée ou annulée\u{a0}; rien n’a été fait deux fois.",
);
const EXPIRED: Text = Text::new(
    "Nobody confirmed this in time. Propose it again if it is still wanted.",
    "Personne ne l’a confirmée à temps. Proposez-la à nouveau si elle est toujours utile.",
);
const EXISTS: Text = Text::new(
    "The same is proposed already and waits for another operator.",
    "La même proposition attend déjà un autre exploitant.",
);
const CHANGED: Text = Text::new(
    "Nothing was done: the proposal is not what you saw any more. Somebody has taken it over \
     meanwhile, or nobody has yet, or a further stop of the account has come. Look at it again; \
     where a stop has come, cancel it and propose anew.",
    "Rien n’a été fait\u{a0}: la proposition n’est plus celle que vous avez vue. Quelqu’un l’a \
     reprise entre-temps, ou personne ne l’a encore reprise, ou un nouvel arrêt du compte est \
     survenu. Relisez-la\u{a0}; si un arrêt est survenu, annulez-la et proposez à nouveau.",
);
const TOO_MANY: Text = Text::new(
    "Too many proposals wait. Confirm or cancel some first.",
    "Trop de propositions attendent. Confirmez ou annulez-en d’abord.",
);
const ANCHORS_OFF: Text = Text::new(
    "Trust anchors are not changed over the network here. Use cardea anchors on the server.",
    "Ici, les ancres de confiance ne se modifient pas par le réseau. Utilisez cardea anchors sur \
     le serveur.",
);
const UNKNOWN: Text = Text::new(
    "There is no such thing here, or not any more.",
    "Cet élément n’existe pas, ou n’existe plus.",
);
const WORDS: Text = Text::new(
    "Write down why, in one line of at most 500 characters.",
    "Indiquez pourquoi, en une ligne de 500 caractères au plus.",
);
const INCIDENT_WORDS: Text = Text::new(
    "Write something down, in at most 2 000 characters; it may have several lines.",
    "Écrivez quelque chose, en 2\u{a0}000 caractères au plus\u{a0}; plusieurs lignes sont \
     possibles.",
);
const OWN_CARD: Text = Text::new(
    "Another operator has to let your own card in again.",
    "Un autre exploitant doit rétablir votre propre carte.",
);
const ALREADY: Text = Text::new(
    "It is so already; nothing was changed.",
    "C’est déjà le cas\u{a0}; rien n’a été modifié.",
);
const FULL: Text = Text::new(
    "There are as many as this server takes.",
    "Le nombre maximal est atteint.",
);
const FINGERPRINT: Text = Text::new(
    "The certificate does not have this SHA-256: nothing was added. Ask its authority.",
    "Le certificat n’a pas cette empreinte SHA-256\u{a0}: rien n’a été ajouté. Renseignez-vous \
     auprès de son autorité.",
);
const NAME_UNKNOWN: Text = Text::new(
    "Nothing is on record here of the person, session or portal that you named. Type it whole.",
    "Rien n’est enregistré ici sur la personne, la session ou le portail indiqué. Saisissez-le en \
     entier.",
);
const CERTIFICATE: Text = Text::new(
    "This certificate cannot be added: it is no authority’s, not valid now, or too weak.",
    "Ce certificat ne peut pas être ajouté\u{a0}: ce n’est pas celui d’une autorité, il n’est pas \
     valide, ou trop faible.",
);

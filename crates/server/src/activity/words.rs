//! An event of the log as a sentence for its person, in both languages.
//!
//! Every kind of event that concerns a person is an [`ActivityKind`], and the compiler asks here
//! for the sentence of each. [`sentence`] says what happened, [`circumstances`] where and by which
//! means; who shows both puts the time beside them ([`crate::moment::Moments`]).

mod reasons;

use cardea_provider::{ActivityKind, ActivityWeight, HistoryEntry, Means, Place, Through};
use serde_json::Value;

use self::reasons::{decline_words, end_words, refusal_words};
use crate::language::{Language, Text};
use crate::page::portal_name;

/// Whether an event deserves the person's attention.
pub(crate) fn is_marked(entry: &HistoryEntry) -> bool {
    entry.kind.map(ActivityKind::weight) == Some(ActivityWeight::Marked) && !entry.is_settled
}

/// What happened, as a whole sentence.
pub(crate) fn sentence(entry: &HistoryEntry, language: Language) -> String {
    let say = |text: Text| text.in_language(language);
    let Some(kind) = entry.kind else {
        // Newer than this program, or about nobody: nothing of hers is left out for it.
        return say(OTHER).replace("{kind}", &entry.event.kind);
    };
    let words = say(words_of(kind, entry));
    let portal = match &entry.portal {
        Some(portal) => quoted(portal_name(portal, language), language),
        None => say(A_PORTAL).to_owned(),
    };
    let service = member(entry, "service").unwrap_or_default();
    let because = because(kind, entry, language);
    let filled = words
        .replace("{portal}", &portal)
        .replace("{service}", &quoted(&service, language))
        .replace("{workstation}", &workstation(&entry.place, language))
        .replace("{patients}", &number(entry, "patients").to_string());
    match because {
        Some(because) => format!("{filled}{}{because}.", say(COLON)),
        None => format!("{filled}."),
    }
}

/// Where, and by which means: workstation, reader, card and PIN. None where nothing is known of it.
pub(crate) fn circumstances(entry: &HistoryEntry, language: Language) -> Option<String> {
    use ActivityKind as K;
    let mut place = entry.place.clone();
    if let Some(
        K::InstanceFirstUsed
        | K::InstanceAcknowledged
        | K::InstanceRevokedByOwner
        | K::InstanceAllowedByOwner,
    ) = entry.kind
    {
        // Its sentence names it.
        (place.workstation, place.instance_jkt) = (None, None);
    }
    let parts = place_parts(&place, language);
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The same of a place alone.
pub(crate) fn place_parts(place: &Place, language: Language) -> Vec<String> {
    let say = |text: Text| text.in_language(language);
    let mut parts = Vec::new();
    if let Some(name) = &place.workstation {
        parts.push(format!("{} {}", say(WORKSTATION), quoted(name, language)));
    } else if place.instance_jkt.is_some() {
        parts.push(say(NAMELESS).to_owned());
    }
    if let Some(reader) = &place.reader {
        parts.push(format!("{} {}", say(READER), quoted(reader, language)));
    }
    if let Some(means) = place.means {
        parts.push(say(means_words(means)).to_owned());
    }
    if let Some(through) = place.through {
        parts.push(say(through_words(through)).to_owned());
    }
    parts
}

fn means_words(means: Means) -> Text {
    match means {
        Means::CardAndPin => Text::new("card and PIN", "carte et code"),
        Means::KeptPin => Text::new("card, PIN typed earlier", "carte, code saisi auparavant"),
        Means::CardAlone => Text::new("card alone", "carte seule, sans code"),
        Means::WithoutAgent => Text::new(
            "card in the browser, without Cardea on the workstation",
            "carte dans le navigateur, sans Cardea sur le poste",
        ),
    }
}

fn through_words(through: Through) -> Text {
    match through {
        Through::Device => Text::new("for another device", "pour un autre appareil"),
        Through::Host => Text::new("for a computer’s login", "pour ouvrir une session système"),
        Through::Software => Text::new("by business software", "par un logiciel métier"),
    }
}

/// The sentence of a kind, without its full stop.
fn words_of(kind: ActivityKind, entry: &HistoryEntry) -> Text {
    use ActivityKind as K;
    match kind {
        K::LoginAccepted
        | K::AgentlessLoginAccepted
        | K::CardGrantAccepted
        | K::LoginRefused
        | K::LoginCancelled
        | K::CardGrantRefused
        | K::InstanceRefused
        | K::AccountOpened
        | K::AccountExported
        | K::RevocationGraceUsed
        | K::AuthorizationRefused
        | K::DeviceRefused
        | K::DeviceApproved => login_words(kind),
        K::SessionActivated | K::SessionContinued | K::SessionEnded => session_words(kind),
        K::ConsentGiven | K::ConsentRefused => consent_words(kind),
        K::InstanceFirstUsed
        | K::InstanceAcknowledged
        | K::InstanceRevokedByOwner
        | K::InstanceAllowedByOwner => workstation_words(kind),
        K::CodeIssued
        | K::TokensIssued
        | K::TokenRevoked
        | K::TokenRefused
        | K::UserinfoRefused
        | K::AdminRefused
        | K::LogoutDelivered
        | K::LogoutUndelivered => program_words(kind),
        K::GuardSessionStopped
        | K::GuardAccountStopped
        | K::GuardStopLate
        | K::GuardStopLifted
        | K::GuardNoticeSeen
        | K::LookUpsReported
        | K::LookUpsErased
        | K::StepUpAsked
        | K::StepUpGiven
        | K::StepUpDeclined
        | K::StepUpRefused => guard_words(kind, entry),
        K::SuspendCodeMade
        | K::CardSuspendedByCode
        | K::CardSuspendedByOperator
        | K::CardSuspendedByOwner
        | K::CardResumed
        | K::SuspensionSeen => suspension_words(kind),
        K::RefusedUsesSeen
        | K::NotMe
        | K::IncidentOpened
        | K::IncidentTakenUp
        | K::IncidentNoted
        | K::IncidentClosed
        | K::IncidentReported
        | K::ConsoleOpened
        | K::ConsoleRefused => incident_words(kind, entry),
        K::ConsoleLookedAt => look_words(member(entry, "view").as_deref()),
    }
}

fn login_words(kind: ActivityKind) -> Text {
    use ActivityKind as K;
    match kind {
        K::LoginAccepted | K::AgentlessLoginAccepted => Text::new(
            "Your card signed in to {portal}",
            "Votre carte s’est connectée à {portal}",
        ),
        K::CardGrantAccepted => Text::new(
            "Business software signed in to {portal} with your card",
            "Un logiciel métier s’est connecté à {portal} avec votre carte",
        ),
        K::LoginRefused | K::InstanceRefused => Text::new(
            "A login to {portal} with your card was refused",
            "Une connexion à {portal} avec votre carte a été refusée",
        ),
        K::CardGrantRefused => Text::new(
            "Business software wanted to sign in to {portal} with your card and was refused",
            "Un logiciel métier a voulu se connecter à {portal} avec votre carte et a été refusé",
        ),
        K::LoginCancelled => Text::new(
            "A login to {portal} was broken off before it was complete",
            "Une connexion à {portal} a été abandonnée avant la fin",
        ),
        K::AccountOpened => Text::new("This page was opened", "Cette page a été ouverte"),
        K::AccountExported => Text::new(
            "Your history was taken away in a file",
            "Votre historique a été emporté dans un fichier",
        ),
        K::RevocationGraceUsed => Text::new(
            "Your card was looked for in an older list of revoked cards: no newer one was at hand",
            "Votre carte a été recherchée dans une liste plus ancienne des cartes révoquées, faute \
             de liste récente",
        ),
        K::AuthorizationRefused => Text::new(
            "A login to {portal} broke off after your card had signed",
            "Une connexion à {portal} a été interrompue après la signature de votre carte",
        ),
        K::DeviceRefused => Text::new(
            "The login of another device was turned down",
            "La connexion d’un autre appareil a été refusée",
        ),
        _ => Text::new(
            "Your card confirmed the login of another device",
            "Votre carte a confirmé la connexion d’un autre appareil",
        ),
    }
}

fn session_words(kind: ActivityKind) -> Text {
    match kind {
        ActivityKind::SessionActivated => Text::new(
            "From here on, taking your card out of the reader ends the session",
            "À partir de ce moment, retirer votre carte du lecteur ferme la session",
        ),
        ActivityKind::SessionContinued => Text::new(
            "You showed your card again, and your session went on",
            "Vous avez présenté votre carte à nouveau, et votre session a continué",
        ),
        _ => Text::new(
            "A session of yours ended",
            "Une de vos sessions s’est terminée",
        ),
    }
}

fn consent_words(kind: ActivityKind) -> Text {
    match kind {
        ActivityKind::ConsentGiven => Text::new(
            "You agreed that {portal} gets the data about you that it asked for",
            "Vous avez accepté que {portal} reçoive les données demandées sur vous",
        ),
        _ => Text::new(
            "You did not agree that {portal} gets the data about you that it asked for",
            "Vous avez refusé que {portal} reçoive les données demandées sur vous",
        ),
    }
}

fn workstation_words(kind: ActivityKind) -> Text {
    match kind {
        ActivityKind::InstanceFirstUsed => Text::new(
            "Your card was used at {workstation} for the first time",
            "Votre carte a été utilisée pour la première fois sur {workstation}",
        ),
        ActivityKind::InstanceAcknowledged => Text::new(
            "You said that {workstation} is yours",
            "Vous avez confirmé que {workstation} est le vôtre",
        ),
        ActivityKind::InstanceRevokedByOwner => Text::new(
            "You took {workstation} out",
            "Vous avez retiré {workstation}",
        ),
        _ => Text::new(
            "You let {workstation} in again",
            "Vous avez autorisé à nouveau {workstation}",
        ),
    }
}

fn program_words(kind: ActivityKind) -> Text {
    use ActivityKind as K;
    match kind {
        K::CodeIssued => Text::new(
            "{portal} was told that you have signed in",
            "{portal} a été informé de votre connexion",
        ),
        K::TokensIssued => Text::new(
            "{portal} was let in to its services in your name, for a few minutes",
            "{portal} a été autorisé pour quelques minutes à agir en votre nom",
        ),
        K::TokenRevoked => Text::new(
            "{portal} gave up what it was let in with in your name",
            "{portal} a renoncé à agir en votre nom",
        ),
        K::TokenRefused => Text::new(
            "{portal} wanted to act in your name and was refused",
            "{portal} a demandé à agir en votre nom et a été refusé",
        ),
        K::UserinfoRefused => Text::new(
            "{portal} asked who you are and was refused",
            "{portal} a demandé qui vous êtes et a été refusé",
        ),
        K::AdminRefused => Text::new(
            "A request to administer this service in your name was refused",
            "Une demande d’administration de ce service en votre nom a été refusée",
        ),
        K::LogoutDelivered => Text::new(
            "{portal} was told that your session is over",
            "{portal} a été informé de la fin de votre session",
        ),
        _ => Text::new(
            "{portal} could not be told that your session is over",
            "{portal} n’a pas pu être informé de la fin de votre session",
        ),
    }
}

fn guard_words(kind: ActivityKind, entry: &HistoryEntry) -> Text {
    use ActivityKind as K;
    match kind {
        K::GuardSessionStopped => Text::new(
            "The service {service} stopped a session of yours",
            "Le service {service} a arrêté une de vos sessions",
        ),
        K::GuardAccountStopped => Text::new(
            "The service {service} stopped your access",
            "Le service {service} a arrêté votre accès",
        ),
        K::GuardStopLate => Text::new(
            "The service {service} asked for a stop that had been lifted: nothing was stopped",
            "Le service {service} a demandé un arrêt déjà levé\u{a0}: rien n’a été arrêté",
        ),
        K::GuardStopLifted => Text::new(
            "The support of this service restored your access to {service}",
            "L’assistance de ce service a rétabli votre accès à {service}",
        ),
        K::GuardNoticeSeen => Text::new(
            "You said that you have seen a stop",
            "Vous avez pris note d’un arrêt",
        ),
        K::LookUpsReported => Text::new(
            "A service reported look-ups of patients in your name",
            "Un service a signalé des consultations de patients en votre nom",
        ),
        K::LookUpsErased => Text::new(
            "Which patients were looked up in your name was erased",
            "Les patients consultés en votre nom ont été effacés du registre",
        ),
        K::StepUpAsked => Text::new(
            "The service {service} asked for your card’s signature again",
            "Le service {service} a redemandé la signature de votre carte",
        ),
        K::StepUpGiven if number(entry, "patients") > 1 => Text::new(
            "Your card signed again for the service {service}, after {patients} patients",
            "Votre carte a signé à nouveau pour le service {service}, après {patients} patients",
        ),
        K::StepUpGiven => Text::new(
            "Your card signed again for the service {service}",
            "Votre carte a signé à nouveau pour le service {service}",
        ),
        K::StepUpDeclined => Text::new(
            "Your card did not sign again for the service {service}",
            "Votre carte n’a pas signé à nouveau pour le service {service}",
        ),
        _ => Text::new(
            "A signature asked for again in your name was refused",
            "Une nouvelle signature demandée en votre nom a été refusée",
        ),
    }
}

fn suspension_words(kind: ActivityKind) -> Text {
    use ActivityKind as K;
    match kind {
        K::SuspendCodeMade => Text::new(
            "A suspension code was made for a card of yours",
            "Un code de suspension a été créé pour une de vos cartes",
        ),
        K::CardSuspendedByCode => Text::new(
            "A card of yours was suspended with its code",
            "Une de vos cartes a été suspendue avec son code",
        ),
        K::CardSuspendedByOperator => Text::new(
            "The support of this service suspended a card of yours",
            "L’assistance de ce service a suspendu une de vos cartes",
        ),
        K::CardSuspendedByOwner => Text::new(
            "You suspended a card of yours",
            "Vous avez suspendu une de vos cartes",
        ),
        K::CardResumed => Text::new(
            "The support of this service let a suspended card of yours in again",
            "L’assistance de ce service a levé la suspension d’une de vos cartes",
        ),
        _ => Text::new(
            "You said that you have seen a suspension",
            "Vous avez pris note d’une suspension",
        ),
    }
}

fn incident_words(kind: ActivityKind, entry: &HistoryEntry) -> Text {
    use ActivityKind as K;
    match kind {
        K::RefusedUsesSeen => Text::new(
            "You said that you have seen refused uses of your card",
            "Vous avez pris note d’utilisations refusées de votre carte",
        ),
        K::NotMe => Text::new(
            "You said that it was not you: the support of this service was alerted",
            "Vous avez signalé que ce n’était pas vous\u{a0}: l’assistance de ce service a été \
             alertée",
        ),
        K::IncidentOpened => opened_words(entry),
        K::IncidentTakenUp => Text::new(
            "The support of this service works on the incident",
            "L’assistance de ce service traite l’incident",
        ),
        K::IncidentNoted => Text::new(
            "The support of this service wrote a note about the incident",
            "L’assistance de ce service a ajouté une note à l’incident",
        ),
        K::IncidentClosed => Text::new(
            "The support of this service closed the incident",
            "L’assistance de ce service a clos l’incident",
        ),
        K::IncidentReported => Text::new(
            "The support of this service looked up which patients were consulted in your name",
            "L’assistance de ce service a recherché les patients consultés en votre nom",
        ),
        K::ConsoleOpened => Text::new(
            "You opened the administration console",
            "Vous avez ouvert la console d’administration",
        ),
        K::ConsoleRefused => Text::new(
            "The administration console was refused to you",
            "L’accès à la console d’administration vous a été refusé",
        ),
        _ => look_words(None),
    }
}

/// Who opened an incident.
fn opened_words(entry: &HistoryEntry) -> Text {
    let details: Option<Value> = serde_json::from_str(&entry.event.details).ok();
    let by = details.as_ref().and_then(|it| it.get("by"));
    let is_by = |word: &str| by.is_some_and(|it| it.get(word).is_some());
    if by.and_then(Value::as_str) == Some("person") {
        Text::new(
            "An incident was opened at your word: the support of this service looks into it",
            "Un incident a été ouvert à votre demande\u{a0}: l’assistance de ce service l’examine",
        )
    } else if is_by("guard") {
        Text::new(
            "A service that protects patients’ data opened an incident about your account",
            "Un service qui protège les données des patients a ouvert un incident concernant \
             votre compte",
        )
    } else if is_by("operator") {
        Text::new(
            "The support of this service opened an incident about your account",
            "L’assistance de ce service a ouvert un incident concernant votre compte",
        )
    } else {
        Text::new(
            "An incident about your account was opened",
            "Un incident concernant votre compte a été ouvert",
        )
    }
}

/// What an operator looked at. An incident is not named: of one that she has not opened herself she
/// is not told.
fn look_words(view: Option<&str>) -> Text {
    match view {
        Some("search") => Text::new(
            "The support of this service found you in a search of its records",
            "L’assistance de ce service vous a trouvé par une recherche dans ses données",
        ),
        Some("person") => Text::new(
            "The support of this service looked at all that is on record about you",
            "L’assistance de ce service a consulté tout ce qui est enregistré à votre sujet",
        ),
        Some("session") => Text::new(
            "The support of this service looked at one of your sessions",
            "L’assistance de ce service a consulté l’une de vos sessions",
        ),
        Some("card") => Text::new(
            "The support of this service looked at one of your cards",
            "L’assistance de ce service a consulté l’une de vos cartes",
        ),
        Some("portal") => Text::new(
            "The support of this service looked at what happened at a portal that you use",
            "L’assistance de ce service a consulté l’activité d’un portail que vous utilisez",
        ),
        Some("stops") => Text::new(
            "The support of this service looked at the stopped accesses, yours among them",
            "L’assistance de ce service a consulté les accès arrêtés, dont le vôtre",
        ),
        Some("suspended_cards") => Text::new(
            "The support of this service looked at the suspended cards, yours among them",
            "L’assistance de ce service a consulté les cartes suspendues, dont la vôtre",
        ),
        Some("incident_report") => Text::new(
            "The support of this service looked up which patients were consulted in your name",
            "L’assistance de ce service a recherché les patients consultés en votre nom",
        ),
        _ => Text::new(
            "The support of this service looked at what is on record about you",
            "L’assistance de ce service a consulté ce qui est enregistré à votre sujet",
        ),
    }
}

/// Why, where there is a reason to give.
fn because(kind: ActivityKind, entry: &HistoryEntry, language: Language) -> Option<String> {
    use ActivityKind as K;
    let code = entry.event.code.as_deref();
    match kind {
        K::SessionEnded => Some(end_words(code?).in_language(language).to_owned()),
        K::StepUpDeclined => {
            let reason = member(entry, "reason")?;
            Some(decline_words(&reason).in_language(language).to_owned())
        }
        K::LoginRefused | K::InstanceRefused | K::CardGrantRefused | K::StepUpRefused => {
            Some(match refusal_words(code?) {
                Some(words) => words.in_language(language).to_owned(),
                None => CODE.in_language(language).replace("{code}", code?),
            })
        }
        K::TokenRefused
        | K::UserinfoRefused
        | K::AdminRefused
        | K::AuthorizationRefused
        | K::LogoutUndelivered => Some(CODE.in_language(language).replace("{code}", code?)),
        _ => None,
    }
}

/// What a workstation is called within a sentence.
fn workstation(place: &Place, language: Language) -> String {
    let say = |text: Text| text.in_language(language);
    match &place.workstation {
        Some(name) => format!("{} {}", say(THE_WORKSTATION), quoted(name, language)),
        None => say(A_WORKSTATION).to_owned(),
    }
}

/// A name between the language's quotation marks.
fn quoted(name: &str, language: Language) -> String {
    match language {
        Language::French => format!("«\u{a0}{name}\u{a0}»"),
        Language::English => format!("“{name}”"),
    }
}

fn member(entry: &HistoryEntry, name: &str) -> Option<String> {
    let details: Value = serde_json::from_str(&entry.event.details).ok()?;
    Some(details.get(name)?.as_str()?.to_owned())
}

fn number(entry: &HistoryEntry, name: &str) -> u64 {
    let details: Option<Value> = serde_json::from_str(&entry.event.details).ok();
    let number = details.as_ref().and_then(|it| it.get(name)?.as_u64());
    number.unwrap_or_default()
}

const OTHER: Text = Text::new(
    "Something was put on record about you ({kind}).",
    "Un événement a été enregistré à votre sujet ({kind}).",
);
const CODE: Text = Text::new(
    "the support of this service can say why (reference {code})",
    "l’assistance de ce service peut dire pourquoi (référence {code})",
);
const COLON: Text = Text::new(": ", "\u{a0}: ");
const A_PORTAL: Text = Text::new("a portal", "un portail");
const WORKSTATION: Text = Text::new("workstation", "poste");
const READER: Text = Text::new("reader", "lecteur");
const NAMELESS: Text = Text::new("workstation without a name", "poste sans nom");
const THE_WORKSTATION: Text = Text::new("the workstation", "le poste");
const A_WORKSTATION: Text = Text::new("a workstation without a name", "un poste sans nom");

#[cfg(test)]
mod tests;

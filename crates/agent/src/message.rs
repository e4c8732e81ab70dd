//! The title that goes with each code that a page or a person may see, in both languages.

use std::borrow::Cow;

use crate::Error;
use crate::language::Language;
use crate::log_memory::{LogRefusal, WatchDiffers};

impl Error {
    /// One sentence for the person, without names.
    #[must_use]
    pub fn title(&self, language: Language) -> &'static str {
        let (french, english) = texts(self.code());
        match language {
            Language::French => french,
            Language::English => english,
        }
    }

    /// What the person can do, where there is more to say than the title does.
    #[must_use]
    pub fn advice(&self, language: Language) -> Option<Cow<'static, str>> {
        match self {
            Self::Card(cardea_card::Error::PinBlocked) => Some(language.blocked_advice().into()),
            Self::Card(cardea_card::Error::TimedOut { .. }) => {
                Some(timed_out_advice(language).into())
            }
            Self::NotRunning => Some(start_advice(language).into()),
            Self::PageUnavailable { .. } => Some(page_advice(language).into()),
            Self::Log(refusal) => Some(log_advice(refusal, language)),
            Self::ReaderHeld { programs } => Some(language.reader_held_advice(programs).into()),
            _ => None,
        }
    }

    /// What a command says of it to a person: what is wrong, the code for support, and what to do.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        let title = self.title(language);
        let advice = self.advice(language);
        let advice = advice.map_or_else(String::new, |advice| format!("\n\n{advice}"));
        language.keep_marks(&format!("{title} [{}: {self}]{advice}", self.code()))
    }
}

/// What to do where a login is refused for the log's sake.
fn log_advice(refusal: &LogRefusal, language: Language) -> Cow<'static, str> {
    match refusal {
        LogRefusal::NotCosigned {
            cosigned,
            quorum,
            missing,
            differs,
        } => {
            let missing = missing.join(", ");
            let differs = differs.as_ref().map(|it| differs_words(it, language));
            let differs = differs.unwrap_or_default();
            match language {
                Language::French => format!(
                    "La connexion est refusée. Attestent : {cosigned} ; il en faut {quorum}. Il \
                     manque : {missing}.{differs} Dites-le à l’assistance du service avec le code \
                     ci-dessus : ou bien ces témoins sont en panne, ou bien ce poste doit être \
                     enregistré de nouveau, avec le document qui nomme ceux d’aujourd’hui."
                ),
                Language::English => format!(
                    "The sign-in is refused. Vouching: {cosigned}; wanted: {quorum}. Missing: \
                     {missing}.{differs} Tell the service's support, with the code above: either \
                     these witnesses are down, or this workstation must be enrolled anew, by the \
                     document that names those of today."
                ),
            }
            .into()
        }
        LogRefusal::CosignedLongAgo { .. } => language
            .say(
                "La connexion est refusée. Vérifiez d’abord la date de ce poste. Si elle est \
                 juste, appelez l’assistance du service, à un numéro que vous connaissez déjà, et \
                 donnez le code ci-dessus.",
                "The sign-in is refused. See first whether this workstation's date is right. If it \
                 is, call the service's support, at a number that you know already, and give the \
                 code above.",
            )
            .into(),
        LogRefusal::MemoryUnusable { file, .. } => memory_advice(&file.display(), language).into(),
        _ => distrust_advice(language).into(),
    }
}

/// The way back where the workstation's own memory of a log is damaged.
fn memory_advice(file: &dyn std::fmt::Display, language: Language) -> String {
    match language {
        Language::French => format!(
            "Faites vérifier le disque et les droits de ce fichier par la personne qui gère ce \
             poste : {file}. S’il est abîmé, elle demande à l’assistance du service, à un numéro \
             déjà connu, si son journal est intact, puis met ce seul fichier de côté, sous un \
             autre nom : la connexion suivante repart de ce que le service montre alors."
        ),
        Language::English => format!(
            "Have whoever looks after this workstation see to the disk and to the rights of this \
             file: {file}. If it is damaged, she asks the service's support, at a number that she \
             knows already, whether its log is intact, and then puts this one file by, under \
             another name: the next sign-in begins with what the service shows then."
        ),
    }
}

fn differs_words(differs: &WatchDiffers, language: Language) -> String {
    let mut words = String::new();
    if !differs.unasked.is_empty() {
        let names = differs.unasked.join(", ");
        words += &match language {
            Language::French => format!(" Le service ne sollicite pas : {names}."),
            Language::English => format!(" The service does not ask: {names}."),
        };
    }
    if !differs.other_key.is_empty() {
        let names = differs.other_key.join(", ");
        words += &match language {
            Language::French => format!(" Il connaît par une autre clé : {names}."),
            Language::English => format!(" It knows by another key: {names}."),
        };
    }
    if let Some(quorum) = differs.quorum {
        words += &match language {
            Language::French => format!(" Le service se contente de {quorum}."),
            Language::English => format!(" The service is content with {quorum}."),
        };
    }
    words
}

/// What to do where the log is doubtful, and the login goes on.
pub(crate) fn doubt_advice(language: Language) -> &'static str {
    language.say(
        "Vous êtes connecté. Vérifiez la date de ce poste ; si elle est juste, appelez \
         l’assistance du service, à un numéro que vous connaissez déjà, et donnez le code \
         ci-dessus. Ce poste garde une copie de ce qui lui a été montré.",
        "You are signed in. See whether this workstation's date is right; if it is, call the \
         service's support, at a number that you know already, and give the code above. This \
         workstation keeps a copy of what it was shown.",
    )
}

/// The service may be in other hands, and so whatever its pages say.
fn distrust_advice(language: Language) -> &'static str {
    language.say(
        "Ne vous connectez plus à ce service. Appelez son assistance, à un numéro que vous \
         connaissez déjà et non à celui d’une page, et donnez le code ci-dessus. Ce poste garde \
         une copie de ce qui lui a été montré.",
        "Do not sign in to this service any more. Call its support, at a number that you know \
         already and not at one on a page, and give the code above. This workstation keeps a copy \
         of what it was shown.",
    )
}

fn start_advice(language: Language) -> &'static str {
    language.say(
        "Fermez votre session et rouvrez-la, ou lancez : \
         systemctl --user enable --now cardea-agent.service",
        "Log out and in again, or start it by: systemctl --user enable --now cardea-agent.service",
    )
}

fn page_advice(language: Language) -> &'static str {
    language.say(
        "« cardea-agent status » dit la même chose dans le terminal. Le programme qui ouvre le \
         navigateur est nommé par « browser » dans agent.toml.",
        "“cardea-agent status” says the same in the terminal. “browser” in agent.toml names the \
         program that opens the browser.",
    )
}

fn timed_out_advice(language: Language) -> &'static str {
    match language {
        Language::French => {
            "Retirez la carte et remettez-la, puis recommencez. Si cela se reproduit, débranchez \
             et rebranchez le lecteur."
        }
        Language::English => {
            "Take the card out and put it back in, then start again. If it happens again, unplug \
             the reader and plug it in again."
        }
    }
}

fn texts(code: &str) -> (&'static str, &'static str) {
    if code.starts_with("card.") {
        card_texts(code)
    } else if code.starts_with("agent.log_") {
        log_texts(code)
    } else {
        agent_texts(code)
    }
}

/// About an issuer's log.
fn log_texts(code: &str) -> (&'static str, &'static str) {
    match code {
        "agent.log_rewritten" => (
            "Le journal de ce service a été réécrit : ce qui a été fait en votre nom peut en avoir \
             disparu. La connexion est refusée.",
            "This service's log was rewritten: what was done in your name may be gone from it. The \
             sign-in is refused.",
        ),
        "agent.log_key_changed" => (
            "Le journal de ce service n’est plus signé par la même clé. La connexion est refusée.",
            "This service's log is not signed by the same key any more. The sign-in is refused.",
        ),
        "agent.log_not_cosigned" => (
            "Trop peu des témoins que nomme l’enregistrement de ce poste attestent le journal de \
             ce service.",
            "Too few of the witnesses that this workstation's enrolment names vouch for this \
             service's log.",
        ),
        "agent.log_not_grown" => (
            "Ce service montre à ce poste un journal qui n’avance plus : ce qui a été fait en \
             votre nom depuis peut être caché.",
            "This service shows this workstation a log that stands still: what was done in your \
             name since may be hidden.",
        ),
        "agent.log_cosigned_long_ago" => (
            "Depuis un jour ou plus, aucun témoin n’atteste à ce poste le journal de ce service.",
            "For a day or longer no witness has vouched to this workstation for this service's \
             log.",
        ),
        "agent.log_memory_unusable" => (
            "Ce poste ne peut plus lire ce qu’il avait noté du journal de ce service. La connexion \
             est refusée.",
            "This workstation cannot read any more what it had noted of this service's log. The \
             sign-in is refused.",
        ),
        _ => (
            "Ce service ne prouve pas que son journal est intact. La connexion est refusée.",
            "This service does not prove that its log is intact. The sign-in is refused.",
        ),
    }
}

fn agent_texts(code: &str) -> (&'static str, &'static str) {
    match code {
        "agent.busy" => (
            "Une autre connexion est en cours sur ce poste.",
            "Another sign-in is under way on this workstation.",
        ),
        "agent.rate_limited" => (
            "Trop de demandes ; réessayez dans un moment.",
            "Too many requests; try again in a moment.",
        ),
        "agent.challenge_expired" => (
            "Le temps imparti est écoulé ; recommencez.",
            "Time is up; please start again.",
        ),
        "agent.card_changed" => CARD_GONE,
        "agent.reader_held" => (
            "Le lecteur est occupé par un autre logiciel.",
            "The reader is held by another program.",
        ),
        "agent.reader_ambiguous" => (
            "Plusieurs cartes sont insérées ; précisez le lecteur.",
            "Several cards are inserted; name the reader.",
        ),
        "agent.challenge_keys_unreachable" => (
            "Le service de connexion ne répond pas à l’agent.",
            "The sign-in service does not answer the agent.",
        ),
        "agent.origin_refused" | "agent.host_refused" | "agent.enrolment_mismatch" => (
            "Ce site n’est pas autorisé à utiliser la carte sur ce poste.",
            "This site is not allowed to use the card on this workstation.",
        ),
        "agent.challenge_invalid"
        | "agent.challenge_keys_invalid"
        | "agent.challenge_keys_rolled_back" => (
            "La demande de connexion n’est pas authentique ; rien n’a été signé.",
            "The sign-in request is not authentic; nothing was signed.",
        ),
        "agent.challenge_repeated" => (
            "Cette demande de connexion a déjà été utilisée ; recommencez.",
            "This sign-in request has been used already; please start again.",
        ),
        "agent.not_found"
        | "agent.method_not_allowed"
        | "agent.content_type_refused"
        | "agent.frame_invalid"
        | "agent.program_request_invalid"
        | "agent.request_invalid" => ("La demande n’est pas valable.", "The request is not valid."),
        _ => prompt_texts(code),
    }
}

/// About a prompt and its answer.
fn prompt_texts(code: &str) -> (&'static str, &'static str) {
    match code {
        "agent.site_blocked" => (
            "Vous avez bloqué ce site sur ce poste pour une heure.",
            "You blocked this site on this workstation for an hour.",
        ),
        "agent.card_expired" => (
            "Votre carte a expiré ; utilisez la nouvelle carte ou demandez-la à l’émetteur.",
            "Your card has expired; use the new card, or ask its issuer for one.",
        ),
        "agent.pin_wanted_contactless" => (
            "Cette connexion demande le code ; insérez la carte dans un lecteur à contact.",
            "This sign-in wants the PIN; insert the card into a contact reader.",
        ),
        "agent.prompt_cancelled" | "agent.last_try_declined" => (
            "Vous avez annulé la connexion.",
            "You cancelled the sign-in.",
        ),
        "agent.prompt_timed_out" => (
            "Le code n’a pas été saisi à temps ; recommencez.",
            "The PIN was not entered in time; please start again.",
        ),
        "agent.prompt_unavailable" => (
            "La fenêtre de saisie du code ne peut pas s’afficher sur ce poste.",
            "The PIN prompt cannot be shown on this workstation.",
        ),
        "agent.page_unavailable" => (
            "La page ne peut pas s’ouvrir dans un navigateur.",
            "The page cannot be opened in a browser.",
        ),
        "agent.not_running" => ("Cardea n’est pas démarré.", "Cardea is not running."),
        "agent.screen_locked" => (
            "L’écran est verrouillé ; déverrouillez-le, puis recommencez.",
            "The screen is locked; unlock it, then start again.",
        ),
        "agent.too_many_entries" => (
            "Trop de saisies incorrectes ; recommencez.",
            "Too many entries; please start again.",
        ),
        "agent.instance_key_unavailable" => (
            "La clé de ce poste n’est pas disponible ; prévenez l’assistance.",
            "The key of this workstation is not available; please tell the support.",
        ),
        _ => program_texts(code),
    }
}

/// About a program that signs in.
fn program_texts(code: &str) -> (&'static str, &'static str) {
    match code {
        "agent.business_software_disabled" => (
            "Les logiciels ne peuvent pas se connecter avec la carte sur ce poste.",
            "Programs cannot sign in with the card on this workstation.",
        ),
        "agent.client_not_allowed" => (
            "Ce logiciel n’est pas autorisé à utiliser la carte sur ce poste.",
            "This program is not allowed to use the card on this workstation.",
        ),
        "agent.issuer_unknown" => (
            "Ce poste n’est pas enregistré auprès de ce service de connexion.",
            "This workstation is not enrolled with this sign-in service.",
        ),
        "agent.issuer_unreachable" | "agent.issuer_answer_invalid" => (
            "Le service de connexion ne répond pas correctement.",
            "The sign-in service does not answer properly.",
        ),
        "agent.grant_refused" => (
            "Le service de connexion a refusé l’accès.",
            "The sign-in service refused access.",
        ),
        "agent.proof_refused" => (
            "Cette adresse n’est pas autorisée pour ce logiciel.",
            "This address is not allowed for this program.",
        ),
        "agent.too_many_programs" => (
            "Trop de logiciels sont reliés à l’agent ; fermez-en un, puis réessayez.",
            "Too many programs are connected to the agent; close one, then try again.",
        ),
        "agent.session_over" => (
            "La connexion a pris fin ; reconnectez-vous.",
            "The session is over; sign in again.",
        ),
        "agent.interrupted" => (
            "La connexion a été interrompue.",
            "The sign-in was interrupted.",
        ),
        _ => ("L’agent ne peut pas poursuivre.", "The agent cannot go on."),
    }
}

const CARD_GONE: (&str, &str) = (
    "La carte a été retirée ou changée ; recommencez.",
    "The card was removed or changed; please start again.",
);

fn card_texts(code: &str) -> (&'static str, &'static str) {
    match code {
        "card.removed" | "card.reset" => CARD_GONE,
        "card.reader_service_unavailable" | "card.no_reader" => (
            "Aucun lecteur de carte n’est branché.",
            "No card reader is connected.",
        ),
        "card.no_card" => ("Aucune carte n’a été insérée.", "No card was inserted."),
        "card.unresponsive" => (
            "La carte ne répond pas ; vérifiez qu’elle est bien insérée.",
            "The card does not respond; check that it is inserted the right way.",
        ),
        "card.busy" => (
            "La carte est occupée par un autre logiciel ; réessayez.",
            "The card is in use by another program; try again.",
        ),
        "card.timed_out" => (
            "La carte ou son lecteur ne répond pas.",
            "The card or its reader does not answer.",
        ),
        "card.pin_incorrect" => ("Le code est incorrect.", "The PIN is incorrect."),
        "card.pin_not_verified" => (
            "La carte demande de nouveau son code.",
            "The card wants its PIN again.",
        ),
        "card.pin_entry_timed_out" => (
            "Le code n’a pas été saisi à temps sur le lecteur.",
            "The PIN was not typed on the reader in time.",
        ),
        "card.pin_entry_cancelled" => (
            "La saisie du code a été annulée sur le lecteur.",
            "The PIN entry was cancelled on the reader.",
        ),
        "card.pin_last_try" => ("Il ne reste qu’un essai.", "One try is left."),
        "card.pin_blocked" => ("La carte est bloquée.", "The card is blocked."),
        "card.no_authentication_certificate"
        | "card.authentication_certificate_ambiguous"
        | "card.key_unsupported"
        | "card.unsupported" => (
            "Cette carte ne permet pas de se connecter.",
            "This card cannot be used to sign in.",
        ),
        _ => care_texts(code),
    }
}

/// About a card's PIN being changed.
fn care_texts(code: &str) -> (&'static str, &'static str) {
    match code {
        "card.puk_incorrect" => (
            "Le code de déblocage est faux.",
            "The unblocking code is wrong.",
        ),
        "card.puk_last_try" => (
            "Il ne reste peut-être qu’un essai du code de déblocage.",
            "One try of the unblocking code may be left.",
        ),
        "card.puk_blocked" => (
            "Le code de déblocage est bloqué : demandez une nouvelle carte à l’émetteur.",
            "The unblocking code is blocked: ask the issuer for a new card.",
        ),
        "card.new_pin_refused" => (
            "La carte n’accepte pas ce nouveau code.",
            "The card does not take this new PIN.",
        ),
        "card.pin_change_uncertain" => (
            "La carte a été retirée ou n’a pas répondu pendant le changement : le nouveau code est \
             peut-être déjà en place. Essayez-le d’abord, puis l’ancien.",
            "The card was removed or did not answer during the change: the new PIN may be in place \
             already. Try it first, then the old one.",
        ),
        "card.contact_needed" => (
            "Le code ne se change pas sans contact ; insérez la carte dans un lecteur à contact.",
            "The PIN is not changed without contact; insert the card into a contact reader.",
        ),
        "card.not_on_pin_pad" => (
            "Le code ne se change pas sur un lecteur à touches ; utilisez un autre lecteur ou \
             l’outil de l’émetteur.",
            "The PIN is not changed on a reader with keys; use another reader or the issuer's \
             tool.",
        ),
        "card.unblocking_not_offered" => (
            "Cette carte ne se débloque qu’avec l’outil de son émetteur.",
            "This card can be unblocked with its issuer's tool only.",
        ),
        _ => (
            "La carte ou le lecteur ne fonctionne pas correctement.",
            "The card or the reader does not work properly.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_speak_of_each_code() {
        let codes = Error::ALL_CODES.iter().chain(cardea_card::Error::ALL_CODES);
        for code in codes {
            let (french, english) = texts(code);
            assert!(french.ends_with('.') && english.ends_with('.'), "{code}");
            assert_ne!(french, english, "{code}");
        }
    }

    #[test]
    fn a_blocked_card_comes_with_advice() {
        let error = Error::Card(cardea_card::Error::PinBlocked);
        assert!(
            error
                .advice(Language::English)
                .unwrap()
                .contains("unblocking code")
        );
        assert!(
            error
                .advice(Language::French)
                .unwrap()
                .contains("code de déblocage")
        );
        assert!(Error::Busy.advice(Language::French).is_none());
    }

    #[test]
    fn a_card_that_does_not_answer_is_nobody_elses_doing() {
        let error = Error::Card(cardea_card::Error::TimedOut { limit_ms: 15_000 });
        for (language, other, back_in) in [
            (Language::French, "autre logiciel", "remettez-la"),
            (Language::English, "another program", "put it back in"),
        ] {
            assert!(!error.title(language).contains(other));
            assert!(error.advice(language).unwrap().contains(back_in));
        }
    }
}

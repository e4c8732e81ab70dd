//! Why something ended, was refused or was not given, in words.

use crate::language::Text;

/// Why a session ended, by its word on record.
pub(super) fn end_words(reason: &str) -> Text {
    match reason {
        "departed" => Text::new("the card was taken out", "la carte a été retirée"),
        "screen_locked" => Text::new("the screen was locked", "l’écran a été verrouillé"),
        "workstation_asleep" => Text::new(
            "the workstation went to sleep",
            "le poste s’est mis en veille",
        ),
        "presence_lost" => Text::new(
            "the workstation could not be reached any more",
            "le poste n’était plus joignable",
        ),
        "idle" => Text::new("it was not used for a while", "elle est restée inutilisée"),
        "absolute_limit" => Text::new(
            "it had reached its longest time",
            "elle a atteint sa durée maximale",
        ),
        "never_present" => Text::new("the login was not completed", "la connexion n’a pas abouti"),
        "card_elsewhere" => Text::new(
            "the card was used at another workstation",
            "la carte a été utilisée sur un autre poste",
        ),
        "continued" => Text::new(
            "you showed your card again, and a newer session goes on",
            "vous avez présenté votre carte à nouveau, et une nouvelle session continue",
        ),
        "browser_taken_over" => Text::new(
            "another card signed in with the same browser",
            "une autre carte s’est connectée avec le même navigateur",
        ),
        "card_revoked" => Text::new(
            "the card was revoked by its issuer",
            "la carte a été révoquée par son émetteur",
        ),
        "card_expired" => Text::new("the card expired", "la carte est arrivée à expiration"),
        "card_not_accepted" => Text::new(
            "the card is not accepted any more",
            "la carte n’est plus acceptée",
        ),
        "card_suspended" => Text::new("the card was suspended", "la carte a été suspendue"),
        "guard_stopped" => Text::new(
            "a service stopped it to protect patients’ data",
            "un service l’a arrêtée pour protéger les données des patients",
        ),
        "workstation_revoked" => {
            Text::new("the workstation was taken out", "le poste a été retiré")
        }
        "logout" => Text::new(
            "you, or a portal, signed out",
            "vous, ou un portail, l’avez fermée",
        ),
        "operator" => Text::new(
            "the support of this service ended it",
            "l’assistance de ce service l’a fermée",
        ),
        "not_me" => Text::new(
            "you said that it was not you",
            "vous avez signalé que ce n’était pas vous",
        ),
        "restored" => Text::new(
            "this service was put back to an earlier state",
            "ce service a été rétabli dans un état antérieur",
        ),
        _ => UNKNOWN,
    }
}

/// What a person may have to do with a refusal, by its code; the others are named by it.
pub(super) fn refusal_words(code: &str) -> Option<Text> {
    Some(match code {
        "provider.card_suspended" => Text::new("the card is suspended", "la carte est suspendue"),
        "provider.instance_not_known" => Text::new(
            "the portal lets in only workstations that you have confirmed",
            "ce portail n’accepte que les postes que vous avez confirmés",
        ),
        "provider.instance_not_managed" => Text::new(
            "the portal lets in only managed workstations",
            "ce portail n’accepte que les postes gérés",
        ),
        "provider.instance_revoked" => Text::new(
            "the support of this service took the workstation out",
            "l’assistance de ce service a retiré ce poste",
        ),
        "provider.instance_revoked_by_owner" => {
            Text::new("you took the workstation out", "vous avez retiré ce poste")
        }
        "provider.card_family_not_accepted"
        | "pki.card_family_refused"
        | "pki.card_policy_refused" => Text::new(
            "the portal does not take this kind of card",
            "le portail n’accepte pas ce type de carte",
        ),
        "provider.profession_not_accepted" => Text::new(
            "the portal is not for the profession that the card names",
            "le portail n’est pas destiné à la profession indiquée par la carte",
        ),
        "pki.identifier_type_refused" => Text::new(
            "the portal does not take the kind of identifier that the card has",
            "le portail n’accepte pas le type d’identifiant de la carte",
        ),
        "pki.test_mark_refused" => Text::new(
            "a test card was used where real ones are asked for, or a real one for a test",
            "une carte de test a été utilisée là où une vraie est demandée, ou l’inverse",
        ),
        "provider.acr_unmet" => Text::new(
            "the portal asks for the card’s PIN to be typed",
            "le portail demande la saisie du code de la carte",
        ),
        "provider.subject_not_expected" => Text::new(
            "the portal expected another person’s card",
            "le portail attendait la carte d’une autre personne",
        ),
        "pki.revocation_stale"
        | "pki.revocation_unknown"
        | "pki.revocation_unreachable"
        | "pki.crl_rolled_back" => Text::new(
            "it could not be found out whether the card is revoked; the card is not at fault",
            "il n’a pas été possible de savoir si la carte est révoquée\u{a0}; la carte n’est pas \
             en cause",
        ),
        "pki.certificate_revoked" => Text::new(
            "the card’s issuer has revoked it",
            "l’émetteur de la carte l’a révoquée",
        ),
        "pki.certificate_expired" => Text::new("the card has expired", "la carte est expirée"),
        "provider.step_up_other_card" => {
            Text::new("another card signed", "une autre carte a signé")
        }
        "provider.step_up_other_workstation" => Text::new(
            "it was signed at another workstation",
            "la signature a été faite sur un autre poste",
        ),
        "provider.step_up_session_over" => SESSION_OVER,
        _ => return None,
    })
}

/// Why a card did not sign again, by its word on record.
pub(super) fn decline_words(reason: &str) -> Text {
    match reason {
        "cancelled" => Text::new("it was cancelled", "la demande a été annulée"),
        "timed_out" => Text::new("nobody answered in time", "personne n’a répondu à temps"),
        "busy" => Text::new(
            "another question was open",
            "une autre demande était ouverte",
        ),
        "screen_locked" => Text::new("the screen was locked", "l’écran était verrouillé"),
        "card_unusable" => Text::new("the card could not sign", "la carte n’a pas pu signer"),
        _ => UNKNOWN,
    }
}

const SESSION_OVER: Text = Text::new(
    "the session was over by then",
    "la session était déjà terminée",
);
pub(super) const UNKNOWN: Text = Text::new("for another reason", "pour une autre raison");

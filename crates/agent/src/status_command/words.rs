//! What `cardea-agent status` tells people, in their language.

use std::fmt::Write as _;

use super::StatusReport;
use crate::Error;
use crate::config::{Loopback, LoopbackReason};
use crate::language::Language;
use crate::own_status::{CardStatus, OwnStatus, Standing};
use crate::presence::SessionStatus;

impl StatusReport {
    /// For people, a line each.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        let say = |french: String, english: String| match language {
            Language::French => french,
            Language::English => english,
        };
        let mut text = String::new();
        let mut line = |line: String| {
            let _ = writeln!(text, "{line}");
        };
        let socket = &self.socket;
        match &self.status {
            Some(own) => {
                let version = &own.standing.status.version;
                line(say(
                    format!("cardea-agent {version} répond sur {socket}"),
                    format!("cardea-agent {version} answers at {socket}"),
                ));
                for part in of_agent(own, language) {
                    line(part);
                }
            }
            None => {
                line(say(
                    format!("aucun agent ne répond sur {socket}"),
                    format!("no agent answers at {socket}"),
                ));
                line(next_step(self.code, language));
            }
        }
        let (address, loopback) = (&self.address, loopback(self.loopback, language));
        line(say(
            format!("pages par {address} : {loopback}"),
            format!("pages by {address}: {loopback}"),
        ));
        for site in &self.resting {
            line(say(
                format!("{} ; « cardea-agent unblock » y met fin", site.line),
                format!("{}; “cardea-agent unblock” ends it", site.line),
            ));
        }
        for issuer in &self.issuers {
            line(say(
                format!("enregistré auprès de : {issuer}"),
                format!("enrolled: {issuer}"),
            ));
        }
        language.keep_marks(&text)
    }
}

/// What to do where no agent answers.
fn next_step(code: Option<&str>, language: Language) -> String {
    let stopped = Error::NotRunning;
    if code.is_none_or(|code| code == stopped.code()) {
        let advice = stopped.advice(language).unwrap_or_default();
        return format!("{} {advice}", stopped.title(language));
    }
    // Something else stands in its place.
    let other = language.say(
        "Ce qui répond n’est pas votre agent : lancez cardea-agent doctor, et prévenez \
         l’assistance",
        "What answers is not your agent: run cardea-agent doctor, and tell the support",
    );
    other.to_owned()
}

fn of_agent(own: &OwnStatus, language: Language) -> Vec<String> {
    let say = |french: &str, english: &str| match language {
        Language::French => french.to_owned(),
        Language::English => english.to_owned(),
    };
    let mut lines = match language {
        Language::English => vec![
            format!("state: {}", own.standing.status.state),
            format!("card: {}", card_word(&own.standing, language)),
        ],
        Language::French => vec![
            match own.standing.status.state.as_str() {
                "busy" => "état : une demande est à l’écran".to_owned(),
                _ => "état : prêt".to_owned(),
            },
            format!("carte : {}", card_word(&own.standing, language)),
        ],
    };
    if own.standing.screen_locked {
        lines.push(say("écran : verrouillé", "screen: locked"));
    }
    if let Some(code) = &own.standing.readers_unavailable {
        lines.push(unavailable(code, language));
    }
    let mut policy = say("code de la carte : demandé selon la règle ", "PIN policy: ");
    policy.push_str(&own.pin_policy);
    if let Some(reason) = &own.no_pin_kept {
        policy.push_str(&say(
            ", mais demandé à chaque fois (",
            ", but the PIN is asked each time (",
        ));
        policy.push_str(reason);
        policy.push(')');
    }
    lines.push(policy);
    lines.extend(own.thumbprint_words(language));
    lines.extend(own.cards.iter().map(|card| card.words(language)));
    lines.extend(
        own.standing
            .sessions
            .iter()
            .map(|session| session.words(language)),
    );
    lines
}

/// Whether a card is there, as the agent's state says it.
pub(crate) fn card_word(standing: &Standing, language: Language) -> &'static str {
    match standing.status.card.as_str() {
        "present" => language.say("insérée", "inserted"),
        "absent" => language.say("aucune carte insérée", "no card is inserted"),
        _ if standing.readers_unavailable.is_some() => {
            language.say("lecteur inaccessible", "the reader cannot be reached")
        }
        _ => language.say("aucun lecteur", "no reader"),
    }
}

fn loopback(loopback: Loopback, language: Language) -> String {
    if language == Language::English {
        return loopback.to_string();
    }
    let state = if loopback.is_on() { "ouvert" } else { "fermé" };
    let reason = loopback_reason(loopback.reason, language);
    format!("{state} ({reason})")
}

/// Why login pages may come by the port, or not.
pub(crate) fn loopback_reason(reason: LoopbackReason, language: Language) -> &'static str {
    let french = match reason {
        LoopbackReason::Configured => "agent.toml le dit",
        LoopbackReason::OneUser => "personne d’autre ne peut ouvrir de session sur ce poste",
        LoopbackReason::SeveralUsers => "plusieurs personnes peuvent ouvrir une session ici",
        LoopbackReason::AddressUnavailable => "un autre programme occupe le port",
    };
    language.say(french, reason.words())
}

/// Why no reader can be seen, and what to do.
fn unavailable(code: &str, language: Language) -> String {
    match (code, language) {
        ("card.reader_service_unavailable", Language::English) => format!(
            "readers: the smart-card service is unreachable [{code}]; is pcscd installed and \
             running? Try: systemctl enable --now pcscd.socket, or cardea-agent doctor"
        ),
        ("card.reader_service_unavailable", Language::French) => format!(
            "lecteurs : le service des lecteurs est injoignable [{code}] ; pcscd est-il installé \
             et démarré ? Essayez : systemctl enable --now pcscd.socket, ou cardea-agent doctor"
        ),
        (_, Language::English) => {
            format!("readers: they cannot be watched [{code}]; cardea-agent doctor says what to do")
        }
        (_, Language::French) => format!(
            "lecteurs : ils ne peuvent pas être suivis [{code}] ; cardea-agent doctor dit que faire"
        ),
    }
}

impl OwnStatus {
    /// By what an operator knows this workstation, a line.
    pub(crate) fn thumbprint_words(&self, language: Language) -> Option<String> {
        let thumbprint = &self.instance_thumbprint;
        // An agent of an earlier version does not tell it.
        (!thumbprint.is_empty()).then(|| match language {
            Language::French => format!("empreinte de ce poste : {thumbprint}"),
            Language::English => format!("thumbprint of this workstation: {thumbprint}"),
        })
    }
}

impl CardStatus {
    /// One card, a line.
    pub(crate) fn words(&self, language: Language) -> String {
        if language == Language::English {
            return self.to_string();
        }
        let Self {
            reader,
            kind,
            expires_in_days,
        } = self;
        let kind = kind.as_deref().unwrap_or("non lue");
        let end = match expires_in_days {
            Some(-1) => ", expirée depuis 1 jour".to_owned(),
            Some(days @ ..=-2) => format!(", expirée depuis {} jours", days.saturating_neg()),
            Some(0) => ", EXPIRE DANS MOINS D’UN JOUR : demandez une nouvelle carte".to_owned(),
            Some(1) => ", EXPIRE DANS 1 JOUR : demandez une nouvelle carte".to_owned(),
            Some(days @ 2..=30) => {
                format!(", EXPIRE DANS {days} JOURS : demandez une nouvelle carte")
            }
            Some(days) => format!(", valable encore {days} jours"),
            None => String::new(),
        };
        language.keep_marks(&format!("carte dans {reader} : {kind}{end}"))
    }
}

impl SessionStatus {
    /// One session, a line.
    pub(crate) fn words(&self, language: Language) -> String {
        let (issuer, minutes) = (&self.issuer, self.seconds / 60);
        let what = match (language, &self.portal) {
            (Language::French, Some(portal)) => format!("connexion à {portal} par {issuer}"),
            (Language::French, None) => format!("session ouverte par {issuer}"),
            (Language::English, Some(portal)) => format!("signed in to {portal} through {issuer}"),
            (Language::English, None) => format!("session through {issuer}"),
        };
        match (language, minutes) {
            (Language::French, 0) => format!("{what}, à l’instant"),
            (Language::English, 0) => format!("{what}, just now"),
            (Language::French, _) => format!("{what}, depuis {minutes}\u{a0}min"),
            (Language::English, _) => format!("{what}, for {minutes} min"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_service_out_of_reach_is_called_so() {
        let english = |code| unavailable(code, Language::English);
        let service = english("card.reader_service_unavailable");
        assert!(service.contains("unreachable") && service.contains("pcscd.socket"));
        assert!(!english("card.module_fault").contains("unreachable"));
    }
}

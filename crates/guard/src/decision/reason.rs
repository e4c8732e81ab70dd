//! One reason of an answer: a stable code, the numbers in it, and its sentence.

use serde::{Deserialize, Serialize};

use super::Language;

/// One reason: a stable code, what was counted, and what it was held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    code: ReasonCode,
    count: u32,
    limit: u32,
}

/// Declares the codes once: name, word, and sentences with `{count}` and `{limit}` in them.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident, $word:literal, $english:literal, $french:literal;)+) => {
        /// The stable codes of reasons. They are API: none is renamed or reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum ReasonCode {
            $($(#[$doc])* $name,)+
        }

        impl ReasonCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code as a word.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            fn template(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$name, Language::English) => $english,
                      (Self::$name, Language::French) => $french,)+
                }
            }
        }
    };
}

reasons! {
    /// What runs ahead of the cards has reached its allowance.
    Ahead, "ahead",
        "{count} patients more were looked up without their card than the cards shown here \
         explain; {limit} may be.",
        "{count} patients de plus que n'expliquent les cartes présentées ont été consultés sans \
         leur carte ; la limite est de {limit}.";
    /// Too many distinct patients in a minute.
    PerMinute, "per_minute",
        "{count} patients were looked up without their card in one minute; {limit} may be.",
        "{count} patients ont été consultés sans leur carte en une minute ; la limite est de \
         {limit}.";
    /// Too many distinct patients in an hour.
    PerHour, "per_hour",
        "{count} patients were looked up without their card in one hour; {limit} may be.",
        "{count} patients ont été consultés sans leur carte en une heure ; la limite est de \
         {limit}.";
    /// Too many distinct patients in a day.
    PerDay, "per_day",
        "{count} patients were looked up without their card in 24 hours; {limit} may be.",
        "{count} patients ont été consultés sans leur carte en 24 heures ; la limite est de \
         {limit}.";
    /// Too many distinct patients in a week.
    PerWeek, "per_week",
        "{count} patients were looked up without their card in seven days; {limit} may be.",
        "{count} patients ont été consultés sans leur carte en sept jours ; la limite est de \
         {limit}.";
    /// Too many distinct patients in a month.
    PerMonth, "per_month",
        "{count} patients were looked up without their card in thirty days; {limit} may be.",
        "{count} patients ont été consultés sans leur carte en trente jours ; la limite est de \
         {limit}.";
    /// Far more new patients without a card than this account has on its fullest days.
    UsualDay, "usual_day",
        "{count} new patients were looked up today without their card; even this account's \
         fullest days stay far below {limit}.",
        "{count} nouveaux patients ont été consultés aujourd'hui sans leur carte ; même les jours \
         les plus chargés de ce compte restent loin de {limit}.";
    /// Over weeks, more patients without a card than is usual for the account.
    Drift, "drift",
        "Over the last weeks {count} patients more were looked up without their card than is \
         usual for this account; {limit} may be.",
        "Ces dernières semaines, {count} patients de plus que d'habitude ont été consultés sans \
         leur carte par ce compte ; la limite est de {limit}.";
    /// Look-ups as regular as a machine's.
    Metronome, "metronome",
        "{count} of the last {limit} look-ups follow each other as regularly as a machine's.",
        "{count} des {limit} dernières consultations se suivent avec la régularité d'une machine.";
    /// Patients faster than a person reads.
    Fast, "fast",
        "{count} patients in one minute is faster than a person reads; {limit} already is.",
        "{count} patients en une minute, c'est plus vite qu'une personne ne lit ; {limit} le \
         sont déjà.";
    /// Hours without a pause.
    NoPause, "no_pause",
        "For {count} minutes there was no pause; people pause within {limit}.",
        "Aucune pause depuis {count} minutes ; une personne en fait une avant {limit}.";
    /// An hour at which this account never works.
    UnusualHour, "unusual_hour",
        "This account was never active around {count} h (UTC) in the last {limit} days.",
        "Ce compte n'a jamais été actif vers {count} h (UTC) ces {limit} derniers jours.";
    /// Nobody known before among many, where that is not usual.
    NobodyKnown, "nobody_known",
        "Of today's patients, {limit} are new to this account and {count} known to it, which is \
         not usual here.",
        "Parmi les patients du jour, {limit} sont nouveaux pour ce compte et {count} connus de \
         lui, ce qui est inhabituel ici.";
    /// A place that this account never worked at.
    NewPlace, "new_place",
        "This account works from a place that is new today; it knows {count} others from {limit} \
         days.",
        "Ce compte travaille depuis un lieu nouveau aujourd'hui ; il en connaît {count} autres \
         depuis {limit} jours.";
    /// Two places at the same time.
    TwoPlaces, "two_places",
        "The account went back and forth between two places {count} times today within minutes; \
         {limit} is one person's most.",
        "Le compte est passé {count} fois d'un lieu à l'autre aujourd'hui en quelques minutes ; \
         {limit} est le plus pour une personne.";
    /// Numbers in sequence.
    Sequence, "sequence",
        "{count} look-ups went through numbers in sequence; {limit} are no chance any more.",
        "{count} consultations ont suivi des numéros en séquence ; à {limit}, ce n'est plus un \
         hasard.";
    /// Look-ups that nothing is done with.
    NoFollowUp, "no_follow_up",
        "{count} look-ups had no act that followed from them; {limit} is unusual.",
        "{count} consultations n'ont été suivies d'aucun acte ; {limit} est inhabituel.";
    /// Other accounts that do the same at the same time.
    OthersToo, "others_too",
        "{count} accounts at this service look up new patients without any card at the same time; \
         {limit} may be chance.",
        "{count} comptes de ce service consultent en même temps de nouveaux patients sans aucune \
         carte ; {limit} peuvent être un hasard.";
    /// A signature was asked for and has not come.
    SignatureAwaited, "signature_awaited",
        "The card's signature is awaited; {count} more patients were asked for meanwhile, and \
         {limit} end the session.",
        "La signature de la carte est attendue ; {count} autres patients ont été demandés depuis, \
         {limit} mettent fin à la session.";
    /// So many signatures in a week that one more restores nothing.
    SignaturesSpent, "signatures_spent",
        "{count} signatures have restored the budget within seven days; no more than {limit} do.",
        "{count} signatures ont rétabli le budget en sept jours ; pas plus de {limit} le font.";
    /// The session was stopped.
    SessionStopped, "session_stopped",
        "This session was stopped; {count} of {limit} sessions of the account were, within seven \
         days.",
        "Cette session a été arrêtée ; {count} sessions du compte l'ont été en sept jours, pour \
         une limite de {limit}.";
    /// The account was stopped.
    AccountStopped, "account_stopped",
        "The account is stopped at this service: {count} patients were refused to it, and {limit} \
         of its sessions had been stopped.",
        "Le compte est arrêté à ce service : {count} patients lui ont été refusés, et {limit} de \
         ses sessions avaient été arrêtées.";
    /// An unattended service is over its budget.
    Unattended, "unattended",
        "This unattended service has asked for {count} patients; its budget is {limit}.",
        "Ce service automatique a demandé {count} patients ; son budget est de {limit}.";
}

impl Reason {
    /// A reason with its numbers.
    #[must_use]
    pub fn new(code: ReasonCode, count: u32, limit: u32) -> Self {
        Self { code, count, limit }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code.word()
    }

    /// What was counted.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// What it was held against.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// The reason as a sentence.
    #[must_use]
    pub fn sentence(&self, language: Language) -> String {
        let sentence = self.code.template(language);
        let sentence = number(sentence, "{count}", self.count, language);
        number(&sentence, "{limit}", self.limit, language)
    }
}

/// Words that follow a number, in the plural and in the singular.
const ENGLISH: [(&str, &str); 7] = [
    ("patients were", "patient was"),
    ("patients more were", "patient more was"),
    ("new patients were", "new patient was"),
    ("more patients were", "more patient was"),
    ("signatures have", "signature has"),
    ("minutes there", "minute there"),
    ("look-ups", "look-up"),
];
const FRENCH: [(&str, &str); 7] = [
    ("patients ont été consultés", "patient a été consulté"),
    (
        "nouveaux patients ont été consultés",
        "nouveau patient a été consulté",
    ),
    ("sessions du compte l'ont été", "session du compte l'a été"),
    ("signatures ont rétabli", "signature a rétabli"),
    ("patients lui ont été refusés", "patient lui a été refusé"),
    (
        "autres patients ont été demandés",
        "autre patient a été demandé",
    ),
    ("minutes ;", "minute ;"),
];

/// Puts a number into a sentence, and what follows it into the singular where it is one (French:
/// or none).
fn number(sentence: &str, place: &str, number: u32, language: Language) -> String {
    let (words, is_one) = match language {
        Language::English => (&ENGLISH[..], number == 1),
        Language::French => (&FRENCH[..], number <= 1),
    };
    let mut sentence = sentence.to_owned();
    if is_one {
        for (many, one) in words {
            sentence = sentence.replace(&format!("{place} {many}"), &format!("{place} {one}"));
        }
    }
    sentence.replace(place, &number.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Reason, ReasonCode};
    use crate::Language;

    #[test]
    fn one_is_not_many() {
        let stopped = Reason::new(ReasonCode::SessionStopped, 1, 2);
        let french = stopped.sentence(Language::French);
        assert!(french.contains("1 session du compte l'a été"), "{french}");
        let awaited = Reason::new(ReasonCode::SignatureAwaited, 1, 8);
        let french = awaited.sentence(Language::French);
        assert!(french.contains("1 autre patient a été demandé"), "{french}");
        let spent = Reason::new(ReasonCode::SignaturesSpent, 1, 1);
        let english = spent.sentence(Language::English);
        assert!(english.contains("1 signature has"), "{english}");
    }

    #[test]
    fn every_reason_has_a_code_of_its_own_and_two_sentences_with_its_numbers() {
        let words: BTreeSet<_> = ReasonCode::ALL.iter().map(|it| it.word()).collect();
        assert_eq!(words.len(), ReasonCode::ALL.len());
        for code in ReasonCode::ALL {
            let written = serde_json::to_value(code).unwrap();
            assert_eq!(written, code.word());
            let reason = Reason::new(*code, 4711, 815);
            for language in [Language::English, Language::French] {
                let sentence = reason.sentence(language);
                assert!(
                    sentence.contains("4711") && sentence.contains("815"),
                    "{sentence}"
                );
                assert!(
                    sentence.ends_with('.') && !sentence.contains('{'),
                    "{sentence}"
                );
            }
        }
    }
}

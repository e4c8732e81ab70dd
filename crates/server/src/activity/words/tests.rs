use cardea_provider::{ActivityKind, EndReason, HistoryEntry};
use cardea_storage::event::EventRecord;
use time::macros::datetime;

use super::reasons::{UNKNOWN, end_words, refusal_words};
use super::{circumstances, is_marked, sentence};
use crate::language::Language;

fn entry(kind: &str, code: Option<&str>, details: &str) -> HistoryEntry {
    let event = EventRecord {
        id: "id".to_owned(),
        kind: kind.to_owned(),
        occurred_at: datetime!(2026-11-29 18:04 UTC),
        authorization_request_id: None,
        session_id: Some("session".to_owned()),
        sub: Some("sub".to_owned()),
        client_id: Some("portal".to_owned()),
        code: code.map(str::to_owned),
        details: details.to_owned(),
    };
    HistoryEntry::alone(event, Some("Portail de l’Amandier".to_owned()))
}

const DETAILS: &str = r#"{"acr":"urn:cardea:acr:card-pin","instance_jkt":"jkt",
    "workstation":"Comptoir 2","reader":"Lecteur 00","service":"dossiers","patients":40,
    "reason":"cancelled"}"#;

/// Whatever concerns a person is told in whole sentences, in both languages, nothing left open.
#[test]
fn every_kind_that_concerns_a_person_has_a_sentence_in_both_languages() {
    for kind in ActivityKind::ALL {
        for code in [None, Some("provider.code")] {
            let entry = entry(kind.name(), code, DETAILS);
            let told = [Language::French, Language::English].map(|it| sentence(&entry, it));
            for told in &told {
                assert!(told.ends_with('.') && !told.contains("  "), "{told}");
                assert!(!told.contains(['{', '}']), "{told}");
                assert!(!told.contains(kind.name()), "{told}");
            }
            let [french, english] = told;
            assert_ne!(french, english);
        }
    }
}

#[test]
fn an_event_says_what_where_and_by_which_means() {
    let login = entry("login.accepted", None, DETAILS);
    assert_eq!(
        sentence(&login, Language::French),
        "Votre carte s’est connectée à «\u{a0}Portail de l’Amandier\u{a0}»."
    );
    assert_eq!(
        circumstances(&login, Language::French).unwrap(),
        "poste «\u{a0}Comptoir 2\u{a0}», lecteur «\u{a0}Lecteur 00\u{a0}», carte et code"
    );
    assert_eq!(
        circumstances(&login, Language::English).unwrap(),
        "workstation “Comptoir 2”, reader “Lecteur 00”, card and PIN"
    );
    let ended = entry("session.ended", Some("departed"), "{}");
    assert_eq!(
        sentence(&ended, Language::French),
        "Une de vos sessions s’est terminée\u{a0}: la carte a été retirée."
    );
    assert_eq!(circumstances(&ended, Language::French), None);
    let refused = entry("login.refused", Some("provider.card_suspended"), "{}");
    let told = sentence(&refused, Language::English);
    assert!(
        told.ends_with("was refused: the card is suspended."),
        "{told}"
    );
    assert!(is_marked(&refused) && !is_marked(&ended));
}

/// Words that only who built this knows stand in no line, whatever happened.
#[test]
fn no_line_speaks_of_what_only_its_makers_know() {
    let foreign = [
        "token",
        "jeton",
        "client",
        "grant",
        "OAuth",
        "agent",
        "endpoint",
        "nonce",
        "provider.",
    ];
    for kind in ActivityKind::ALL {
        let entry = entry(kind.name(), None, DETAILS);
        for language in [Language::French, Language::English] {
            let told = sentence(&entry, language);
            let found = foreign.iter().find(|it| told.contains(*it));
            assert_eq!(found, None, "{told}");
        }
    }
}

/// Every refusal that is tied to a person (docs/notices.md) says why in words.
#[test]
fn what_was_refused_to_a_person_says_why_in_words() {
    let codes = [
        "provider.card_suspended",
        "provider.card_family_not_accepted",
        "provider.profession_not_accepted",
        "provider.acr_unmet",
        "provider.subject_not_expected",
        "provider.instance_not_known",
        "provider.instance_not_managed",
        "provider.instance_revoked",
        "provider.instance_revoked_by_owner",
        "provider.step_up_other_card",
        "provider.step_up_other_workstation",
        "provider.step_up_session_over",
        "pki.certificate_revoked",
        "pki.certificate_expired",
        "pki.card_family_refused",
        "pki.card_policy_refused",
        "pki.identifier_type_refused",
        "pki.test_mark_refused",
        "pki.revocation_stale",
        "pki.revocation_unknown",
        "pki.revocation_unreachable",
        "pki.crl_rolled_back",
    ];
    for code in codes {
        let is_code = cardea_provider::Error::ALL_CODES.contains(&code)
            || cardea_pki::Error::ALL_CODES.contains(&code);
        assert!(is_code, "{code}");
        let words = refusal_words(code);
        assert!(words.is_some_and(|it| it.en != it.fr), "{code}");
    }
    // Another one is named for whoever can look it up.
    let refused = entry("login.refused", Some("provider.code"), "{}");
    let told = sentence(&refused, Language::French);
    assert!(told.ends_with("(référence provider.code)."), "{told}");
}

#[test]
fn an_incident_says_who_opened_it() {
    let cases = [
        (r#"{"by":"person"}"#, "at your word"),
        (r#"{"by":{"guard":"guard"}}"#, "A service that protects"),
        (
            r#"{"by":{"operator":{"operator":"sub"}}}"#,
            "The support of this service opened",
        ),
        ("{}", "An incident about your account was opened"),
    ];
    for (details, part) in cases {
        let opened = entry("incident.opened", None, details);
        let told = sentence(&opened, Language::English);
        assert!(told.contains(part), "{told}");
        assert_ne!(told, sentence(&opened, Language::French));
    }
}

/// Nothing of hers is left out because this program does not know it.
#[test]
fn what_is_newer_than_this_program_is_named() {
    let newer = entry("something.newer", None, "{}");
    let told = sentence(&newer, Language::French);
    assert!(told.contains("something.newer"), "{told}");
}

#[test]
fn every_end_of_a_session_has_its_reason_in_words() {
    for reason in EndReason::ALL {
        let words = end_words(reason.as_str());
        assert_ne!(words.en, UNKNOWN.en, "{}", reason.as_str());
    }
}

/// What an operator looked at is told, whatever it was, and an incident is not named.
#[test]
fn every_look_of_an_operator_has_a_sentence_of_its_own() {
    let views = [
        "search",
        "person",
        "session",
        "card",
        "portal",
        "stops",
        "suspended_cards",
        "incident",
        "incident_report",
    ];
    for language in [Language::French, Language::English] {
        let told = views.map(|view| {
            let details = format!("{{\"view\":\"{view}\"}}");
            sentence(&entry("console.looked_at", None, &details), language)
        });
        let apart: std::collections::BTreeSet<_> = told.iter().collect();
        assert_eq!(apart.len(), views.len(), "{told:?}");
        assert!(told.iter().all(|it| !it.contains("incident")), "{told:?}");
    }
}

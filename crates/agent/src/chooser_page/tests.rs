use std::time::Duration;

use super::html::{Page, Row};
use super::*;

fn card(person: &str, reader: &str) -> Card {
    let reader = cardea_card::Reader {
        name: reader.to_owned(),
        card: cardea_card::CardPresence::Present {
            atr: Vec::new(),
            exclusive: false,
        },
        event_count: 1,
    };
    Card {
        person: person.to_owned(),
        kind: "CPS".to_owned(),
        insertion: reader.insertion().unwrap(),
    }
}

fn page(language: Language) -> Page {
    let cards = [
        card("Camille DURAND & Cie, Pharmacien", "Reader <A>\u{202E}"),
        card("Claude \"MARTIN\"", "Reader B"),
    ];
    Page {
        language,
        asker: Asker {
            client: "Portail <b>".to_owned(),
            issuer: "Émetteur".to_owned(),
        },
        cards: cards.iter().map(Row::of).collect(),
        until: Instant::now() + Duration::from_secs(90),
    }
}

#[test]
fn names_are_text_and_nothing_else() {
    let html = page(Language::French).cards("n0nce");
    for text in [
        "Camille DURAND &amp; Cie, Pharmacien",
        "Claude &quot;MARTIN&quot;",
        "Reader ‹A›<",
        "Portail &lt;b&gt;",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert!(!html.contains("<b>") && !html.contains('\u{202E}'));
    assert!(!html.contains("<script") && !html.contains("onclick"));
    // Only the style sheet with the policy's nonce applies: no style attributes.
    assert!(!html.contains(" style="));
}

#[test]
fn both_languages_say_what_the_choice_is_for() {
    let french = page(Language::French).cards("n");
    assert!(french.contains("lang=\"fr\"") && french.contains("Annuler la connexion"));
    let english = page(Language::English).cards("n");
    assert!(english.contains("lang=\"en\"") && english.contains("Cancel the sign-in"));
}

#[test]
fn an_answer_is_one_of_the_cards_or_none() {
    let page = page(Language::French);
    let cases = [
        ("card=0", Some(Answer::Card(0))),
        ("card=1", Some(Answer::Card(1))),
        ("cancel=1", Some(Answer::Cancelled)),
        ("card=2", None),
        ("card=-1", None),
        ("card=0&card=1", None),
        ("card=", None),
        ("", None),
    ];
    for (form, answer) in cases {
        assert_eq!(page.parse(form.as_bytes()), answer, "{form}");
    }
}

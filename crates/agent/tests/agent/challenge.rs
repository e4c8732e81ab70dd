//! Which challenges reach the person (attacks C10 and D8, and the chain of trust behind a prompt).

use cardea_assertion::LoginChallenge;
use cardea_jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::issuer::Issuer;
use crate::page::course;
use crate::readers::{Readers, pharmacist};
use crate::workstation::{Setup, Workstation, enrolment};

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

/// The claims of a good challenge with one member changed.
fn changed(issuer: &Issuer, member: &str, value: Value) -> Value {
    let mut claims = serde_json::to_value(issuer.claims()).unwrap();
    claims[member] = value;
    claims
}

/// Challenges that each break one rule.
fn bad_challenges(issuer: &Issuer) -> Vec<(&'static str, String)> {
    let typ = cardea_assertion::CHALLENGE_TYP;
    let key_of_issuer = &issuer.challenge_key;
    let sign = |claims: &Value| key_of_issuer.sign_jwt(typ, claims).unwrap();
    let with = |member, value| sign(&changed(issuer, member, value));
    let good = issuer.challenge();
    let (signed, _) = good.rsplit_once('.').unwrap();
    let claims = issuer.claims();
    let as_assertion = key_of_issuer
        .sign_jwt("card-assertion+jwt", &claims)
        .unwrap();
    let without_kid = key_of_issuer.sign_jwt_with_jwk(typ, &claims).unwrap();
    vec![
        ("raw hash", "dGhpcyBpcyBhIGRvY3VtZW50J3MgaGFzaA".to_owned()),
        ("forged", claims.sign(&key()).unwrap()),
        ("signature cut off", format!("{signed}.")),
        ("signed by the root", claims.sign(&issuer.root).unwrap()),
        ("no key named", without_kid),
        ("no type", key_of_issuer.sign_jwt("JWT", &claims).unwrap()),
        ("another statement's type", as_assertion),
        ("another purpose", with("purpose", json!("grant"))),
        ("no nonce", with("nonce", json!(null))),
        ("short nonce", with("nonce", json!("AAAA"))),
        ("no lifetime", with("exp", json!(1_000_000))),
        ("a day's lifetime", with("exp", json!(1_086_400))),
        ("4 KB name", with("client_name", json!("x".repeat(2000)))),
    ]
}

#[tokio::test]
async fn challenges_that_are_not_the_issuers_own_reach_neither_person_nor_card() {
    let card = pharmacist();
    let workstation = Workstation::start(&Readers::holding(&card), &["pin 1234"]).await;
    let issuer = &workstation.issuer;
    for (name, challenge) in bad_challenges(issuer) {
        let answer = workstation.page().ask(&challenge).await;
        assert_eq!(
            (answer.status, &*answer.code()),
            (400, "agent.challenge_invalid"),
            "{name}"
        );
    }
    assert!(workstation.person.was_told().is_empty());
    assert!(card.command_headers().is_empty());
    // The same page with the same agent gets through with a good one.
    let lines = workstation.page().sign_in(&issuer.challenge()).await;
    assert_eq!(course(&lines).last().unwrap(), "assertion");
}

#[tokio::test]
async fn a_challenge_is_put_to_the_person_once() {
    let readers = Readers::holding(&pharmacist());
    let workstation = Workstation::start(&readers, &["pin 1234"]).await;
    let (issuer, page) = (&workstation.issuer, workstation.page());
    let claims = issuer.claims();
    let challenge = claims.sign(&issuer.challenge_key).unwrap();
    // The same challenge under another signature is the same challenge.
    let again = claims.sign(&issuer.challenge_key).unwrap();
    assert_ne!(challenge, again);
    let lines = page.sign_in(&challenge).await;
    assert_eq!(course(&lines).last().unwrap(), "assertion");
    for challenge in [&challenge, &again] {
        let answer = page.ask(challenge).await;
        assert_eq!(
            (answer.status, &*answer.code()),
            (409, "agent.challenge_repeated")
        );
    }
    assert_eq!(workstation.person.was_asked("GETPIN"), 1);

    // One that the person did not answer is spent as well, but the page's next one is not.
    workstation.person.will_answer(&["cancel", "pin 1234"]);
    let challenge = issuer.challenge();
    let lines = page.sign_in(&challenge).await;
    assert_eq!(course(&lines).last().unwrap(), "agent.prompt_cancelled");
    assert_eq!(
        page.ask(&challenge).await.code(),
        "agent.challenge_repeated"
    );
    let lines = page.sign_in(&issuer.challenge()).await;
    assert_eq!(course(&lines).last().unwrap(), "assertion");
}

#[tokio::test]
async fn issuer_key_and_origin_must_belong_to_one_enrolment() {
    let other = Issuer::start().await;
    let setup = Setup {
        more: enrolment(&other),
        ..Setup::default()
    };
    let card = pharmacist();
    let workstation = Workstation::start_with(&Readers::holding(&card), &["pin 1234"], setup).await;
    let issuer = &workstation.issuer;
    let stranger = Issuer::start().await;
    let ask = async |origin: &str, challenge: &str| {
        let answer = workstation.page_of(origin).ask(challenge).await;
        if answer.status == 200 {
            None
        } else {
            Some(answer.code())
        }
    };
    let mismatch = Some("agent.enrolment_mismatch".to_owned());
    let invalid = Some("agent.challenge_invalid".to_owned());
    // Each enrolled issuer with the other's page, and one that is not enrolled at all.
    assert_eq!(ask(&issuer.url, &other.challenge()).await, mismatch);
    assert_eq!(ask(&other.url, &issuer.challenge()).await, mismatch);
    assert_eq!(ask(&issuer.url, &stranger.challenge()).await, mismatch);
    // One issuer's name under the other's key.
    let crossed = LoginChallenge {
        device: None,
        iss: issuer.url.clone(),
        ..other.claims()
    };
    let crossed = crossed.sign(&other.challenge_key).unwrap();
    assert_eq!(ask(&issuer.url, &crossed).await, invalid);
    assert_eq!(ask(&other.url, &crossed).await, mismatch);
    assert!(workstation.person.was_told().is_empty());
    assert_eq!(ask(&other.url, &other.challenge()).await, None);
}

#[tokio::test]
async fn a_key_list_that_is_not_the_pinned_roots_or_goes_back_is_refused() {
    let card = pharmacist();
    let readers = Readers::holding(&card);
    let workstation = Workstation::start(&readers, &["pin 1234"]).await;
    workstation.issuer.publish_keys(3, &key());
    let answer = workstation
        .page()
        .ask(&workstation.issuer.challenge())
        .await;
    assert_eq!(
        (answer.status, &*answer.code()),
        (502, "agent.challenge_keys_invalid")
    );

    // An agent that has seen version 3, and is started again.
    let seen = workstation.folder.path().join("state");
    let issuer_hash = cardea_jose::sha256_base64url(workstation.issuer.url.as_bytes());
    let memory = seen.join(format!("challenge-keys-{issuer_hash}.json"));
    assert!(!memory.exists());
    let workstation = Workstation::start(&readers, &["pin 1234"]).await;
    workstation.issuer.publish_keys(3, &workstation.issuer.root);
    let lines = workstation
        .page()
        .sign_in(&workstation.issuer.challenge())
        .await;
    assert_eq!(course(&lines).last().unwrap(), "assertion");
    let seen = workstation.folder.path().join("state");
    let remembered = std::fs::read_dir(seen)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .unwrap();
    let remembered: Value = serde_json::from_slice(&std::fs::read(remembered).unwrap()).unwrap();
    assert_eq!(
        remembered,
        json!({"issuer": workstation.issuer.url, "version": 3})
    );
}

#[tokio::test]
async fn the_prompt_shows_the_verified_client_and_the_card_holder_escaped_and_cut() {
    let card = pharmacist();
    let setup = Setup {
        language: "en",
        ..Setup::default()
    };
    let workstation = Workstation::start_with(&Readers::holding(&card), &["pin 1234"], setup).await;
    let mut claims = workstation.issuer.claims();
    claims.client_name = format!("\u{202E}Ameli\u{0007}\nPro\u{200B}<b>{}", "x".repeat(200));
    let challenge = claims.sign(&workstation.issuer.challenge_key).unwrap();
    workstation.page().sign_in(&challenge).await;
    let told = workstation.person.was_told();
    let description = told
        .iter()
        .find(|line| line.starts_with("SETDESC"))
        .unwrap();
    let shown = format!(
        "Sign in to “Ameli Pro‹b›{}…”%0Athrough “Émetteur de test”",
        "x".repeat(67)
    );
    assert!(description.contains(&shown), "{description}");
    assert!(description.contains("Card CPS: "), "{description}");
    assert!(description.contains("Tries left: 3"), "{description}");
}

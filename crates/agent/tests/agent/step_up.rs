//! A fresh signature that the server asks for while a session goes on: what the person sees, and
//! what the server is told.

use std::time::Duration;

use cardea_agent::pin_policy::{KEPT_MAX, PinPolicy};
use cardea_assertion::{
    CARD_ALGORITHMS, Purpose, StepUpChallenge, UnverifiedStepUp, UserVerification,
    verify_attestation,
};
use cardea_jose::{Algorithm, SigningKey, random_base64url, sha256_base64url};
use openssl::x509::X509;
use serde_json::{Value, json};

use crate::issuer::{Event, Order};
use crate::readers::{Readers, pharmacist};
use crate::sign_in::verify;
use crate::workstation::{Setup, Workstation};

fn english() -> Setup {
    Setup {
        language: "en",
        ..Setup::default()
    }
}

/// Signs in, and waits for the first proof; the presence key's thumbprint.
async fn sign_in(workstation: &Workstation) -> String {
    let challenge = workstation.issuer.challenge();
    let lines = workstation.page().sign_in(&challenge).await;
    let jkt = verify(lines.last().unwrap(), workstation, &challenge);
    assert_eq!(workstation.issuer.statement().await.jkt(), jkt);
    jkt
}

fn claims(workstation: &Workstation, jkt: &str) -> StepUpChallenge {
    StepUpChallenge {
        iss: workstation.issuer.url.clone(),
        purpose: Purpose::StepUp,
        nonce: random_base64url(32).unwrap(),
        jti: random_base64url(32).unwrap(),
        iat: 1_000_000,
        exp: 1_000_120,
        client_id: "portal".to_owned(),
        client_name: "Portail de démonstration".to_owned(),
        service: "dossiers".to_owned(),
        patients: 41,
        presence: jkt.to_owned(),
    }
}

fn challenge(workstation: &Workstation, jkt: &str) -> String {
    let key = &workstation.issuer.challenge_key;
    claims(workstation, jkt).sign(key).unwrap()
}

fn ask(workstation: &Workstation, challenge: &str) {
    let frame = json!({"type": "step_up", "challenge": challenge});
    workstation.issuer.send(&frame);
}

/// The answer, its parts put together; statements of presence go by.
async fn answered(workstation: &Workstation) -> Value {
    let mut whole = String::new();
    loop {
        let Event::StepUp(frame) = workstation.issuer.event().await else {
            continue;
        };
        assert!(frame.to_string().len() <= 4_096);
        if frame["type"] == "step_up_declined" {
            return frame;
        }
        whole.push_str(frame["part"].as_str().unwrap());
        if frame["last"] == true {
            return Value::String(whole);
        }
    }
}

/// Checks statement and countersignature as a server would.
fn check(workstation: &Workstation, answer: &Value, challenge: &str, jkt: &str) {
    let answer = answer.as_str().unwrap_or_else(|| panic!("{answer}"));
    let (statement, attestation) = answer.split_once(' ').unwrap();
    let unverified = UnverifiedStepUp::parse(statement).unwrap();
    let certificate = X509::from_der(unverified.leaf_certificate_der()).unwrap();
    let verified = unverified
        .verify(certificate.public_key().unwrap(), &CARD_ALGORITHMS)
        .unwrap();
    verify_attestation(attestation, &verified).unwrap();
    let claims = verified.claims();
    assert_eq!(claims.aud, workstation.issuer.url);
    assert_eq!(claims.client_id, "portal");
    assert_eq!((claims.service.as_str(), claims.patients), ("dossiers", 41));
    assert_eq!(claims.challenge, sha256_base64url(challenge.as_bytes()));
    assert_eq!(claims.uv, UserVerification::Now);
    assert_eq!(claims.presence, jkt);
}

#[tokio::test]
async fn the_person_is_told_why_and_the_sessions_card_signs() {
    for (setup, said) in [
        (
            Setup::default(),
            [
                "Est-ce toujours vous",
                "41 patients consult",
                "retirez votre carte",
            ],
        ),
        (
            english(),
            [
                "Is it still you",
                "41 patients looked up",
                "take your card out",
            ],
        ),
    ] {
        let readers = Readers::holding(&pharmacist());
        let workstation = Workstation::start_with(&readers, &["pin 1234"], setup).await;
        let jkt = sign_in(&workstation).await;
        let challenge = challenge(&workstation, &jkt);
        ask(&workstation, &challenge);
        let answer = answered(&workstation).await;
        check(&workstation, &answer, &challenge, &jkt);
        assert_eq!(workstation.person.was_asked("GETPIN"), 2);
        for text in said.into_iter().chain(["Portail de d", "dossiers"]) {
            assert!(workstation.person.saw(text), "{text}");
        }
        // The session goes on by its own key.
        readers.pull("Reader A");
        assert_eq!(workstation.issuer.departure().await.jkt(), jkt);
    }
}

/// It means that a person is there now: what was typed before does not say so (attack D14).
#[tokio::test]
async fn d14_a_pin_that_is_kept_is_not_enough() {
    let setup = Setup {
        pin_policy: PinPolicy::Pharmacy { kept_max: KEPT_MAX },
        keep_pin_without_screen_lock: true,
        ..english()
    };
    let readers = Readers::holding(&pharmacist());
    let workstation = Workstation::start_with(&readers, &["pin 1234"], setup).await;
    let jkt = sign_in(&workstation).await;
    let challenge = challenge(&workstation, &jkt);
    ask(&workstation, &challenge);
    let answer = answered(&workstation).await;
    check(&workstation, &answer, &challenge, &jkt);
    assert_eq!(workstation.person.was_asked("GETPIN"), 2);
    assert_eq!(workstation.person.was_asked("CONFIRM"), 0);
}

/// Attack D7: a question that comes again is not put to the person again.
#[tokio::test]
async fn d7_a_cancelled_question_is_declined_once_and_for_all() {
    let readers = Readers::holding(&pharmacist());
    let answers = ["pin 1234", "cancel", "pin 1234"];
    let workstation = Workstation::start(&readers, &answers).await;
    let jkt = sign_in(&workstation).await;
    let claims = claims(&workstation, &jkt);
    let challenge = claims.sign(&workstation.issuer.challenge_key).unwrap();
    for _ in 0..2 {
        ask(&workstation, &challenge);
        assert_eq!(
            answered(&workstation).await,
            json!({"type": "step_up_declined", "jti": claims.jti, "reason": "cancelled"})
        );
    }
    assert_eq!(workstation.person.was_asked("GETPIN"), 2);
}

/// Attacks C10 and D1: nothing is shown for what the issuer's key did not sign for this session's
/// connection, and nothing is answered.
#[tokio::test]
async fn only_a_challenge_of_the_issuer_for_this_very_session_is_shown() {
    let readers = Readers::holding(&pharmacist());
    let workstation = Workstation::start(&readers, &["pin 1234"]).await;
    let jkt = sign_in(&workstation).await;
    let issuer = &workstation.issuer;
    let good = claims(&workstation, &jkt);
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let changed = |change: fn(&mut StepUpChallenge)| {
        let mut claims = good.clone();
        change(&mut claims);
        claims.sign(&issuer.challenge_key).unwrap()
    };
    for wrong in [
        good.sign(&stranger).unwrap(),
        changed(|it| it.presence = sha256_base64url(b"another session")),
        changed(|it| it.iss = "https://elsewhere.example".to_owned()),
        changed(|it| it.purpose = Purpose::Login),
        changed(|it| it.exp = it.iat + 601),
        issuer.challenge(),
        "nonsense".to_owned(),
    ] {
        ask(&workstation, &wrong);
    }
    // The right one among them is answered: the connection was used all the time.
    let challenge = good.sign(&issuer.challenge_key).unwrap();
    ask(&workstation, &challenge);
    let answer = answered(&workstation).await;
    check(&workstation, &answer, &challenge, &jkt);
    assert_eq!(workstation.person.was_asked("GETPIN"), 2);
    assert!(issuer.is_quiet(Duration::from_millis(300)).await);
}

/// Attack D7: one prompt at a time, whoever asks.
#[tokio::test]
async fn a_question_waits_until_another_prompt_is_gone() {
    let readers = Readers::holding(&pharmacist());
    let answers = ["pin 1234", "when told pin 1234", "pin 1234"];
    let workstation = Workstation::start(&readers, &answers).await;
    let jkt = sign_in(&workstation).await;
    let of_page = workstation.issuer.challenge();
    let mut page = workstation.page().begin(&of_page).await;
    page.wait_for("pin_asked").await;
    let challenge = challenge(&workstation, &jkt);
    ask(&workstation, &challenge);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(workstation.person.was_asked("GETPIN"), 2);
    workstation.person.goes_on();
    verify(&page.last_line().await, &workstation, &of_page);
    let answer = answered(&workstation).await;
    check(&workstation, &answer, &challenge, &jkt);
    assert_eq!(workstation.person.was_asked("GETPIN"), 3);
}

#[tokio::test]
async fn a_connection_that_breaks_meanwhile_takes_no_prompt_away_and_asks_no_second_time() {
    let readers = Readers::holding(&pharmacist());
    let answers = ["pin 1234", "when told pin 1234"];
    let workstation = Workstation::start(&readers, &answers).await;
    let jkt = sign_in(&workstation).await;
    let challenge = challenge(&workstation, &jkt);
    ask(&workstation, &challenge);
    while workstation.person.was_asked("GETPIN") < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    workstation.issuer.order(Order::Drop);
    // It comes back, and is asked the same again.
    assert_eq!(workstation.issuer.statement().await.jkt(), jkt);
    ask(&workstation, &challenge);
    workstation.person.goes_on();
    let answer = answered(&workstation).await;
    check(&workstation, &answer, &challenge, &jkt);
    assert_eq!(workstation.person.was_asked("GETPIN"), 2);
}

/// Attack D12: the card leaves while its holder is asked.
#[tokio::test]
async fn d12_a_card_that_leaves_takes_the_question_with_it() {
    let card = pharmacist();
    let readers = Readers::holding(&card);
    let answers = ["pin 1234", "when told pin 1234"];
    let workstation = Workstation::start(&readers, &answers).await;
    let jkt = sign_in(&workstation).await;
    ask(&workstation, &challenge(&workstation, &jkt));
    while workstation.person.was_asked("GETPIN") < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    readers.pull("Reader A");
    assert_eq!(workstation.issuer.departure().await.jkt(), jkt);
    readers.insert("Reader A", &card);
    workstation.person.goes_on();
    assert!(
        workstation
            .issuer
            .is_quiet(Duration::from_millis(500))
            .await
    );
    // The place in front of the person is free again.
    let challenge = workstation.issuer.challenge();
    let lines = workstation.page().sign_in(&challenge).await;
    verify(lines.last().unwrap(), &workstation, &challenge);
}

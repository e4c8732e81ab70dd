//! A sign-in from the page's request to the card's assertion.

use std::time::{Duration, Instant};

use cardea_assertion::{
    CARD_ALGORITHMS, UnverifiedAssertion, UserVerification, verify_attestation,
};
use cardea_jose::sha256_base64url;
use cardea_test_pki::{CardProfile, KeyKind};
use cardea_virtual_card::{Fault, Trigger};
use openssl::x509::X509;
use serde_json::Value;

use crate::page::course;
use crate::readers::{Readers, card, pharmacist};
use crate::workstation::{Setup, Workstation};

/// Checks assertion and attestation as a server would, and returns the thumbprint of the presence
/// key.
pub(crate) fn verify(last_line: &Value, workstation: &Workstation, challenge: &str) -> String {
    verify_as(UserVerification::Now, last_line, workstation, challenge)
}

/// As [`verify`], for a person who was verified in this way.
pub(crate) fn verify_as(
    uv: UserVerification,
    last_line: &Value,
    workstation: &Workstation,
    challenge: &str,
) -> String {
    let member = |name: &str| {
        last_line[name]
            .as_str()
            .unwrap_or_else(|| panic!("{last_line}"))
    };
    let assertion = UnverifiedAssertion::parse(member("assertion")).unwrap();
    let certificate = X509::from_der(assertion.leaf_certificate_der()).unwrap();
    let verified = assertion
        .verify(certificate.public_key().unwrap(), &CARD_ALGORITHMS)
        .unwrap();
    verify_attestation(member("attestation"), &verified).unwrap();
    let claims = verified.claims();
    assert_eq!(claims.aud, workstation.issuer.url);
    assert_eq!(claims.origin, workstation.issuer.url);
    assert_eq!(claims.client_id, "portal");
    assert_eq!(claims.challenge, sha256_base64url(challenge.as_bytes()));
    assert_eq!(claims.uv, uv);
    assert!(
        (1_000_000..1_000_060).contains(&claims.iat),
        "{}",
        claims.iat
    );
    assert!(!claims.card_serial.is_empty());
    claims.cnf.jkt.clone()
}

#[tokio::test]
async fn the_card_signs_what_the_server_verifies() {
    for key in [KeyKind::P256, KeyKind::Rsa2048] {
        let card = card(&CardProfile::pharmacist(), key);
        let workstation = Workstation::start(&Readers::holding(&card), &["pin 1234"]).await;
        let challenge = workstation.issuer.challenge();
        let lines = workstation.page().sign_in(&challenge).await;
        assert_eq!(
            course(&lines),
            ["card_found", "pin_asked 3", "signing", "assertion"]
        );
        let jkt = verify(lines.last().unwrap(), &workstation, &challenge);
        // The presence key is that of the assertion, and it is there at once.
        assert_eq!(workstation.issuer.statement().await.jkt(), jkt);
    }
}

#[tokio::test]
async fn every_sign_in_asks_the_pin_anew_and_has_a_presence_key_of_its_own() {
    let card = pharmacist();
    let workstation = Workstation::start(&Readers::holding(&card), &["pin 1234"]).await;
    let mut keys = Vec::new();
    let mut commands = Vec::new();
    for _ in 0..2 {
        let challenge = workstation.issuer.challenge();
        let lines = workstation.page().sign_in(&challenge).await;
        keys.push(verify(lines.last().unwrap(), &workstation, &challenge));
        commands.push(card.command_headers().len());
    }
    assert_ne!(keys[0], keys[1]);
    assert_eq!(workstation.person.was_asked("GETPIN"), 2);
    // Certificates are read once an insertion: the second login costs far fewer commands.
    assert!(commands[1] - commands[0] < commands[0], "{commands:?}");
}

#[tokio::test]
async fn a_card_may_be_inserted_after_the_page_asked() {
    let readers = Readers::none();
    readers.plug("Reader A");
    let workstation = Workstation::start(&readers, &["pin 1234"]).await;
    let challenge = workstation.issuer.challenge();
    let mut stream = workstation.page().begin(&challenge).await;
    stream.wait_for("insert_card").await;
    assert_eq!(workstation.page().status().await["state"], "busy");
    readers.insert("Reader A", &pharmacist());
    stream.wait_for("card_found").await;
    verify(&stream.last_line().await, &workstation, &challenge);
}

#[tokio::test]
async fn a_missing_reader_is_told_at_once_and_each_change_when_it_comes() {
    let readers = Readers::none();
    let workstation = Workstation::start(&readers, &["pin 1234"]).await;
    let challenge = workstation.issuer.challenge();
    let mut stream = workstation.page().begin(&challenge).await;
    stream.wait_for("\"reader_missing\"").await;
    readers.plug("Reader A");
    stream.wait_for("\"insert_card\"").await;
    readers.unplug("Reader A");
    stream.wait_for("\"reader_missing\"").await;
    readers.insert("Reader A", &pharmacist());
    stream.wait_for("card_found").await;
    verify(&stream.last_line().await, &workstation, &challenge);
}

#[tokio::test]
async fn without_a_card_the_wait_ends_with_the_challenge() {
    let readers = Readers::none();
    let workstation = Workstation::start(&readers, &["pin 1234"]).await;
    let ask = async || {
        let mut claims = workstation.issuer.claims();
        claims.exp = claims.iat + 1;
        let challenge = claims.sign(&workstation.issuer.challenge_key).unwrap();
        course(&workstation.page().sign_in(&challenge).await)
    };
    assert_eq!(ask().await, ["reader_missing", "card.no_reader"]);
    // The state before may be told yet, until the watch has seen what changed.
    readers.plug("Reader A");
    let told = ask().await;
    assert!(
        told.ends_with(&["insert_card", "card.no_card"].map(String::from)),
        "{told:?}"
    );
    readers.break_service();
    let told = ask().await;
    let down = ["reader_service_down", "card.reader_service_unavailable"];
    assert!(told.ends_with(&down.map(String::from)), "{told:?}");
    assert!(workstation.person.was_told().is_empty());
}

#[tokio::test]
async fn a_second_request_is_told_at_once_that_the_first_is_under_way() {
    let workstation = Workstation::start(&Readers::none(), &["pin 1234"]).await;
    let page = workstation.page();
    let mut first = page.begin(&workstation.issuer.challenge()).await;
    first.wait_for("reader_missing").await;
    for challenge in [workstation.issuer.challenge(), "nonsense".to_owned()] {
        let answer = page.ask(&challenge).await;
        assert_eq!((answer.status, &*answer.code()), (409, "agent.busy"));
    }
    drop(first);
    while page.status().await["state"] == "busy" {}
}

#[tokio::test]
async fn a_page_that_asks_too_often_has_to_wait() {
    let setup = Setup {
        requests_per_minute: 9,
        ..Setup::default()
    };
    let workstation = Workstation::start_with(&Readers::none(), &["pin 1234"], setup).await;
    for _ in 0..3 {
        let answer = workstation.page().ask("nonsense").await;
        assert_eq!(answer.status, 400);
    }
    let answer = workstation
        .page()
        .ask(&workstation.issuer.challenge())
        .await;
    assert_eq!(
        (answer.status, &*answer.code()),
        (429, "agent.rate_limited")
    );
    assert!(answer.retry_after() <= 8);
}

#[tokio::test]
async fn cancelling_three_prompts_silences_the_page() {
    let card = pharmacist();
    let workstation = Workstation::start(&Readers::holding(&card), &["cancel"]).await;
    for _ in 0..3 {
        let lines = workstation
            .page()
            .sign_in(&workstation.issuer.challenge())
            .await;
        assert_eq!(
            course(&lines),
            ["card_found", "pin_asked 3", "agent.prompt_cancelled"]
        );
    }
    let answer = workstation
        .page()
        .ask(&workstation.issuer.challenge())
        .await;
    assert_eq!(
        (answer.status, &*answer.code()),
        (429, "agent.rate_limited")
    );
    assert_eq!(workstation.person.was_asked("GETPIN"), 3);
}

#[tokio::test]
async fn nothing_is_signed_for_a_page_that_has_gone_and_its_prompt_goes_too() {
    let card = pharmacist();
    let workstation = Workstation::start(&Readers::holding(&card), &["wait"]).await;
    let page = workstation.page();
    let mut stream = page.begin(&workstation.issuer.challenge()).await;
    stream.wait_for("pin_asked").await;
    workstation.person.is_asked("GETPIN").await;
    drop(stream);
    // The prompt would stay for a minute; the place in front of the person is free long before.
    while page.status().await["state"] == "busy" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let verified = card
        .command_headers()
        .iter()
        .filter(|header| header[1] == 0x87)
        .count();
    assert_eq!(verified, 0, "the card signed");
    workstation.person.will_answer(&["pin 1234"]);
    let challenge = workstation.issuer.challenge();
    verify(
        page.sign_in(&challenge).await.last().unwrap(),
        &workstation,
        &challenge,
    );
}

#[tokio::test]
async fn a_page_that_is_loaded_again_is_not_told_that_it_is_busy_itself() {
    let card = pharmacist();
    let workstation = Workstation::start(&Readers::holding(&card), &["wait"]).await;
    let page = workstation.page();
    let mut stream = page.begin(&workstation.issuer.challenge()).await;
    stream.wait_for("pin_asked").await;
    workstation.person.is_asked("GETPIN").await;
    workstation.person.will_answer(&["pin 1234"]);
    drop(stream);
    let challenge = workstation.issuer.challenge();
    let lines = page.sign_in(&challenge).await;
    verify(lines.last().unwrap(), &workstation, &challenge);
}

#[tokio::test]
async fn faults_of_the_card_have_their_codes() {
    let cases = [
        (
            Trigger::GeneralAuthenticate,
            Fault::RemovedMidCommand,
            "card.removed",
        ),
        (
            Trigger::GeneralAuthenticate,
            Fault::Truncated { bytes: 1 },
            "card.removed",
        ),
        (Trigger::Verify, Fault::RemovedBefore, "card.removed"),
        (Trigger::Transaction, Fault::Busy, "agent.reader_held"),
        (Trigger::GetData, Fault::Garbage, "card.response_malformed"),
    ];
    for (trigger, fault, code) in cases {
        let card = pharmacist();
        let workstation = Workstation::start(&Readers::holding(&card), &["pin 1234"]).await;
        card.inject(trigger, fault);
        let lines = workstation
            .page()
            .sign_in(&workstation.issuer.challenge())
            .await;
        let last = lines.last().unwrap();
        assert_eq!(last["type"], "error", "{fault:?}");
        // A malformed certificate object may be passed over in favour of the other certificates.
        let code = if fault == Fault::Garbage {
            last["code"].as_str().unwrap()
        } else {
            code
        };
        assert_eq!(last["code"], code, "{fault:?}");
        assert!(!last["title"].as_str().unwrap().is_empty());
        assert!(
            workstation
                .issuer
                .is_quiet(Duration::from_millis(100))
                .await,
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_card_that_is_swapped_while_the_person_types_is_never_tried() {
    let (first, second) = (pharmacist(), card(&CardProfile::doctor(), KeyKind::P256));
    let readers = Readers::holding(&first);
    let workstation = Workstation::start(&readers, &["pin 1234"]).await;
    // Holds the prompt open by a slow answer: the swap comes while it is asked.
    workstation.person.will_answer(&["slow pin 1234"]);
    let mut stream = workstation
        .page()
        .begin(&workstation.issuer.challenge())
        .await;
    stream.wait_for("pin_asked").await;
    readers.insert("Reader A", &second);
    let last = stream.last_line().await;
    assert_eq!(last["code"], "card.removed");
    assert!(
        second
            .command_headers()
            .iter()
            .all(|header| header[1] != 0x20),
        "VERIFY was sent"
    );
}

#[tokio::test]
async fn the_prompt_goes_with_the_card_and_the_page_is_told_at_once() {
    for put_back in [false, true] {
        let card = pharmacist();
        let readers = Readers::holding(&card);
        let workstation = Workstation::start(&readers, &["wait"]).await;
        let page = workstation.page();
        let mut stream = page.begin(&workstation.issuer.challenge()).await;
        stream.wait_for("pin_asked").await;
        workstation.person.is_asked("GETPIN").await;
        if put_back {
            readers.pull_and_put_back("Reader A");
        } else {
            readers.pull("Reader A");
        }
        // The prompt would stay for a minute.
        let pulled = Instant::now();
        assert_eq!(stream.last_line().await["code"], "card.removed");
        assert!(
            pulled.elapsed() < Duration::from_secs(20),
            "{:?}",
            pulled.elapsed()
        );
        // The card that was put back begins anew.
        if !put_back {
            readers.insert("Reader A", &card);
        }
        workstation.person.will_answer(&["pin 1234"]);
        let challenge = workstation.issuer.challenge();
        let lines = page.sign_in(&challenge).await;
        verify(lines.last().unwrap(), &workstation, &challenge);
    }
}

#[tokio::test]
async fn the_question_about_a_card_goes_with_that_card() {
    let readers = Readers::holding(&pharmacist());
    readers.insert("Reader B", &card(&CardProfile::doctor(), KeyKind::P256));
    let workstation = Workstation::start(&readers, &["wait"]).await;
    let stream = workstation
        .page()
        .begin(&workstation.issuer.challenge())
        .await;
    workstation.person.is_asked("CONFIRM").await;
    readers.pull("Reader A");
    assert_eq!(stream.last_line().await["code"], "card.removed");
}

#[tokio::test]
async fn the_person_chooses_between_two_cards() {
    let (first, second) = (pharmacist(), card(&CardProfile::doctor(), KeyKind::P256));
    let readers = Readers::holding(&first);
    readers.insert("Reader B", &second);
    let workstation = Workstation::start(&readers, &["decline", "ok", "pin 1234"]).await;
    let challenge = workstation.issuer.challenge();
    let lines = workstation.page().sign_in(&challenge).await;
    verify(lines.last().unwrap(), &workstation, &challenge);
    assert_eq!(workstation.person.was_asked("CONFIRM"), 2);
    assert!(workstation.person.saw("Lecteur : Reader A"));
    let signed = |card: &cardea_virtual_card::VirtualCard| {
        card.command_headers()
            .iter()
            .any(|header| header[1] == 0x87)
    };
    assert!(!signed(&first) && signed(&second));

    workstation.person.will_answer(&["cancel"]);
    let lines = workstation
        .page()
        .sign_in(&workstation.issuer.challenge())
        .await;
    assert_eq!(course(&lines).last().unwrap(), "agent.prompt_cancelled");
}

//! One PIN for several portals in a pharmacy (attack D14): when a click will do, and when not.

use std::time::Duration;

use cardea_agent::pin_policy::{KEPT_MAX, PinPolicy};
use cardea_assertion::UserVerification::{self, Cached, Now};
use cardea_card::{Card as _, PivCard};
use cardea_virtual_card::VirtualCard;
use serde_json::Value;

use crate::page::{Page, course};
use crate::readers::{Readers, pharmacist};
use crate::sign_in::verify_as;
use crate::workstation::{Setup, Workstation};

const CLICK: [&str; 4] = ["card_found", "confirm_asked", "signing", "assertion"];

struct Pharmacy {
    card: VirtualCard,
    readers: Readers,
    workstation: Workstation,
}

fn pharmacy(kept_max: Duration) -> Setup {
    Setup {
        language: "en",
        pin_policy: PinPolicy::Pharmacy { kept_max },
        ..Setup::default()
    }
}

impl Pharmacy {
    async fn open(answers: &[&str]) -> Self {
        Self::open_with(answers, pharmacy(KEPT_MAX)).await
    }

    async fn open_with(answers: &[&str], setup: Setup) -> Self {
        let card = pharmacist();
        let readers = Readers::holding(&card);
        let workstation = Workstation::start_with(&readers, answers, setup).await;
        Self {
            card,
            readers,
            workstation,
        }
    }

    fn challenge(&self, allowed: UserVerification) -> String {
        let mut claims = self.workstation.issuer.claims();
        claims.uv = allowed;
        claims.sign(&self.workstation.issuer.challenge_key).unwrap()
    }

    /// One login; how it went, and how the person was verified.
    async fn login(&self, allowed: UserVerification) -> (Vec<String>, Option<UserVerification>) {
        self.login_on(&self.workstation.page(), allowed).await
    }

    async fn login_on(
        &self,
        page: &Page,
        allowed: UserVerification,
    ) -> (Vec<String>, Option<UserVerification>) {
        let lines = page.sign_in(&self.challenge(allowed)).await;
        let course = course(&lines);
        let clicked = course.iter().any(|state| state == "confirm_asked");
        let pin = course.iter().any(|state| state.starts_with("pin_asked"));
        let uv = match (course.last().unwrap().as_str(), pin, clicked) {
            ("assertion", true, _) => Some(Now),
            ("assertion", false, true) => Some(Cached),
            _ => None,
        };
        (course, uv)
    }

    async fn logs_in_by(&self, allowed: UserVerification, reached: UserVerification) {
        let (course, uv) = self.login(allowed).await;
        assert_eq!(uv, Some(reached), "{course:?}");
    }
}

#[tokio::test]
async fn a_further_portal_takes_one_click_that_names_it() {
    let pharmacy = Pharmacy::open(&["pin 1234", "ok"]).await;
    pharmacy.logs_in_by(Cached, Now).await;
    let challenge = pharmacy.challenge(Cached);
    let lines = pharmacy.workstation.page().sign_in(&challenge).await;
    assert_eq!(course(&lines), CLICK);
    let last: &Value = lines.last().unwrap();
    verify_as(Cached, last, &pharmacy.workstation, &challenge);
    let person = &pharmacy.workstation.person;
    assert_eq!(
        (person.was_asked("GETPIN"), person.was_asked("CONFIRM")),
        (1, 1)
    );
    let told = person.was_told();
    let question = told
        .iter()
        .rfind(|line| line.starts_with("SETDESC"))
        .unwrap();
    for name in ["Portail de démonstration", "Émetteur de test", "LEFEVRE"] {
        assert!(question.contains(name), "{name}: {question}");
    }
    assert!(person.saw("SETOK Sign in") && person.saw("SETCANCEL Cancel"));
}

#[tokio::test]
async fn a_click_that_is_refused_signs_nothing() {
    let pharmacy = Pharmacy::open(&["pin 1234", "cancel", "ok"]).await;
    pharmacy.logs_in_by(Cached, Now).await;
    let (course, _) = pharmacy.login(Cached).await;
    assert_eq!(
        course,
        ["card_found", "confirm_asked", "agent.prompt_cancelled"]
    );
    // It was this portal that was refused; the PIN still counts.
    pharmacy.logs_in_by(Cached, Cached).await;
}

/// Attack D14.
#[tokio::test]
async fn d14_without_the_policy_an_unlocked_card_asks_its_pin_each_time() {
    let strict = Setup::default();
    let pharmacy = Pharmacy::open_with(&["pin 1234"], strict).await;
    for _ in 0..2 {
        pharmacy.logs_in_by(Cached, Now).await;
    }
    // Another program has verified the PIN: that is nothing to this agent.
    let mut other = pharmacy.card.connect();
    other
        .transmit(&[0x00, 0xA4, 0x04, 0x00, 0x05, 0xA0, 0, 0, 0x03, 0x08])
        .unwrap();
    let verify = [
        0x00, 0x20, 0x00, 0x80, 0x08, b'1', b'2', b'3', b'4', 0xFF, 0xFF, 0xFF, 0xFF,
    ];
    assert_eq!(other.transmit(&verify).unwrap(), [0x90, 0x00]);
    pharmacy.logs_in_by(Cached, Now).await;
    assert_eq!(pharmacy.workstation.person.was_asked("GETPIN"), 3);
}

/// Attack D14: the operator's word counts as much as the workstation's.
#[tokio::test]
async fn d14_an_issuer_that_wants_the_pin_gets_it() {
    let pharmacy = Pharmacy::open(&["pin 1234", "pin 1234", "ok"]).await;
    pharmacy.logs_in_by(Cached, Now).await;
    pharmacy.logs_in_by(Now, Now).await;
    // What counted before still does.
    pharmacy.logs_in_by(Cached, Cached).await;

    let pharmacy = Pharmacy::open(&["pin 1234"]).await;
    pharmacy.logs_in_by(Now, Now).await;
    pharmacy.logs_in_by(Cached, Now).await;
}

/// Attack D14: never across origins.
#[tokio::test]
async fn d14_another_page_asks_the_pin_anew() {
    let setup = Setup {
        more: "origins = [\"ISSUER\", \"https://other.example\"]".to_owned(),
        ..pharmacy(KEPT_MAX)
    };
    let pharmacy = Pharmacy::open_with(&["pin 1234"], setup).await;
    pharmacy.logs_in_by(Cached, Now).await;
    let other = pharmacy.workstation.page_of("https://other.example");
    let (course, uv) = pharmacy.login_on(&other, Cached).await;
    assert_eq!(uv, Some(Now), "{course:?}");
    // The first page's PIN went with that.
    pharmacy.logs_in_by(Cached, Now).await;
}

/// Attack D14.
#[tokio::test]
async fn d14_where_several_users_can_log_on_no_pin_is_kept() {
    let setup = Setup {
        several_users: || true,
        ..pharmacy(KEPT_MAX)
    };
    let pharmacy = Pharmacy::open_with(&["pin 1234"], setup).await;
    for _ in 0..2 {
        pharmacy.logs_in_by(Cached, Now).await;
    }
}

/// Attack D14.
#[tokio::test]
async fn d14_a_card_that_was_out_of_the_reader_asks_its_pin() {
    let pharmacy = Pharmacy::open(&["pin 1234"]).await;
    pharmacy.logs_in_by(Cached, Now).await;
    pharmacy.readers.pull_and_put_back("Reader A");
    pharmacy.logs_in_by(Cached, Now).await;
}

#[tokio::test]
async fn a_card_that_another_program_reset_asks_its_pin() {
    let pharmacy = Pharmacy::open(&["pin 1234", "pin 1234", "ok"]).await;
    pharmacy.logs_in_by(Cached, Now).await;
    pharmacy.card.power_cycle();
    pharmacy.logs_in_by(Cached, Now).await;
    pharmacy.logs_in_by(Cached, Cached).await;
}

#[tokio::test]
async fn at_the_limit_the_card_forgets_its_pin_by_itself() {
    let setup = pharmacy(Duration::from_millis(300));
    let pharmacy = Pharmacy::open_with(&["pin 1234"], setup).await;
    pharmacy.logs_in_by(Cached, Now).await;
    // Nobody asks; the card is talked to all the same.
    let cleared = |card: &VirtualCard| {
        let headers = card.command_headers();
        let last = headers
            .iter()
            .rposition(|header| header[1] == 0x87)
            .unwrap();
        headers.len() > last + 1
    };
    while !cleared(&pharmacy.card) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    pharmacy.logs_in_by(Cached, Now).await;
}

#[tokio::test]
async fn locking_the_cards_ends_what_was_kept_and_what_is_being_typed() {
    let answers = [
        "pin 1234",
        "ok",
        "pin 1234",
        "pin 1234",
        "when told pin 1234",
    ];
    let pharmacy = Pharmacy::open(&answers).await;
    let agent = &pharmacy.workstation.agent;
    pharmacy.logs_in_by(Cached, Now).await;
    pharmacy.logs_in_by(Cached, Cached).await;
    agent.lock_cards().await;
    pharmacy.logs_in_by(Cached, Now).await;
    agent.lock_cards().await;
    pharmacy.logs_in_by(Cached, Now).await;
    agent.lock_cards().await;
    // The screen is locked while the person types.
    let challenge = pharmacy.challenge(Cached);
    let stream = pharmacy.workstation.page().begin(&challenge).await;
    while pharmacy.workstation.person.was_asked("GETPIN") < 4 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    agent.lock_cards().await;
    pharmacy.workstation.person.goes_on();
    assert_eq!(stream.last_line().await["type"], "assertion");
    pharmacy.logs_in_by(Cached, Now).await;
}

#[tokio::test]
async fn an_agent_that_ends_leaves_no_card_verified() {
    let mut pharmacy = Pharmacy::open(&["pin 1234"]).await;
    pharmacy.logs_in_by(Cached, Now).await;
    pharmacy.workstation.stop().await;
    let status = PivCard::new(pharmacy.card.connect()).pin_status().unwrap();
    assert!(!status.verified, "{status:?}");
}

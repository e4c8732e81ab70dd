//! One PIN for several portals in a pharmacy (attack D14): when a click will do, and when not.

use std::time::Duration;

use cardea_agent::pin_policy::{KEPT_MAX, PinPolicy};
use cardea_assertion::UserVerification::{self, Cached, Now};
use cardea_card::{Card as _, PivCard};
use cardea_virtual_card::{Fault, Keypad, Trigger, VirtualCard};
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
        keep_pin_without_screen_lock: true,
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

    /// The next signature takes the card so long that something else comes first.
    fn sign_slowly(&self) {
        let slow = Fault::Slow(Duration::from_secs(1));
        self.card.inject(Trigger::GeneralAuthenticate, slow);
    }

    /// The card is at the command that takes it so long.
    async fn is_at_work(&self) {
        while !self.card.faults_are_spent() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn is_idle(&self) {
        while self.workstation.page().status().await["state"] == "busy" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// No channel of the card has a verified PIN: what the card itself says.
    fn keeps_nothing(&self) {
        for channel in 0..=3 {
            let asked = [channel, 0x20, 0x00, 0x80];
            let answer = self.card.connect().transmit(&asked).unwrap();
            assert_ne!(answer, [0x90, 0x00], "channel {channel}");
        }
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

/// Attack D14: a kept PIN ends at the screen's lock, so that without one none is kept.
#[tokio::test(flavor = "multi_thread")]
async fn d14_where_no_lock_of_the_screen_is_noticed_no_pin_is_kept_and_the_status_says_so() {
    let setup = Setup {
        keep_pin_without_screen_lock: false,
        ..pharmacy(KEPT_MAX)
    };
    let pharmacy = Pharmacy::open_with(&["pin 1234"], setup).await;
    crate::socket::open(&pharmacy.workstation);
    for _ in 0..2 {
        pharmacy.logs_in_by(Cached, Now).await;
        pharmacy.keeps_nothing();
    }
    let status = async |form: &[&str]| {
        let ran = tokio::process::Command::new(env!("CARGO_BIN_EXE_cardea-agent"))
            .arg("status")
            .args(form)
            .arg("--config")
            .arg(pharmacy.workstation.config_file())
            // The socket's place follows from it where there is one.
            .env_remove("XDG_RUNTIME_DIR")
            .output()
            .await
            .unwrap();
        String::from_utf8(ran.stdout).unwrap()
    };
    let json: Value = serde_json::from_str(&status(&["--json"]).await).unwrap();
    assert_eq!(json["no_pin_kept"], "agent.screen_lock_unwatched");
    let text = status(&[]).await;
    assert!(text.contains("asked each time"), "{text}");
    // By what an operator trusts this workstation, where people can read it.
    let thumbprint = json["instance_thumbprint"].as_str().unwrap();
    assert!(
        text.contains(&format!("thumbprint of this workstation: {thumbprint}")),
        "{text}"
    );

    let doctor = tokio::process::Command::new(env!("CARGO_BIN_EXE_cardea-agent"))
        .args(["doctor", "--json", "--config"])
        .arg(pharmacy.workstation.config_file())
        .env_remove("XDG_RUNTIME_DIR")
        .output()
        .await
        .unwrap();
    let report: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let unwatched = findings
        .iter()
        .find(|it| it["code"] == "doctor.screen_lock_unwatched");
    assert_eq!(unwatched.unwrap()["severity"], "warning", "{report}");
}

/// Attack D14.
#[tokio::test]
async fn d14_a_card_that_was_out_of_the_reader_asks_its_pin() {
    let pharmacy = Pharmacy::open(&["pin 1234"]).await;
    pharmacy.logs_in_by(Cached, Now).await;
    pharmacy.readers.pull_and_put_back("Reader A");
    // Until the watch has seen that the card was out, a login may have begun with the insertion
    // that is over: it ends, and the person asks again.
    let (mut course, mut uv) = pharmacy.login(Cached).await;
    while course.last().is_some_and(|state| state == "card.removed") {
        (course, uv) = pharmacy.login(Cached).await;
    }
    assert_eq!(uv, Some(Now), "{course:?}");
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

/// Attack D14: the page that asked goes away in the moment of the signature, which it can time.
#[tokio::test]
async fn d14_a_page_that_goes_while_the_card_signs_leaves_no_pin_verified() {
    let pharmacy = Pharmacy::open(&["pin 1234"]).await;
    pharmacy.sign_slowly();
    let challenge = pharmacy.challenge(Cached);
    let mut stream = pharmacy.workstation.page().begin(&challenge).await;
    stream.wait_for("\"signing\"").await;
    pharmacy.is_at_work().await;
    drop(stream);
    pharmacy.is_idle().await;
    pharmacy.keeps_nothing();
    pharmacy.logs_in_by(Cached, Now).await;
}

/// Attack D14: the cards are locked while the order is under way, with and without a note of an
/// earlier PIN, and for a signature without a PIN.
#[tokio::test]
async fn d14_a_lock_while_the_card_signs_leaves_no_pin_verified() {
    for (noted_before, allowed) in [(false, Cached), (true, Now), (true, Cached)] {
        let pharmacy = Pharmacy::open(&["pin 1234"]).await;
        if noted_before {
            pharmacy.logs_in_by(Cached, Now).await;
            let answer = if allowed == Now { "pin 1234" } else { "ok" };
            pharmacy.workstation.person.will_answer(&[answer]);
        }
        pharmacy.sign_slowly();
        let challenge = pharmacy.challenge(allowed);
        let mut stream = pharmacy.workstation.page().begin(&challenge).await;
        stream.wait_for("\"signing\"").await;
        pharmacy.is_at_work().await;
        // Returns once the order is over and the card has forgotten.
        pharmacy.workstation.agent.lock_cards().await;
        pharmacy.keeps_nothing();
        assert_eq!(stream.last_line().await["type"], "assertion", "{allowed:?}");
        pharmacy.keeps_nothing();
        pharmacy.workstation.person.will_answer(&["pin 1234"]);
        pharmacy.logs_in_by(Cached, Now).await;
    }
}

/// Attack D14: the same while the person types on the reader's own keys.
#[tokio::test]
async fn d14_a_lock_while_the_pin_is_typed_on_the_reader_leaves_no_pin_verified() {
    for allowed in [Cached, Now] {
        let pharmacy = Pharmacy::open(&["wait"]).await;
        let types = Keypad::Types("1234".to_owned());
        pharmacy.card.set_keypad(Some(types));
        if allowed == Now {
            let (course, _) = pharmacy.login(Cached).await;
            assert_eq!(course.last().unwrap(), "assertion");
        }
        let slow = Fault::Slow(Duration::from_secs(1));
        pharmacy.card.inject(Trigger::Verify, slow);
        let challenge = pharmacy.challenge(allowed);
        let stream = pharmacy.workstation.page().begin(&challenge).await;
        pharmacy.is_at_work().await;
        pharmacy.workstation.agent.lock_cards().await;
        pharmacy.keeps_nothing();
        assert_eq!(stream.last_line().await["type"], "assertion");
        pharmacy.keeps_nothing();
    }
}

/// Attack D14: who cancels in the window while the reader's PIN is on its way has cancelled.
#[tokio::test]
async fn d14_a_signature_that_was_cancelled_on_the_reader_leaves_no_pin_verified() {
    let pharmacy = Pharmacy::open(&["when told 0"]).await;
    let types = Keypad::Types("1234".to_owned());
    pharmacy.card.set_keypad(Some(types));
    pharmacy.sign_slowly();
    let challenge = pharmacy.challenge(Cached);
    let stream = pharmacy.workstation.page().begin(&challenge).await;
    pharmacy.is_at_work().await;
    pharmacy.workstation.person.goes_on();
    assert_eq!(stream.last_line().await["code"], "agent.prompt_cancelled");
    pharmacy.is_idle().await;
    pharmacy.keeps_nothing();
}

/// Attack D14: an agent that is stopped while the card signs.
#[tokio::test]
async fn d14_an_agent_that_ends_while_the_card_signs_leaves_no_pin_verified() {
    let mut pharmacy = Pharmacy::open(&["pin 1234"]).await;
    pharmacy.sign_slowly();
    let challenge = pharmacy.challenge(Cached);
    let mut stream = pharmacy.workstation.page().begin(&challenge).await;
    stream.wait_for("\"signing\"").await;
    pharmacy.is_at_work().await;
    pharmacy.workstation.stop().await;
    pharmacy.keeps_nothing();
}

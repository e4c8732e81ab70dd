//! Every fault at every command of a login: a clear error, nothing left behind, no try of the PIN
//! lost, and the next login works (attacks D12 and D15).

#![expect(
    clippy::print_stdout,
    reason = "the case that fails is in the captured output"
)]

use std::time::Duration;

use cardea_card::{Card as _, PivCard};
use cardea_test_pki::{CardProfile, KeyKind};
use cardea_virtual_card::VirtualCard;
use serde_json::Value;

use crate::faulty_readers::{Fault, FaultyReaders};
use crate::readers::{card, pharmacist};
use crate::sign_in::verify;
use crate::workstation::{Setup, Workstation};

/// Tries that a PIN has.
const TRIES: u8 = 3;
/// The last commands of a login, from the one that finds the card as it is left.
const COMMANDS_OF_A_SIGNATURE: usize = 10;
const PATIENCE: Duration = Duration::from_secs(60);

/// A workstation with a card that breaks.
struct Scene {
    card: VirtualCard,
    other: VirtualCard,
    readers: FaultyReaders,
    workstation: Workstation,
}

impl Scene {
    async fn set(answers: &[&str]) -> Self {
        Self::set_with_limit(answers, Duration::from_secs(15)).await
    }

    async fn set_with_limit(answers: &[&str], limit: Duration) -> Self {
        Self::set_with_card(pharmacist(), answers, limit).await
    }

    async fn set_with_card(card: VirtualCard, answers: &[&str], limit: Duration) -> Self {
        let other = physician();
        let mut readers = FaultyReaders::holding(&card, &other);
        readers.limit = limit;
        let setup = Setup {
            language: "en",
            ..Setup::default()
        };
        let workstation = Workstation::start_with(&readers, answers, setup).await;
        Self {
            card,
            other,
            readers,
            workstation,
        }
    }

    /// The last line of a login: a clear error, or a good assertion.
    async fn log_in(&self, case: &str) -> Value {
        let challenge = self.workstation.issuer.challenge();
        let page = self.workstation.page();
        let lines = tokio::time::timeout(PATIENCE, page.sign_in(&challenge)).await;
        let mut lines = lines.unwrap_or_else(|_| panic!("{case}: no end in time"));
        let line = lines.pop().unwrap();
        assert_is_clear(&line, &self.workstation, &challenge, case);
        line
    }

    /// Commands of a login with a card that was just put in.
    async fn commands_of_a_login(&self) -> usize {
        self.readers.mend();
        self.insert_anew().await;
        let line = self.log_in("good").await;
        assert_eq!(line["type"], "assertion", "{line}");
        self.readers.commands()
    }

    /// A login with a card that was just put in and breaks at this command.
    async fn log_in_broken(&self, place: usize, fault: Fault, case: &str) -> Value {
        // The case that hangs is in the captured output.
        println!("{case}");
        self.insert_anew().await;
        self.readers.break_at(place, fault);
        let line = self.log_in(case).await;
        let is_met = self.readers.commands() > place;
        assert!(is_met, "{case}: the login ended before it: {line}");
        self.is_at_rest().await;
        line
    }

    /// Pulls the card and puts it in, and waits until the agent has seen both.
    async fn insert_anew(&self) {
        let page = self.workstation.page();
        let seen = async |has_card: bool| {
            let seen = async {
                while (page.status().await["card"] == "present") != has_card {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            };
            let seen = tokio::time::timeout(PATIENCE, seen).await;
            seen.expect("the agent looks at its readers");
        };
        self.readers.pull();
        seen(false).await;
        self.readers.insert();
        seen(true).await;
    }

    /// Waits until nobody is asked anything and no transaction is under way any more.
    async fn is_at_rest(&self) {
        let page = self.workstation.page();
        let at_rest = async {
            while self.readers.is_held() || page.status().await["state"] == "busy" {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let at_rest = tokio::time::timeout(PATIENCE, at_rest).await;
        at_rest.expect("neither a prompt nor a transaction stays");
    }

    /// Another program gets the card at once, and finds all tries of the PIN.
    fn check_tries(&self, expected: u8, case: &str) {
        // A fault may have kept the agent from clearing the PIN state, behind which a card hides
        // its counter.
        self.card.power_cycle();
        let status = PivCard::new(self.card.connect()).pin_status().unwrap();
        assert_eq!(status.tries_left, Some(expected), "{case}");
    }

    /// Breaks each command of a login in this way. A login that must work comes after each of the
    /// signature's commands, and after some of those that read the card: the next login that
    /// breaks has come as far for the rest.
    async fn break_every_command(&self, fault: Fault) {
        let commands = self.commands_of_a_login().await;
        for place in 0..commands {
            let case = format!("{fault:?} at command {place} of {commands}");
            let line = self.log_in_broken(place, fault, &case).await;
            self.mend(fault, &line).await;
            self.check_tries(TRIES, &case);
            if place % 8 == 0 || place + COMMANDS_OF_A_SIGNATURE >= commands {
                let line = self.log_in(&case).await;
                assert_eq!(line["type"], "assertion", "after {case}: {line}");
            }
        }
    }

    /// The card is a good one again. A card that answers less than a status word counts as pulled,
    /// as PC/SC shows it: the person puts it in again, as she is told.
    async fn mend(&self, fault: Fault, line: &Value) {
        self.readers.mend();
        let is_out = matches!(
            fault,
            Fault::RemovedBefore | Fault::RemovedMidCommand | Fault::Swapped
        );
        if is_out || line["code"] == "card.removed" {
            self.insert_anew().await;
        }
    }
}

/// An error with a stable code and words for the person; or what was asked for all the same, with a
/// signature that the card's certificate bears out.
pub(crate) fn assert_is_clear(
    line: &Value,
    workstation: &Workstation,
    challenge: &str,
    case: &str,
) {
    if line["type"] == "assertion" {
        verify(line, workstation, challenge);
        return;
    }
    let word = |name: &str| line[name].as_str().unwrap_or_default();
    let is_known = cardea_card::Error::ALL_CODES.contains(&word("code"))
        || cardea_agent::Error::ALL_CODES.contains(&word("code"));
    assert!(is_known, "{case}: {line}");
    assert!(!word("title").is_empty(), "{case}: {line}");
}

fn physician() -> VirtualCard {
    let profile = CardProfile::pharmacist().with_name("Yves", "BERTIN");
    card(&profile, KeyKind::P256)
}

async fn every_command(faults: &[Fault]) {
    for fault in faults {
        let scene = Scene::set(&["pin 1234"]).await;
        scene.break_every_command(*fault).await;
    }
}

/// D12: pulled at any command, between the PIN and the signature too.
#[tokio::test]
async fn a_card_pulled_at_any_command_is_an_error_and_the_next_login_works() {
    every_command(&[Fault::RemovedBefore, Fault::RemovedMidCommand]).await;
}

#[tokio::test]
async fn a_card_reset_at_any_command_loses_no_try() {
    every_command(&[Fault::Reset]).await;
}

/// D15: short answers.
#[tokio::test]
async fn a_short_or_garbled_answer_at_any_command_is_an_error() {
    every_command(&[
        Fault::Truncated(0),
        Fault::Truncated(1),
        Fault::Truncated(3),
        Fault::Garbage,
    ])
    .await;
}

/// D15: wrong status words.
#[tokio::test]
async fn a_wrong_status_word_at_any_command_is_an_error() {
    every_command(&[
        Fault::Status(0x9000),
        Fault::Status(0x6F00),
        Fault::Status(0x6982),
        Fault::Status(0x6A82),
        Fault::Status(0x6C00),
    ])
    .await;
}

/// D15: endless `61xx`, 64 KiB.
#[tokio::test]
async fn an_answer_without_end_at_any_command_is_an_error() {
    every_command(&[Fault::EndlessMore, Fault::Long]).await;
}

/// D15: a card that answers later than anybody waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_card_slower_than_the_limit_is_given_up_and_signs_nothing_later() {
    let limit = Duration::from_millis(250);
    let scene = Scene::set_with_limit(&["pin 1234"], limit).await;
    let commands = scene.commands_of_a_login().await;
    for place in 0..commands {
        let case = format!("slow at command {place} of {commands}");
        let line = scene.log_in_broken(place, Fault::Slow, &case).await;
        scene.mend(Fault::Slow, &line).await;
        scene.check_tries(TRIES, &case);
    }
    let line = scene.log_in("good").await;
    assert_eq!(line["type"], "assertion", "{line}");
}

/// D12: the card whose certificate was read is the one that signs, or none.
#[tokio::test]
async fn a_card_swapped_at_any_command_gets_no_pin_and_signs_nothing() {
    let scene = Scene::set(&["pin 1234"]).await;
    let commands = scene.commands_of_a_login().await;
    for place in 0..commands {
        let case = format!("swapped at command {place} of {commands}");
        let before = scene.other.command_headers().len();
        let line = scene.log_in_broken(place, Fault::Swapped, &case).await;
        assert_ne!(line["type"], "assertion", "{place}: {line}");
        assert!(
            ["card.removed", "agent.card_changed"].contains(&line["code"].as_str().unwrap()),
            "{place}: {line}"
        );
        let seen = scene.other.command_headers();
        let pins = seen[before..].iter().filter(|header| header[1] == 0x87);
        assert_eq!(pins.count(), 0, "{place}");
        scene.mend(Fault::Swapped, &line).await;
        scene.check_tries(TRIES, &case);
    }
}

/// A wrong PIN costs one try, whatever happens to the right one after it.
#[tokio::test]
async fn faults_after_a_wrong_pin_cost_that_try_alone() {
    for fault in [Fault::RemovedBefore, Fault::Status(0x6F00), Fault::Long] {
        let scene = Scene::set(&["pin 9999", "pin 1234"]).await;
        let commands = scene.commands_of_a_login().await;
        // The last commands are those of the right PIN; it gives all tries back when it arrives.
        for place in commands.saturating_sub(6)..commands {
            scene
                .workstation
                .person
                .will_answer(&["pin 9999", "pin 1234"]);
            let case = format!("{fault:?} at command {place} of {commands}");
            let line = scene.log_in_broken(place, fault, &case).await;
            scene.mend(fault, &line).await;
            scene.card.power_cycle();
            let status = PivCard::new(scene.card.connect()).pin_status().unwrap();
            assert!(
                matches!(status.tries_left, Some(2 | 3)),
                "{case}: {status:?}"
            );
            scene.workstation.person.will_answer(&["pin 1234"]);
            let line = scene.log_in(&case).await;
            assert_eq!(line["type"], "assertion", "after {case}: {line}");
        }
    }
}

/// Milliseconds that a real card takes for a command.
const COMMAND_MS: u64 = 20;
const TRANSACTION_MS_MAX: u64 = 400;

/// A workstation with a good card of this kind.
async fn scene_of(key: KeyKind) -> Scene {
    let card = card(&CardProfile::pharmacist(), key);
    Scene::set_with_card(card, &["pin 1234"], Duration::from_secs(15)).await
}

/// With a real card's 20 ms a command, the reader is anyone's again within 400 ms.
#[tokio::test]
async fn no_transaction_keeps_the_reader_long() {
    for key in [KeyKind::P256, KeyKind::Rsa2048] {
        let scene = scene_of(key).await;
        scene.commands_of_a_login().await;
        let transactions = scene.readers.transactions();
        println!("{key:?}: {transactions:02X?}");
        let longest = transactions.iter().map(|it| it.commands.len()).max();
        let milliseconds = u64::try_from(longest.unwrap()).unwrap() * COMMAND_MS;
        assert!(
            milliseconds < TRANSACTION_MS_MAX,
            "{key:?}: {transactions:?}"
        );
    }
}

/// The same by the clock, with a card that takes these 20 ms. A loaded machine adds to them, so
/// only many times as much is a failure; what it took is printed.
#[tokio::test]
async fn no_transaction_of_a_slow_card_keeps_the_reader_long() {
    const BOUND: Duration = Duration::from_millis(TRANSACTION_MS_MAX * 10);
    for key in [KeyKind::P256, KeyKind::Rsa2048] {
        let scene = scene_of(key).await;
        scene.card.set_delay(Duration::from_millis(COMMAND_MS));
        scene.commands_of_a_login().await;
        let transactions = scene.readers.transactions();
        let longest = transactions.iter().max_by_key(|it| it.time).unwrap();
        let commands = longest.commands.len();
        println!(
            "{key:?}: the longest, of {commands} commands, took {:?}",
            longest.time
        );
        let least = Duration::from_millis(COMMAND_MS) * u32::try_from(commands).unwrap();
        assert!(longest.time >= least, "{key:?}: the delay was not imitated");
        assert!(longest.time < BOUND, "{key:?}: {:?}", longest.time);
    }
}

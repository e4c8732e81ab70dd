//! `cardea-agent card`: the PIN changed, the card unblocked, and what is refused on the way
//! (attacks D9, D11, D12 and D13).

use std::time::Duration;

use cardea_agent::card_command::{self, Action, Which};
use cardea_agent::config::{Config, Environment};
use cardea_agent::{Error, Pinentry};
use cardea_card::StatusWord;
use cardea_virtual_card::{Fault, Keypad, Trigger, VirtualCard};
use serde_json::{Value, json};

use crate::reader_held::OtherProgram;
use crate::readers::{Readers, pharmacist};
use crate::real_reader_faults::{AGENTS_LIMIT, ImpatientReaders};
use crate::service::{LIMIT, pin_status, run_in_own_process};
use crate::workstation::{Person, Setup, Workstation};

mod only_way;

const CHANGE: u8 = 0x24;
const UNBLOCK: u8 = 0x2C;

/// An enrolment of nobody's: cards are looked after without any issuer.
const CONFIG: &str = r#"language = "en"
pinentry = "./pinentry"
state_dir = "state"
[[issuer]]
issuer = "https://login.example"
name = "Nobody"
roots = [ { kty = "EC", crv = "P-256", x = "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
    y = "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU" } ]
"#;

/// A desk with one card, and a person with answers.
struct Desk {
    card: VirtualCard,
    readers: Readers,
    person: Person,
    folder: tempfile::TempDir,
}

impl Desk {
    fn new(answers: &[&str]) -> Self {
        let (card, folder) = (pharmacist(), tempfile::tempdir().unwrap());
        let readers = Readers::holding(&card);
        let person = Person::new(folder.path(), answers);
        Self {
            card,
            readers,
            person,
            folder,
        }
    }

    /// A card with this many tries of its PIN left.
    fn with_tries(tries: u8, answers: &[&str]) -> Self {
        let desk = Self::new(answers);
        for _ in tries..3 {
            assert!(!desk.takes("9999"));
        }
        desk
    }

    fn config(&self) -> Config {
        let path = self.folder.path().join("agent.toml");
        Config::parse(CONFIG, &path, &Environment::default()).unwrap()
    }

    async fn run(&self, action: Action) -> Result<String, Error> {
        run(action, &self.config(), &self.readers).await
    }

    async fn code(&self, action: Action) -> &'static str {
        let done = self.run(action).await;
        done.as_ref().map_or_else(Error::code, |_| "done")
    }

    /// How often the card got this command.
    fn got(&self, instruction: u8) -> usize {
        let headers = self.card.command_headers();
        let same = |header: &&[u8; 4]| header[1] == instruction;
        headers.iter().filter(same).count()
    }

    /// Whether this is the card's PIN; a wrong one costs a try.
    fn takes(&self, digits: &str) -> bool {
        takes(&self.card, digits)
    }

    fn tries_left(&self) -> Option<u8> {
        pin_status(&self.card).tries_left
    }
}

async fn run(action: Action, config: &Config, readers: &Readers) -> Result<String, Error> {
    let prompt = || Ok(Pinentry::new(config.pinentry.clone(), config.language));
    card_command::run(
        &action,
        config,
        readers.clone(),
        prompt,
        std::future::pending(),
    )
    .await
}

fn takes(card: &VirtualCard, digits: &str) -> bool {
    let mut connection = card.connect();
    let select = [
        &[0, 0xA4, 4, 0, 9][..],
        b"\xA0\x00\x00\x03\x08\x00\x00\x10\x00",
        &[0],
    ];
    connection.transmit(&select.concat()).unwrap();
    let mut verify = vec![0, 0x20, 0, 0x80, 8];
    verify.extend(digits.bytes().chain([0xFF; 8]).take(8));
    let answer = connection.transmit(&verify).unwrap();
    connection.transmit(&[0, 0x20, 0xFF, 0x80]).unwrap();
    answer == StatusWord::SUCCESS.to_bytes()
}

fn change_pin() -> Action {
    Action::ChangePin {
        which: Which::default(),
    }
}

fn unblock() -> Action {
    Action::Unblock {
        which: Which::default(),
    }
}

fn in_json(reader: Option<&str>) -> Which {
    Which {
        reader: reader.map(str::to_owned),
        json: true,
    }
}

#[tokio::test]
async fn a_pin_is_changed_in_windows_that_say_whose_it_is() {
    let desk = Desk::new(&["pin 1234", "pin 8642", "pin 8642"]);
    let told = desk.run(change_pin()).await.unwrap();
    assert_eq!(told, "The card's PIN is changed.\n");
    for shown in [
        "SETDESC Change the card's PIN%0A%0ACard CPS: ",
        "Tries left: 3%0A%0AType the CURRENT PIN.",
        "SETPROMPT Current PIN:",
        "Choose a NEW PIN of 4 to 8 digits.",
        "SETPROMPT New PIN again:",
    ] {
        assert!(
            desk.person.saw(shown),
            "{shown}: {:?}",
            desk.person.was_told()
        );
    }
    assert_eq!((desk.got(CHANGE), desk.person.was_asked("GETPIN")), (1, 3));
    assert!(!pin_status(&desk.card).verified);
    assert!(desk.takes("8642"));
    let which = in_json(Some("Reader A"));
    desk.person
        .will_answer(&["pin 8642", "pin 2468", "pin 2468"]);
    let told = desk.run(Action::ChangePin { which }).await.unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    let expected = json!({"result": "pin_changed", "reader": "Reader A", "type": "CPS",
        "pin_still_verified": false});
    assert_eq!(told, expected);
}

#[tokio::test]
async fn new_pins_that_are_mistyped_or_easy_to_guess_are_named_and_cost_no_try() {
    let new = [
        "12", "0000", "4321", "8642", "8643", "1234", "8642", "12", "8642", "8642",
    ];
    let answers: Vec<String> = ["12x4", "1234"]
        .iter()
        .chain(&new)
        .map(|typed| format!("pin {typed}"))
        .collect();
    let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
    let desk = Desk::new(&answers);
    assert_eq!(desk.code(change_pin()).await, "done");
    for named in [
        "SETERROR A PIN has 4 to 8 digits",
        "SETERROR Too easy to guess: one digit repeated",
        "SETERROR Too easy to guess: digits in sequence",
        "SETERROR That is the current PIN",
        "SETERROR The two entries differ. No try was used.",
    ] {
        assert!(
            desk.person.saw(named),
            "{named}: {:?}",
            desk.person.was_told()
        );
    }
    assert_eq!(desk.got(CHANGE), 1);
    assert!(desk.takes("8642"));
}

#[tokio::test]
async fn a_person_who_never_types_a_fit_pin_is_asked_eight_times() {
    let desk = Desk::new(&["pin 1234", "pin 0000"]);
    assert_eq!(desk.code(change_pin()).await, "agent.too_many_entries");
    assert_eq!(desk.person.was_asked("GETPIN"), 9);
    assert_eq!(desk.got(CHANGE), 0);
}

/// D9
#[tokio::test]
async fn d9_a_wrong_old_pin_is_asked_again_alone_and_never_sent_twice() {
    let desk = Desk::new(&["pin 9999", "pin 8642", "pin 8642", "pin 1234"]);
    assert_eq!(desk.code(change_pin()).await, "done");
    assert!(desk.person.saw("SETERROR Incorrect PIN. 2 tries are left."));
    assert_eq!((desk.got(CHANGE), desk.person.was_asked("GETPIN")), (2, 4));
    assert!(desk.takes("8642"));
    // The retyped old PIN is what the new one was to be.
    let answers = ["pin 9999", "pin 1357", "pin 1357", "pin 8642", "pin 1357"];
    desk.person.will_answer(&answers);
    assert_eq!(desk.code(change_pin()).await, "done");
    assert!(desk.takes("1357"));
}

/// D9
#[tokio::test]
async fn d9_the_last_try_needs_a_yes_and_a_blocked_card_is_asked_nothing() {
    let desk = Desk::with_tries(1, &["decline"]);
    assert_eq!(desk.code(change_pin()).await, "agent.last_try_declined");
    assert_eq!((desk.got(CHANGE), desk.tries_left()), (0, Some(1)));
    desk.person
        .will_answer(&["ok", "pin 9999", "pin 8642", "pin 8642"]);
    let error = desk.run(change_pin()).await.unwrap_err();
    assert_eq!(error.code(), "card.pin_blocked");
    assert!(desk.person.saw("only ONE try is left"));
    let document = card_command::failure(&error, desk.config().language, true);
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["tries_left"], 0);
    let advice = document["advice"].as_str().unwrap();
    assert!(advice.contains("cardea-agent card unblock"), "{advice}");
    let asked = desk.person.was_told().len();
    assert_eq!(desk.code(change_pin()).await, "card.pin_blocked");
    assert_eq!((desk.got(CHANGE), desk.person.was_told().len()), (1, asked));
}

/// D9: one yes is for one try, also where another program gave the counter its tries back.
#[tokio::test]
async fn d9_a_second_last_try_needs_a_yes_of_its_own() {
    let answers = ["ok", "pin 9999", "pin 8642", "pin 8642", "decline"];
    let desk = Desk::with_tries(1, &answers);
    desk.card
        .inject(Trigger::ChangeReferenceData, Fault::wrong_pin(1));
    assert_eq!(desk.code(change_pin()).await, "agent.last_try_declined");
    assert_eq!((desk.got(CHANGE), desk.person.was_asked("CONFIRM")), (1, 2));
}

/// D11: by the person at the keyboard, with the issuer's letter before her.
#[tokio::test]
async fn d11_a_blocked_card_is_unblocked_by_its_code_and_a_new_pin() {
    let desk = Desk::with_tries(
        0,
        &["ok", "pin 1234567", "pin 8642", "pin 8642", "pin 12345678"],
    );
    let told = desk.run(unblock()).await.unwrap();
    assert_eq!(
        told,
        "The card is unblocked, and its new PIN is in place.\n"
    );
    for shown in [
        "does not tell how many tries its unblocking code has left",
        "SETDESC Unblock the card%0A%0ACard CPS: ",
        "SETPROMPT Unblocking code:",
        "SETERROR Wrong unblocking code. Tries left: 2",
    ] {
        assert!(
            desk.person.saw(shown),
            "{shown}: {:?}",
            desk.person.was_told()
        );
    }
    assert_eq!((desk.got(UNBLOCK), desk.tries_left()), (2, Some(3)));
    assert!(!pin_status(&desk.card).verified);
    assert!(desk.takes("8642"));
}

/// D9, for the unblocking code.
#[tokio::test]
async fn d9_the_last_try_of_the_unblocking_code_needs_a_yes_of_its_own() {
    let wrong = "pin 87654321";
    // The card does not show this counter: each try may be the last, and has a yes of its own.
    let answers = [
        "ok", "pin 1", wrong, "pin 8642", "pin 8642", "ok", wrong, "decline",
    ];
    let desk = Desk::with_tries(0, &answers);
    assert_eq!(desk.code(unblock()).await, "agent.last_try_declined");
    assert!(
        desk.person
            .saw("SETERROR An unblocking code has 6 to 8 characters.")
    );
    assert!(
        desk.person
            .saw("only ONE try of the unblocking code is left")
    );
    assert_eq!(desk.got(UNBLOCK), 2);
    // No to a counter that nobody knows.
    desk.person.will_answer(&["decline"]);
    assert_eq!(desk.code(unblock()).await, "agent.last_try_declined");
    assert_eq!(desk.got(UNBLOCK), 2);
    desk.person
        .will_answer(&["ok", wrong, "pin 8642", "pin 8642"]);
    let error = desk.run(unblock()).await.unwrap_err();
    assert_eq!(error.code(), "card.puk_blocked");
    let words = card_command::failure(&error, desk.config().language, false);
    assert!(words.contains("ask the issuer for a new card"), "{words}");
}

#[tokio::test]
async fn a_window_that_is_cancelled_or_forgotten_changes_nothing() {
    let entries = ["pin 1234", "pin 8642", "pin 8642"];
    for (answer, code) in [
        ("cancel", "agent.prompt_cancelled"),
        ("timeout", "agent.prompt_timed_out"),
        ("error", "agent.prompt_unavailable"),
    ] {
        for step in 0..entries.len() {
            let mut answers = entries[..step].to_vec();
            answers.push(answer);
            let desk = Desk::new(&answers);
            assert_eq!(desk.code(change_pin()).await, code, "step {step}");
            answers.insert(0, "ok");
            desk.person.will_answer(&answers);
            // An unblocking code has more digits than the PIN of this list.
            let code_of_letter = if step > 0 { "pin 12345678" } else { answer };
            answers[1] = code_of_letter;
            desk.person.will_answer(&answers);
            assert_eq!(desk.code(unblock()).await, code, "step {step}");
            assert_eq!((desk.got(CHANGE), desk.got(UNBLOCK)), (0, 0));
            assert_eq!(desk.tries_left(), Some(3));
        }
    }
}

/// D12: the window goes with the card, at each step, and the next card gets nothing.
#[tokio::test]
async fn d12_a_card_that_is_pulled_takes_each_window_away() {
    for step in 0..3 {
        let mut answers = ["pin 1234", "pin 8642", "pin 8642"][..step].to_vec();
        answers.push("wait");
        let desk = Desk::new(&answers);
        let other = pharmacist();
        let pulling = async {
            while desk.person.was_asked("GETPIN") <= step {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            desk.readers.pull("Reader A");
            desk.readers.insert("Reader A", &other);
        };
        let (code, ()) = tokio::join!(desk.code(change_pin()), pulling);
        assert_eq!(code, "card.removed", "step {step}");
        assert_eq!(desk.got(CHANGE), 0);
        assert!(other.command_headers().is_empty());
    }
}

#[tokio::test]
async fn a_card_that_goes_in_the_middle_of_the_command_leaves_a_doubt_that_is_told() {
    let desk = Desk::new(&["pin 1234", "pin 8642", "pin 8642"]);
    desk.card
        .inject(Trigger::ChangeReferenceData, Fault::RemovedMidCommand);
    assert_eq!(desk.code(change_pin()).await, "card.pin_change_uncertain");
    desk.card.reinsert();
    assert!(desk.takes("8642"), "the card had executed it");
}

/// The old PIN must not be asked again as if another program had merely been in the way.
#[test]
fn a_card_that_does_not_answer_leaves_a_doubt_also_beside_another_program() {
    let name = "card_care::a_card_that_does_not_answer_leaves_a_doubt_also_beside_another_program";
    run_in_own_process(name, async |service| {
        let desk = Desk::new(&["pin 1234", "pin 8642", "pin 8642"]);
        let plugged = service.plug(&desk.card);
        assert!(plugged.wait_until_seen(LIMIT));
        let _other = OtherProgram::holding(&service.reader(), "connection");
        desk.card
            .inject(Trigger::ChangeReferenceData, Fault::Slow(2 * AGENTS_LIMIT));
        let (action, config) = (change_pin(), desk.config());
        let done = card_command::run(
            &action,
            &config,
            ImpatientReaders,
            || Ok(Pinentry::new(config.pinentry.clone(), config.language)),
            std::future::pending(),
        );
        assert_eq!(done.await.unwrap_err().code(), "card.pin_change_uncertain");
    });
}

#[tokio::test]
async fn readers_with_keys_and_without_contacts_are_told_before_anything_is_asked() {
    let desk = Desk::new(&["pin 1234"]);
    desk.card.set_keypad(Some(Keypad::Types("1234".to_owned())));
    for action in [change_pin(), unblock()] {
        assert_eq!(desk.code(action).await, "card.not_on_pin_pad");
    }
    assert!(desk.person.was_told().is_empty());
    assert_eq!((desk.got(CHANGE), desk.got(UNBLOCK)), (0, 0));
}

/// D13: never one of several by chance.
#[tokio::test]
async fn d13_of_several_cards_the_one_in_the_named_reader_is_changed() {
    let desk = Desk::new(&["pin 1234", "pin 8642", "pin 8642"]);
    let second = pharmacist();
    desk.readers.insert("Reader B", &second);
    assert_eq!(desk.code(change_pin()).await, "agent.reader_ambiguous");
    assert!(desk.person.was_told().is_empty());
    let named = |name| Action::ChangePin {
        which: in_json(Some(name)),
    };
    assert_eq!(desk.code(named("Reader C")).await, "card.no_reader");
    assert_eq!(desk.code(named("Reader B")).await, "done");
    assert!(takes(&second, "8642"));
    assert_eq!(desk.got(CHANGE), 0);
}

#[tokio::test]
async fn cards_are_shown_with_their_tries_and_names_only_when_wanted() {
    let desk = Desk::with_tries(2, &[]);
    desk.readers.plug("Reader B");
    let show = |names, json| Action::Show {
        which: Which { reader: None, json },
        names,
    };
    let words = desk.run(show(false, false)).await.unwrap();
    assert!(
        words.starts_with("Reader A\n  card CPS\n  expires in "),
        "{words}"
    );
    assert!(words.contains("tries left: 2"), "{words}");
    assert!(words.ends_with("Reader B\n  no card\n"), "{words}");
    let named = desk.run(show(true, false)).await.unwrap();
    let holder = named
        .lines()
        .find(|line| line.contains("holder: "))
        .unwrap();
    let name = holder.split_once(": ").unwrap().1;
    let document = desk.run(show(false, true)).await.unwrap();
    for silent in [&words, &document] {
        assert!(!silent.contains(name), "{silent}");
    }
    let document: Value = serde_json::from_str(&document).unwrap();
    let first = &document["readers"][0];
    assert_eq!(first["pin"], "keyboard");
    assert_eq!(
        (&first["tries_left"], &first["blocked"]),
        (&json!(2), &json!(false))
    );
    assert_eq!(document["readers"][1]["card"], "absent");
    assert!(desk.person.was_told().is_empty());
    assert_eq!(desk.tries_left(), Some(2));
    let blocked = Desk::with_tries(0, &[]);
    let words = blocked.run(show(false, false)).await.unwrap();
    assert!(
        words.contains("BLOCKED: cardea-agent card unblock"),
        "{words}"
    );
    blocked.readers.break_service();
    let code = blocked.code(show(false, false)).await;
    assert_eq!(code, "card.reader_service_unavailable");
}

/// D7: one window in front of the person, whoever asks.
#[tokio::test]
async fn d7_a_change_waits_for_no_sign_in_and_no_sign_in_for_it() {
    let card = pharmacist();
    let readers = Readers::holding(&card);
    let workstation = Workstation::start_with(&readers, &["wait"], Setup::default()).await;
    let text = std::fs::read_to_string(workstation.config_file()).unwrap();
    let file = workstation.config_file();
    let config = Config::parse(&text, &file, &Environment::default()).unwrap();
    let page = workstation.page();
    let mut stream = page.begin(&workstation.issuer.challenge()).await;
    stream.wait_for("pin_asked").await;
    let error = run(change_pin(), &config, &readers).await.unwrap_err();
    assert_eq!(error.code(), "agent.busy");
    drop(stream);
    while page.status().await["state"] == "busy" {}
    workstation
        .person
        .will_answer(&["when told pin 1234", "pin 8642"]);
    let asking = async {
        let before = workstation.person.was_asked("GETPIN");
        while workstation.person.was_asked("GETPIN") == before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let answer = page.ask(&workstation.issuer.challenge()).await;
        workstation.person.goes_on();
        answer.code()
    };
    let (changed, code) = tokio::join!(run(change_pin(), &config, &readers), asking);
    changed.unwrap();
    assert_eq!(code, "agent.busy");
}

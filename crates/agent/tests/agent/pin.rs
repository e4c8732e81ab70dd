//! Wrong PINs, the last try, blocked cards (attacks D9 and D11).

use cardea_card::{Card as _, PivCard};
use cardea_virtual_card::VirtualCard;

use crate::page::course;
use crate::readers::{Readers, pharmacist};
use crate::workstation::{Setup, Workstation};

fn tries_left(card: &VirtualCard) -> Option<u8> {
    PivCard::new(card.connect())
        .pin_status()
        .unwrap()
        .tries_left
}

async fn sign_in(answers: &[&str]) -> (Vec<String>, Workstation, VirtualCard) {
    let card = pharmacist();
    let setup = Setup {
        language: "en",
        ..Setup::default()
    };
    let workstation = Workstation::start_with(&Readers::holding(&card), answers, setup).await;
    let lines = workstation
        .page()
        .sign_in(&workstation.issuer.challenge())
        .await;
    (course(&lines), workstation, card)
}

/// Attack D9.
#[tokio::test]
async fn d9_a_wrong_pin_is_asked_again_with_the_tries_left() {
    let (course, workstation, card) = sign_in(&["pin 9999", "pin 1234"]).await;
    let expected = [
        "card_found",
        "pin_asked 3",
        "signing",
        "pin_incorrect 2",
        "pin_asked 2",
        "signing",
        "assertion",
    ];
    assert_eq!(course, expected);
    assert!(
        workstation
            .person
            .saw("SETERROR Incorrect PIN. 2 tries are left.")
    );
    assert!(workstation.person.saw("Tries left: 2"));
    assert_eq!(tries_left(&card), Some(3));
}

/// Attack D9.
#[tokio::test]
async fn d9_the_last_try_is_used_only_after_the_person_accepted_it() {
    let (course, workstation, card) = sign_in(&["pin 9999", "pin 9998", "ok", "pin 1234"]).await;
    let end = &course[course.len() - 5..];
    assert_eq!(
        end,
        [
            "pin_incorrect 1",
            "pin_last_try 1",
            "pin_asked 1",
            "signing",
            "assertion"
        ]
    );
    assert!(workstation.person.saw("only ONE try is left"));
    assert_eq!(tries_left(&card), Some(3));
}

/// Attack D9.
#[tokio::test]
async fn d9_the_last_try_stays_on_the_card_when_the_person_declines() {
    for answer in ["decline", "cancel", "timeout"] {
        let (course, workstation, card) = sign_in(&["pin 9999", "pin 9998", answer]).await;
        let code = if answer == "timeout" {
            "agent.prompt_timed_out"
        } else {
            "agent.last_try_declined 1"
        };
        assert_eq!(course.last().unwrap(), code);
        assert_eq!(tries_left(&card), Some(1));

        // The next sign-in warns before it asks for anything.
        workstation.person.will_answer(&["decline"]);
        let lines = workstation
            .page()
            .sign_in(&workstation.issuer.challenge())
            .await;
        let expected = ["card_found", "pin_last_try 1", "agent.last_try_declined 1"];
        assert_eq!(crate::page::course(&lines), expected);
        assert_eq!(workstation.person.was_asked("GETPIN"), 2);
        assert_eq!(tries_left(&card), Some(1));
    }
}

#[tokio::test]
async fn the_question_about_the_last_try_goes_with_the_card() {
    let card = pharmacist();
    let readers = Readers::holding(&card);
    let answers = ["pin 9999", "pin 9998", "wait"];
    let workstation = Workstation::start(&readers, &answers).await;
    let stream = workstation
        .page()
        .begin(&workstation.issuer.challenge())
        .await;
    workstation.person.is_asked("CONFIRM").await;
    readers.pull("Reader A");
    assert_eq!(stream.last_line().await["code"], "card.removed");
    card.reinsert();
    assert_eq!(tries_left(&card), Some(1));
}

/// What is only told must not keep the next sign-in waiting, nor outlast its card.
#[tokio::test]
async fn advice_about_a_blocked_card_gives_way_and_goes_with_the_card() {
    let card = pharmacist();
    let readers = Readers::holding(&card);
    let answers = ["pin 9999", "pin 9998", "ok", "pin 9997", "wait"];
    let workstation = Workstation::start(&readers, &answers).await;
    let page = workstation.page();
    for advised in 1..=2 {
        let lines = page.sign_in(&workstation.issuer.challenge()).await;
        assert_eq!(course(&lines).last().unwrap(), "card.pin_blocked 0");
        while workstation.person.was_asked("MESSAGE") < advised {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
    assert_eq!(page.status().await["state"], "busy");
    readers.pull("Reader A");
    // Long before its time limit, which is longer than the patience of this loop.
    let begun = std::time::Instant::now();
    while page.status().await["state"] == "busy" {
        assert!(begun.elapsed().as_secs() < 20, "the advice stays");
    }
}

/// Attack D11.
#[tokio::test]
async fn d11_a_card_that_blocks_comes_with_advice_and_is_not_tried_again() {
    let answers = ["pin 9999", "pin 9998", "ok", "pin 9997", "ok"];
    let (course, workstation, card) = sign_in(&answers).await;
    assert_eq!(course.last().unwrap(), "card.pin_blocked 0");
    while workstation.person.was_asked("MESSAGE") == 0 {
        tokio::task::yield_now().await;
    }
    assert!(workstation.person.saw("“cardea-agent card unblock”"));
    let page = workstation.page();
    while page.status().await["state"] == "busy" {}

    workstation.person.will_answer(&["ok"]);
    let verifies = |card: &VirtualCard| {
        card.command_headers()
            .iter()
            .filter(|header| header[1] == 0x20)
            .count()
    };
    let asked = workstation.person.was_asked("GETPIN");
    let before = verifies(&card);
    let lines = page.sign_in(&workstation.issuer.challenge()).await;
    assert_eq!(
        crate::page::course(&lines),
        ["card_found", "card.pin_blocked 0"]
    );
    let last = lines.last().unwrap();
    assert_eq!(last["title"], "The card is blocked.");
    assert!(
        last["advice"]
            .as_str()
            .unwrap()
            .contains("ask the issuer for help")
    );
    assert_eq!(workstation.person.was_asked("GETPIN"), asked);
    // The card was asked for its state, which uses no try; no PIN was sent.
    assert!(verifies(&card) <= before + 1);
    while page.status().await["state"] == "busy" {}
}

#[tokio::test]
async fn what_cannot_be_a_pin_costs_no_try() {
    let (course, workstation, card) = sign_in(&["pin 12", "pin abcd", "ok", "pin 1234"]).await;
    assert_eq!(course.last().unwrap(), "assertion");
    assert!(
        !course
            .iter()
            .any(|state| state.starts_with("pin_incorrect"))
    );
    assert!(
        workstation
            .person
            .saw("SETERROR A PIN has 4 to 8 digits. No try was used.")
    );
    assert_eq!(tries_left(&card), Some(3));
}

#[tokio::test]
async fn mistyping_for_ever_ends_the_sign_in() {
    let (course, workstation, _card) = sign_in(&["pin 12"]).await;
    assert_eq!(course.last().unwrap(), "agent.too_many_entries");
    assert_eq!(workstation.person.was_asked("GETPIN"), 8);
}

#[tokio::test]
async fn no_answer_and_a_broken_prompt_have_their_codes() {
    for (answer, code) in [
        ("timeout", "agent.prompt_timed_out"),
        ("error", "agent.prompt_unavailable"),
        ("broken 1234", "agent.prompt_unavailable"),
    ] {
        let (course, _workstation, card) = sign_in(&[answer]).await;
        assert_eq!(course, ["card_found", "pin_asked 3", code]);
        assert_eq!(tries_left(&card), Some(3));
    }
}

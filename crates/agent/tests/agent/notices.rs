//! What the server tells the agents of a person's other sessions: a window in words of the agent,
//! when it is its turn.

use std::time::Duration;

use serde_json::{Value, json};

use crate::readers::{Readers, pharmacist};
use crate::several_cards::workstation;
use crate::sign_in::verify;
use crate::workstation::Workstation;

async fn signed_in(answers: &[&str]) -> Workstation {
    let readers = Readers::holding(&pharmacist());
    let workstation = workstation(&readers, answers).await;
    let challenge = workstation.issuer.challenge();
    let lines = workstation.page().sign_in(&challenge).await;
    let jkt = verify(lines.last().unwrap(), &workstation, &challenge);
    assert_eq!(workstation.issuer.statement().await.jkt(), jkt);
    workstation
}

fn refused_use(id: &str) -> Value {
    json!({
        "type": "notice", "id": id, "kind": "refused_use", "at": 1_800_000_000,
        "workstation": "Poste inconnu", "code": "login.card_suspended",
        "account": "https://evil.example/account"
    })
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Attack N5.
#[tokio::test]
async fn a_refused_use_opens_one_window_whose_button_leads_to_the_enrolled_issuers_account() {
    let workstation = signed_in(&["pin 1234", "ok"]).await;
    for _ in 0..3 {
        workstation.issuer.send(&refused_use("one"));
    }
    let opened = workstation.folder.path().join("opened");
    until(|| opened.exists()).await;
    until(|| !std::fs::read_to_string(&opened).unwrap().is_empty()).await;
    let url = std::fs::read_to_string(&opened).unwrap();
    assert_eq!(url.trim(), format!("{}/account", workstation.issuer.url));
    let person = &workstation.person;
    assert_eq!(
        person.was_asked("CONFIRM"),
        1,
        "the same notice is told once"
    );
    for words in ["Poste inconnu", "suspendue", "Ouvrir mon compte"] {
        assert!(person.saw(words), "{words}: {:?}", person.was_told());
    }
    assert!(!person.saw("evil"), "no address of the server's is shown");
}

#[tokio::test]
async fn a_notice_of_a_later_version_or_of_no_form_opens_nothing_and_ends_nothing() {
    let workstation = signed_in(&["pin 1234", "decline"]).await;
    let mut later = refused_use("later");
    later["kind"] = json!("something_else");
    let mut long = refused_use("long");
    long["workstation"] = json!("a".repeat(1_000));
    workstation.issuer.send(&later);
    workstation.issuer.send(&long);
    workstation.issuer.send(&refused_use("known"));
    until(|| workstation.person.was_asked("CONFIRM") == 1).await;
    assert!(!workstation.person.saw("aaaaaaaaaa"));
}

/// Attack N5: no window comes up over one in which a PIN is typed.
#[tokio::test]
async fn n5_a_notice_waits_while_a_pin_is_typed() {
    let workstation = signed_in(&["pin 1234", "when told pin 1234", "decline"]).await;
    let challenge = workstation.issuer.challenge();
    let stream = workstation.page().begin(&challenge).await;
    until(|| workstation.person.was_asked("GETPIN") == 2).await;
    workstation.issuer.send(&refused_use("one"));
    // Two looks of the agent's.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(workstation.person.was_asked("CONFIRM"), 0);
    workstation.person.goes_on();
    assert_eq!(stream.last_line().await["type"], "assertion");
    until(|| workstation.person.was_asked("CONFIRM") == 1).await;
}

#[tokio::test]
async fn a_sign_in_takes_the_place_of_a_notice_which_comes_back_afterwards() {
    let workstation = signed_in(&["pin 1234", "wait", "pin 1234", "decline"]).await;
    workstation.issuer.send(&refused_use("one"));
    until(|| workstation.person.was_asked("CONFIRM") == 1).await;
    let challenge = workstation.issuer.challenge();
    let lines = workstation.page().sign_in(&challenge).await;
    assert_eq!(lines.last().unwrap()["type"], "assertion");
    until(|| workstation.person.was_asked("CONFIRM") == 2).await;
}

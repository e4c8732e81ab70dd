//! What prompts say and when they come (attacks D7 and D8), and cards near their end.

use cardea_agent::pin_policy::{KEPT_MAX, PinPolicy};
use cardea_card::{Card as _, PivCard, authentication_certificate};
use cardea_virtual_card::VirtualCard;

use crate::page::course;
use crate::readers::{Readers, pharmacist};
use crate::sign_in::verify;
use crate::workstation::{Setup, Workstation};

fn english() -> Setup {
    Setup {
        language: "en",
        ..Setup::default()
    }
}

fn signatures(card: &VirtualCard) -> usize {
    let headers = card.command_headers();
    headers.iter().filter(|header| header[1] == 0x87).count()
}

/// Attack D7: a page asks a hundred times at once.
#[tokio::test]
async fn d7_a_hundred_requests_at_once_open_one_prompt() {
    let card = pharmacist();
    let setup = Setup {
        requests_per_minute: 30,
        ..Setup::default()
    };
    let workstation = Workstation::start_with(&Readers::holding(&card), &["wait"], setup).await;
    let page = workstation.page();
    let mut first = page.begin(&workstation.issuer.challenge()).await;
    first.wait_for("pin_asked").await;
    workstation.person.is_asked("GETPIN").await;
    let requests = (0..99).map(|_| async {
        let answer = page.ask(&workstation.issuer.challenge()).await;
        (answer.status, answer.code())
    });
    let answers = futures_util::future::join_all(requests).await;
    let count = |status, code: &str| {
        let same = |answer: &&(u16, String)| (answer.0, answer.1.as_str()) == (status, code);
        answers.iter().filter(same).count()
    };
    let (busy, limited) = (count(409, "agent.busy"), count(429, "agent.rate_limited"));
    assert_eq!(busy + limited, 99, "{answers:?}");
    assert!(limited > 50, "{busy} busy, {limited} limited");
    assert_eq!(workstation.person.was_asked("GETPIN"), 1);
    assert_eq!(signatures(&card), 0);
    drop(first);
}

/// Attack D7: the person silences a page for an hour, and may change her mind.
#[tokio::test]
async fn d7_a_person_who_keeps_cancelling_can_block_the_site() {
    let card = pharmacist();
    let answers = ["cancel", "cancel", "cancel", "ok"];
    let workstation = Workstation::start_with(&Readers::holding(&card), &answers, english()).await;
    let page = workstation.page();
    for _ in 0..3 {
        let lines = page.sign_in(&workstation.issuer.challenge()).await;
        // The page hears of it at once, before the person is offered anything.
        assert_eq!(course(&lines).last().unwrap(), "agent.prompt_cancelled");
    }
    workstation.person.is_asked("CONFIRM").await;
    while page.status().await["state"] == "busy" {}
    assert!(workstation.person.saw("Block this site for an hour?"));
    assert!(workstation.person.saw("“Portail de démonstration”"));
    let answer = page.ask(&workstation.issuer.challenge()).await;
    assert_eq!(
        (answer.status, &*answer.code()),
        (429, "agent.site_blocked")
    );
    assert!(answer.retry_after() <= 3_601);

    assert_eq!(
        unblock(&workstation, &["https://other.example"]),
        format!(
            "no such site is blocked or paused; these are:\n  blocked for 60 min: {}\n",
            portal(&workstation)
        )
    );
    let url = &workstation.issuer.url;
    let freed = format!("unblocked: {}\n", portal(&workstation));
    assert_eq!(unblock(&workstation, &[url]), freed);
    workstation.person.will_answer(&["pin 1234"]);
    let challenge = workstation.issuer.challenge();
    let lines = page.sign_in(&challenge).await;
    verify(lines.last().unwrap(), &workstation, &challenge);
}

/// The portal of the test's challenges, as commands name it.
fn portal(workstation: &Workstation) -> String {
    let url = &workstation.issuer.url;
    format!("Portail de démonstration (portal) through {url}")
}

fn unblock(workstation: &Workstation, site: &[&str]) -> String {
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_cardea-agent"))
        .args(["unblock", "--config"])
        .arg(workstation.config_file())
        .args(site)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).unwrap()
}

/// Attack D7: who does not want to block has the pause all the same.
#[tokio::test]
async fn d7_a_person_who_does_not_block_the_site_has_a_pause_from_it() {
    let card = pharmacist();
    let answers = ["cancel", "cancel", "cancel", "cancel"];
    let workstation = Workstation::start_with(&Readers::holding(&card), &answers, english()).await;
    let page = workstation.page();
    for _ in 0..3 {
        page.sign_in(&workstation.issuer.challenge()).await;
    }
    workstation.person.is_asked("CONFIRM").await;
    while page.status().await["state"] == "busy" {}
    let answer = page.ask(&workstation.issuer.challenge()).await;
    assert_eq!(answer.code(), "agent.rate_limited");
    assert!((240..=300).contains(&answer.json()["retry_after_seconds"].as_u64().unwrap()));

    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_cardea-agent"))
        .args(["status", "--json", "--config"])
        .arg(workstation.config_file())
        .env_remove("XDG_RUNTIME_DIR")
        .output()
        .unwrap();
    let status: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let resting = &status["resting"][0];
    assert_eq!(resting["name"], "Portail de démonstration");
    assert_eq!(resting["blocked"], false);
    let freed = format!("pause ended: {}\n", portal(&workstation));
    assert_eq!(unblock(&workstation, &[]), freed);
    assert_eq!(unblock(&workstation, &[]), "no site is blocked or paused\n");
    workstation.person.will_answer(&["pin 1234"]);
    let challenge = workstation.issuer.challenge();
    let lines = page.sign_in(&challenge).await;
    verify(lines.last().unwrap(), &workstation, &challenge);
}

/// Attack D7: one portal that nags costs the person no other one of the same issuer; and it cannot
/// take the question away that is about it.
#[tokio::test]
async fn d7_a_portal_that_is_paused_pauses_no_other() {
    let card = pharmacist();
    let answers = ["cancel", "cancel", "cancel", "wait", "pin 1234"];
    let workstation = Workstation::start_with(&Readers::holding(&card), &answers, english()).await;
    let page = workstation.page();
    for _ in 0..3 {
        page.sign_in(&workstation.issuer.challenge()).await;
    }
    workstation.person.is_asked("CONFIRM").await;
    let answer = page.ask(&workstation.issuer.challenge()).await;
    assert_eq!(answer.code(), "agent.rate_limited");
    assert_eq!(page.ask("nonsense").await.code(), "agent.challenge_invalid");
    assert_eq!(page.status().await["state"], "busy");
    let mut claims = workstation.issuer.claims();
    claims.client_id = "another-portal".to_owned();
    let challenge = claims.sign(&workstation.issuer.challenge_key).unwrap();
    // The question about the first one gives way.
    let lines = page.sign_in(&challenge).await;
    assert_eq!(course(&lines).last().unwrap(), "assertion");
}

/// Attack D8: the portal's name comes from the signed challenge, never from the page, and can't
/// make the prompt read differently.
#[tokio::test]
async fn d8_the_prompt_names_the_portal_that_the_server_knows_escaped_and_cut() {
    let card = pharmacist();
    let workstation =
        Workstation::start_with(&Readers::holding(&card), &["pin 1234"], english()).await;
    let mut claims = workstation.issuer.claims();
    claims.client_name = format!("Ban\u{202E}que » ”\nthrough “Ameli\n<b>{}", "x".repeat(150));
    let challenge = claims.sign(&workstation.issuer.challenge_key).unwrap();
    let lines = workstation.page().sign_in(&challenge).await;
    verify(lines.last().unwrap(), &workstation, &challenge);
    let told = workstation.person.was_told();
    let shown = told
        .iter()
        .find(|line| line.starts_with("SETDESC"))
        .unwrap();
    let lines: Vec<_> = shown.split("%0A").collect();
    assert!(lines[0].starts_with("SETDESC Sign in to “Banque ' ' through 'Ameli ‹b›xxx"));
    assert!(lines[0].ends_with("x…”"), "{}", lines[0]);
    assert_eq!(lines[1], "through “Émetteur de test”");
    assert!(
        !shown.contains('\u{202E}') && !shown.contains('<'),
        "{shown}"
    );
}

/// The end of the test card's certificate, in unix seconds.
fn end_of(card: &VirtualCard) -> i64 {
    let certificates = PivCard::new(card.connect()).certificates().unwrap();
    let certificate = authentication_certificate(&certificates).unwrap();
    certificate.not_after().unix_timestamp()
}

#[tokio::test]
async fn a_card_near_its_end_says_so_and_an_expired_one_is_refused_before_its_pin() {
    const DAY: i64 = 24 * 60 * 60;
    let card = pharmacist();
    let end = end_of(&card);
    let workstation = Workstation::start(&Readers::holding(&card), &["pin 1234"]).await;
    let login_at = async |now: i64| {
        let mut claims = workstation.issuer.claims();
        (claims.iat, claims.exp) = (now, now + 120);
        let challenge = claims.sign(&workstation.issuer.challenge_key).unwrap();
        course(&workstation.page().sign_in(&challenge).await)
    };
    assert_eq!(login_at(end - 40 * DAY).await.last().unwrap(), "assertion");
    assert!(!workstation.person.saw("la carte expire"));
    assert_eq!(login_at(end - 12 * DAY).await.last().unwrap(), "assertion");
    assert!(
        workstation
            .person
            .saw("(dans 12 jours). Demandez une nouvelle carte.")
    );
    let asked = workstation.person.was_asked("GETPIN");
    assert_eq!(login_at(end + 5).await, ["agent.card_expired"]);
    assert_eq!(workstation.person.was_asked("GETPIN"), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_tells_its_user_the_policy_and_each_cards_days_and_no_name() {
    let setup = Setup {
        pin_policy: PinPolicy::Pharmacy { kept_max: KEPT_MAX },
        ..Setup::default()
    };
    let readers = Readers::holding(&pharmacist());
    let workstation = Workstation::start_with(&readers, &[], setup).await;
    crate::socket::open(&workstation);
    while workstation.page().status().await["card"] != "present" {}
    let config = workstation.config_file();
    let ran = tokio::process::Command::new(env!("CARGO_BIN_EXE_cardea-agent"))
        .args(["status", "--json", "--config"])
        .arg(&config)
        // The socket's place follows from it where there is one.
        .env_remove("XDG_RUNTIME_DIR")
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(ran.stdout).unwrap();
    let status: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status["pin_policy"], "pharmacy");
    let card = &status["cards"][0];
    assert_eq!(card["reader"], "Reader A");
    assert_eq!(card["type"], "CPS");
    assert!(card["expires_in_days"].is_i64(), "{text}");
    assert!(!text.contains("LEFEVRE"), "{text}");
    // A page learns none of it.
    assert_eq!(
        workstation.page().status().await.as_object().unwrap().len(),
        3
    );
}

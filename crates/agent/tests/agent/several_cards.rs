//! Which of several cards (attack D13): asked one by one, and from the fourth on shown on a page of
//! the agent's own.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::time::Duration;

use cardea_virtual_card::VirtualCard;

use crate::page::{Answer, course, raw};
use crate::readers::{Readers, pharmacist};
use crate::sign_in::verify;
use crate::workstation::{Setup, Workstation};

const READERS: [&str; 4] = ["Reader A", "Reader B", "Reader C", "Reader <D>"];

fn cards(count: usize) -> (Readers, Vec<VirtualCard>) {
    let readers = Readers::none();
    let cards: Vec<_> = READERS.iter().take(count).map(|_| pharmacist()).collect();
    for (reader, card) in READERS.iter().zip(&cards) {
        readers.insert(reader, card);
    }
    (readers, cards)
}

fn has_signed(card: &VirtualCard) -> bool {
    card.command_headers()
        .iter()
        .any(|header| header[1] == 0x87)
}

/// The page as the person's browser has it.
pub(crate) struct Chooser {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
}

impl Chooser {
    /// Waits until the agent opens it.
    pub(crate) async fn opened(workstation: &Workstation) -> Self {
        let file = workstation.folder.path().join("opened");
        loop {
            if let Ok(text) = std::fs::read_to_string(&file)
                && let Some(url) = text.strip_suffix('\n')
            {
                std::fs::remove_file(&file).unwrap();
                let (address, path) = url
                    .strip_prefix("http://")
                    .and_then(|rest| rest.split_once('/'))
                    .unwrap();
                let address = address.parse().unwrap();
                let path = format!("/{path}");
                return Self { address, path };
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn get(&self) -> Answer {
        let Self { address, path } = self;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        raw(*address, &request).await.unwrap()
    }

    pub(crate) async fn post(&self, form: &str) -> Answer {
        self.post_from(&format!("http://{}", self.address), form)
            .await
    }

    pub(crate) async fn post_from(&self, origin: &str, form: &str) -> Answer {
        let Self { address, path } = self;
        let length = form.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: {origin}\r\n\
             Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {length}\r\n\r\n{form}"
        );
        raw(*address, &request).await.unwrap()
    }
}

/// A workstation whose browser is a script that notes what it is to open.
pub(crate) async fn workstation(readers: &Readers, answers: &[&str]) -> Workstation {
    let setup = Setup {
        browser: "browser",
        before: "browser = \"./browser\"".to_owned(),
        ..Setup::default()
    };
    let workstation = Workstation::start_with(readers, answers, setup).await;
    let script = workstation.folder.path().join("browser");
    let text = "#!/bin/sh\necho \"$1\" >\"$(dirname \"$0\")/opened\"\n";
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    workstation
}

#[tokio::test]
async fn d13_up_to_three_cards_are_asked_about_one_by_one() {
    let (readers, cards) = cards(3);
    let workstation = workstation(&readers, &["decline", "decline", "ok", "pin 1234"]).await;
    let challenge = workstation.issuer.challenge();
    let lines = workstation.page().sign_in(&challenge).await;
    verify(lines.last().unwrap(), &workstation, &challenge);
    let signed: Vec<_> = cards.iter().map(has_signed).collect();
    assert_eq!(signed, [false, false, true]);
    for reader in &READERS[..3] {
        assert!(
            workstation.person.saw(&format!("Lecteur : {reader}")),
            "{reader}"
        );
    }
    assert!(workstation.person.saw("Carte CPS : Dominique"));
    // "Another card" on the last one is no Cancel: the first is asked about again.
    let round = ["decline", "decline", "decline", "ok", "pin 1234"];
    workstation.person.will_answer(&round);
    let challenge = workstation.issuer.challenge();
    let lines = workstation.page().sign_in(&challenge).await;
    verify(lines.last().unwrap(), &workstation, &challenge);
    assert!(has_signed(&cards[0]));
    // The choice was for that login alone.
    workstation.person.will_answer(&["cancel"]);
    let lines = workstation
        .page()
        .sign_in(&workstation.issuer.challenge())
        .await;
    assert_eq!(course(&lines), ["choose_card", "agent.prompt_cancelled"]);
}

#[tokio::test]
async fn d13_four_cards_are_shown_on_a_page_of_the_agents_own() {
    let (readers, cards) = cards(4);
    let workstation = workstation(&readers, &["pin 1234"]).await;
    let challenge = workstation.issuer.challenge();
    let stream = workstation.page().begin(&challenge).await;
    let chooser = Chooser::opened(&workstation).await;
    assert!(chooser.address.ip().is_loopback());
    assert!(chooser.path.len() >= 43, "{}", chooser.path);
    let page = chooser.get().await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let policy = page.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!page.body.contains("<script") && !page.body.contains("<D>"));
    for text in [
        "lang=\"fr\"",
        "LEFEVRE",
        "Carte CPS",
        "Reader ‹D›",
        "Portail de démonstration",
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(workstation.person.was_told().is_empty());

    assert_eq!(chooser.post("card=4").await.status, 400);
    let chosen = chooser.post("card=3").await;
    assert_eq!(chosen.status, 200);
    verify(&stream.last_line().await, &workstation, &challenge);
    let signed: Vec<_> = cards.iter().map(has_signed).collect();
    assert_eq!(signed.iter().filter(|signed| **signed).count(), 1);
    // It was good for one choice.
    assert_eq!(chooser.post("card=1").await.status, 410);
    assert_eq!(chooser.get().await.status, 410);
}

/// What a program of another user gets from the page's port.
pub(crate) async fn another_user_gets(chooser: &Chooser) -> String {
    const NOBODY: u32 = 65_534;
    let Chooser { address, path } = chooser;
    let request = format!("GET {path} HTTP/1.1\\r\\nHost: {address}\\r\\n\\r\\n");
    let script = format!(
        "exec 3<>/dev/tcp/{}/{} && printf '{request}' >&3 && cat <&3",
        address.ip(),
        address.port()
    );
    let command = std::process::Command::new("bash")
        .args(["-c", &script])
        .uid(NOBODY)
        .output();
    match command {
        Ok(ran) => String::from_utf8(ran.stdout).unwrap(),
        // Only root can become somebody else.
        Err(_) => String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_choosers_page_answers_nobody_else() {
    let (readers, cards) = cards(4);
    let workstation = workstation(&readers, &["pin 1234"]).await;
    let mut stream = workstation
        .page()
        .begin(&workstation.issuer.challenge())
        .await;
    let chooser = Chooser::opened(&workstation).await;
    let Chooser { address, path } = &chooser;
    let get = async |path: &str, headers: &str| {
        let request = format!("GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
        raw(*address, &request).await.unwrap().status
    };
    let host = format!("Host: {address}\r\n");
    let guessed = format!("/{}", "A".repeat(path.len() - 1));
    assert_eq!(get("/", &host).await, 404);
    assert_eq!(get(&guessed, &host).await, 404);
    assert_eq!(get(&format!("{path}?x"), &host).await, 404);
    let elsewhere = format!("Host: evil.test:{}\r\n", address.port());
    assert_eq!(get(path, &elsewhere).await, 403);
    let framed = format!("{host}Sec-Fetch-Site: cross-site\r\n");
    assert_eq!(get(path, &framed).await, 403);
    for origin in ["http://evil.test", "null", &workstation.issuer.url] {
        assert_eq!(chooser.post_from(origin, "card=0").await.status, 403);
    }
    assert_eq!(chooser.post(&"card=0".repeat(20)).await.status, 413);
    assert_eq!(another_user_gets(&chooser).await, "");
    assert_eq!(chooser.post("cancel=1").await.status, 200);
    stream.wait_for("agent.prompt_cancelled").await;
    assert!(!cards.iter().any(has_signed));
}

#[tokio::test]
async fn the_choosers_page_goes_with_a_card_and_with_the_page_that_asked() {
    let (readers, cards) = cards(4);
    let workstation = workstation(&readers, &["pin 1234"]).await;
    let page = workstation.page();
    let stream = page.begin(&workstation.issuer.challenge()).await;
    let chooser = Chooser::opened(&workstation).await;
    readers.pull("Reader B");
    assert_eq!(stream.last_line().await["code"], "card.removed");
    assert_eq!(chooser.get().await.status, 410);

    readers.insert("Reader B", &cards[1]);
    while page.status().await["state"] == "busy" {}
    let stream = page.begin(&workstation.issuer.challenge()).await;
    let chooser = Chooser::opened(&workstation).await;
    drop(stream);
    while page.status().await["state"] == "busy" {}
    assert_eq!(chooser.get().await.status, 410);
    assert_eq!(chooser.post("card=0").await.status, 410);
    assert!(!cards.iter().any(has_signed));
}

#[tokio::test]
async fn where_no_browser_opens_many_cards_are_asked_about_one_by_one_too() {
    let (readers, cards) = cards(4);
    let answers = ["decline", "decline", "decline", "ok", "pin 1234"];
    let workstation = Workstation::start(&readers, &answers).await;
    let challenge = workstation.issuer.challenge();
    let lines = workstation.page().sign_in(&challenge).await;
    verify(lines.last().unwrap(), &workstation, &challenge);
    assert!(has_signed(&cards[3]));
}

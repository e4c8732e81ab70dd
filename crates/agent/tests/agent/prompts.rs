//! What prompts say and when they come (attacks D7 and D8), cards near their end, readers with keys
//! of their own, contactless readers.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use cardea_agent::CardAccess;
use cardea_agent::pin_policy::{KEPT_MAX, PinPolicy};
use cardea_assertion::UserVerification;
use cardea_card::{
    Card, CardCertificate, Error, Insertion, PinAfter, PinEntry, PinMeans, PinStatus, PivCard,
    ReaderMonitor, SignRequest, Signature, authentication_certificate,
};
use cardea_virtual_card::VirtualCard;

use crate::page::course;
use crate::readers::{Readers, pharmacist};
use crate::sign_in::{verify, verify_as};
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
    assert!(workstation.person.saw(&workstation.issuer.url));
    let answer = page.ask(&workstation.issuer.challenge()).await;
    assert_eq!(
        (answer.status, &*answer.code()),
        (429, "agent.site_blocked")
    );
    assert!(answer.retry_after() <= 3_601);

    let unblock = |origin: &str| {
        let ran = std::process::Command::new(env!("CARGO_BIN_EXE_cardea-agent"))
            .args(["unblock", "--config"])
            .arg(workstation.config_file())
            .arg(origin)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    };
    assert_eq!(
        unblock("https://other.example"),
        "no such site is blocked\n"
    );
    let url = &workstation.issuer.url;
    assert_eq!(unblock(url), format!("unblocked: {url}\n"));
    workstation.person.will_answer(&["pin 1234"]);
    let challenge = workstation.issuer.challenge();
    let lines = page.sign_in(&challenge).await;
    verify(lines.last().unwrap(), &workstation, &challenge);
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

/// Cards behind another interface than the usual: a reader with keys, or a contactless one.
#[derive(Clone)]
struct Interface {
    readers: Readers,
    means: PinMeans,
    pad: Arc<(Mutex<Vec<Typed>>, Condvar)>,
}

/// What the person does on the reader's keys.
#[derive(Clone, Copy)]
enum Typed {
    Pin(&'static str),
    Cancel,
}

impl Interface {
    fn new(card: &VirtualCard, means: PinMeans, typed: &[Typed]) -> Self {
        Self {
            readers: Readers::holding(card),
            means,
            pad: Arc::new((Mutex::new(typed.to_vec()), Condvar::new())),
        }
    }

    fn will_type(&self, typed: Typed) {
        self.pad.0.lock().unwrap().push(typed);
        self.pad.1.notify_all();
    }
}

impl CardAccess for Interface {
    fn monitor(&self) -> Result<Box<dyn ReaderMonitor>, Error> {
        self.readers.monitor()
    }

    fn open_insertion(&self, insertion: &Insertion) -> Result<Box<dyn Card>, Error> {
        Ok(Box::new(OtherInterface {
            card: self.readers.open_insertion(insertion)?,
            interface: self.clone(),
        }))
    }
}

struct OtherInterface {
    card: Box<dyn Card>,
    interface: Interface,
}

impl Card for OtherInterface {
    fn card_name(&self) -> String {
        self.card.card_name()
    }

    fn serial(&mut self) -> Result<String, Error> {
        self.card.serial()
    }

    fn certificates(&mut self) -> Result<Vec<CardCertificate>, Error> {
        self.card.certificates()
    }

    fn pin_status(&mut self) -> Result<PinStatus, Error> {
        self.card.pin_status()
    }

    fn pin_means(&mut self) -> Result<PinMeans, Error> {
        Ok(self.interface.means)
    }

    fn sign(&mut self, request: &SignRequest<'_>) -> Result<Signature, Error> {
        let typed = match (self.interface.means, request.pin) {
            (PinMeans::Reader, PinEntry::OnReader) => {
                let (typed, changed) = &*self.interface.pad;
                let nothing = |typed: &mut Vec<Typed>| typed.is_empty();
                let waiting = changed.wait_while(typed.lock().unwrap(), nothing);
                waiting.unwrap().remove(0)
            }
            // The card of the tests wants a PIN; one on a contactless reader would not.
            (PinMeans::None, PinEntry::NotAsked) => Typed::Pin("1234"),
            (means, pin) => panic!("{pin:?} with {means:?}"),
        };
        match typed {
            Typed::Pin(digits) => {
                let pin = cardea_card::Pin::parse(digits).unwrap();
                let mut request = request.clone();
                request.pin = PinEntry::Typed(&pin);
                self.card.sign(&request)
            }
            Typed::Cancel => Err(Error::PinEntryCancelled),
        }
    }

    fn clear_pin(&mut self) -> Result<PinAfter, Error> {
        self.card.clear_pin()
    }
}

#[tokio::test]
async fn a_pin_typed_on_the_reader_has_a_window_that_goes_by_itself() {
    let card = pharmacist();
    let typed = [Typed::Pin("9999"), Typed::Pin("1234")];
    let interface = Interface::new(&card, PinMeans::Reader, &[]);
    let workstation = Workstation::start_on(interface.clone(), &["wait"], english()).await;
    let challenge = workstation.issuer.challenge();
    let mut stream = workstation.page().begin(&challenge).await;
    stream.wait_for("\"pin_on_reader\",\"tries_left\":3").await;
    workstation.person.is_asked("MESSAGE").await;
    interface.will_type(typed[0]);
    stream.wait_for("\"pin_on_reader\",\"tries_left\":2").await;
    while workstation.person.was_asked("MESSAGE") < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    interface.will_type(typed[1]);
    verify(&stream.last_line().await, &workstation, &challenge);
    assert!(workstation.person.saw("Type the PIN ON THE READER"));
    assert!(
        workstation
            .person
            .saw("SETDESC Incorrect PIN. 2 tries are left.")
    );
    assert!(workstation.person.saw("Portail de démonstration"));
    assert!(workstation.person.saw("SETOK Cancel"));
    assert_eq!(workstation.person.was_asked("GETPIN"), 0);
}

#[tokio::test]
async fn cancelling_while_the_reader_waits_is_heard_at_once_and_nothing_is_signed() {
    let card = pharmacist();
    let interface = Interface::new(&card, PinMeans::Reader, &[]);
    let workstation = Workstation::start_on(interface.clone(), &["ok"], english()).await;
    let page = workstation.page();
    let lines = page.sign_in(&workstation.issuer.challenge()).await;
    assert_eq!(
        course(&lines),
        ["card_found", "pin_on_reader 3", "agent.prompt_cancelled"]
    );
    // The reader still waits: nobody else is asked meanwhile.
    assert_eq!(page.status().await["state"], "busy");
    interface.will_type(Typed::Pin("1234"));
    while page.status().await["state"] == "busy" {}
    assert_eq!(signatures(&card), 0);

    // By the reader's own cancel key.
    interface.will_type(Typed::Cancel);
    workstation.person.will_answer(&["wait"]);
    let lines = page.sign_in(&workstation.issuer.challenge()).await;
    assert_eq!(course(&lines).last().unwrap(), "agent.prompt_cancelled");
}

#[tokio::test]
async fn a_contactless_card_signs_by_a_click_only_where_the_challenge_allows_none() {
    let card = pharmacist();
    let interface = Interface::new(&card, PinMeans::None, &[]);
    let workstation = Workstation::start_on(interface, &["ok"], english()).await;
    let challenge = |uv| {
        let mut claims = workstation.issuer.claims();
        claims.uv = uv;
        claims.sign(&workstation.issuer.challenge_key).unwrap()
    };
    for wanted in [UserVerification::Now, UserVerification::Cached] {
        let lines = workstation.page().sign_in(&challenge(wanted)).await;
        assert_eq!(
            course(&lines),
            ["card_found", "agent.pin_wanted_contactless"]
        );
    }
    assert!(workstation.person.was_told().is_empty());
    let allowed = challenge(UserVerification::None);
    let lines = workstation.page().sign_in(&allowed).await;
    assert_eq!(
        course(&lines),
        ["card_found", "confirm_asked", "signing", "assertion"]
    );
    let last = lines.last().unwrap();
    verify_as(UserVerification::None, last, &workstation, &allowed);
    assert!(
        workstation
            .person
            .saw("Contactless reading: no PIN is asked.")
    );
    assert!(workstation.person.saw("Portail de démonstration"));
}

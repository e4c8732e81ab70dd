//! A card that breaks in a real reader (real pcscd and vpcd), through the whole agent: a clear
//! error, the reader free for other programs, no try of the PIN lost, and the next login works
//! (attacks D12 and D15). `card_faults.rs` does the same at every command, without a reader.

use std::ffi::CString;
use std::time::Duration;

use cardea_agent::CardAccess;
use cardea_card::{Backend, Card, Error, Insertion, ReaderMonitor, StatusWord};
use cardea_virtual_card::vpcd::PluggedCard;
use cardea_virtual_card::{Fault, Trigger, VirtualCard};

use crate::card_faults::assert_is_clear;
use crate::readers::pharmacist;
use crate::service::{LIMIT, Service, pin_status, run_in_own_process, wait_until};
use crate::workstation::{Setup, Workstation};

/// How long the agent waits for a card here.
pub(crate) const AGENTS_LIMIT: Duration = Duration::from_millis(2500);
const TRIES: u8 = 3;

/// The real readers, with a card that is given up sooner than in life.
pub(crate) struct ImpatientReaders;

impl CardAccess for ImpatientReaders {
    fn monitor(&self) -> Result<Box<dyn ReaderMonitor>, Error> {
        Backend::Pcsc.monitor()
    }

    fn open_insertion(&self, insertion: &Insertion) -> Result<Box<dyn Card>, Error> {
        Backend::Pcsc.open_insertion(insertion)
    }

    fn call_limit(&self) -> Duration {
        AGENTS_LIMIT
    }
}

/// The reader is another program's again by then, on a loaded machine too.
const AT_ONCE: Duration = Duration::from_secs(20);

/// What breaks, and what the person is told.
type Case = (Fault, &'static str);

struct Desk {
    service: Service,
    card: VirtualCard,
    workstation: Workstation,
    plugged: Option<PluggedCard>,
}

impl Desk {
    async fn set(service: Service) -> Self {
        let setup = Setup {
            language: "en",
            ..Setup::default()
        };
        let workstation = Workstation::start_on(ImpatientReaders, &["pin 1234"], setup).await;
        let mut desk = Self {
            service,
            card: pharmacist(),
            workstation,
            plugged: None,
        };
        desk.insert_anew(|_| {}).await;
        desk
    }

    /// Pulls the card, changes something, and puts it in.
    async fn insert_anew(&mut self, change: impl FnOnce(&VirtualCard)) {
        self.plugged = None;
        // The agent hears of a card that died from the card; the service looks only now and then,
        // and a card that is faster than its look is no new one to it.
        wait_until("the service sees that the card is out", async || {
            self.is_out()
        })
        .await;
        self.sees_card(false).await;
        change(&self.card);
        self.plugged = Some(self.service.plug(&self.card));
        self.sees_card(true).await;
    }

    fn is_out(&self) -> bool {
        let context = pcsc::Context::establish(pcsc::Scope::User).unwrap();
        let reader = CString::new(self.service.reader()).unwrap();
        let mut states = [pcsc::ReaderState::new(reader, pcsc::State::UNAWARE)];
        let now = Duration::ZERO;
        let looked = context.get_status_change(now, &mut states);
        looked.is_ok() && states[0].event_state().contains(pcsc::State::EMPTY)
    }

    async fn sees_card(&self, is_in: bool) {
        let page = self.workstation.page();
        let what = format!("the agent sees that the card is in: {is_in}");
        wait_until(&what, async || {
            (page.status().await["card"] == "present") == is_in
        })
        .await;
    }

    /// A login; the code of its error.
    async fn log_in(&self, case: &str) -> Option<String> {
        self.workstation.person.will_answer(&["pin 1234"]);
        let challenge = self.workstation.issuer.challenge();
        let page = self.workstation.page();
        let lines = tokio::time::timeout(LIMIT, page.sign_in(&challenge)).await;
        let line = lines.unwrap_or_else(|_| panic!("{case}: no end")).pop();
        let line = line.unwrap();
        assert_is_clear(&line, &self.workstation, &challenge, case);
        line["code"].as_str().map(str::to_owned)
    }

    async fn meets(&mut self, trigger: Trigger, (fault, expected): Case) {
        let case = format!("{fault:?} at {trigger:?}");
        if trigger == Trigger::Select {
            // The application is selected once for an insertion.
            self.insert_anew(|card| card.inject(trigger, fault)).await;
        } else {
            self.card.inject(trigger, fault);
        }
        let code = self.log_in(&case).await;
        assert!(self.card.faults_are_spent(), "{case}: not met");
        assert_eq!(code.as_deref(), Some(expected), "{case}");
        if expected == "card.removed" {
            self.insert_anew(|_| {}).await;
        }
        self.is_anyones(&case).await;
        // A card hides its counter behind a verified PIN.
        self.card.power_cycle();
        assert_eq!(pin_status(&self.card).tries_left, Some(TRIES), "{case}");
        self.insert_anew(|_| {}).await;
        assert_eq!(self.log_in(&case).await, None, "after {case}");
    }

    /// Another program has a transaction with the card as soon as the card has done what it did.
    async fn is_anyones(&self, case: &str) {
        let reader = CString::new(self.service.reader()).unwrap();
        let other_program = tokio::task::spawn_blocking(move || {
            let context = pcsc::Context::establish(pcsc::Scope::User)?;
            let shared = pcsc::ShareMode::Shared;
            let mut card = context.connect(&reader, shared, pcsc::Protocols::ANY)?;
            let transaction = card.transaction()?;
            let select = [0, 0xA4, 4, 0, 5, 0xA0, 0, 0, 3, 8, 0];
            let answered = transaction
                .transmit(&select, &mut [0; 300])?
                .ends_with(&[0x90, 0]);
            let ended = transaction.end(pcsc::Disposition::LeaveCard);
            ended.map_err(|(_, error)| error)?;
            Ok::<_, pcsc::Error>(answered)
        });
        let answered = tokio::time::timeout(AT_ONCE, other_program).await;
        let answered = answered.unwrap_or_else(|_| panic!("{case}: the reader stays held"));
        assert!(answered.unwrap().unwrap(), "{case}");
    }
}

fn meet_all(name: &str, trigger: Trigger, cases: &[Case]) {
    let name = format!("real_reader_faults::{name}");
    run_in_own_process(&name, async |service| {
        let mut desk = Desk::set(service).await;
        assert_eq!(desk.log_in("good").await, None);
        for case in cases {
            desk.meets(trigger, *case).await;
        }
    });
}

const SLOW: Fault = Fault::Slow(AGENTS_LIMIT.saturating_mul(2));
const CUT: Fault = Fault::Truncated { bytes: 1 };

fn status(word: u16) -> Fault {
    Fault::Answer(StatusWord(word))
}

#[test]
fn d15_a_card_that_breaks_at_select_costs_nothing() {
    meet_all(
        "d15_a_card_that_breaks_at_select_costs_nothing",
        Trigger::Select,
        &[
            (Fault::RemovedMidCommand, "card.removed"),
            (CUT, "card.removed"),
            (SLOW, "card.timed_out"),
            (status(0x6A82), "card.unsupported"),
        ],
    );
}

#[test]
fn d15_a_card_that_breaks_at_the_pin_costs_nothing() {
    meet_all(
        "d15_a_card_that_breaks_at_the_pin_costs_nothing",
        Trigger::Verify,
        &[
            (Fault::RemovedMidCommand, "card.removed"),
            (CUT, "card.removed"),
            (SLOW, "card.timed_out"),
            (status(0x6F00), "card.unexpected_status"),
        ],
    );
}

/// D12: pulled between the PIN and the signature.
#[test]
fn d15_a_card_that_breaks_at_the_signature_costs_nothing() {
    meet_all(
        "d15_a_card_that_breaks_at_the_signature_costs_nothing",
        Trigger::GeneralAuthenticate,
        &[
            (Fault::RemovedMidCommand, "card.removed"),
            (CUT, "card.removed"),
            (SLOW, "card.timed_out"),
            (status(0x6982), "card.unexpected_status"),
        ],
    );
}

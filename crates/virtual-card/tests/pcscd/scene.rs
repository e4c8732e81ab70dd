//! A process with a pcscd of its own and cards to insert.

use std::time::{Duration, Instant};

use cardea_card::{Backend, Card, Reader};
use cardea_test_pki::{CardProfile, KeyKind, TestPki};
use cardea_virtual_card::own_process;
use cardea_virtual_card::private_pcscd::PrivatePcscd;
use cardea_virtual_card::vpcd::PluggedCard;
use cardea_virtual_card::{CardImage, Fault, Trigger, VirtualCard};

use crate::opensc_module;

const VPCD: &str = "CARDEA_TEST_VPCD";
const READER: &str = "CARDEA_TEST_VPCD_READER";
const NO_SERVICE: &str = "CARDEA_TEST_NO_PCSCD";
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Scene {
    pub(crate) reader: String,
    vpcd: String,
}

/// A card in the reader, and a second connection to it for faults and for looking at it.
pub(crate) struct Inserted {
    view: VirtualCard,
    _plugged: PluggedCard,
}

impl Inserted {
    pub(crate) fn inject(&self, trigger: Trigger, fault: Fault) {
        self.view.inject(trigger, fault);
    }

    pub(crate) fn command_headers(&self) -> Vec<[u8; 4]> {
        self.view.command_headers()
    }
}

impl Scene {
    pub(crate) fn image(&self, key: KeyKind) -> CardImage {
        let pki = TestPki::shared().unwrap();
        let issued = pki
            .issue_card(&CardProfile::pharmacist().with_key(key))
            .unwrap();
        CardImage::from_issued(&issued).unwrap()
    }

    pub(crate) fn insert(&self, key: KeyKind) -> Inserted {
        self.insert_image(self.image(key))
    }

    /// Inserts a card and waits until pcscd shows it.
    pub(crate) fn insert_image(&self, image: CardImage) -> Inserted {
        let inserted = self.plug(image);
        self.wait_for(true);
        inserted
    }

    /// Inserts a card without looking whether pcscd has noticed.
    pub(crate) fn insert_unwatched(&self, key: KeyKind) -> Inserted {
        self.plug(self.image(key))
    }

    /// Pulls a card and waits until pcscd shows that.
    pub(crate) fn remove(&self, inserted: Inserted) {
        drop(inserted);
        self.wait_for(false);
    }

    fn plug(&self, image: CardImage) -> Inserted {
        let card = VirtualCard::insert(image).unwrap();
        let view = card.connect();
        Inserted {
            view,
            _plugged: PluggedCard::plug(&self.vpcd, card).unwrap(),
        }
    }

    fn wait_for(&self, present: bool) {
        let mut monitor = Backend::Pcsc.monitor().unwrap();
        let mut readers = monitor.readers().unwrap();
        let began = Instant::now();
        while readers
            .iter()
            .any(|reader| reader.name == self.reader && reader.has_card())
            != present
        {
            assert!(began.elapsed() < LIMIT, "pcscd does not notice the card");
            monitor.wait_for_change(Some(LIMIT)).unwrap();
            readers = monitor.readers().unwrap();
        }
    }
}

/// Runs the named test once more in a process that talks to a new pcscd.
pub(crate) fn run_in_own_process(name: &str, test: impl FnOnce(&Scene)) {
    if let (Ok(vpcd), Ok(reader)) = (std::env::var(VPCD), std::env::var(READER)) {
        return test(&Scene { reader, vpcd });
    }
    let pcscd = PrivatePcscd::start().unwrap();
    let in_this_service = own_process::run_test(name, |command| {
        command
            .env("PCSCLITE_CSOCK_NAME", pcscd.socket())
            .env(VPCD, pcscd.vpcd_address())
            .env(READER, pcscd.reader_name());
    });
    in_this_service.unwrap_or_else(|error| panic!("{error}"));
}

/// Runs the named test once more in a process that finds no pcscd.
pub(crate) fn run_without_pcscd(name: &str, test: impl FnOnce()) {
    if std::env::var_os(NO_SERVICE).is_some() {
        return test();
    }
    let without = own_process::run_test(name, |command| {
        command
            .env("PCSCLITE_CSOCK_NAME", "/nonexistent/pcscd.comm")
            .env(NO_SERVICE, "1");
    });
    without.unwrap_or_else(|error| panic!("{error}"));
}

/// OpenSC's module as backend.
pub(crate) fn opensc() -> Backend {
    Backend::Pkcs11 {
        module: opensc_module::installed(),
    }
}

/// The token that OpenSC sees, once it does.
pub(crate) fn open_token(backend: &Backend) -> Box<dyn Card> {
    let mut monitor = backend.monitor().unwrap();
    let began = Instant::now();
    loop {
        let readers = monitor.readers().unwrap();
        if let Some(reader) = readers.iter().find(|reader| Reader::has_card(reader)) {
            return backend.open(&reader.name).unwrap();
        }
        assert!(
            began.elapsed() < LIMIT,
            "OpenSC does not see the card: {readers:?}"
        );
        monitor.wait_for_change(Some(LIMIT)).unwrap();
    }
}

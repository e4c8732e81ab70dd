//! A process with a pcscd of its own, which it can end and start again, and cards to plug in.
//!
//! libpcsclite takes its socket from the environment, so each test runs again in a process of its
//! own. The socket that is named there is a link to that of whichever pcscd runs at the moment.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cardea_card::{Card as _, PinStatus, PivCard};
use cardea_virtual_card::VirtualCard;
use cardea_virtual_card::own_process;
use cardea_virtual_card::private_pcscd::PrivatePcscd;
use cardea_virtual_card::vpcd::PluggedCard;

const FOLDER: &str = "CARDEA_TEST_SERVICE_FOLDER";
/// Nothing here takes long; a loaded machine does.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// The smart-card service of this process.
pub(crate) struct Service {
    link: PathBuf,
    pcscd: Option<PrivatePcscd>,
}

/// Runs the named test once more in a process that talks to a new pcscd.
pub(crate) fn run_in_own_process<F: Future>(name: &str, test: impl FnOnce(Service) -> F) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let mut service = Service {
            link: Path::new(&folder).join("service"),
            pcscd: None,
        };
        service.start();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(test(service));
        runtime.shutdown_background();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // SoftHSM2's tokens, for tests that make one.
    let tokens = folder.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let configuration = folder.path().join("softhsm2.conf");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\n",
        tokens.display()
    );
    std::fs::write(&configuration, text).unwrap();
    let in_this_folder = own_process::run_test(name, |command| {
        command
            .env(FOLDER, folder.path())
            .env("SOFTHSM2_CONF", configuration)
            .env("PCSCLITE_CSOCK_NAME", folder.path().join("service"));
    });
    in_this_folder.unwrap_or_else(|error| panic!("{error}"));
}

pub(crate) fn this_program() -> Command {
    Command::new(std::env::current_exe().unwrap())
}

impl Service {
    pub(crate) fn start(&mut self) {
        let pcscd = PrivatePcscd::start().unwrap();
        let _ = std::fs::remove_file(&self.link);
        std::os::unix::fs::symlink(pcscd.socket(), &self.link).unwrap();
        self.pcscd = Some(pcscd);
    }

    /// The service ends, with all readers.
    pub(crate) fn stop(&mut self) {
        self.pcscd = None;
    }

    /// Starts another service, puts the card in there, and only then ends the one before. Who
    /// looks again finds the same card in the same reader at once.
    pub(crate) fn replace_with_card(&mut self, card: &VirtualCard) -> PluggedCard {
        let before = self.pcscd.take();
        self.start();
        let plugged = self.plug(card);
        assert!(plugged.wait_until_seen(LIMIT));
        drop(before);
        plugged
    }

    /// A folder of this process's own.
    pub(crate) fn folder(&self) -> &Path {
        self.link.parent().unwrap()
    }

    pub(crate) fn reader(&self) -> String {
        self.pcscd.as_ref().unwrap().reader_name()
    }

    /// Where a card plugs itself in.
    pub(crate) fn vpcd_address(&self) -> String {
        self.pcscd.as_ref().unwrap().vpcd_address()
    }

    /// Puts a card into the reader's first slot. The value pulls it when dropped.
    pub(crate) fn plug(&self, card: &VirtualCard) -> PluggedCard {
        plug_at(&self.pcscd.as_ref().unwrap().vpcd_address(), card)
    }
}

fn plug_at(address: &str, card: &VirtualCard) -> PluggedCard {
    card.reinsert();
    PluggedCard::plug(address, card.connect()).unwrap()
}

/// What the card says of its PIN, asked behind everybody's back.
pub(crate) fn pin_status(card: &VirtualCard) -> PinStatus {
    PivCard::new(card.connect()).pin_status().unwrap()
}

/// Waits until something is true.
pub(crate) async fn wait_until(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_true().await {
        assert!(began.elapsed() < LIMIT, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

//! The one system that all modules of a test program share: the last of them ends it.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::{Context, Result};
use cardea_xtask::system::{Options, Scheme, System};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};
use tokio::sync::{Mutex, MutexGuard};

use super::receiver::Receiver;
use crate::authorization::REDIRECT_URI;
use crate::foreign_client::sources;
use crate::stage::Stage;

/// A static is never dropped, so it must not keep the system: whoever uses it does.
static SHARED: Mutex<Weak<Running>> = Mutex::const_new(Weak::new());
static TURN: Mutex<()> = Mutex::const_new(());
/// One that ends and one that begins must not have one folder.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// Where the clients file has the suite's receiver of logout tokens.
const RECEIVER: &str = "https://localhost.emobix.co.uk:8443/test/a/cardea-backchannel/backchannel";

/// A system on TLS, as the suite demands, with the suite's clients.
pub(super) struct Running {
    stage: Stage,
    receiver: Receiver,
    certificate: Certificate,
}

impl Running {
    async fn start() -> Result<Self> {
        let mut registered = None;
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("oidcc-{number}");
        let stage = Stage::open_with(&name, |options| {
            options.scheme = Scheme::Https;
            registered = Some(register(options));
        });
        let stage = stage.await?;
        let receiver = registered.context("the options were not changed")??;
        let file = stage.system().ca_file().context("no demo CA")?;
        let certificate = Certificate::from_pem(&fs::read(file).context("no demo CA")?)?;
        Ok(Self {
            stage,
            receiver,
            certificate,
        })
    }

    pub(super) fn system(&self) -> &System {
        self.stage.system()
    }

    pub(super) fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// A client without cookies of anybody, which follows no redirects.
    pub(super) fn http(&self) -> Result<Client> {
        let client = Client::builder()
            .cookie_store(true)
            .redirect(Policy::none())
            .timeout(Duration::from_secs(60))
            .tls_certs_only([self.certificate.clone()])
            .no_proxy();
        Ok(client.build()?)
    }
}

/// The running system, or a new one.
pub(super) async fn shared() -> Result<Arc<Running>> {
    let mut shared = SHARED.lock().await;
    if let Some(running) = shared.upgrade() {
        return Ok(running);
    }
    let running = Arc::new(Running::start().await?);
    *shared = Arc::downgrade(&running);
    Ok(running)
}

/// One at a time.
pub(super) async fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().await
}

/// Registers the suite's clients, with our receiver in the place of the suite's, and with a
/// redirect URI of this machine for a real browser.
fn register(options: &mut Options) -> Result<Receiver> {
    let (receiver, files) = Receiver::bind(&options.folder)?;
    options.trusted_file = Some(files.certificate);
    let clients = fs::read_to_string(sources().join("conformance.toml")).context("no clients")?;
    let file = options.folder.join("clients.toml");
    let clients = clients.replace(RECEIVER, &receiver.url()?);
    let here = format!("redirect_uris = [\"{REDIRECT_URI}\", ");
    let clients = clients.replacen("redirect_uris = [", &here, 1);
    fs::write(&file, clients).context("can't write the clients")?;
    options.clients_file = Some(file);
    Ok(receiver)
}

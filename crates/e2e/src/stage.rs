//! One whole system for one test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use cardea_storage::agent_instance::record_use;
use cardea_storage::{Store, event};
use cardea_xtask::system::{Options, System};
use cardea_xtask::workspace;
use time::OffsetDateTime;

use crate::authorization::CLIENTS;

/// Lines of each log that a failed test shows at most.
const SHOWN_MAX: usize = 40;

/// Whether something that a test of this program waited for did not come: a test that ends with an
/// error instead of a panic is told apart from a good one by nothing else.
static WAITED_IN_VAIN: AtomicBool = AtomicBool::new(false);

/// Has the systems of this program keep and show their logs.
pub(crate) fn note_failure() {
    WAITED_IN_VAIN.store(true, Ordering::Relaxed);
}

/// A running system in a folder of its own, which is kept when the test fails.
pub struct Stage {
    /// Always there; taken only by `drop`, which ends the processes before it deletes the folder.
    system: Option<System>,
    folder: PathBuf,
}

impl Stage {
    /// Starts a system as it is by default: plain HTTP, the pharmacist's card in the reader, and a
    /// prompt that types the right PIN.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn open(name: &str) -> Result<Self> {
        Self::open_with(name, |_| {}).await
    }

    /// Starts a system after `change` has been made to its options.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn open_with(name: &str, change: impl FnOnce(&mut Options)) -> Result<Self> {
        Self::open_prepared(name, change, |_| Ok(())).await
    }

    /// Starts a system after `change` has been made to its options, and `prepare` to its files.
    ///
    /// # Errors
    /// When the files can't be changed, or a part does not start.
    pub async fn open_prepared(
        name: &str,
        change: impl FnOnce(&mut Options),
        prepare: impl FnOnce(&System) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let options = Self::options(name, change)?;
        let folder = options.folder.clone();
        let start = move || {
            let mut system = System::prepare(options)?;
            prepare(&system)?;
            system.start_parts()?;
            anyhow::Ok(system)
        };
        let system = tokio::task::spawn_blocking(start)
            .await
            .context("the start was interrupted")??;
        Ok(Self {
            system: Some(system),
            folder,
        })
    }

    /// Notes that the card of whoever signed in last was used at a workstation of this name, too.
    ///
    /// # Errors
    /// When nobody has signed in, or the database cannot be written.
    #[expect(
        clippy::disallowed_methods,
        reason = "the running system has the machine's clock too"
    )]
    pub async fn use_elsewhere(&self, workstation: &str) -> Result<()> {
        let settings = self.system().server_settings();
        let file = settings.with_file_name("cardea.sqlite");
        let store = Store::open(&format!("sqlite://{}", file.display())).await?;
        let mut transaction = store.begin().await?;
        let events = event::list_newest(&mut transaction, 100).await?;
        let sub = events.into_iter().find_map(|event| event.sub);
        let sub = sub.context("nobody has signed in")?;
        let instance = (workstation, Some(workstation));
        record_use(&mut transaction, &sub, instance, OffsetDateTime::now_utc()).await?;
        transaction.commit().await?;
        store.close().await;
        Ok(())
    }

    /// Prepares a system and starts no part of it.
    ///
    /// # Errors
    /// When a program that prepares it fails.
    pub async fn prepare(name: &str, change: impl FnOnce(&mut Options)) -> Result<Self> {
        let options = Self::options(name, change)?;
        let folder = options.folder.clone();
        let prepare = move || System::prepare(options);
        let system = tokio::task::spawn_blocking(prepare)
            .await
            .context("the preparation was interrupted")??;
        Ok(Self {
            system: Some(system),
            folder,
        })
    }

    fn options(name: &str, change: impl FnOnce(&mut Options)) -> Result<Options> {
        let name = format!("{name}-{}", std::process::id());
        let folder = workspace::root().join("target/e2e").join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).context("can't make the test's folder")?;
        let clients = folder.join("clients.toml");
        std::fs::write(&clients, CLIENTS).context("can't write the test's clients")?;
        let mut options = Options::new(folder);
        options.clients_file = Some(clients);
        change(&mut options);
        Ok(options)
    }

    /// The running system.
    #[expect(clippy::expect_used, reason = "only `drop` takes the system out")]
    pub fn system(&self) -> &System {
        self.system.as_ref().expect("the system runs until drop")
    }

    /// The running system, to start and stop its parts.
    #[expect(clippy::expect_used, reason = "only `drop` takes the system out")]
    pub fn system_mut(&mut self) -> &mut System {
        self.system.as_mut().expect("the system runs until drop")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.system = None;
        if std::thread::panicking() || WAITED_IN_VAIN.load(Ordering::Relaxed) {
            show_warnings(&self.folder.join("logs"));
            eprintln!("the system's logs are kept in {}", self.folder.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Whoever reads the run later may have no more than what it printed.
fn show_warnings(logs: &Path) {
    for entry in std::fs::read_dir(logs).into_iter().flatten().flatten() {
        let log = std::fs::read(entry.path()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let warnings = log
            .lines()
            .filter(|line| line.contains("WARN") || line.contains("ERROR"));
        for line in warnings.take(SHOWN_MAX) {
            eprintln!("{}: {line}", entry.file_name().to_string_lossy());
        }
    }
}

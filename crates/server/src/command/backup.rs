//! `cardea backup`: the whole database in one file, beside a running server.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use cardea_provider::event::StoredEvents;
use cardea_provider::{Clock as _, Restoration};
use cardea_storage::Store;
use cardea_storage::backup::{self, About, FileReference, Written};
use rustix::fs::{FlockOperation, OFlags, flock};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::operator;
use crate::clock::SystemClock;
use crate::config::{Config, DatabaseUrl};
use crate::error::Error;
use crate::key_file::unusable;
use crate::named_files::named_files;

/// Files that are read for their digest are certificates and signed documents.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Makes the file, which is there whole or not at all.
pub(super) fn run(config: &Path, out: &Path) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let written = runtime.block_on(back_up(&config, out))?;
    let mut output = io::stdout().lock();
    // As `sha256sum` prints it, and takes it again with `--check`.
    writeln!(output, "{}  {}", written.sha256, out.display())?;
    writeln!(output, "{} rows", written.rows)?;
    writeln!(
        output,
        "Not in it: the configuration and the files that it names. Keep them, and the key that \
         encrypts the token keys, elsewhere."
    )?;
    Ok(())
}

async fn back_up(config: &Config, out: &Path) -> anyhow::Result<Written> {
    let store = Store::open_as_it_is(&config.database.url.to_url())
        .await
        .map_err(|source| Error::DatabaseUnavailable { source })?;
    let about = About {
        program: concat!("cardea ", env!("CARGO_PKG_VERSION")).to_owned(),
        issuer: config.issuer.as_str().to_owned(),
        made_at: SystemClock.now().unix_timestamp(),
        files: references(config),
    };
    let mut stops = Stops::listen().context("signals cannot be waited for")?;
    let partial = Partial::create(out)?;
    let writing = backup::write(&store, about, BufWriter::new(&partial.file));
    let written = tokio::select! {
        written = writing => written?,
        () = stops.wait() => {
            let file = out.to_owned();
            return Err(Error::Stopped { file }.into());
        }
    };
    partial.keep(out)?;
    let restoration = Restoration::new(
        store.clone(),
        Arc::new(StoredEvents),
        Arc::new(SystemClock),
        operator::find(),
    );
    restoration
        .record_backup(&written.sha256, written.rows)
        .await
        .context("the backup is made, but could not be put on record")?;
    store.close().await;
    Ok(written)
}

/// Signals that end a program, which wait to be looked at from now on.
struct Stops {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Stops {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

/// What the configuration names, with digests of what holds no secret, so that a restore can say
/// what is not there.
pub(super) fn references(config: &Config) -> Vec<FileReference> {
    let files = named_files(config).into_iter();
    files
        .map(|file| FileReference {
            found: file.path.exists(),
            sha256: file.is_public.then(|| digest_of(&file.path)).flatten(),
            path: file.path.display().to_string(),
            key: file.key,
        })
        .collect()
}

fn digest_of(file: &Path) -> Option<String> {
    let metadata = fs::metadata(file).ok()?;
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        return None;
    }
    let digest = openssl::sha::sha256(&fs::read(file).ok()?);
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Takes away what a backup has left that was killed. Who still writes holds a lock on it; a file
/// of somebody else's is not written to.
fn remove_stale(path: &Path) {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    if let Ok(file) = options.open(path)
        && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
    {
        // Where it stays, the new one cannot be made, and that says why.
        let _ = fs::remove_file(path);
    }
}

/// A file beside the one that is to be, until it is whole.
struct Partial {
    file: File,
    path: PathBuf,
}

impl Partial {
    fn create(out: &Path) -> Result<Self, Error> {
        if fs::symlink_metadata(out).is_ok() {
            let file = out.to_owned();
            return Err(Error::FileExists { file });
        }
        let mut path = out.as_os_str().to_owned();
        path.push(".partial");
        let path = PathBuf::from(path);
        remove_stale(&path);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let opened = options.open(&path);
        let file = opened.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => Error::FileExists { file: path.clone() },
            _ => unusable(&path, "the backup cannot be written", source),
        })?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| unusable(&path, "the backup cannot be written", error.into()))?;
        Ok(Self { file, path })
    }

    /// Gives it its name, once it is on the disk; a file that got that name meanwhile stays.
    fn keep(self, out: &Path) -> Result<(), Error> {
        let failed = |source| unusable(out, "the backup cannot be written", source);
        self.file.sync_all().map_err(failed)?;
        fs::hard_link(&self.path, out).map_err(failed)?;
        let folder = out.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))
            .and_then(|folder| folder.sync_all())
            .map_err(failed)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // It has its name by now, or it is of no use.
        let _ = fs::remove_file(&self.path);
    }
}

impl DatabaseUrl {
    /// The address as the storage takes it.
    pub(crate) fn to_url(&self) -> String {
        match self {
            Self::Sqlite(file) => format!("sqlite://{}", file.display()),
            Self::Postgres(url) => url.clone(),
        }
    }
}

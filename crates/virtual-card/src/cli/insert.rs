//! `cardea-vcard insert` and `remove`.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use cardea_virtual_card::vpcd::PluggedCard;
use cardea_virtual_card::{CardDirectory, CardImage, Error, VirtualCard};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::card_process::CardProcess;
use super::{open_card, say};

/// pcscd looks for cards each 400 ms.
const SEEN_LIMIT: Duration = Duration::from_secs(2);
const DETACH_LIMIT: Duration = Duration::from_secs(30);
const REMOVE_LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);
const LOG_FILE: &str = "insert.log";

/// Which card goes into which reader.
#[derive(Debug, Args)]
pub(crate) struct InsertArguments {
    /// Folder of the card.
    card: PathBuf,
    /// Where vpcd listens, HOST:PORT (Debian's default is 127.0.0.1:35963).
    #[arg(long)]
    vpcd: String,
    /// Milliseconds that each command takes, to imitate a real card (20 is close).
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Lay the card on a contactless reader: no PIN, and only the key of a card that was issued
    /// with `--contactless`.
    #[arg(long)]
    contactless: bool,
    /// Imitate a card that has no logical channels but the basic one.
    #[arg(long)]
    without_channels: bool,
    /// Return as soon as the reader has seen the card, and leave it there.
    #[arg(long)]
    detach: bool,
}

/// Plugs a card in, until killed, removed, or pcscd ends.
pub(crate) fn insert(arguments: &InsertArguments) -> anyhow::Result<()> {
    let directory = open_card(&arguments.card)?;
    if let Some(process) = CardProcess::find(&directory) {
        let process_id = process.id();
        return Err(Error::AlreadyInserted { process_id }.into());
    }
    if arguments.detach {
        return insert_detached(arguments, &directory);
    }
    let card = VirtualCard::insert_with_memory(
        image(arguments, &directory)?,
        Box::new(directory.memory()),
    );
    card.set_delay(Duration::from_millis(arguments.delay_ms));
    let plugged = PluggedCard::plug(&arguments.vpcd, card)?;
    if !plugged.wait_until_seen(SEEN_LIMIT) && plugged.is_gone() {
        bail!(
            "{} closed the connection: it is no vpcd, or its reader is taken",
            arguments.vpcd
        );
    }
    let process_id_file = directory.process_id_file();
    fs::write(&process_id_file, format!("{}\n", std::process::id()))
        .with_context(|| format!("cannot write {}", process_id_file.display()))?;
    let result = hold_until_asked(plugged);
    // It may be gone with the whole folder.
    let _ = fs::remove_file(&process_id_file);
    result
}

fn image(arguments: &InsertArguments, directory: &CardDirectory) -> anyhow::Result<CardImage> {
    let mut image = directory.image()?;
    if arguments.without_channels {
        image = image.without_logical_channels();
    }
    if arguments.contactless {
        if !directory.has_contactless_key() {
            bail!("the card has no contactless key: issue one with --contactless");
        }
        image = image.on_contactless_interface();
    }
    Ok(image)
}

/// Starts this program again in the background and waits until the card is in.
fn insert_detached(arguments: &InsertArguments, directory: &CardDirectory) -> anyhow::Result<()> {
    // Left behind by a process that was killed; it must not be mistaken for the new one's.
    let _ = fs::remove_file(directory.process_id_file());
    let log_path = directory.path().join(LOG_FILE);
    let log =
        File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut child = Command::new(program)
        .arg("insert")
        .arg(&arguments.card)
        .args(["--vpcd", &arguments.vpcd])
        .args(["--delay-ms", &arguments.delay_ms.to_string()])
        .args(arguments.contactless.then_some("--contactless"))
        .args(arguments.without_channels.then_some("--without-channels"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        // A group of its own: Ctrl-C in the terminal does not pull the card.
        .process_group(0)
        .spawn()
        .context("cannot start the process that holds the card")?;
    wait_until_inserted(&mut child, directory, &log_path)?;
    say(&format!("inserted (process {})", child.id()))
}

fn wait_until_inserted(
    child: &mut Child,
    directory: &CardDirectory,
    log: &Path,
) -> anyhow::Result<()> {
    let process_id = i32::try_from(child.id()).context("the process number is out of range")?;
    let begun = Instant::now();
    while begun.elapsed() < DETACH_LIMIT {
        if directory.process_id() == Some(process_id) {
            return Ok(());
        }
        if child
            .try_wait()
            .context("cannot wait for the card's process")?
            .is_some()
        {
            let said = fs::read_to_string(log).unwrap_or_default();
            let said = said.trim().trim_start_matches("cardea-vcard: ").to_owned();
            bail!("the card was not inserted: {said}");
        }
        thread::sleep(POLL);
    }
    let _already_ended = child.kill();
    bail!(
        "the card was not inserted within {} s",
        DETACH_LIMIT.as_secs()
    )
}

#[tokio::main(flavor = "current_thread")]
async fn hold_until_asked(plugged: PluggedCard) -> anyhow::Result<()> {
    let pcscd_ended = async {
        while !plugged.is_gone() {
            tokio::time::sleep(POLL).await;
        }
    };
    let ended = tokio::select! {
        () = pcscd_ended => true,
        () = asked_to_end() => false,
    };
    plugged.remove()?;
    if ended {
        bail!("the reader is gone: pcscd has ended or closed the connection");
    }
    Ok(())
}

/// Waits for SIGTERM or SIGINT.
pub(crate) async fn asked_to_end() {
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    match signals {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        // Without handlers the signals end the process by themselves.
        _ => std::future::pending().await,
    }
}

/// Pulls a card and waits until its process has let go.
pub(crate) fn remove(card: &Path) -> anyhow::Result<()> {
    let directory = open_card(card)?;
    let Some(process) = CardProcess::find(&directory) else {
        let _ = fs::remove_file(directory.process_id_file());
        return Err(Error::NotInserted.into());
    };
    process.end().context("cannot end the card's process")?;
    let begun = Instant::now();
    while begun.elapsed() < REMOVE_LIMIT {
        if CardProcess::find(&directory).is_none() {
            return say("removed");
        }
        thread::sleep(POLL);
    }
    bail!("process {} did not let go of the card", process.id())
}

//! A spool whose power is cut (attack H18): whatever it acknowledged is on the disk that is left,
//! and goes to the issuer.
//!
//! A process appends under `cardea-power-loss`, which keeps of its folder only what was flushed,
//! and of the rest what chance leaves, torn at sectors of 512 bytes (`crates/power-loss` shows that
//! it finds who does not flush).
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use cardea_guard::{Spool, SpoolConfig, SpooledRecord, SystemClock};

const FOLDER: &str = "CARDEA_SPOOL_FOLDER";
const LIFE: &str = "CARDEA_SPOOL_LIFE";
const CUTS: u64 = 40;
const AT_ONCE: usize = 8;

/// Builds what cuts the power, beside the programs under test.
fn library() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "-p", "cardea-power-loss"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(built.success());
    let program = Path::new(env!("CARGO_BIN_EXE_cardea-guard"));
    program.with_file_name("libcardea_power_loss.so")
}

/// The last holder's thread lets the folder go a moment after it is dropped.
async fn open_soon(folder: &Path) -> Spool {
    for _ in 0..500 {
        let config = SpoolConfig::in_folder(folder);
        match Spool::open(&config, Arc::new(SystemClock::default())) {
            Ok(spool) => return spool,
            Err(error) if error.to_string().contains("another guard") => {}
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the folder is never free");
}

fn say(line: &str) {
    // The test program writes its own name without an end of the line.
    let mut output = std::io::stdout().lock();
    output.write_all(format!("\n{line}\n").as_bytes()).unwrap();
    output.flush().unwrap();
}

/// A process that appends until its power goes, says which numbers it was given for what, and
/// delivers some of it meanwhile. It does nothing where no test has named a folder.
#[tokio::test]
async fn child_that_appends() {
    let (Some(folder), Ok(life)) = (std::env::var_os(FOLDER), std::env::var(LIFE)) else {
        return;
    };
    let spool = open_soon(Path::new(&folder)).await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..AT_ONCE {
        let (spool, life) = (spool.clone(), life.clone());
        tasks.spawn(async move {
            for number in 0_usize.. {
                // Of all lengths: from less than a sector to some of them.
                let more = "x".repeat((number * 211 + task * 89) % 1_700);
                let record = format!("{life}/{task}/{number}/{more}");
                let sequence = spool.append(record.clone().into()).await.unwrap();
                say(&format!("has {sequence} {record}"));
                if task == 0 && number % 5 == 4 {
                    let delivered = sequence / 2;
                    say(&format!("delivering {delivered}"));
                    spool.note_delivered(delivered).unwrap();
                }
            }
        });
    }
    tasks.join_all().await;
}

/// What a life has said.
#[derive(Default)]
struct Life {
    acknowledged: BTreeMap<u64, String>,
    delivered: u64,
    /// Whether anything was not flushed when the power went.
    was_at_stake: bool,
}

fn live(folder: &Path, library: &Path, seed: u64) -> Life {
    let report = folder.with_extension("report");
    let _ = fs::remove_file(&report);
    let number = |number: u64| OsString::from(number.to_string());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_appends", "--nocapture"])
        .env("LD_PRELOAD", library)
        .env("CARDEA_POWER_LOSS_FOLDER", folder)
        .env("CARDEA_POWER_LOSS_SEED", number(seed))
        .env("CARDEA_POWER_LOSS_AFTER", number(seed * 41 % 170))
        .env("CARDEA_POWER_LOSS_REPORT", &report)
        .env(FOLDER, folder)
        .env(LIFE, number(seed))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut life = Life::default();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        if let Some((sequence, record)) =
            line.strip_prefix("has ").and_then(|it| it.split_once(' '))
        {
            let sequence = sequence.parse().unwrap();
            life.acknowledged.insert(sequence, record.to_owned());
        } else if let Some(up_to) = line.strip_prefix("delivering ") {
            life.delivered = up_to.parse().unwrap();
        }
    }
    let ended = child.wait().unwrap();
    assert!(ended.code().is_none(), "it lives on: {ended}");
    let told = fs::read_to_string(&report).unwrap();
    life.was_at_stake = !told.ends_with("bytes 0\nnames 0\n");
    life
}

#[tokio::test]
async fn what_was_acknowledged_is_read_again_after_a_power_cut() {
    let (parent, library) = (tempfile::tempdir().unwrap(), library());
    let folder = parent.path().join("disk");
    fs::create_dir(&folder).unwrap();
    let (mut acknowledged, mut delivered) = (BTreeMap::new(), 0);
    let (mut all, mut at_stake) = (0, 0);
    for seed in 0..CUTS {
        let life = live(&folder, &library, seed);
        all += life.acknowledged.len();
        at_stake += u64::from(life.was_at_stake);
        delivered = life.delivered.max(delivered);
        for (sequence, record) in life.acknowledged {
            let before = acknowledged.insert(sequence, record);
            assert_eq!(before, None, "{sequence} was given twice");
        }
        let spool = open_soon(&folder).await;
        let found = spool.read_waiting(usize::MAX, u64::MAX).unwrap();
        check(&found, &acknowledged, delivered);
    }
    println!("{CUTS} cuts, {at_stake} with something at stake, {all} acknowledged");
    assert!(all > 500, "next to nothing was acknowledged: {all}");
    assert!(at_stake > CUTS / 4, "there was next to nothing to lose");
}

/// All that the issuer may not have is there, whole, at its number, and under an id of its own.
fn check(found: &[SpooledRecord], acknowledged: &BTreeMap<u64, String>, delivered: u64) {
    let there: BTreeMap<_, _> = found
        .iter()
        .map(|it| (it.sequence, it.record.as_slice()))
        .collect();
    for (sequence, record) in acknowledged.range(delivered + 1..) {
        let is_there = there.get(sequence) == Some(&record.as_bytes());
        assert!(is_there, "{sequence} was acknowledged: {record}");
    }
    let ids: BTreeSet<_> = found.iter().map(|it| it.event_id.as_str()).collect();
    assert_eq!(ids.len(), found.len());
}

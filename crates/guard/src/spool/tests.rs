//! What was acknowledged is there afterwards: whatever ends the process, tears the last record or
//! fills the disk.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use super::{Report, Reporter as _, Spool, SpoolConfig, SpooledRecord, segment};
use crate::{Act, Decision, Error, Patient, ReportedToken, SystemClock};

const FOLDER: &str = "CARDEA_SPOOL_FOLDER";

fn open(folder: &Path) -> Result<Spool, Error> {
    let config = SpoolConfig::in_folder(folder);
    Spool::open(&config, Arc::new(SystemClock::default()))
}

/// The last holder's thread lets the folder go a moment after it is dropped.
async fn open_soon(folder: &Path) -> Spool {
    for _ in 0..500 {
        match open(folder) {
            Ok(spool) => return spool,
            Err(error) if error.to_string().contains("another guard") => {}
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the folder is never free");
}

fn read(spool: &Spool) -> Vec<SpooledRecord> {
    spool.read_waiting(usize::MAX, u64::MAX).unwrap()
}

fn only_segment(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap();
    let mut paths = files.map(|it| it.unwrap().path());
    let found = paths.find(|it| segment::first_of(it).is_some());
    found.unwrap()
}

#[tokio::test]
async fn what_is_recorded_is_read_in_order_and_goes_once_it_is_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path()).unwrap();
    for text in ["one", "two", "three"] {
        spool.append(text.into()).await.unwrap();
    }
    let found = read(&spool);
    let texts: Vec<_> = found.iter().map(|it| it.record.as_slice()).collect();
    assert_eq!(texts, [&b"one"[..], b"two", b"three"]);
    assert_eq!(spool.read_waiting(2, u64::MAX).unwrap().len(), 2);
    assert_eq!(spool.read_waiting(9, 1).unwrap().len(), 1);
    spool.note_delivered(2).unwrap();
    assert_eq!(read(&spool).len(), 1);
    drop(spool);
    let again = open_soon(folder.path()).await;
    assert_eq!(read(&again), found[2..]);
    assert_eq!(again.append("four".into()).await.unwrap(), 4);
    again.note_delivered(4).unwrap();
    assert!(read(&again).is_empty());
    let before = segment::file_name(1);
    assert!(!folder.path().join(before).exists());
    drop(again);
    let ids: BTreeSet<_> = found.iter().map(|it| it.event_id.clone()).collect();
    assert_eq!(ids.len(), 3);
    // All are at the server: the next number is new all the same.
    let last = open_soon(folder.path()).await;
    assert_eq!(last.append("five".into()).await.unwrap(), 5);
}

#[tokio::test]
async fn a_report_is_recorded_whole() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path()).unwrap();
    let act = Act::look_up("sub-1", "records", Patient::from_pseudonym("p-1"));
    let token = ReportedToken {
        client_id: "portal",
        sid: Some("a-session"),
        jti: "a-token",
    };
    let report = Report::new(&act, &Decision::allow(), &token, vec!["p-1".to_owned()]);
    spool.record(report.clone()).await.unwrap();
    let found = read(&spool);
    let written: Report = serde_json::from_slice(&found[0].record).unwrap();
    assert_eq!(written, report);
}

#[tokio::test]
async fn many_share_a_flush_and_each_has_a_number_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path()).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..2_000 {
        let spool = spool.clone();
        tasks.spawn(async move { spool.append(format!("{number}").into()).await.unwrap() });
    }
    let numbers: BTreeSet<_> = tasks.join_all().await.into_iter().collect();
    assert_eq!(numbers.len(), 2_000);
    assert_eq!(read(&spool).len(), 2_000);
}

#[tokio::test]
async fn a_tail_that_is_torn_at_any_byte_is_cut_and_what_stands_before_it_stays() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path()).unwrap();
    for text in ["first", "second"] {
        spool.append(text.into()).await.unwrap();
    }
    drop(spool);
    drop(open_soon(folder.path()).await);
    let path = only_segment(folder.path());
    let whole = fs::read(&path).unwrap();
    let first = usize::try_from(segment::HEAD_BYTES + segment::framed_bytes(b"first")).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let found = super::files::recover(folder.path()).unwrap();
        let kept: u64 = found.iter().map(|it| it.next - it.first).sum();
        assert_eq!(kept, u64::from(length >= first), "cut at {length}");
        let left = fs::metadata(&path).map_or(0, |it| it.len());
        assert_eq!(
            left,
            if length >= first { first as u64 } else { 0 },
            "cut at {length}"
        );
    }
    // Bytes that changed are found as well as bytes that are missing.
    for at in first..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        let found = super::files::recover(folder.path()).unwrap();
        assert_eq!(found[0].next, 2, "changed at {at}");
    }
}

#[tokio::test]
async fn a_segment_that_the_disk_held_and_lost_is_not_read_over() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["one", "two"] {
        let spool = open_soon(folder.path()).await;
        spool.append(text.into()).await.unwrap();
    }
    drop(open_soon(folder.path()).await);
    let path = folder.path().join(segment::file_name(1));
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let Err(error) = super::files::recover(folder.path()) else {
        panic!("it was read over");
    };
    assert_eq!(error.code(), "guard.spool_failed");
    assert!(error.to_string().contains("damaged"), "{error}");
}

#[tokio::test]
async fn two_guards_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).unwrap();
    let second = open(folder.path());
    assert_eq!(second.err().unwrap().code(), "guard.spool_failed");
    drop(first);
    drop(open_soon(folder.path()).await);
}

#[tokio::test]
async fn beyond_what_may_wait_nothing_is_taken_until_the_server_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = SpoolConfig::in_folder(folder.path());
    config.bytes_max = 1_000;
    let spool = Spool::open(&config, Arc::new(SystemClock::default())).unwrap();
    let mut taken = 0;
    let refused = loop {
        match spool.append(vec![7; 300]).await {
            Ok(sequence) => taken = sequence,
            Err(error) => break error,
        }
    };
    assert_eq!((taken, refused.code()), (4, "guard.spool_failed"));
    assert!(spool.append(vec![7; 300_000]).await.is_err());
}

/// A process that appends until it is killed, and says which numbers it was given. It does nothing
/// where no test that kills it has named a folder.
#[tokio::test]
async fn child_that_appends() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let spool = open(Path::new(&folder)).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..16 {
        let spool = spool.clone();
        tasks.spawn(async move {
            loop {
                let record = format!("{task} {}", "x".repeat(200 + task));
                let said = match spool.append(record.into()).await {
                    Ok(sequence) => format!("\nhas {sequence}\n"),
                    Err(error) => format!("\nrefused {}\n", error.code()),
                };
                let mut output = std::io::stdout().lock();
                output.write_all(said.as_bytes()).unwrap();
                output.flush().unwrap();
            }
        });
    }
    tasks.join_all().await;
}

fn child(folder: &Path, limit: Option<u32>) -> Child {
    let own = std::env::current_exe().unwrap();
    let test = ["--exact", "spool::tests::child_that_appends", "--nocapture"];
    let mut command = match limit {
        None => Command::new(own),
        // A file that may not grow: the signal is ignored, so that the write fails.
        Some(blocks) => {
            let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
            let mut shell = Command::new("bash");
            shell.arg("-c").arg(script).arg(own);
            shell
        }
    };
    let command = command.args(test).env(FOLDER, folder);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Reads what a child says until a line is enough, kills it, and lists the numbers that it had.
fn numbers_until(mut child: Child, mut is_enough: impl FnMut(&str) -> bool) -> BTreeSet<u64> {
    let mut numbers = BTreeSet::new();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut is_killed = false;
    // What it had said before it was killed counts, too; a line may be torn.
    for line in lines.map_while(Result::ok) {
        numbers.extend(
            line.strip_prefix("has ")
                .and_then(|it| it.parse::<u64>().ok()),
        );
        if !is_killed && is_enough(&line) {
            child.kill().unwrap();
            is_killed = true;
        }
    }
    child.wait().unwrap();
    assert!(is_killed, "it ended by itself");
    numbers
}

#[tokio::test]
async fn a_process_that_is_killed_at_any_moment_has_lost_nothing_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..6 {
        let mut left = 40 + 97 * round;
        let numbers = numbers_until(child(folder.path(), None), |_| {
            left -= 1;
            left == 0
        });
        assert!(
            numbers.is_disjoint(&acknowledged),
            "a number was given twice"
        );
        acknowledged.extend(numbers);
        let spool = open_soon(folder.path()).await;
        let found = read(&spool);
        let there: BTreeSet<_> = found.iter().map(|it| it.sequence).collect();
        assert!(there.is_superset(&acknowledged));
        let ids: BTreeSet<_> = found.iter().map(|it| it.event_id.as_str()).collect();
        assert_eq!(ids.len(), found.len());
    }
    assert!(acknowledged.len() > 100, "{}", acknowledged.len());
}

#[tokio::test]
async fn a_disk_that_is_full_refuses_and_keeps_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let mut refused = 0;
    // 16 blocks of 1 024 bytes.
    let numbers = numbers_until(child(folder.path(), Some(16)), |line| {
        refused += usize::from(line == "refused guard.spool_failed");
        refused > 20
    });
    assert!(!numbers.is_empty());
    let spool = open_soon(folder.path()).await;
    let there: BTreeSet<_> = read(&spool).iter().map(|it| it.sequence).collect();
    assert!(there.is_superset(&numbers));
    // With room again it goes on.
    let next = spool.append("more".into()).await.unwrap();
    assert_eq!(next, there.len() as u64 + 1);
}

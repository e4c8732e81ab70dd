//! What was acknowledged is there afterwards: whatever ends the process, tears the last record or
//! fills the disk.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::{Report, Reporter as _, Spool, SpoolConfig, SpooledRecord, segment};
use crate::{Act, Clock, Decision, Error, Patient, ReportedToken, SystemClock};

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
    assert_eq!((taken, refused.code()), (3, "guard.spool_failed"));
    let now = SystemClock::default().unix_seconds();
    assert!(!spool.status(now).takes);
    // What the server has makes room, however small the spool is.
    for sequence in 3..40 {
        spool.note_delivered(sequence).unwrap();
        assert_eq!(spool.append(vec![7; 300]).await.unwrap(), sequence + 1);
    }
    assert!(spool.status(now).takes);
    let longest = spool.append(vec![7; segment::RECORD_BYTES_MAX + 1]).await;
    assert_eq!(longest.unwrap_err().code(), "guard.spool_failed");
}

#[tokio::test]
async fn what_is_read_in_pieces_is_what_is_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = SpoolConfig::in_folder(folder.path());
    // Some records a segment.
    config.bytes_max = 20_000;
    let spool = Spool::open(&config, Arc::new(SystemClock::default())).unwrap();
    for number in 0..40 {
        spool.append(vec![number; 300]).await.unwrap();
    }
    let all = read(&spool);
    assert_eq!(all.len(), 40);
    for (count, bytes) in [
        (1, u64::MAX),
        (3, u64::MAX),
        (40, 1),
        (40, 1_000),
        (7, 5_000),
    ] {
        let found = spool.read_waiting(count, bytes).unwrap();
        assert_eq!(found, all[..found.len()], "{count} {bytes}");
    }
    let mut seen = Vec::new();
    for round in 0_usize.. {
        // Now and then the server does not say that it has them.
        let found = spool.read_waiting(3 + round % 4, 2_000).unwrap();
        let Some(last) = found.last() else {
            break;
        };
        if round % 3 > 0 {
            spool.note_delivered(last.sequence).unwrap();
            seen.extend(found);
        }
    }
    assert_eq!(seen, all);
}

/// Time passes for a spool as a test says.
#[derive(Default)]
struct Moved(AtomicI64);

impl Clock for Moved {
    fn unix_milliseconds(&self) -> i64 {
        self.0.load(Ordering::Relaxed) * 1_000
    }
}

#[tokio::test]
async fn what_waits_too_long_stops_everything_and_what_was_delivered_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let config = SpoolConfig::in_folder(folder.path());
    let clock = Arc::new(Moved::default());
    let spool = Spool::open(&config, clock.clone()).unwrap();
    let at = |hours: i64| {
        clock.0.store(hours * 3_600, Ordering::Relaxed);
        hours * 3_600
    };
    // A quiet guard: each is delivered before the next comes, for days.
    for sequence in 1..50_u64 {
        let now = at(i64::try_from(sequence).unwrap() * 10);
        assert_eq!(spool.append("one".into()).await.unwrap(), sequence);
        assert_eq!(spool.status(now + 5).oldest_seconds, 5);
        spool.note_delivered(sequence).unwrap();
        assert_eq!(spool.status(now + 5).waiting, 0);
        assert_eq!(spool.status(now + 5).oldest_seconds, 0);
    }
    let begun = at(1_000);
    spool.append("it waits".into()).await.unwrap();
    at(1_020);
    spool.append("and another".into()).await.unwrap();
    let late = at(1_021);
    assert_eq!(spool.status(late).oldest_seconds, late - begun);
    let refused = spool.append("no more".into()).await.unwrap_err();
    assert_eq!(refused.code(), "guard.spool_failed");
    spool.note_delivered(50).unwrap();
    assert_eq!(spool.status(late).oldest_seconds, 3_600);
    assert_eq!(spool.append("again".into()).await.unwrap(), 52);
    drop(spool);
    // A restart knows it to an hour.
    let again = open_soon(folder.path()).await;
    assert_eq!(again.status(late).waiting, 2);
    assert!(again.status(late).oldest_seconds <= 2 * 3_600);
}

#[test]
fn an_answer_with_many_patients_becomes_reports_that_the_server_takes() {
    let act = Act::look_up("sub-1", "records", Patient::from_pseudonym("p-1"));
    let token = ReportedToken {
        client_id: "portal",
        sid: Some("a-session"),
        jti: "a-token",
    };
    let report = |patients: Vec<String>| Report::new(&act, &Decision::allow(), &token, patients);
    let one = report(vec!["p".to_owned(); 500]);
    assert_eq!(one.into_records().unwrap().len(), 1);
    // The longest names, and names that JSON makes twice as long.
    let long = (0..500).map(|it| format!("{it:0256}")).collect::<Vec<_>>();
    let odd = (0..1_000)
        .map(|it| format!("{it}{}", "\"".repeat(200)))
        .collect();
    for patients in [long, odd, vec!["p".to_owned(); 501]] {
        let records = report(patients.clone()).into_records().unwrap();
        assert!(records.len() > 1);
        let mut seen = Vec::new();
        let mut of = BTreeSet::new();
        for (record, number) in records.iter().zip(1..) {
            assert!(record.len() <= segment::RECORD_BYTES_MAX);
            let part: Report = serde_json::from_slice(record).unwrap();
            assert!(!part.patients.is_empty() && part.patients.len() <= 500);
            let its = part.part.clone().unwrap();
            assert_eq!(its.number, number);
            of.insert(its.of);
            assert_eq!((part.sub.as_str(), part.jti.as_str()), ("sub-1", "a-token"));
            seen.extend(part.patients);
        }
        assert_eq!((seen, of.len()), (patients, 1));
    }
    let refused = report(vec!["p".repeat(25_000)]).into_records();
    assert_eq!(refused.unwrap_err().code(), "guard.spool_failed");
}

#[tokio::test]
async fn the_parts_of_an_answer_have_numbers_in_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path()).unwrap();
    let parts = vec![b"one".to_vec(), b"two".to_vec(), b"three".to_vec()];
    let (first, second) = tokio::join!(spool.append_all(parts.clone()), spool.append_all(parts));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.end - first.start, second.end - second.start), (3, 3));
    assert!(first.end == second.start || second.end == first.start);
    let found = read(&spool);
    assert_eq!(found.len(), 6);
    assert_eq!(found[4].event_id, spool.event_id(5));
}

/// A process that appends until it is killed, and says which numbers it was given. It does nothing
/// where no test that kills it has named a folder.
#[tokio::test]
async fn child_that_appends() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let spool = open_soon(Path::new(&folder)).await;
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

/// Attack H18.
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

/// Attack H16.
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

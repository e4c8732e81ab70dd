//! The program, killed at work: whatever it cosigned it knows again.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cardea_witness::{Error, Witness};

use super::parts::{Log, ORIGIN, TIME, prepare};

const ROUNDS: u64 = 12;
/// What a round is given at most; the machine may have much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Serving {
    pub(super) child: Child,
    pub(super) address: SocketAddr,
}

fn start(folder: &Path) -> Serving {
    start_with(folder, &[]).expect("the address in the log")
}

/// Starts it with more in its environment; none where it ended before it listened.
pub(super) fn start_with(folder: &Path, environment: &[(&str, OsString)]) -> Option<Serving> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cardea-witness"))
        .args(["serve", "--config"])
        .arg(folder.join("witness.toml"))
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = lines.find_map(|line| {
        let line = line.unwrap();
        let (_, rest) = line.split_once("address=")?;
        rest.split(' ').next().unwrap().parse().ok()
    });
    let Some(address) = address else {
        child.wait().unwrap();
        return None;
    };
    std::thread::spawn(move || lines.for_each(drop));
    Some(Serving { child, address })
}

/// Posts a request; `None` where the program died over it.
fn post(address: SocketAddr, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let head = format!(
        "POST /add-checkpoint HTTP/1.1\r\nhost: witness\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// Grows the log at the witness until that dies, and gives the largest size that was cosigned.
pub(super) fn drive(address: SocketAddr, log: &Log, from: u64, cosigned: &AtomicU64) {
    let mut old = from;
    while old < log.tree.size() {
        match post(address, &log.request(old, old + 1)) {
            Some((200, line)) => {
                assert!(line.starts_with("\u{2014} witness.example "), "{line}");
                old += 1;
                cosigned.fetch_max(old, Ordering::SeqCst);
            }
            Some((409, known)) => old = known.trim_end().parse().unwrap(),
            Some((status, body)) => panic!("{status} {body}"),
            None => return,
        }
    }
}

#[test]
fn killed_at_any_moment_it_never_goes_back() {
    let (folder, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    log.grow(20_000, "honest");
    let config = prepare(folder.path(), &log.signer.verifier().to_string(), ORIGIN);
    let mut second = Log::signing_with(log.signer.clone());
    second.grow(20_001, "rewritten");
    let mut known = 0;
    for round in 0..ROUNDS {
        let Serving { mut child, address } = start(folder.path());
        let cosigned = AtomicU64::new(known);
        std::thread::scope(|scope| {
            let drivers: Vec<_> = (0..2)
                .map(|_| scope.spawn(|| drive(address, &log, known, &cosigned)))
                .collect();
            // Killed a moment after something was cosigned, each time another one.
            let begun = std::time::Instant::now();
            while cosigned.load(Ordering::SeqCst) < known + 1 + round % 5
                && begun.elapsed() < PATIENCE
            {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_micros(round * 137));
            child.kill().unwrap();
            child.wait().unwrap();
            for driver in drivers {
                driver.join().unwrap();
            }
        });
        let acknowledged = cosigned.into_inner();
        assert!(
            acknowledged > known,
            "nothing was cosigned in round {round}"
        );
        let witness = Witness::open(&config).unwrap();
        // Asked with an old size that it can't have, it says which one it has.
        let other = second.request(20_001, 20_001);
        known = match witness.cosign(other.as_bytes(), TIME) {
            Err(Error::SizeConflict { known, .. }) => known,
            outcome => panic!("{outcome:?}"),
        };
        assert!(
            known >= acknowledged,
            "{acknowledged} were cosigned, {known} are known"
        );
        let second_history = second.request(known, known);
        let refused = witness.cosign(second_history.as_bytes(), TIME).unwrap_err();
        assert_eq!(refused.code(), "witness.root_conflict");
    }
}

#[test]
fn told_to_stop_it_ends_by_itself_and_a_second_one_does_not_start() {
    let (folder, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    log.grow(2, "honest");
    prepare(folder.path(), &log.signer.verifier().to_string(), ORIGIN);
    let mut first = start(folder.path());
    assert_eq!(post(first.address, &log.request(0, 2)).unwrap().0, 200);
    let second = Command::new(env!("CARGO_BIN_EXE_cardea-witness"))
        .args(["serve", "--config"])
        .arg(folder.path().join("witness.toml"))
        .output()
        .unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("(witness.state_locked)"), "{said}");
    let pid = rustix::process::Pid::from_child(&first.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(first.child.wait().unwrap().success());
}

#[test]
fn the_commands_of_a_first_day() {
    let (folder, log) = (tempfile::tempdir().unwrap(), Log::new());
    let file = folder.path().join("witness.toml");
    let key = log.signer.verifier();
    std::fs::write(
        &file,
        format!(
            "name = \"witness.example\"\nkey_file = \"key.pem\"\nstate_folder = \"state\"\n\
             [serve]\nlisten = \"127.0.0.1:0\"\n\
             [[log]]\norigin = \"{ORIGIN}\"\nkeys = [\"{key}\"]\n"
        ),
    )
    .unwrap();
    let run = |words: &[&str], more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_cardea-witness"))
            .args(words)
            .arg("--config")
            .arg(&file)
            .args(more)
            .output()
            .unwrap();
        let text = if output.status.success() {
            output.stdout
        } else {
            output.stderr
        };
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    assert!(run(&["config", "check"], &[]).0);
    let (_, said) = run(&["serve"], &[]);
    assert!(said.contains("(witness.key_unusable)"), "{said}");
    let (made, key) = run(&["key", "new"], &[]);
    assert!(made && key.starts_with("witness.example+"), "{key}");
    assert_eq!(run(&["key", "show"], &[]), (true, key));
    let (_, said) = run(&["serve"], &[]);
    assert!(said.contains("(witness.state_missing)"), "{said}");
    let (_, said) = run(&["log", "begin"], &["another"]);
    assert!(said.contains("(witness.log_unknown)"), "{said}");
    assert!(run(&["log", "begin"], &[ORIGIN]).0);
    let (_, said) = run(&["log", "begin"], &[ORIGIN]);
    assert!(said.contains("(witness.state_exists)"), "{said}");
    drop(start(folder.path()).child.kill());
}

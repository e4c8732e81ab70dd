//! Another program keeps the card to itself, or sits in a transaction: real pcscd, real processes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use cardea_card::Backend;
use pcsc::{Context, Disposition, Protocols, Scope, ShareMode};
use serde_json::Value;

use crate::page::course;
use crate::readers::pharmacist;
use crate::service::{pin_status, run_in_own_process, this_program, wait_until};
use crate::sign_in::verify;
use crate::workstation::{Setup, Workstation};

/// How the other program is to hold the card in this reader.
const HOLD: &str = "CARDEA_TEST_HOLD";
const READER: &str = "CARDEA_TEST_HOLD_READER";
/// What the other program is called.
const NAME: &str = "facturation";
const HELD: &str = "the card is held";

/// A program like a billing software's, in a process of its own, that holds the card.
pub(crate) struct OtherProgram {
    child: Child,
    _input: ChildStdin,
    _output: BufReader<ChildStdout>,
    _folder: tempfile::TempDir,
}

impl OtherProgram {
    /// Starts it and waits until it holds the card, `"exclusive"`, in a `"transaction"`, or
    /// by no more than a `"connection"`.
    pub(crate) fn holding(reader: &str, how: &str) -> Self {
        // The system calls a process by the name it was started by.
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(NAME);
        std::os::unix::fs::symlink(this_program().get_program(), &program).unwrap();
        let mut child = std::process::Command::new(program)
            .args(["--exact", "reader_held::the_other_program", "--nocapture"])
            .env(HOLD, how)
            .env(READER, reader)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains(HELD) {
            line.clear();
            let bytes = output.read_line(&mut line).unwrap();
            assert_ne!(bytes, 0, "the other program ended");
        }
        Self {
            child,
            _input: input,
            _output: output,
            _folder: folder,
        }
    }
}

impl Drop for OtherProgram {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test: what [`OtherProgram`] runs.
#[test]
fn the_other_program() {
    let Ok(how) = std::env::var(HOLD) else { return };
    let reader = std::ffi::CString::new(std::env::var(READER).unwrap()).unwrap();
    let context = Context::establish(Scope::User).unwrap();
    let mode = match how.as_str() {
        "exclusive" => ShareMode::Exclusive,
        _ => ShareMode::Shared,
    };
    let mut card = context.connect(&reader, mode, Protocols::ANY).unwrap();
    let wait = || {
        println!("{HELD}");
        std::io::stdout().flush().unwrap();
        let _ = std::io::stdin().read(&mut [0]);
    };
    if how == "transaction" {
        let transaction = card.transaction().unwrap();
        wait();
        assert!(transaction.end(Disposition::LeaveCard).is_ok());
    } else {
        wait();
    }
    assert!(card.disconnect(Disposition::LeaveCard).is_ok());
}

async fn start(answers: &[&str]) -> Workstation {
    let workstation = Workstation::start_on(Backend::Pcsc, answers, Setup::default()).await;
    wait_until("the agent sees the card", async || {
        workstation.page().status().await["card"] == "present"
    })
    .await;
    workstation
}

fn names_the_program(line: &Value) {
    assert_eq!(line["code"], "agent.reader_held", "{line}");
    let advice = line["advice"].as_str().unwrap();
    assert!(
        advice.contains(&format!(": {NAME}. Terminez")),
        "{advice}: no more and no less than the other program"
    );
}

async fn sign_in_works(workstation: &Workstation) {
    let challenge = workstation.issuer.challenge();
    let lines = workstation.page().sign_in(&challenge).await;
    assert_eq!(
        course(&lines),
        ["card_found", "pin_asked 3", "signing", "assertion"]
    );
    verify(lines.last().unwrap(), workstation, &challenge);
}

/// Threads of this process that are called so.
fn threads(name: &str) -> usize {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .flatten()
        .filter(|task| {
            std::fs::read_to_string(task.path().join("comm"))
                .is_ok_and(|found| found.trim() == name)
        })
        .count()
}

#[test]
fn a_program_that_keeps_the_card_to_itself_is_waited_for_and_then_named() {
    let name = "reader_held::a_program_that_keeps_the_card_to_itself_is_waited_for_and_then_named";
    run_in_own_process(name, async |service| {
        let card = pharmacist();
        let _plugged = service.plug(&card);
        let workstation = start(&["pin 1234"]).await;
        let other = OtherProgram::holding(&service.reader(), "exclusive");
        let mut stream = workstation
            .page()
            .begin(&workstation.issuer.challenge())
            .await;
        stream.wait_for("\"reader_busy\"").await;
        names_the_program(&stream.last_line().await);
        assert!(workstation.person.was_told().is_empty());
        drop(other);
        sign_in_works(&workstation).await;
        let pin = pin_status(&card);
        assert_eq!((pin.tries_left, pin.verified), (Some(3), false));
    });
}

#[test]
fn a_card_that_comes_free_in_time_signs() {
    let name = "reader_held::a_card_that_comes_free_in_time_signs";
    run_in_own_process(name, async |service| {
        let card = pharmacist();
        let _plugged = service.plug(&card);
        for how in ["exclusive", "transaction"] {
            // A new agent has not read the card yet.
            let workstation = start(&["pin 1234"]).await;
            let other = OtherProgram::holding(&service.reader(), how);
            let challenge = workstation.issuer.challenge();
            let mut stream = workstation.page().begin(&challenge).await;
            stream.wait_for("\"reader_busy\"").await;
            drop(other);
            stream.wait_for("\"pin_asked\"").await;
            verify(&stream.last_line().await, &workstation, &challenge);
        }
    });
}

#[test]
fn a_transaction_without_end_uses_no_pin_and_leaves_no_thread() {
    let name = "reader_held::a_transaction_without_end_uses_no_pin_and_leaves_no_thread";
    run_in_own_process(name, async |service| {
        let card = pharmacist();
        let _plugged = service.plug(&card);
        let workstation = start(&["when told pin 1234", "pin 1234"]).await;
        let before = threads("card");
        let mut stream = workstation
            .page()
            .begin(&workstation.issuer.challenge())
            .await;
        stream.wait_for("\"pin_asked\"").await;
        // The card is free while the person types: the other program takes it then.
        let other = OtherProgram::holding(&service.reader(), "transaction");
        workstation.person.goes_on();
        stream.wait_for("\"signing\"").await;
        stream.wait_for("\"reader_busy\"").await;
        names_the_program(&stream.last_line().await);
        drop(other);
        wait_until("no thread is left behind", async || {
            threads("card") == before
        })
        .await;
        let pin = pin_status(&card);
        assert_eq!((pin.tries_left, pin.verified), (Some(3), false));
        sign_in_works(&workstation).await;
        let pin = pin_status(&card);
        assert_eq!((pin.tries_left, pin.verified), (Some(3), false));
    });
}

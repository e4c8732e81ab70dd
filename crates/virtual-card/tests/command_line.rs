//! `cardea-vcard` as a program: issue, insert, remove, revoke, publish, and the scripted pinentry.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use cardea_virtual_card::private_pcscd::PrivatePcscd;
use serde_json::Value;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

/// A folder with a PKI of fast keys.
struct Workshop {
    folder: TempDir,
}

impl Workshop {
    fn new() -> Self {
        let workshop = Self {
            folder: TempDir::new().unwrap(),
        };
        workshop.succeed(&["pki", "init", "pki", "--authority-key", "p256"]);
        workshop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardea-vcard"));
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn fail(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}: {}", said(&output));
        assert!(output.stdout.is_empty(), "errors go to standard error");
        said(&output)
    }

    fn issue(&self, card: &str) -> Value {
        let holder = ["--name", "Camille DURAND", "--rpps", "899700000011"];
        let kind = [
            "issue",
            "--profile",
            "cps",
            "--profession",
            "10",
            "--key",
            "p256",
        ];
        let place = ["--json", "--out", card];
        let text = self.succeed(&[&kind[..], &holder, &place].concat());
        serde_json::from_str(&text).unwrap()
    }
}

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _already_ended = self.0.kill();
        let _status = self.0.wait();
    }
}

fn wait_for(what: &str, mut is_true: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_true() {
        assert!(begun.elapsed() < LIMIT, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn issued_card_is_described_as_json() {
    let workshop = Workshop::new();
    let card = workshop.issue("doctor");
    assert_eq!(card["family"], "cps");
    assert_eq!(card["identifier"], "899700000011");
    assert_eq!(card["title"], "Médecin");
    assert_eq!(card["pin"], "1234");
    assert_eq!(card["issuer"], "ACI-FO-PP");
    let shown: Value =
        serde_json::from_str(&workshop.succeed(&["show", "doctor", "--json"])).unwrap();
    assert_eq!(shown["pin_tries_left"], 3);
    assert_eq!(shown["inserted"], false);
}

#[test]
fn every_family_is_issued_and_chains_to_the_card_anchors() {
    let workshop = Workshop::new();
    let rpps = ["--rpps", "99700000011"];
    let register = ["--finess-register", "0B0000011/SECR0001"];
    let cases: [(&str, &[&str]); 4] = [
        ("cps", &["--profession", "21", rpps[0], rpps[1]]),
        ("cpf", &["--profession", "10", rpps[0], rpps[1]]),
        ("cpe", &register),
        ("cpa", &["--rpps", "99700000011"]),
    ];
    for (family, options) in cases {
        let fixed = [
            "issue",
            "--profile",
            family,
            "--name",
            "Alix MOREAU",
            "--key",
            "p256",
            "--out",
            family,
        ];
        workshop.succeed(&[&fixed[..], options].concat());
        let output = Command::new("openssl")
            .args(["verify", "-CAfile", "pki/card-anchors.pem", "-untrusted"])
            .arg("pki/intermediates.pem")
            .arg(format!("{family}/authentication.pem"))
            .current_dir(workshop.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
}

#[test]
fn expired_card_is_issued_on_demand() {
    let workshop = Workshop::new();
    let fixed = [
        "issue",
        "--profile",
        "cps",
        "--profession",
        "10",
        "--key",
        "p256",
        "--expired",
    ];
    let holder = [
        "--name",
        "Camille DURAND",
        "--rpps",
        "99700000011",
        "--out",
        "old",
    ];
    workshop.succeed(&[&fixed[..], &holder].concat());
    let output = Command::new("openssl")
        .args(["x509", "-checkend", "0", "-noout", "-in"])
        .arg(workshop.path("old/authentication.pem"))
        .output()
        .unwrap();
    assert!(!output.status.success(), "{}", said(&output));
}

#[test]
fn mistakes_are_explained() {
    let workshop = Workshop::new();
    workshop.issue("doctor");
    let holder = ["issue", "--name", "Camille DURAND", "--out", "new"];
    let rpps = ["--rpps", "99700000011"];
    let cps = ["--profile", "cps", "--profession", "10"];
    let cases: [(Vec<&str>, &str); 8] = [
        (
            [&holder[..], &rpps, &["--profile", "cps"]].concat(),
            "--profession is needed",
        ),
        (
            [
                &holder[..],
                &rpps,
                &["--profile", "cps", "--profession", "11"],
            ]
            .concat(),
            "TRE_G15",
        ),
        (
            [
                &holder[..],
                &rpps,
                &["--profile", "cpe", "--profession", "10"],
            ]
            .concat(),
            "no profession",
        ),
        ([&holder[..], &cps].concat(), "one of --rpps, --adeli"),
        (
            [&holder[..], &cps, &["--rpps", "12"]].concat(),
            "11 digits are needed",
        ),
        (
            [&holder[..], &cps, &rpps, &["--pin", "12"]].concat(),
            "4 to 8 digits",
        ),
        (
            vec!["insert", "nowhere", "--vpcd", "127.0.0.1:1"],
            "cardea-vcard issue --out nowhere",
        ),
        (
            vec!["insert", "doctor", "--vpcd", "127.0.0.1:1"],
            "apt install pcscd vsmartcard-vpcd",
        ),
    ];
    for (arguments, expected) in cases {
        let message = workshop.fail(&arguments);
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    assert!(
        !workshop.path("new").exists(),
        "a refused card leaves nothing behind"
    );
}

#[test]
fn folders_in_use_are_left_alone() {
    let workshop = Workshop::new();
    workshop.issue("doctor");
    let holder = ["issue", "--name", "Camille DURAND"];
    let rpps = ["--rpps", "99700000011"];
    let cps = ["--profile", "cps", "--profession", "10"];
    let taken = [&holder[..], &["--out", "doctor"], &rpps, &cps].concat();
    assert!(
        workshop
            .fail(&taken)
            .contains("[virtual_card.folder_taken]")
    );
    assert!(
        workshop
            .fail(&["remove", "doctor"])
            .contains("[virtual_card.not_inserted]")
    );
    assert!(
        workshop
            .fail(&["pki", "init", "pki"])
            .contains("[virtual_card.folder_taken]")
    );
}

#[test]
fn card_is_inserted_detached_blocked_and_removed() {
    let workshop = Workshop::new();
    workshop.issue("doctor");
    let pcscd = PrivatePcscd::start().unwrap_or_else(|error| panic!("{error}"));
    let vpcd = pcscd.vpcd_address();
    let insert = ["insert", "doctor", "--vpcd", &vpcd, "--detach"];
    assert!(workshop.succeed(&insert).starts_with("inserted (process "));
    let serial = || pcscd.client("piv-tool").arg("--serial").output().unwrap();
    assert!(serial().status.success(), "{}", said(&serial()));
    assert!(
        workshop
            .fail(&insert)
            .contains("[virtual_card.already_inserted]")
    );

    let state = |expected: &str| {
        let command = "00:20:00:80";
        let select = "00:A4:04:00:05:A0:00:00:03:08";
        let mut tool = pcscd.client("opensc-tool");
        let output = tool.args(["-s", select, "-s", command]).output().unwrap();
        let text = said(&output);
        assert!(text.contains(expected), "{text}");
    };
    state("SW1=0x63, SW2=0xC3");
    workshop.succeed(&["block", "doctor"]);
    state("SW1=0x69, SW2=0x83");
    workshop.succeed(&["unblock", "doctor"]);
    state("SW1=0x63, SW2=0xC3");

    assert_eq!(workshop.succeed(&["remove", "doctor"]), "removed\n");
    wait_for("the removal", || !serial().status.success());
    assert!(!workshop.path("doctor/inserted.pid").exists());
    workshop.succeed(&insert);
    workshop.succeed(&["remove", "doctor"]);
}

#[test]
fn remove_ends_no_process_but_the_one_that_holds_this_card() {
    let workshop = Workshop::new();
    workshop.issue("doctor");
    workshop.issue("nurse");
    let is_spared = |mut process: Running| {
        let id = format!("{}\n", process.0.id());
        fs::write(workshop.path("doctor/inserted.pid"), id).unwrap();
        let refusal = workshop.fail(&["remove", "doctor"]);
        assert!(refusal.contains("[virtual_card.not_inserted]"), "{refusal}");
        std::thread::sleep(Duration::from_millis(100));
        assert!(process.0.try_wait().unwrap().is_none(), "it was ended");
    };

    // A program of somebody else's that got the number of a card's process.
    let mut other = Command::new("sh");
    other.args(["-c", "read -r line", "insert", "insert", "doctor"]);
    other.current_dir(workshop.folder.path());
    is_spared(Running(other.stdin(Stdio::piped()).spawn().unwrap()));

    // This program, with another card. Whoever listens is vpcd enough to be given a card.
    let vpcd = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = vpcd.local_addr().unwrap().to_string();
    let mut other = workshop.command(&["insert", "--vpcd", &address, "nurse"]);
    let other = Running(other.spawn().unwrap());
    wait_for("the insertion", || {
        workshop.path("nurse/inserted.pid").exists()
    });
    is_spared(other);

    // The card's own process is found by whatever path either was given.
    let card = workshop.path("pki/../nurse");
    let card = card.to_str().unwrap();
    fs::remove_file(workshop.path("nurse/inserted.pid")).unwrap();
    let mut own = workshop.command(&["insert", "--vpcd", &address, card]);
    let mut own = Running(own.spawn().unwrap());
    wait_for("the insertion", || {
        workshop.path("nurse/inserted.pid").exists()
    });
    // A zombie holds no card: its parent need not have noticed for the removal to be over.
    assert_eq!(workshop.succeed(&["remove", "nurse"]), "removed\n");
    assert!(own.0.wait().unwrap().success());
}

#[test]
fn a_card_lies_on_a_contactless_reader_if_it_was_issued_for_one() {
    let workshop = Workshop::new();
    workshop.issue("doctor");
    let pcscd = PrivatePcscd::start().unwrap_or_else(|error| panic!("{error}"));
    let vpcd = pcscd.vpcd_address();
    let lay = |card| ["insert", card, "--vpcd", &vpcd, "--contactless", "--detach"];
    assert!(workshop.fail(&lay("doctor")).contains("no contactless key"));
    let issue = "issue --profile cps --profession 21 --key p256 --rpps 899700000011 --contactless";
    let mut issue: Vec<&str> = issue.split(' ').collect();
    issue.extend(["--name", "Camille DURAND", "--out", "nurse"]);
    workshop.succeed(&issue);
    workshop.succeed(&lay("nurse"));
    let mut tool = pcscd.client("opensc-tool");
    let tool = tool.args(["-s", "00:A4:04:00:05:A0:00:00:03:08", "-s", "00:20:00:80"]);
    let text = said(&tool.output().unwrap());
    assert!(text.contains("SW1=0x69, SW2=0x82"), "no PIN: {text}");
    workshop.succeed(&["revoke", "nurse"]);
    workshop.succeed(&["remove", "nurse"]);
}

#[test]
fn wrong_pins_are_remembered_by_the_folder() {
    let workshop = Workshop::new();
    workshop.issue("doctor");
    let pcscd = PrivatePcscd::start().unwrap_or_else(|error| panic!("{error}"));
    let vpcd = pcscd.vpcd_address();
    workshop.succeed(&["insert", "doctor", "--vpcd", &vpcd, "--detach"]);
    let mut tool = pcscd.client("yubico-piv-tool");
    let wrong = tool.args(["-r", "Virtual PCD", "-a", "verify-pin", "-P", "9999"]);
    assert!(!wrong.output().unwrap().status.success());
    workshop.succeed(&["remove", "doctor"]);
    let shown: Value =
        serde_json::from_str(&workshop.succeed(&["show", "doctor", "--json"])).unwrap();
    assert_eq!(shown["pin_tries_left"], 2);
}

#[test]
fn card_process_ends_when_pcscd_does() {
    let workshop = Workshop::new();
    workshop.issue("doctor");
    let pcscd = PrivatePcscd::start().unwrap_or_else(|error| panic!("{error}"));
    let vpcd = pcscd.vpcd_address();
    let mut command = workshop.command(&["insert", "doctor", "--vpcd", &vpcd]);
    let mut child = Running(command.stderr(Stdio::piped()).spawn().unwrap());
    wait_for("the insertion", || {
        workshop.path("doctor/inserted.pid").exists()
    });
    drop(pcscd);
    wait_for("the end", || child.0.try_wait().unwrap().is_some());
    let mut message = String::new();
    child
        .0
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut message)
        .unwrap();
    assert!(message.contains("the reader is gone"), "{message}");
    assert!(!workshop.path("doctor/inserted.pid").exists());
}

/// Starts `pki serve` on free ports and returns the two base addresses.
fn serve(workshop: &Workshop) -> (Running, String, String) {
    let any = "127.0.0.1:0";
    let mut command =
        workshop.command(&["pki", "serve", "pki", "--listen", any, "--ocsp-listen", any]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let mut addresses = line
        .split_whitespace()
        .filter(|word| word.starts_with("http://"));
    let mut next = || addresses.next().unwrap().trim_end_matches(',').to_owned();
    let (publication, ocsp) = (next(), next());
    (Running(child), publication, ocsp)
}

fn ocsp_verdict(workshop: &Workshop, url: &str, card: &str) -> String {
    let issuer = "pki/authorities/ACI-FO-PP/certificate.pem";
    let output = Command::new("openssl")
        .args(["ocsp", "-issuer", issuer, "-cert"])
        .arg(format!("{card}/authentication.pem"))
        .args([
            "-url",
            &format!("{url}/ACI-FO-PP"),
            "-CAfile",
            "pki/anchors.pem",
        ])
        .args(["-verify_other", issuer])
        .current_dir(workshop.folder.path())
        .output()
        .unwrap();
    said(&output)
}

#[test]
fn revocation_is_seen_by_ocsp_and_crl_without_a_restart() {
    let workshop = Workshop::new();
    workshop.issue("lost");
    workshop.issue("kept");
    let (_server, publication, ocsp) = serve(&workshop);
    let crl = || {
        let url = format!("{publication}/CRL/ACI-FO-PP.crl");
        let output = Command::new("openssl")
            .args(["crl", "-noout", "-text", "-inform", "DER", "-in", &url])
            .output()
            .unwrap();
        said(&output)
    };
    let verdict = ocsp_verdict(&workshop, &ocsp, "lost");
    assert!(verdict.contains("Response verify OK"), "{verdict}");
    assert!(verdict.contains(": good"), "{verdict}");
    assert!(crl().contains("No Revoked Certificates"), "{}", crl());

    workshop.succeed(&["revoke", "lost"]);
    let verdict = ocsp_verdict(&workshop, &ocsp, "lost");
    assert!(verdict.contains(": revoked"), "{verdict}");
    assert!(ocsp_verdict(&workshop, &ocsp, "kept").contains(": good"));
    let text = crl();
    assert!(text.contains("Serial Number:"), "{text}");

    // A card issued while the server runs is known at once, too.
    workshop.issue("new");
    assert!(ocsp_verdict(&workshop, &ocsp, "new").contains(": good"));
}

#[test]
fn certificate_of_another_pki_is_unknown_to_the_responder() {
    let (workshop, other) = (Workshop::new(), Workshop::new());
    other.issue("foreign");
    fs::create_dir(workshop.path("foreign")).unwrap();
    let name = "foreign/authentication.pem";
    fs::copy(other.path(name), workshop.path(name)).unwrap();
    let (_server, _, ocsp) = serve(&workshop);
    let verdict = ocsp_verdict(&workshop, &ocsp, "foreign");
    assert!(verdict.contains(": unknown"), "{verdict}");
}

#[test]
fn bundles_are_exported() {
    let workshop = Workshop::new();
    let count = |file: &str| {
        let text = fs::read_to_string(workshop.path(file)).unwrap();
        text.matches("BEGIN CERTIFICATE").count()
    };
    workshop.succeed(&["pki", "anchors", "pki", "--out", "a.pem"]);
    workshop.succeed(&["pki", "anchors", "pki", "--cards-only", "--out", "c.pem"]);
    workshop.succeed(&["pki", "intermediates", "pki", "--out", "i.pem"]);
    assert_eq!((count("a.pem"), count("c.pem"), count("i.pem")), (3, 2, 4));
}

/// One prompt: sends `lines` and returns the replies.
fn prompt(command: &mut Command, lines: &str) -> Vec<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn pinentry_follows_its_script_across_processes_and_logs_no_pin() {
    let workshop = Workshop::new();
    let script = "{\"pin\":\"9999\"}\n{\"cancel\":true}\n{\"confirm\":true}\n{\"pin\":\"1234\"}\n";
    fs::write(workshop.path("script"), script).unwrap();
    workshop.succeed(&[
        "pinentry",
        "--script",
        "script",
        "--write-wrapper",
        "pinentry-wrapper",
    ]);
    let ask = |lines: &str| {
        let replies = prompt(&mut Command::new(workshop.path("pinentry-wrapper")), lines);
        assert!(replies[0].starts_with("OK"), "greeting");
        replies[1..].to_vec()
    };
    let shown = "OPTION ttyname=x\nSETDESC Portail de test%0ACamille DURAND\nSETPROMPT Code\n";
    let replies = ask(&format!("{shown}GETPIN\nBYE\n"));
    assert_eq!(
        replies,
        ["OK", "OK", "OK", "D 9999", "OK", "OK closing connection"]
    );
    assert_eq!(
        ask("GETPIN\n"),
        ["ERR 83886179 Operation cancelled <Pinentry>"]
    );
    assert_eq!(ask("CONFIRM\n"), ["OK"]);
    assert_eq!(ask("SETERROR faux\nGETPIN\n"), ["OK", "D 1234", "OK"]);
    assert_eq!(
        ask("GETPIN\nGETPIN\n"),
        ["D 1234", "OK", "D 1234", "OK"],
        "the last one repeats"
    );
    assert!(ask("GETINFO pid\n")[0].starts_with("D "));
    assert!(ask("FROBNICATE\n")[0].starts_with("ERR "));
    let log = fs::read_to_string(workshop.path("script.log")).unwrap();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["command"], "SETDESC");
    assert_eq!(lines[0]["text"], "Portail de test\nCamille DURAND");
    assert!(
        lines
            .iter()
            .any(|line| line["command"] == "SETERROR" && line["text"] == "faux")
    );
    assert!(!log.contains("1234") && !log.contains("9999"), "{log}");
}

#[test]
fn broken_script_is_refused_without_showing_its_line() {
    let workshop = Workshop::new();
    fs::write(
        workshop.path("script"),
        "{\"pin\":\"1234\"}\n{\"pim\":\"4711\"}\n",
    )
    .unwrap();
    let message = workshop.fail(&["pinentry", "--script", "script"]);
    assert!(message.contains("line 2 is not a script line"), "{message}");
    assert!(!message.contains("4711"), "{message}");
}

#[test]
fn question_to_confirm_without_a_line_of_its_kind_is_cancelled() {
    let workshop = Workshop::new();
    fs::write(workshop.path("script"), "{\"pin\":\"1234\"}\n").unwrap();
    let mut command = workshop.command(&["pinentry", "--script", "script"]);
    let replies = prompt(&mut command, "CONFIRM\n");
    assert_eq!(replies[1], "ERR 83886179 Operation cancelled <Pinentry>");
}

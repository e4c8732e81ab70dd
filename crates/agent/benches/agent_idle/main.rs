//! What the agent costs while nobody signs in: `cardea-agent run`, a card in the reader of a real
//! pcscd. Processor time and wake-ups over a minute without a session, and memory before and after
//! sign-ins, with their sessions over and with sessions that live on, as the kernel counts them
//! (proc(5)).

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cardea_test_pki::{CardProfile, KeyKind, TestPki};
use cardea_virtual_card::private_pcscd::PrivatePcscd;
use cardea_virtual_card::vpcd::PluggedCard;
use cardea_virtual_card::{CardImage, VirtualCard};
use tokio::runtime::Runtime;

#[path = "../sign_in_time/issuer.rs"]
mod issuer;
#[path = "../sign_in_time/login_page.rs"]
mod login_page;

use issuer::Issuer;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Until everything that a start or a sign-in brings is over. The last threads that waited for work
/// end after ten seconds.
const SETTLING: Duration = Duration::from_secs(15);
/// How long is measured.
const WINDOW: Duration = Duration::from_secs(60);
/// Longer than all of it.
const LASTING: Duration = Duration::from_secs(3600);
/// How often a person signs in before each look but the first.
const SIGN_INS: [usize; 2] = [10, 60];
/// A person who has typed the PIN already.
const PROMPT: &str = r#"#!/bin/sh
echo OK
while read -r line; do
    case "$line" in
        GETPIN*) printf 'D 1234\nOK\n' ;;
        BYE*) echo OK && exit ;;
        *) echo OK ;;
    esac
done
"#;

fn main() -> Result<(), Failure> {
    // `cargo test` runs this too, to see that it compiles.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let runtime = Runtime::new()?;
    let pcscd = PrivatePcscd::start()?;
    let plugged = plug(&pcscd)?;
    let at_rest = {
        let agent = Running::start(&runtime, &pcscd, Duration::ZERO)?;
        std::thread::sleep(SETTLING);
        let (before, begun) = (agent.look()?, Instant::now());
        std::thread::sleep(WINDOW);
        let (after, seconds) = (agent.look()?, begun.elapsed().as_secs_f64());
        let ended = agent.after_sign_ins(&runtime)?;
        (before, after, seconds, ended)
    };
    let (before, after, seconds, ended) = at_rest;
    let agent = Running::start(&runtime, &pcscd, LASTING)?;
    std::thread::sleep(SETTLING);
    let kept = agent.after_sign_ins(&runtime)?;
    drop(plugged);
    std::thread::sleep(SETTLING);
    let pulled = agent.look()?;
    print(&before, &after, seconds)?;
    let mut table = String::from(MEMORY_HEAD);
    row(&mut table, "fresh", &after)?;
    for (count, look) in &ended {
        row(
            &mut table,
            &format!("{count} sign-ins, sessions over"),
            look,
        )?;
    }
    for (count, look) in &kept {
        row(
            &mut table,
            &format!("{count} sign-ins, sessions live on (32 at most)"),
            look,
        )?;
    }
    row(
        &mut table,
        "the card pulled then: all sessions over",
        &pulled,
    )?;
    Ok(std::io::stdout().write_all(table.as_bytes())?)
}

fn plug(pcscd: &PrivatePcscd) -> Result<PluggedCard, Failure> {
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    let issued = TestPki::shared()?.issue_card(&profile)?;
    let card = VirtualCard::insert(CardImage::from_issued(&issued)?)?;
    let plugged = PluggedCard::plug(&pcscd.vpcd_address(), card)?;
    match plugged.wait_until_seen(SETTLING) {
        true => Ok(plugged),
        false => Err("the reader does not see the card".into()),
    }
}

/// The program, ended when dropped.
struct Running {
    child: Child,
    address: SocketAddr,
    issuer: Issuer,
    _folder: tempfile::TempDir,
}

impl Running {
    fn start(
        runtime: &Runtime,
        pcscd: &PrivatePcscd,
        sessions_last: Duration,
    ) -> Result<Self, Failure> {
        let issuer = runtime.block_on(Issuer::start(sessions_last))?;
        let folder = tempfile::tempdir()?;
        // As the folder for sockets of a user is.
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(folder.path(), private)?;
        let prompt = folder.path().join("prompt");
        std::fs::write(&prompt, PROMPT)?;
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&prompt, executable)?;
        let config = folder.path().join("agent.toml");
        // A loopback port that is asked for by number is nobody's: 0 takes a free one.
        let text = format!(
            "port = 0\nloopback = \"on\"\npinentry = \"./prompt\"\nstate_dir = \"state\"\n\
             requests_per_minute = 600\n{}",
            issuer.enrolment()?
        );
        std::fs::write(&config, text)?;
        let mut child = Command::new(program())
            .args([Path::new("run"), Path::new("--config"), &config])
            .env("PCSCLITE_CSOCK_NAME", pcscd.socket())
            .env("XDG_RUNTIME_DIR", folder.path())
            .env("HOME", folder.path())
            .stderr(Stdio::piped())
            .spawn()?;
        let log = child.stderr.take().ok_or("the program has no log")?;
        let mut lines = BufReader::new(log).lines();
        let listens = lines.find_map(|line| address(&line.ok()?));
        // Whatever it says later is read by nobody, and must not fill a pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self {
            child,
            address: listens.ok_or("the agent ended")?,
            issuer,
            _folder: folder,
        })
    }

    /// Its memory after each of [`SIGN_INS`] in all.
    fn after_sign_ins(&self, runtime: &Runtime) -> Result<Vec<(usize, Look)>, Failure> {
        let mut done = 0;
        let mut looks = Vec::new();
        for count in SIGN_INS {
            for _ in done..count {
                let challenge = self.issuer.challenge()?;
                let page = login_page::sign_in(self.address, &self.issuer.url, &challenge);
                runtime.block_on(page)?;
            }
            done = count;
            std::thread::sleep(SETTLING);
            looks.push((count, self.look()?));
        }
        Ok(looks)
    }

    fn look(&self) -> Result<Look, Failure> {
        Look::at(Path::new(&format!("/proc/{}", self.child.id())))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The agent of this build, or another one that is to be measured.
fn program() -> PathBuf {
    std::env::var_os("CARDEA_AGENT")
        .map_or_else(|| env!("CARGO_BIN_EXE_cardea-agent").into(), PathBuf::from)
}

/// Where the agent says that it listens.
fn address(line: &str) -> Option<SocketAddr> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    (line.get("message")? == "listening")
        .then(|| line.get("address")?.as_str()?.parse().ok())
        .flatten()
}

/// What the kernel has counted for a process so far.
struct Look {
    processor_ns: u64,
    wake_ups: u64,
    threads: usize,
    resident_kib: u64,
    own_kib: u64,
    anonymous_kib: u64,
}

impl Look {
    fn at(process: &Path) -> Result<Self, Failure> {
        let (mut processor_ns, mut wake_ups, mut threads) = (0, 0, 0);
        for thread in std::fs::read_dir(process.join("task"))? {
            let thread = thread?.path();
            let times = std::fs::read_to_string(thread.join("schedstat"))?;
            let first = times.split(' ').next().unwrap_or_default();
            processor_ns += first.parse::<u64>()?;
            wake_ups += number(&thread.join("status"), "voluntary_ctxt_switches:")?;
            threads += 1;
        }
        let memory = process.join("smaps_rollup");
        let private = number(&memory, "Private_Clean:")? + number(&memory, "Private_Dirty:")?;
        Ok(Self {
            processor_ns,
            wake_ups,
            threads,
            resident_kib: number(&memory, "Rss:")?,
            own_kib: private,
            anonymous_kib: number(&memory, "Anonymous:")?,
        })
    }
}

/// The number of the line that begins so.
fn number(file: &Path, label: &str) -> Result<u64, Failure> {
    let text = std::fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(label));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("a line is missing")?.parse()?)
}

fn print(before: &Look, after: &Look, seconds: f64) -> Result<(), Failure> {
    let milliseconds = |ns: u64| Duration::from_nanos(ns).as_secs_f64() * 1000.0;
    let spent = milliseconds(after.processor_ns - before.processor_ns);
    let mut table =
        String::from("### The agent at rest, a card in the reader\n\n| | |\n|---|---:|\n");
    writeln!(
        table,
        "| processor time in {seconds:.0} s, ms | {spent:.2} |"
    )?;
    writeln!(
        table,
        "| share of one core, % | {:.4} |",
        spent / seconds / 10.0
    )?;
    writeln!(
        table,
        "| wake-ups in that time | {} |",
        after.wake_ups - before.wake_ups
    )?;
    writeln!(table, "| threads | {} |", after.threads)?;
    table.push('\n');
    Ok(std::io::stdout().write_all(table.as_bytes())?)
}

const MEMORY_HEAD: &str = "### Its memory, MiB\n\n\
    | | resident (RSS) | of which its own alone (private) | of which anonymous | threads |\n\
    |---|---:|---:|---:|---:|\n";

fn row(table: &mut String, what: &str, look: &Look) -> std::fmt::Result {
    let mebibytes = |kib: u64| f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0;
    writeln!(
        table,
        "| {what} | {:.1} | {:.1} | {:.1} | {} |",
        mebibytes(look.resident_kib),
        mebibytes(look.own_kib),
        mebibytes(look.anonymous_kib),
        look.threads,
    )
}

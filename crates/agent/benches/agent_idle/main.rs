//! What the agent costs while nobody signs in: `cardea-agent run`, a card in the reader of a real
//! pcscd, no session. Processor time and wake-ups over a minute, and memory, as the kernel counts
//! them (proc(5)).

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cardea_test_pki::{CardProfile, KeyKind, TestPki};
use cardea_virtual_card::private_pcscd::PrivatePcscd;
use cardea_virtual_card::vpcd::PluggedCard;
use cardea_virtual_card::{CardImage, VirtualCard};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Until everything that a start brings is over.
const SETTLING: Duration = Duration::from_secs(15);
/// How long is measured.
const WINDOW: Duration = Duration::from_secs(60);
/// A PIN prompt that is never asked.
const PROMPT: &str = "#!/bin/sh\necho 'OK'\n";

fn main() -> Result<(), Failure> {
    // `cargo test` runs this too, to see that it compiles.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let pcscd = PrivatePcscd::start()?;
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    let issued = TestPki::shared()?.issue_card(&profile)?;
    let card = VirtualCard::insert(CardImage::from_issued(&issued)?)?;
    let plugged = PluggedCard::plug(&pcscd.vpcd_address(), card)?;
    if !plugged.wait_until_seen(SETTLING) {
        return Err("the reader does not see the card".into());
    }
    let agent = Running::start(folder.path(), &pcscd)?;
    std::thread::sleep(SETTLING);
    let (before, begun) = (agent.look()?, Instant::now());
    std::thread::sleep(WINDOW);
    let (after, seconds) = (agent.look()?, begun.elapsed().as_secs_f64());
    print(&before, &after, seconds)?;
    drop(plugged);
    Ok(())
}

/// The program, ended when dropped.
struct Running(Child);

impl Running {
    fn start(folder: &Path, pcscd: &PrivatePcscd) -> Result<Self, Failure> {
        let prompt = folder.join("prompt");
        std::fs::write(&prompt, PROMPT)?;
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&prompt, executable)?;
        let config = folder.join("agent.toml");
        // A loopback port that is asked for by number is nobody's: 0 takes a free one.
        let text = format!(
            "port = 0\nloopback = \"on\"\npinentry = \"./prompt\"\nstate_dir = \"state\"\n{}",
            enrolment()?
        );
        std::fs::write(&config, text)?;
        let mut child = Command::new(program())
            .args([Path::new("run"), Path::new("--config"), &config])
            .env("PCSCLITE_CSOCK_NAME", pcscd.socket())
            .env("XDG_RUNTIME_DIR", folder)
            .env("HOME", folder)
            .stderr(Stdio::piped())
            .spawn()?;
        let log = child.stderr.take().ok_or("the program has no log")?;
        let mut lines = BufReader::new(log).lines();
        let listens = lines.any(|line| line.is_ok_and(|line| line.contains("\"listening\"")));
        // Whatever it says later is read by nobody, and must not fill a pipe.
        std::thread::spawn(move || lines.for_each(drop));
        if listens {
            Ok(Self(child))
        } else {
            Err("the agent ended".into())
        }
    }

    fn look(&self) -> Result<Look, Failure> {
        Look::at(Path::new(&format!("/proc/{}", self.0.id())))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The agent of this build, or another one that is to be measured.
fn program() -> PathBuf {
    std::env::var_os("CARDEA_AGENT")
        .map_or_else(|| env!("CARGO_BIN_EXE_cardea-agent").into(), PathBuf::from)
}

/// An issuer that is never asked for anything.
fn enrolment() -> Result<String, Failure> {
    let root = cardea_jose::SigningKey::generate(cardea_jose::Algorithm::Es256)?;
    let jwk = serde_json::to_value(root.public_jwk())?;
    Ok(format!(
        "[[issuer]]\nissuer = \"http://127.0.0.1:9\"\n\
         roots = [ {{ kty = \"EC\", crv = \"P-256\", x = {}, y = {} }} ]\n",
        jwk["x"], jwk["y"]
    ))
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
    let mebibytes = |kib: u64| f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0;
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
    writeln!(
        table,
        "| resident memory (RSS), MiB | {:.1} |",
        mebibytes(after.resident_kib)
    )?;
    writeln!(
        table,
        "| of which its own alone (private), MiB | {:.1} |",
        mebibytes(after.own_kib)
    )?;
    writeln!(
        table,
        "| of which anonymous, MiB | {:.1} |",
        mebibytes(after.anonymous_kib)
    )?;
    Ok(std::io::stdout().write_all(table.as_bytes())?)
}

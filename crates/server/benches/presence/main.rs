//! What the presence of cards costs the program `cardea`, and how soon a pulled card is felt.
//!
//! All sessions come about as in life: a login over HTTP with a certificate of the test PKI, a
//! presence connection, statements signed by the presence key. First 1 000 sessions stand, and
//! cards are pulled one by one: the time from the departure's first byte to a refused refresh and
//! to the logout token at the portal. Then 10 000 sessions, or `WATCHED`, are watched for a minute.
//! The agents, the portal and the server share the machine; CPU time is that of the server alone.

#[path = "../login_over_http/keys.rs"]
mod keys;
#[path = "../login_over_http/login.rs"]
mod login;
mod portal;
#[path = "../login_over_http/program.rs"]
mod program;
#[path = "../login_over_http/revocation_host.rs"]
mod revocation_host;
mod watched;
#[path = "../login_over_http/workstation.rs"]
mod workstation;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use cardea_test_pki::KeyKind;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::login::{SignedIn, Visitors};
use crate::portal::Portal;
use crate::program::Program;
use crate::revocation_host::RevocationHost;
use crate::watched::{Counts, Watched};
use crate::workstation::Workstation;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// All agents and browsers have one address here.
const LIMITS: &str = "\
per_address_and_minute = 1000000
challenges_per_address_and_minute = 1000000
connections_per_address = 20000
[presence]
unclaimed_per_address_max = 4000";
/// Logins under way at a time while sessions are made.
const AT_A_TIME: usize = 8;
/// Sessions of one person and card, at as many portals or in as many windows.
const SESSIONS_OF_PERSON: usize = 10;
const TRIES_MAX: usize = 5;
/// Sockets beside those of the agents: the portal's, the browsers', files.
const OTHER_FILES: usize = 500;

/// How much is done.
struct Extent {
    /// Sessions on the server while cards are pulled.
    standing: usize,
    /// Cards that are pulled.
    pulled: usize,
    /// Sessions that are watched.
    watched: usize,
    /// For how long.
    watched_for: Duration,
}

const MEASURED: Extent = Extent {
    standing: 1_000,
    pulled: 500,
    watched: 10_000,
    watched_for: Duration::from_secs(60),
};
const TRIED: Extent = Extent {
    standing: 3,
    pulled: 2,
    watched: 4,
    watched_for: Duration::from_secs(1),
};

fn main() -> Result<(), Failure> {
    // Cargo says `--bench` when it measures; else a few sessions show that the bench works.
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let mut extent = if measuring { MEASURED } else { TRIED };
    if let Ok(watched) = std::env::var("WATCHED") {
        extent.watched = watched.parse()?;
    }
    raise_file_limit(extent.watched + OTHER_FILES)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let table = runtime.block_on(measure(&extent))?;
    writeln!(std::io::stdout().lock(), "### Presence\n\n{table}")?;
    Ok(())
}

/// Each agent's connection is a file at this end as well.
fn raise_file_limit(files: usize) -> Result<(), Failure> {
    let limit = getrlimit(Resource::Nofile);
    let files = u64::try_from(files)?;
    if limit.current.is_none_or(|current| current >= files) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(files),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised)
        .map_err(|_| format!("this needs {files} open files: see `ulimit -Hn`").into())
}

async fn measure(extent: &Extent) -> Result<String, Failure> {
    let host = RevocationHost::start(false).await?;
    let portal = Portal::open().await?;
    let program = Program::start_limiting(&host, LIMITS, &portal.registration()).await?;
    let visitors = Visitors::new(&program)?;
    let counts = Arc::new(Counts::default());
    let crowd = Crowd {
        host: &host,
        visitors: &visitors,
        counts: &counts,
    };

    // What is done once in a server's life is done.
    let first = Workstation::new(host.issue(KeyKind::P256, 9_999)?)?;
    visitors.log_in(&first).await?;
    let mut standing = crowd.sign_in(0..extent.standing + extent.pulled).await?;
    let mut refused = Vec::new();
    let mut told = Vec::new();
    for session in standing.drain(..extent.pulled) {
        let pulled = portal.pull(&program.issuer, session).await?;
        refused.push(pulled.refused);
        told.push(pulled.told);
    }
    let mut table = format!(
        "| from the departure to, with {} sessions on the server | median, ms | 99 of 100 below, \
         ms |\n|---|---:|---:|\n",
        extent.standing
    );
    for (what, times) in [
        ("a refused refresh", &mut refused),
        ("the logout token at the portal", &mut told),
    ] {
        let (median, high) = (quantile(times, 50), quantile(times, 99));
        table.push_str(&format!("| {what} | {median:.1} | {high:.1} |\n"));
    }

    let from = extent.standing + extent.pulled;
    let more = extent.watched.saturating_sub(standing.len());
    standing.extend(crowd.sign_in(from..from + more).await?);
    // What the logins left to do is done.
    tokio::time::sleep(extent.watched_for / 4).await;
    let (cpu, proofs) = (program.cpu_time()?, counts.answered());
    tokio::time::sleep(extent.watched_for).await;
    let cpu = program.cpu_time()?.saturating_sub(cpu);
    let proofs = counts.answered().saturating_sub(proofs);
    let seconds = extent.watched_for.as_secs_f64();
    let lost = counts.lost();
    if lost > 0 {
        return Err(format!("{lost} connections were lost").into());
    }
    table.push_str(&format!(
        "\n| {} sessions watched for {seconds:.0} s | |\n|---|---:|\n\
         | of a core | {:.2} % |\n| answers a second | {:.0} |\n| resident memory, MiB | {:.0} |\n",
        standing.len(),
        cpu.as_secs_f64() / seconds * 100.0,
        f64::from(u32::try_from(proofs)?) / seconds,
        resident_mib(program.process_id())?,
    ));
    Ok(table)
}

/// People who sign in and stay.
struct Crowd<'a> {
    host: &'a RevocationHost,
    visitors: &'a Visitors<'a>,
    counts: &'a Arc<Counts>,
}

impl Crowd<'_> {
    async fn sign_in(&self, numbers: std::ops::Range<usize>) -> Result<Vec<Watched>, Failure> {
        let mut people = Vec::new();
        for number in numbers.clone().step_by(SESSIONS_OF_PERSON) {
            let card = self
                .host
                .issue(KeyKind::P256, number / SESSIONS_OF_PERSON)?;
            people.push(Arc::new(Workstation::new(card)?));
        }
        let turns = people.iter().cycle().take(numbers.len());
        stream::iter(turns.cloned().map(|person| async move {
            let signed_in = self.sign_in_somehow(&person).await?;
            Ok(Watched::begin(signed_in, Arc::clone(self.counts)))
        }))
        .buffer_unordered(AT_A_TIME)
        .try_collect()
        .await
    }

    /// A server that is overloaded turns people away, who come again.
    async fn sign_in_somehow(&self, person: &Workstation) -> Result<SignedIn, Failure> {
        let mut tries = 0;
        loop {
            match self.visitors.sign_in(person).await {
                Err(_) if tries < TRIES_MAX => tries += 1,
                outcome => return outcome,
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Memory that a process holds (proc(5), `VmRSS`).
fn resident_mib(process_id: u32) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.ok_or("/proc/PID/status has no VmRSS")?;
    Ok(kib.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// In milliseconds.
fn quantile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3
}

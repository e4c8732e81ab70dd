//! How much longer a login waits for the program `cardea` while one address floods it (attack H9):
//! at rest and under the flood by turns, in one run. The flood, the browser and the server share
//! the machine, so what the flood itself computes is in the slowdown.

mod attack;
#[path = "../login_over_http/keys.rs"]
mod keys;
#[path = "../login_over_http/login.rs"]
mod login;
#[path = "../login_over_http/program.rs"]
mod program;
#[path = "../login_over_http/revocation_host.rs"]
mod revocation_host;
#[path = "../login_over_http/workstation.rs"]
mod workstation;

use std::io::Write as _;
use std::time::{Duration, Instant};

use cardea_test_pki::KeyKind;

use crate::attack::Attack;
use crate::login::Visitors;
use crate::program::Program;
use crate::revocation_host::RevocationHost;
use crate::workstation::Workstation;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a server has by default, but for challenges: all people of this bench have one address.
const LIMITS: &str = "challenges_per_address_and_minute = 600";
const LOGINS_WARM_UP: usize = 10;
/// Logins of each turn; those of a minute stay below the limit of one address.
const LOGINS: usize = 50;
const TURNS: usize = 4;

fn main() -> Result<(), Failure> {
    // Cargo says `--bench` when it measures; else one login shows that the bench works.
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let table = runtime.block_on(measure(measuring))?;
    writeln!(
        std::io::stdout().lock(),
        "### A login under a flood\n\n{table}"
    )?;
    Ok(())
}

async fn measure(measuring: bool) -> Result<String, Failure> {
    let host = RevocationHost::start(measuring).await?;
    let program = Program::start_limiting(&host, LIMITS, "").await?;
    let visitors = Visitors::new(&program)?;
    let person = Workstation::new(host.issue(KeyKind::Rsa2048, 0)?)?;
    let (warm_up, logins, turns) = match measuring {
        true => (LOGINS_WARM_UP, LOGINS, TURNS),
        false => (0, 1, 1),
    };
    log_in(&visitors, &person, warm_up).await?;
    let (mut at_rest, mut flooded) = (Vec::new(), Vec::new());
    let (mut requests, mut lasted) = (0, Duration::ZERO);
    let before = program.cpu_time()?;
    for _ in 0..turns {
        at_rest.extend(log_in(&visitors, &person, logins).await?);
        let attack = Attack::begin(&program.issuer)?;
        let begun = Instant::now();
        flooded.extend(log_in(&visitors, &person, logins).await?);
        lasted += begun.elapsed();
        requests += attack.end()?;
    }
    let used = program.cpu_time()?.saturating_sub(before);
    let rate = f64::from(u32::try_from(requests)?) / lasted.as_secs_f64();
    let (median, high) = (quantile(&mut at_rest, 50), quantile(&mut at_rest, 99));
    let (median_flooded, high_flooded) = (quantile(&mut flooded, 50), quantile(&mut flooded, 99));
    Ok(format!(
        "| | median, ms | 99 of 100 below, ms |\n|---|---:|---:|\n\
         | {count} logins at rest | {median:.1} | {high:.1} |\n\
         | {count} logins under the flood | {median_flooded:.1} | {high_flooded:.1} |\n\
         | **ratio** | **{:.1}** | **{:.1}** |\n\n\
         The flood: {requests} requests, {rate:.0} a second. CPU time of the server: {:.1} s.\n",
        median_flooded / median,
        high_flooded / high,
        used.as_secs_f64(),
        count = at_rest.len(),
    ))
}

async fn log_in(
    visitors: &Visitors<'_>,
    person: &Workstation,
    times: usize,
) -> Result<Vec<Duration>, Failure> {
    let mut waited = Vec::new();
    for _ in 0..times {
        waited.push(visitors.log_in(person).await?);
    }
    Ok(waited)
}

/// In milliseconds.
fn quantile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3
}

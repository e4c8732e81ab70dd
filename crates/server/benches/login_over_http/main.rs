//! What one login costs the program `cardea` as a whole: HTTP, pages, JSON, log, presence
//! connection, OCSP over HTTP and SQLite beside the decisions. CPU time is that of the program's
//! process, so nothing of the browser, the portal, the agent or the OCSP responder is in it.

mod keys;
mod login;
mod program;
mod revocation_host;
mod workstation;

use std::io::Write as _;
use std::time::Duration;

use cardea_test_pki::KeyKind;

use crate::login::Visitors;
use crate::program::Program;
use crate::revocation_host::RevocationHost;
use crate::workstation::Workstation;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// All people have one address.
const LIMITS: &str = "per_address_and_minute = 100000\nchallenges_per_address_and_minute = 100000";
/// People who log in by turns.
const PEOPLE: usize = 8;
const LOGINS_WARM_UP: usize = 20;
/// A login uses some milliseconds, and the process's CPU time is known to ten.
const LOGINS: usize = 250;

fn main() -> Result<(), Failure> {
    // Cargo says `--bench` when it measures; else one login shows that the bench works.
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let table = runtime.block_on(measure_all(measuring))?;
    writeln!(std::io::stdout().lock(), "### Whole program\n\n{table}")?;
    Ok(())
}

async fn measure_all(measuring: bool) -> Result<String, Failure> {
    let host = RevocationHost::start(measuring).await?;
    let (warm_up, logins) = match measuring {
        true => (LOGINS_WARM_UP, LOGINS),
        false => (0, 1),
    };
    let mut table = format!(
        "| card | CPU a login, ms (mean of {logins}) | waited for the server, ms (median) |\n\
         |---|---:|---:|\n"
    );
    for (key, name) in [(KeyKind::Rsa2048, "RSA 2048"), (KeyKind::P256, "P-256")] {
        let program = Program::start_limiting(&host, LIMITS, "").await?;
        let visitors = Visitors::new(&program)?;
        let people = (0..PEOPLE)
            .map(|number| Workstation::new(host.issue(key, number)?))
            .collect::<Result<Vec<_>, _>>()?;
        let mut turns = people.iter().cycle();
        for person in turns.by_ref().take(warm_up) {
            visitors.log_in(person).await?;
        }
        let before = program.cpu_time()?;
        let mut waited = Vec::new();
        for person in turns.take(logins) {
            waited.push(visitors.log_in(person).await?);
        }
        let used = program.cpu_time()?.saturating_sub(before);
        let cpu = used.as_secs_f64() * 1e3 / f64::from(u32::try_from(logins)?);
        let waited = median(waited).as_secs_f64() * 1e3;
        table.push_str(&format!("| {name} | {cpu:.2} | {waited:.1} |\n"));
    }
    Ok(table)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

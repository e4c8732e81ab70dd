//! What the program `cardea` does in a second of CPU time, beside npm's `oidc-provider`, in one
//! run.
//!
//! Each server has a core of its own and the driver the other. Cards and agents are in this
//! process, so that a server's work is complete: each login brings a certificate of the test PKI,
//! an assertion and an attestation, and a presence key that answers on a connection of its own. The
//! peer has no card: whoever comes is logged in. Both take private_key_jwt and DPoP with nonces.
//!
//! `OP_SITES`, `OP_WORK`, `OP_CONCURRENCY`, `OP_SECONDS`, `OP_PEOPLE`, `OP_PARTS`, `OP_STORED`
//! narrow a run down. `OP_PROGRAM` names another build of the program, such as the shipped one.

#![expect(
    clippy::indexing_slicing,
    reason = "a member that a JSON value does not have reads as null"
)]

mod client;
mod fill;
mod http;
#[path = "../login_over_http/keys.rs"]
mod keys;
mod load;
mod log_cost;
mod postgres;
#[path = "../login_over_http/revocation_host.rs"]
mod revocation_host;
mod site;
mod visitor;
#[path = "../login_over_http/workstation.rs"]
#[expect(dead_code, reason = "other benches pull the card")]
mod workstation;

use std::io::Write as _;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use cardea_jose::{Algorithm, SigningKey};
use cardea_test_pki::KeyKind;
use tokio::task::LocalSet;

use crate::client::Client;
use crate::load::{Load, People, Work};
use crate::revocation_host::RevocationHost;
use crate::site::{DRIVER_CORE, Kind, Site};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const CONCURRENCY: [usize; 3] = [1, 16, 64];
const STORED: &str = "100,1000,10000,100000,1000000";
const LIVE: usize = 10_000;

fn main() -> Result<(), Failure> {
    // Cargo says `--bench` when it measures; else a moment of each shows that the bench works.
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let own = std::process::id().to_string();
    let pinned = Command::new("taskset")
        .args(["-cp", DRIVER_CORE, &own])
        .output()?;
    if !pinned.status.success() {
        return Err("taskset cannot pin the driver".into());
    }
    load::raise_file_limit()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, measure(measuring))
}

fn chosen(name: &str, otherwise: &str) -> Vec<String> {
    let text = std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    text.split(',').map(str::to_owned).collect()
}

fn say(line: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}

async fn measure(measuring: bool) -> Result<(), Failure> {
    let host = RevocationHost::start(measuring).await?;
    let client_key = SigningKey::generate(Algorithm::Es256)?;
    let people = chosen("OP_PEOPLE", "64").concat().parse()?;
    let rsa = People::new(&host, KeyKind::Rsa2048, people)?;
    let p256 = People::new(&host, KeyKind::P256, people)?;
    let parts = chosen("OP_PARTS", "speed,memory,stored,flushes,log");
    let has = |part: &str| parts.iter().any(|it| it == part);
    let seconds: u64 = chosen("OP_SECONDS", "3").concat().parse()?;
    let seconds = Duration::from_secs(if measuring { seconds } else { 1 });
    let start = async |kind, fill| -> Result<_, Failure> {
        let site = Rc::new(Site::start(kind, &host, &client_key, fill).await?);
        let client = Rc::new(Client::new(client_key.clone(), &site.issuer));
        Ok(Load::new(site, client, &rsa, &p256, seconds))
    };
    if has("speed") {
        say(load::HEADER)?;
        for kind in [Kind::Sqlite, Kind::Postgres, Kind::Peer] {
            if !chosen("OP_SITES", "sqlite,postgres,peer")
                .contains(&format!("{kind:?}").to_lowercase())
            {
                continue;
            }
            say_speed(kind, &start(kind, 0).await?).await?;
        }
    }
    if has("flushes") {
        let load = start(Kind::Sqlite, 0).await?;
        for concurrency in [1, 16] {
            say(&load.count_flushes(concurrency).await?)?;
        }
    }
    if has("log") {
        let (with, without) = (start(Kind::Sqlite, 0).await?, start(Kind::Sqlite, 0).await?);
        let file = without.site().folder.path().join("cardea.sqlite");
        log_cost::take_the_log_out(&file).await?;
        let turns = if measuring { log_cost::TURNS } else { 1 };
        log_cost::compare(&with, &without, turns).await?;
    }
    if has("stored") {
        for stored in chosen("OP_STORED", STORED) {
            let stored: u64 = stored.parse()?;
            let load = start(Kind::Sqlite, stored).await?;
            say(&format!(
                "| {stored} stored {}",
                load.measure(Work::LoginRsa, 16).await?
            ))?;
        }
    }
    if has("memory") {
        let load = start(Kind::Sqlite, 0).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        say(&format!("| idle | {:.1} MiB |", mib(load.site().memory()?)))?;
        let live = std::env::var("OP_LIVE").map_or(Ok(LIVE), |it| it.parse())?;
        load.keep_sessions(if measuring { live } else { 10 })
            .await?;
    }
    Ok(())
}

/// A row for each work and each number at once, then what the server needed.
async fn say_speed(kind: Kind, load: &Load) -> Result<(), Failure> {
    let site = load.site();
    let (ready, idle) = (site.ready_after, site.memory()?);
    for work in Work::ALL {
        if !chosen("OP_WORK", work.name())
            .iter()
            .any(|it| it == work.name())
        {
            continue;
        }
        for concurrency in CONCURRENCY {
            let text = concurrency.to_string();
            if chosen("OP_CONCURRENCY", "1,16,64").contains(&text) {
                say(&load.measure(work, concurrency).await?)?;
            }
        }
    }
    say(&format!(
        "| {} | first answer {:.0} ms after the start | {:.1} MiB then | {:.1} MiB now |",
        kind.name(),
        ready.as_secs_f64() * 1e3,
        mib(idle),
        mib(site.memory()?)
    ))
}

fn mib(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0
}

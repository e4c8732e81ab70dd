//! Requests a second through a real nginx that asks the guard first, beside the same nginx that
//! asks somebody who always says yes.
//!
//! nginx has the lines of docs/guard-proxies.md, two workers, and an API that costs nothing; guard,
//! nginx and who asks share the machine, so that what each request costs altogether decides. All
//! kinds are measured by turns, round after round.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench may panic"
)]

mod driver;
mod issuer;
mod site;

use std::io::Write as _;
use std::time::Duration;

use crate::driver::{Measured, drive};
use crate::issuer::{Credential, Issuer};
use crate::site::{Backend, Site};

/// Connections of who asks.
const CONNECTIONS: u8 = 32;
const AT_ONCE: usize = CONNECTIONS as usize;
/// Sessions whose requests these are.
const SESSIONS: usize = 256;
/// Proofs of each connection and round.
const PROOFS_EACH_MAX: u32 = 1_500;

/// What is measured: who is asked, and with what.
const KINDS: [(&str, Backend, Credential); 9] = [
    (
        "no-op: nginx `return 204`",
        Backend::NginxNoOp,
        Credential::Bearer,
    ),
    ("no-op: axum, 204", Backend::AxumNoOp, Credential::Bearer),
    (
        "guard, token bound to nothing",
        Backend::Guard,
        Credential::Bearer,
    ),
    (
        "guard, token bound to a certificate",
        Backend::Guard,
        Credential::Certificate,
    ),
    (
        "guard, a DPoP proof each time",
        Backend::Guard,
        Credential::Dpop,
    ),
    (
        "no-op: axum, 204, at a socket",
        Backend::AxumNoOpSocket,
        Credential::Bearer,
    ),
    (
        "guard at a socket, token bound to nothing",
        Backend::GuardSocket,
        Credential::Bearer,
    ),
    (
        "guard at a socket, token bound to a certificate",
        Backend::GuardSocket,
        Credential::Certificate,
    ),
    (
        "guard at a socket, a DPoP proof each time",
        Backend::GuardSocket,
        Credential::Dpop,
    ),
];
/// The no-ops that others are compared with.
const COMPARED: [usize; 3] = [0, 1, 5];

fn main() {
    if let Ok(port) = std::env::var(site::NO_OP) {
        let socket = std::env::var_os(site::NO_OP_SOCKET).unwrap();
        return site::say_yes(port.parse().unwrap(), socket.as_ref());
    }
    // Cargo says `--bench` when it measures; else a moment shows that the bench works.
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let text = tokio::task::LocalSet::new().block_on(&runtime, measure(measuring));
    // A closed pipe is nobody's loss.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

async fn measure(measuring: bool) -> String {
    let (rounds, time) = if measuring {
        (5, Duration::from_secs(3))
    } else {
        (1, Duration::from_millis(200))
    };
    let issuer = Issuer::start(SESSIONS).await;
    let site = Site::start(&issuer).await;
    let mut all: Vec<Vec<Measured>> = KINDS.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        for (index, (name, backend, credential)) in KINDS.into_iter().enumerate() {
            let address = site.address(backend);
            // A moment to wake everybody up.
            let warm = issuer.requests(credential, AT_ONCE, 20);
            let warm = drive(&address, warm, true, Duration::from_secs(5), &site).await;
            let is_once = credential == Credential::Dpop;
            let each = if is_once {
                proofs_each(&warm, time)
            } else {
                SESSIONS / AT_ONCE
            };
            let requests = issuer.requests(credential, AT_ONCE, each);
            let measured = drive(&address, requests, is_once, time, &site).await;
            assert!(measured.requests > 0, "{name}");
            say(&format!(
                "round {round} of {rounds}: {name}: {:.0}\n",
                measured.rate()
            ));
            all[index].push(measured);
        }
    }
    table(&mut all)
}

/// As many proofs as each connection can use up, going by what came before, and half as many again:
/// each is good once, and signing one takes longer than checking it.
fn proofs_each(before: &Measured, time: Duration) -> usize {
    let used = before.rate() * time.as_secs_f64() * 1.5;
    (0..PROOFS_EACH_MAX)
        .find(|each| f64::from(*each) * f64::from(CONNECTIONS) >= used)
        .map_or(PROOFS_EACH_MAX, |each| each.max(1))
        .try_into()
        .unwrap()
}

/// What is done so far; a closed pipe is nobody's loss.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn table(all: &mut [Vec<Measured>]) -> String {
    let mut text = "| | requests a second | beside no-op: nginx | axum | axum at a socket | \
        CPU a request, µs: nginx | backend | all |\n\
        |---|---:|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    let medians: Vec<f64> = all
        .iter_mut()
        .map(|it| median(it.iter().map(Measured::rate)))
        .collect();
    for (index, (name, _, _)) in KINDS.into_iter().enumerate() {
        let of = |part: fn(&Measured) -> f64| median(all[index].iter().map(part));
        // Rounds are compared with themselves: what else the machine does changes over minutes.
        let beside = |other: usize| {
            let pairs = all[index].iter().zip(&all[other]);
            100.0 * median(pairs.map(|(ours, other)| ours.rate() / other.rate()))
        };
        let [nginx, axum, axum_at_socket] = COMPARED.map(beside);
        text += &format!(
            "| {name} | {:.0} | {nginx:.0} % | {axum:.0} % | {axum_at_socket:.0} % \
             | {:.1} | {:.1} | {:.1} |\n",
            medians[index],
            of(|it| it.nginx_micros()),
            of(|it| it.backend_micros()),
            of(|it| it.all_micros()),
        );
    }
    text
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

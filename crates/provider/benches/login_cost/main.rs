//! What the server's side of one login costs in CPU time, beside the bare cost of the signatures
//! and verifications in it. In process, on a SQLite file, without HTTP.
//!
//! The measured time is that between the call and the return of each of the provider's methods,
//! on the process's CPU clock; nothing else runs meanwhile. After each login each bare operation
//! is measured too, so that both meet the same machine.

mod bare;
mod evidence;
mod login;
mod samples;
mod server;
mod stopwatch;
mod workstation;

use std::io::Write as _;

use cardea_test_pki::{KeyKind, PkiSettings, TestPki};

use crate::bare::{BareOperations, card_name};
use crate::evidence::CachedLists;
use crate::login::{WHOLE, log_in};
use crate::samples::{Samples, microseconds};
use crate::server::Server;
use crate::workstation::Workstation;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// People who log in by turns.
const PEOPLE: usize = 8;
/// Logins before any is counted: statements are prepared, pages of the database allocated.
const LOGINS_WARM_UP: usize = 20;
const LOGINS: usize = 250;

fn main() -> Result<(), Failure> {
    // Cargo says `--bench` when it measures; else one login shows that the bench works.
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let (warm_up, logins) = match measuring {
        true => (LOGINS_WARM_UP, LOGINS),
        false => (0, 1),
    };
    let settings = match measuring {
        true => PkiSettings::faithful(TestPki::SHARED_AT),
        false => PkiSettings::fast(TestPki::SHARED_AT),
    };
    let pki = TestPki::new(&settings)?;
    let lists = CachedLists::new(&pki)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    for key in [KeyKind::Rsa2048, KeyKind::P256] {
        let measured = measure(key, &pki, &lists, warm_up, logins);
        let report = runtime.block_on(measured)?;
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{report}")?;
    }
    Ok(())
}

async fn measure(
    key: KeyKind,
    pki: &TestPki,
    lists: &CachedLists,
    warm_up: usize,
    logins: usize,
) -> Result<String, Failure> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let server = Server::start(folder.path(), pki).await?;
    let people = (0..PEOPLE)
        .map(|number| Workstation::new(pki, key, number))
        .collect::<Result<Vec<_>, _>>()?;
    let (mut steps, mut operations) = (Samples::default(), Samples::default());
    let mut bare = None;
    for (turn, person) in people.iter().cycle().take(warm_up + logins).enumerate() {
        if turn == warm_up {
            (steps, operations) = (Samples::default(), Samples::default());
        }
        let traffic = log_in(&server, person, pki, lists, &mut steps).await?;
        let of_login = BareOperations::of(&traffic, &server.keys, person, pki)?;
        of_login.measure(&mut operations)?;
        bare = Some(of_login);
    }
    let bare = bare.ok_or("nobody logged in")?;
    let whole = steps.median(WHOLE).cpu;
    let sum = bare.sum(&operations);
    Ok(format!(
        "### Server, {} card, median of {logins} logins\n\n{}\n{}\n\
         CPU time of a login: {:.2} ms (95 % of them under {:.2} ms); its signatures alone: \
         {:.2} ms; ratio {:.2}\n",
        card_name(key),
        steps.table("step"),
        bare.table(&operations),
        microseconds(whole) / 1e3,
        microseconds(steps.slow(WHOLE)) / 1e3,
        microseconds(sum) / 1e3,
        whole.as_secs_f64() / sum.as_secs_f64(),
    ))
}

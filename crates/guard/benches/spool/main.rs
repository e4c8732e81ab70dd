//! What it costs that an answer is on the disk before it is given, beside the decision alone: with
//! 1, 16 and 64 portals that each wait for their answer before they ask again.
//!
//! The folder lies in the target folder: on a RAM disk the numbers would mean nothing.
#![expect(clippy::expect_used, reason = "a bench may panic")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_guard::{
    Act, Decider, Patient, Report, ReportedToken, Reporter, Rules, Spool, SpoolConfig, SystemClock,
};
use criterion::{BenchmarkId, Criterion, Throughput};
use tokio::runtime::Runtime;

const AT_ONCE: [u64; 3] = [1, 16, 64];
const START: i64 = 1_795_996_800_000;

/// One portal that asks again and again; it comes to know its patients, as honest ones do.
async fn ask(
    decider: Arc<Decider>,
    reporter: Option<Arc<dyn Reporter>>,
    (portal, count): (u64, u64),
) {
    let token = ReportedToken {
        client_id: "portal",
        sid: Some("hVlkO2p5yF0tQ0F3n0hHYg"),
        jti: "vJmRz1cXo5w0dK4Jr2Qb8A",
    };
    let subject = format!("sub-{portal:032x}");
    for number in 0..count {
        let pseudonym = format!("{portal:011}-{:010}", number % 30);
        let patient = Patient::from_pseudonym(&pseudonym);
        let mut act = Act::look_up(&subject, "records", patient);
        act.at = START + i64::try_from(number).unwrap_or(0);
        act.patient_present = number % 3 > 0;
        let decision = decider.decide(&act);
        if let Some(reporter) = &reporter {
            let report = Report::new(&act, &decision, &token, vec![pseudonym]);
            reporter.record(report).await.expect("the disk takes it");
        }
    }
}

/// The time for so many answers of each portal.
fn time(runtime: &Runtime, reporter: Option<&Spool>, at_once: u64, count: u64) -> Duration {
    let decider = Arc::new(Decider::new(Rules::default()));
    runtime.block_on(async {
        let begun = Instant::now();
        let mut portals = tokio::task::JoinSet::new();
        for portal in 0..at_once {
            let reporter: Option<Arc<dyn Reporter>> = match reporter {
                Some(spool) => Some(Arc::new(spool.clone())),
                None => None,
            };
            portals.spawn(ask(Arc::clone(&decider), reporter, (portal, count)));
        }
        portals.join_all().await;
        begun.elapsed()
    })
}

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let config = SpoolConfig::in_folder(folder.path());
    let spool = Spool::open(&config, Arc::new(SystemClock::default())).expect("a spool");
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("answers");
    for at_once in AT_ONCE {
        group.throughput(Throughput::Elements(at_once));
        for (name, spool) in [("decided", None), ("decided and on disk", Some(&spool))] {
            group.bench_function(BenchmarkId::new(name, at_once), |bencher| {
                bencher.iter_custom(|count| {
                    let spent = time(&runtime, spool, at_once, count);
                    if let Some(spool) = spool {
                        let last = *spool.durable().borrow();
                        spool.note_delivered(last).expect("the folder is there");
                    }
                    spent
                });
            });
        }
    }
    group.finish();
    criterion.final_summary();
}

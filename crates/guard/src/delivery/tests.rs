//! Whatever happens between guard and issuer, each answer is on record once.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::standing::Standing;
use super::{Reports, ReportsHealth, resend};
use crate::test_issuer::{TakenReports, TestClock, TestIssuer, until};
use crate::{
    Act, Decision, Error, Patient, Report, ReportedToken, Reporter as _, Spool, SpoolConfig,
};

struct Stand {
    issuer: TestIssuer,
    folder: tempfile::TempDir,
}

impl Stand {
    async fn start() -> Self {
        Self {
            issuer: TestIssuer::start().await,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The last holder of the folder lets it go a moment after it is dropped.
    async fn reports(&self) -> Reports {
        let config = SpoolConfig::in_folder(self.folder.path());
        let token = self.issuer.config(&json!({}));
        for _ in 0..500 {
            match Reports::start(&config, &token, self.issuer.clock.clone()) {
                Ok(reports) => return reports,
                Err(error) if error.to_string().contains("another guard") => {}
                Err(error) => panic!("{error}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the folder is never free");
    }

    fn say(&self, change: impl FnOnce(&mut TakenReports)) {
        self.issuer.say(|it| change(&mut it.reports));
    }

    /// The patients on record, and whether each event stands there once.
    fn on_record(&self) -> Vec<String> {
        let says = self.issuer.shared.says.lock().unwrap();
        let all = says.reports.on_record.values();
        let mut patients: Vec<_> = all
            .map(|it| it["patients"][0].as_str().unwrap().to_owned())
            .collect();
        patients.sort();
        patients
    }

    fn batches(&self) -> Vec<Vec<String>> {
        self.issuer
            .shared
            .says
            .lock()
            .unwrap()
            .reports
            .batches
            .clone()
    }

    fn put_aside(&self) -> Vec<Value> {
        let file = self.folder.path().join("refused.jsonl");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines = text.lines().map(|it| serde_json::from_str(it).unwrap());
        lines.collect()
    }
}

fn report(patient: &str, answer: &str) -> Report {
    let act = Act::look_up("sub-1", "records", Patient::from_pseudonym(patient));
    let token = ReportedToken {
        client_id: "portal",
        sid: Some("a-session"),
        jti: "a-token",
    };
    Report {
        answer: answer.to_owned(),
        ..Report::new(&act, &Decision::allow(), &token, vec![patient.to_owned()])
    }
}

async fn look_up(reports: &Reports, patient: &str) {
    reports.record(report(patient, "allow")).await.unwrap();
}

fn names(of: std::ops::Range<u32>) -> Vec<String> {
    of.map(|it| format!("p-{it:04}")).collect()
}

fn waits(reports: &Reports) -> ReportsHealth {
    reports.health()
}

#[tokio::test]
async fn what_is_answered_comes_to_the_issuer_together_and_leaves_the_spool() {
    let stand = Stand::start().await;
    let reports = stand.reports().await;
    for name in names(0..30) {
        look_up(&reports, &name).await;
    }
    until(|| waits(&reports).waiting == 0).await;
    assert_eq!(stand.on_record(), names(0..30));
    assert!(stand.batches().len() < 30, "{:?}", stand.batches());
    let health = waits(&reports);
    assert_eq!((health.refused, health.code, health.takes), (0, None, true));
    // Nothing is gathered at the end.
    look_up(&reports, "p-last").await;
    reports.close(Duration::from_secs(60)).await;
    assert_eq!(stand.on_record().len(), 31);
}

#[tokio::test]
async fn an_issuer_that_is_away_has_all_of_it_afterwards_and_nothing_twice() {
    let stand = Stand::start().await;
    stand.issuer.say(|it| it.is_down = true);
    let reports = stand.reports().await;
    for name in names(0..20) {
        look_up(&reports, &name).await;
    }
    let code = Some("guard.reports_not_delivered");
    until(|| waits(&reports).code == code).await;
    assert_eq!(waits(&reports).waiting, 20);
    // The guard ends, too, and another process goes on where it was.
    drop(reports);
    let reports = stand.reports().await;
    look_up(&reports, "p-0020").await;
    assert_eq!(waits(&reports).waiting, 21);
    stand.issuer.say(|it| it.is_down = false);
    until(|| waits(&reports).waiting == 0).await;
    assert_eq!(stand.on_record(), names(0..21));
    until(|| waits(&reports).code.is_none()).await;
}

#[tokio::test]
async fn a_batch_whose_acknowledgement_is_lost_comes_again_under_the_same_ids() {
    let stand = Stand::start().await;
    stand.say(|it| it.is_answer_lost = true);
    let reports = stand.reports().await;
    for name in names(0..3) {
        look_up(&reports, &name).await;
    }
    until(|| stand.batches().len() > 1).await;
    assert_eq!(waits(&reports).waiting, 3);
    // A guard that ends now does not know that they arrived.
    drop(reports);
    stand.say(|it| it.is_answer_lost = false);
    let reports = stand.reports().await;
    until(|| waits(&reports).waiting == 0).await;
    assert_eq!(stand.on_record(), names(0..3));
}

#[tokio::test]
async fn a_refused_report_is_put_aside_with_its_code_and_holds_nobody_up() {
    let stand = Stand::start().await;
    stand.say(|it| {
        it.foreign = Some("p-0001");
        it.malformed = Some("p-0003");
    });
    let reports = stand.reports().await;
    for name in names(0..6) {
        look_up(&reports, &name).await;
    }
    until(|| waits(&reports).waiting == 0).await;
    assert_eq!(stand.on_record(), ["p-0000", "p-0002", "p-0004", "p-0005"]);
    until(|| waits(&reports).refused == 2).await;
    let aside = stand.put_aside();
    for (line, (patient, code)) in aside.iter().zip([
        ("p-0001", "provider.guard_report_foreign"),
        ("p-0003", "provider.guard_reports_invalid"),
    ]) {
        assert_eq!(line["code"], code);
        assert_eq!(line["report"]["patients"][0], patient);
        assert!(line["event_id"].is_string());
    }
    assert_eq!(aside.len(), 2);
    // They are counted as long as they lie there.
    drop(reports);
    assert_eq!(waits(&stand.reports().await).refused, 2);
}

/// What was refused goes once more when its cause is mended, beside a guard that serves, and stays
/// where it is not.
#[tokio::test]
async fn what_was_refused_can_be_sent_again_under_its_id() {
    let stand = Stand::start().await;
    stand.say(|it| {
        it.foreign = Some("p-0001");
        it.malformed = Some("p-0003");
    });
    let reports = stand.reports().await;
    for name in names(0..5) {
        look_up(&reports, &name).await;
    }
    until(|| waits(&reports).refused == 2).await;
    let config = SpoolConfig::in_folder(stand.folder.path());
    let token = stand.issuer.config(&json!({}));
    let again = async || resend(&config, &token, stand.issuer.clock.clone()).await;
    let resent = again().await.unwrap();
    assert_eq!((resent.taken, resent.refused), (0, 2));
    assert_eq!(stand.put_aside().len(), 2);
    stand.say(|it| it.foreign = None);
    let resent = again().await.unwrap();
    assert_eq!((resent.taken, resent.refused), (1, 1));
    let expected = ["p-0000", "p-0001", "p-0002", "p-0004"];
    assert_eq!(stand.on_record(), expected);
    let aside = stand.put_aside();
    assert_eq!(aside.len(), 1);
    assert_eq!(aside[0]["report"]["patients"][0], "p-0003");
    // An issuer that is away changes nothing, and the next call goes on.
    stand.issuer.say(|it| it.is_down = true);
    let refused = again().await.unwrap_err();
    assert_eq!(refused.code(), "guard.reports_not_delivered");
    stand.issuer.say(|it| it.is_down = false);
    stand.say(|it| it.malformed = None);
    let resent = again().await.unwrap();
    assert_eq!((resent.taken, resent.refused), (1, 0));
    assert_eq!(stand.on_record(), names(0..5));
    assert!(stand.put_aside().is_empty());
    assert_eq!(again().await.unwrap().taken, 0);
}

/// A proxy between guard and issuer that takes offence at one body, each time.
#[tokio::test]
async fn a_report_that_no_proxy_lets_through_is_put_aside_and_holds_nobody_up() {
    let stand = Stand::start().await;
    stand.say(|it| it.blocked = Some("p-0001"));
    let reports = stand.reports().await;
    for name in names(0..4) {
        look_up(&reports, &name).await;
    }
    until(|| waits(&reports).waiting == 0).await;
    assert_eq!(stand.on_record(), ["p-0000", "p-0002", "p-0003"]);
    let aside = stand.put_aside();
    assert_eq!(aside.len(), 1);
    assert_eq!(aside[0]["code"], "http_403");
    assert_eq!(aside[0]["report"]["patients"][0], "p-0001");
    // Where everything is refused so, nothing is put aside.
    stand.say(|it| it.refusal = Some((StatusCode::FORBIDDEN, "a proxy")));
    let batches = stand.batches().len();
    for name in names(4..6) {
        look_up(&reports, &name).await;
    }
    until(|| stand.batches().len() > batches + 8).await;
    assert_eq!((waits(&reports).waiting, stand.put_aside().len()), (2, 1));
    stand.say(|it| it.refusal = None);
    until(|| waits(&reports).waiting == 0).await;
    assert_eq!(stand.on_record().len(), 5);
}

/// What can't be put aside any more is not thrown away: it waits, and with it what comes behind.
#[tokio::test]
async fn a_full_file_of_refused_reports_stops_delivery_and_drops_nothing() {
    let stand = Stand::start().await;
    let file = stand.folder.path().join("refused.jsonl");
    std::fs::write(&file, vec![b'\n'; 16 * 1024 * 1024]).unwrap();
    stand.say(|it| it.foreign = Some("p-0001"));
    let reports = stand.reports().await;
    for name in names(0..3) {
        look_up(&reports, &name).await;
    }
    let code = Some("guard.spool_failed");
    until(|| waits(&reports).code == code).await;
    assert!(waits(&reports).waiting > 0);
    // An operator has moved it.
    std::fs::remove_file(&file).unwrap();
    until(|| waits(&reports).waiting == 0).await;
    assert_eq!(stand.on_record(), ["p-0000", "p-0002"]);
    assert_eq!(stand.put_aside()[0]["report"]["patients"][0], "p-0001");
}

#[tokio::test]
async fn a_guard_that_may_not_report_keeps_what_it_has() {
    let stand = Stand::start().await;
    let code = "provider.guard_reports_not_allowed";
    stand.say(|it| it.refusal = Some((StatusCode::BAD_REQUEST, code)));
    let reports = stand.reports().await;
    look_up(&reports, "p-0000").await;
    until(|| waits(&reports).code.is_some()).await;
    assert_eq!((waits(&reports).waiting, stand.put_aside().len()), (1, 0));
    stand.say(|it| it.refusal = None);
    until(|| waits(&reports).waiting == 0).await;
    assert_eq!(stand.on_record(), ["p-0000"]);
}

#[tokio::test]
async fn a_stop_overtakes_a_backlog_and_is_on_record_once() {
    let stand = Stand::start().await;
    stand.issuer.say(|it| it.is_down = true);
    let reports = stand.reports().await;
    let all = names(0..400);
    let adding = all.iter().map(|it| report(it, "allow"));
    let mut tasks = tokio::task::JoinSet::new();
    for report in adding {
        let reports = reports.clone();
        tasks.spawn(async move { reports.record(report).await.unwrap() });
    }
    tasks.join_all().await;
    reports
        .record(report("p-stop", "stop_session"))
        .await
        .unwrap();
    stand.issuer.say(|it| it.is_down = false);
    until(|| waits(&reports).waiting == 0).await;
    let batches = stand.batches();
    assert_eq!(batches[0], [json!(["p-stop"]).to_string()]);
    assert!(batches.len() > 3, "{}", batches.len());
    let mut expected = all;
    expected.push("p-stop".to_owned());
    assert_eq!(stand.on_record(), expected);
}

#[tokio::test]
async fn only_what_can_wait_is_gathered() {
    let clock = TestClock::new();
    let folder = tempfile::tempdir().unwrap();
    let config = SpoolConfig::in_folder(folder.path());
    let spool = Spool::open(&config, clock.clone()).unwrap();
    let standing = Standing::new(spool, 0, clock);
    let is_at_once = async || {
        let gathered = tokio::time::timeout(Duration::ZERO, standing.gather());
        gathered.await.is_ok()
    };
    assert!(!is_at_once().await);
    for answer in ["step_up", "slow", "stop_session", "stop_account"] {
        assert!(report("p", answer).is_urgent());
    }
    assert!(!report("p", "allow").is_urgent());
    standing.hurry(1, b"{}".to_vec());
    assert!(is_at_once().await);
    assert!(!is_at_once().await);
    assert_eq!(standing.urgent_beyond(0, 100).len(), 1);
    assert!(standing.urgent_beyond(1, 100).is_empty());
    standing.end_gathering();
    assert!(is_at_once().await && is_at_once().await);
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_keeps_the_guard_from_starting() {
    let issuer = TestIssuer::start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let config = SpoolConfig::in_folder(file.path());
    let token = issuer.config(&json!({}));
    let refused = Reports::start(&config, &token, issuer.clock.clone());
    assert_eq!(refused.err().unwrap().code(), "guard.spool_failed");
    let nobody = issuer.config(&json!({"client_id": null, "client_secret_file": null}));
    let folder = tempfile::tempdir().unwrap();
    let config = SpoolConfig::in_folder(folder.path());
    let refused = Reports::start(&config, &nobody, issuer.clock.clone());
    let Err(Error::Access(error)) = refused else {
        panic!("it reports in nobody's name");
    };
    assert_eq!(error.code(), "guard.credentials_unusable");
}

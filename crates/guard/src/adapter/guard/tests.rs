//! What a portal may say, and what comes of it.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use super::Guard;
use crate::adapter::keys::{Purpose, StatementKeys};
use crate::adapter::statement::{ACCESS_LIFE_MS, AccessReference, PRESENCE_LIFE_MS};
use crate::adapter::{
    Adapter, LookUpStatement, LookUpsConfig, PseudonymKey, Seen, lift, serve_admin,
};
use crate::clock::Clock as _;
use crate::spool::Recorded;
use crate::test_issuer::{NOW, TestClock};
use crate::{Accounts, Answer, Error, NoReporter, Report, Reporter, Rules};

mod shared;

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

struct Stand {
    guard: Guard,
    adapter: Adapter,
    keys: StatementKeys,
    clock: Arc<TestClock>,
    folder: tempfile::TempDir,
}

fn stand() -> Stand {
    stand_with(Arc::new(NoReporter))
}

fn stand_with(reporter: Arc<dyn Reporter>) -> Stand {
    stand_over(Arc::new(crate::Decider::new(Rules::default())), reporter)
}

fn stand_over(accounts: Arc<dyn Accounts>, reporter: Arc<dyn Reporter>) -> Stand {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("keys", format!("k1 {KEY}\n")),
        ("pseudonyms", format!("{KEY}\n")),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let clock = TestClock::new();
    let config = LookUpsConfig::new("records", folder.path().join("keys"));
    let guard = Guard::assemble(accounts, &config, reporter, clock.clone()).unwrap();
    let keys = StatementKeys::load(&folder.path().join("keys")).unwrap();
    let pseudonyms = PseudonymKey::load(&folder.path().join("pseudonyms")).unwrap();
    let adapter = Adapter::assemble(keys.clone(), pseudonyms, clock.clone());
    Stand {
        guard,
        adapter,
        keys,
        clock,
        folder,
    }
}

impl Stand {
    fn access(&self, session: &str, auth_time: i64) -> AccessReference {
        AccessReference {
            t: self.clock.unix_milliseconds(),
            sub: "a-person".to_owned(),
            client_id: "portal".to_owned(),
            sid: Some(session.to_owned()),
            jti: "a-token".to_owned(),
            auth_time: Some(auth_time),
            profession: Some("60".to_owned()),
            is_dpop: true,
            is_watched: true,
        }
    }

    fn statement(&self, session: &str, number: &str) -> LookUpStatement {
        let seen = Seen {
            numbers: &[number],
            ..Seen::default()
        };
        self.adapter.statement(session, &seen).unwrap()
    }

    async fn judge(
        &self,
        access: &AccessReference,
        statement: &LookUpStatement,
    ) -> Result<Answer, Error> {
        let access = self.keys.seal(Purpose::Access, access).unwrap();
        let statement = self.keys.seal(Purpose::LookUp, statement).unwrap();
        let judgement = self.guard.judge_sealed(&access, &statement).await?;
        Ok(judgement.decision.answer)
    }

    /// Looks patients up, one each ten seconds, until something else than yes is said.
    async fn walk(&self, session: &str, auth_time: i64, from: u32) -> (u32, Answer) {
        for number in from..from + 2_000 {
            self.clock.advance(10);
            let statement = self.statement(session, &(number * 7_919).to_string());
            let answer = self
                .judge(&self.access(session, auth_time), &statement)
                .await
                .unwrap();
            if answer != Answer::Allow {
                return (number - from, answer);
            }
        }
        panic!("nobody stops it");
    }
}

#[tokio::test]
async fn a_statement_counts_once_in_its_session_and_only_now() {
    let stand = stand();
    let access = stand.access("s", NOW - 60);
    let good = stand.statement("s", "1");
    assert_eq!(stand.judge(&access, &good).await.unwrap(), Answer::Allow);
    let refused = stand.judge(&access, &good).await.unwrap_err();
    assert_eq!(refused.code(), "guard.statement_replayed");
    let changed = |change: &dyn Fn(&mut LookUpStatement)| {
        let mut statement = stand.statement("s", "1");
        change(&mut statement);
        statement
    };
    for (statement, code) in [
        (
            changed(&|it| it.session = "t".to_owned()),
            "guard.statement_session_mismatch",
        ),
        (changed(&|it| it.t -= 30_001), "guard.statement_expired"),
        (changed(&|it| it.t += 5_001), "guard.statement_expired"),
        (
            changed(&|it| it.nonce = "short".to_owned()),
            "guard.statement_malformed",
        ),
        (
            changed(&|it| it.patients.clear()),
            "guard.statement_malformed",
        ),
        (
            changed(&|it| it.patients = vec![String::new()]),
            "guard.statement_malformed",
        ),
        (
            changed(&|it| it.patients = vec!["p".to_owned(); 1_001]),
            "guard.statement_malformed",
        ),
        (
            changed(&|it| it.patients = vec!["p".repeat(257)]),
            "guard.statement_malformed",
        ),
        (
            changed(&|it| it.patients = vec!["a\nb".to_owned()]),
            "guard.statement_malformed",
        ),
        (
            changed(&|it| it.source = Some("x".repeat(513))),
            "guard.statement_malformed",
        ),
        (
            changed(&|it| it.presence = Some("x".to_owned())),
            "guard.statement_malformed",
        ),
    ] {
        let refused = stand.judge(&access, &statement).await.unwrap_err();
        assert_eq!(refused.code(), code, "{statement:?}");
    }
    // The access that it came with is as short-lived.
    let statement = stand.statement("s", "1");
    let mut old = access.clone();
    old.t -= ACCESS_LIFE_MS + 1;
    let refused = stand.judge(&old, &statement).await.unwrap_err();
    assert_eq!(refused.code(), "guard.statement_expired");
    // Nor can one stand for the other.
    let sealed = stand.keys.seal(Purpose::LookUp, &statement).unwrap();
    let refused = stand
        .guard
        .judge_sealed(&sealed, &sealed)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "guard.statement_forged");
}

#[tokio::test]
async fn a_patients_card_speaks_for_him_once_soon_and_in_one_session() {
    let stand = stand();
    let access = stand.access("s", NOW - 60);
    let with = |session: &str, number: &str, presence: &str| {
        let numbers = [number];
        let seen = Seen {
            numbers: &numbers,
            presence: Some(presence),
            ..Seen::default()
        };
        stand.adapter.statement(session, &seen).unwrap()
    };
    let presence = stand.adapter.presence("s", "1").unwrap();
    let refused = stand
        .judge(&access, &with("s", "2", &presence))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "guard.presence_mismatch");
    let other = stand.access("t", NOW - 60);
    let refused = stand
        .judge(&other, &with("t", "1", &presence))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "guard.statement_session_mismatch");
    let good = stand.judge(&access, &with("s", "1", &presence)).await;
    assert_eq!(good.unwrap(), Answer::Allow);
    let refused = stand
        .judge(&access, &with("s", "1", &presence))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "guard.statement_replayed");
    let late = stand.adapter.presence("s", "1").unwrap();
    stand.clock.advance(PRESENCE_LIFE_MS / 1_000 + 1);
    let access = stand.access("s", NOW - 60);
    let refused = stand
        .judge(&access, &with("s", "1", &late))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "guard.statement_expired");
}

/// A search that finds fifty counts fifty.
#[tokio::test]
async fn a_search_counts_every_patient_whom_its_answer_names() {
    let stand = stand();
    let access = stand.access("s", NOW - 60);
    let mut asked = Answer::Allow;
    for search in 0..3 {
        stand.clock.advance(60);
        let numbers: Vec<_> = (0..50)
            .map(|it| format!("{}", search * 5_000 + it * 97))
            .collect();
        let numbers: Vec<_> = numbers.iter().map(String::as_str).collect();
        let seen = Seen {
            numbers: &numbers,
            ..Seen::default()
        };
        let statement = stand.adapter.statement("s", &seen).unwrap();
        assert_eq!(statement.patients.len(), 50);
        let access = AccessReference {
            t: stand.clock.unix_milliseconds(),
            ..access.clone()
        };
        asked = asked.max(stand.judge(&access, &statement).await.unwrap());
    }
    assert!(asked > Answer::Allow, "150 patients in three requests");
}

/// RFC 9470 section 5: a token of a login after the question answers it, an older one never does.
#[tokio::test]
async fn a_fresh_login_answers_the_question_and_an_operator_lifts_the_stop() {
    let stand = stand();
    let signed_in = NOW - 60;
    let (before, asked) = stand.walk("s", signed_in, 1).await;
    assert_eq!(asked, Answer::StepUp);
    assert!((15..=81).contains(&before), "{before}");
    let statement = stand.statement("s", "99999989");
    let again = stand
        .judge(&stand.access("s", signed_in), &statement)
        .await
        .unwrap();
    assert!(again >= Answer::StepUp, "the old login is no answer");
    stand.clock.advance(5);
    let signed_anew = stand.clock.unix_milliseconds() / 1_000;
    let (more, _) = stand.walk("s", signed_anew, 10_000).await;
    assert!(
        (1..=51).contains(&more),
        "one signature restores a bounded budget: {more}"
    );
    // The same login is no second answer, and a third session that goes on is one too many.
    let mut answer = Answer::Allow;
    for number in 20_000..20_300_u32 {
        stand.clock.advance(1);
        let session = format!("s{}", number / 50);
        let statement = stand.statement(&session, &(number * 7_919).to_string());
        let access = stand.access(&session, signed_anew);
        answer = stand.judge(&access, &statement).await.unwrap();
        assert_ne!(answer, Answer::Allow);
        if answer == Answer::StopAccount {
            break;
        }
    }
    assert_eq!(answer, Answer::StopAccount);
    // A new login does not help any more; the operator does.
    stand.clock.advance(5);
    let anew = stand.access("t", stand.clock.unix_milliseconds() / 1_000);
    let held = stand
        .judge(&anew, &stand.statement("t", "3"))
        .await
        .unwrap();
    assert_eq!(held, Answer::StopAccount);
    let socket = stand.folder.path().join("admin.sock");
    serve_admin(&socket, stand.guard.clone()).unwrap();
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let path = socket.clone();
    tokio::task::spawn_blocking(move || lift(&path, "a-person"))
        .await
        .unwrap()
        .unwrap();
    let lifted = stand
        .judge(&anew, &stand.statement("t", "3"))
        .await
        .unwrap();
    assert_eq!(lifted, Answer::Allow);
    let nowhere = lift(&stand.folder.path().join("none"), "a-person").unwrap_err();
    assert_eq!(nowhere.code(), "guard.admin_socket_failed");
    // A path that another guard listens at is not taken from it.
    let taken = serve_admin(&socket, stand.guard.clone()).unwrap_err();
    assert_eq!(taken.code(), "guard.admin_socket_failed");
}

/// Numbers are judged before they become pseudonyms.
#[tokio::test]
async fn counting_is_told_though_pseudonyms_have_no_neighbours() {
    let stand = stand();
    let told = |number: &str| stand.statement("s", number).sequence;
    assert_eq!(
        [told("100"), told("101"), told("101"), told("102")],
        [false, true, true, true]
    );
    assert!(!stand.statement("t", "103").sequence, "another session");
    assert!(!told("9000"));
}

#[derive(Default)]
struct Notes {
    taken: Mutex<Vec<Report>>,
    is_full: bool,
}

impl Reporter for Notes {
    fn record(&self, report: Report) -> Recorded<'_> {
        self.taken.lock().unwrap().push(report);
        let full = Error::SpoolFailed {
            reason: "full".to_owned(),
        };
        Box::pin(std::future::ready(if self.is_full {
            Err(full)
        } else {
            Ok(())
        }))
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_recorded_is_not_given() {
    let notes = Arc::new(Notes::default());
    let stand = stand_with(notes.clone());
    let statement = stand.statement("s", "299017505600117");
    stand
        .judge(&stand.access("s", NOW - 60), &statement)
        .await
        .unwrap();
    let report = notes.taken.lock().unwrap().pop().unwrap();
    assert_eq!(
        (report.sub.as_str(), report.answer.as_str()),
        ("a-person", "allow")
    );
    assert_eq!(report.patients, statement.patients);
    assert!(!format!("{report:?}").contains("299017505600117"));
    let accounts: Arc<dyn Accounts> = Arc::new(crate::Decider::new(Rules::default()));
    let full = Notes {
        is_full: true,
        ..Notes::default()
    };
    let stand = stand_over(Arc::clone(&accounts), Arc::new(full));
    let refuses = async |number: &str| {
        let statement = stand.statement("s", number);
        let judged = stand.judge(&stand.access("s", NOW - 60), &statement).await;
        assert_eq!(judged.unwrap_err().code(), "guard.spool_failed");
    };
    refuses("1").await;
    // Nor is a stop that no report has told, however often it is asked.
    let stop = crate::ToldStop {
        sequence: 1,
        acted_at: NOW * 1_000,
        refused: 16,
        sessions: 2,
    };
    accounts.stop("a-person", "records", stop).await;
    for number in ["2", "3", "4"] {
        refuses(number).await;
    }
}

const EXAMPLE: &str = include_str!("../../../examples/tell_the_guard.py");

/// What docs/guard.md prints is what is tried here, against a guard behind its port.
#[tokio::test]
async fn a_portal_in_python_asks_before_it_answers() {
    let printed = include_str!("../../../../../docs/guard.md");
    assert!(printed.contains(&format!("```python\n{EXAMPLE}```")));
    let stand = stand();
    let seal = |session: &str| {
        let access = stand.access(session, NOW - 60);
        stand.keys.seal(Purpose::Access, &access).unwrap()
    };
    let python = |script: String| {
        let script = format!("{EXAMPLE}\n{script}");
        let ran = std::process::Command::new("python3")
            .arg("-c")
            .arg(script)
            .output();
        let ran = ran.unwrap();
        assert!(
            ran.status.success(),
            "{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        String::from_utf8(ran.stdout).unwrap().trim().to_owned()
    };
    let [keys, pseudonyms] =
        ["keys", "pseudonyms"].map(|it| stand.folder.path().join(it).display().to_string());
    // The stand's clock is not the machine's.
    let said = python(format!(
        "time.time = lambda: {NOW}\nadapter = Adapter({keys:?}, {pseudonyms:?})\n\
         print(adapter.statement('s', ['2 99 01 75-056 001 17', 'x'], sequence=True))"
    ));
    let statement: LookUpStatement = stand.keys.open(Purpose::LookUp, &said).unwrap();
    let ours = stand.adapter.pseudonym("299017505600117");
    assert_eq!(statement.patients.first(), Some(&ours));
    assert!(statement.sequence);
    let answer = stand.guard.judge_sealed(&seal("s"), &said).await.unwrap();
    assert_eq!(answer.decision.answer, Answer::Allow);
}

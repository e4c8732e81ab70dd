//! States that outlive a process, and states that several guards share through a real Redis.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::config::StateConfig;
use super::snapshot::{Found, Snapshot};
use super::{Accounts, Health, open};
use crate::access_token::Demand;
use crate::test_issuer::{TestClient, TestIssuer, ask};
use crate::test_redis::TestRedis;
use crate::{Act, Answer, Decider, FreshSignature, Patient, Rules, TokenCheck, ToldStop};

const NOON: i64 = 1_795_996_800_000;
/// What the issuer tells of an account that a guard has stopped.
const STOP: ToldStop = ToldStop {
    sequence: 7,
    acted_at: NOON,
    refused: 16,
    sessions: 2,
};
/// After so many of the acts here, a day is over.
const A_DAY: u32 = 13_000;

fn act(subject: &str, number: u32) -> Act {
    let patient = Patient::from_pseudonym(&number.to_string());
    let mut act = Act::look_up(subject, "records", patient);
    act.at = NOON + i64::from(number) * 7_000;
    act.session = "a session".to_owned();
    act.source = "a place".to_owned();
    act
}

/// How many look-ups are allowed before the first that is not.
async fn allowed(accounts: &dyn Accounts, subject: &str, first: u32) -> u32 {
    for number in 0..1_000 {
        let decision = accounts.decide(&act(subject, first + number)).await;
        if decision.answer != Answer::Allow {
            return number;
        }
    }
    1_000
}

impl TestRedis {
    async fn guard(&self) -> Arc<dyn Accounts> {
        self.guard_at(NOON).await
    }
}

async fn until(accounts: &dyn Accounts, health: Health) {
    let until = Instant::now() + Duration::from_secs(60);
    while accounts.health() != health {
        assert!(Instant::now() < until, "it stays {:?}", accounts.health());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_restart_keeps_budgets_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let config: StateConfig = toml::from_str("snapshot_file = \"state\"").unwrap();
    let alone = allowed(&Decider::new(Rules::default()), "s", 0).await;
    let start = || open(&config, Rules::default(), folder.path(), "owner", NOON);
    let first = start().await.unwrap();
    for number in 0..20 {
        assert_eq!(first.decide(&act("s", number)).await.answer, Answer::Allow);
    }
    first.close().await;
    let file = folder.path().join("state");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let second = start().await.unwrap();
    assert_eq!(allowed(second.as_ref(), "s", 20).await, alone - 20);
    assert_eq!(second.health(), Health::Good);
}

#[tokio::test]
async fn what_cannot_be_used_is_put_aside_and_accounts_begin_half_way() {
    let full = allowed(&Decider::new(Rules::default()), "s", 0).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state");
    let known = Decider::new(Rules::default());
    let _ = known.decide(&act("s", 0));
    let good = || Snapshot::new(file.clone(), 1).write_now(&known).unwrap();
    good();
    let bytes = std::fs::read(&file).unwrap();
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let broken = "it is cut off or damaged";
    let cases = [
        (bytes[..bytes.len() - 1].to_vec(), 1, broken),
        (flipped, 1, broken),
        (Vec::new(), 1, broken),
        (vec![7; 64], 1, "it is no snapshot of a guard"),
        (bytes.clone(), 2, "it is of another issuer or API"),
    ];
    for (bytes, owner, reason) in cases {
        std::fs::write(&file, bytes).unwrap();
        let fresh = Decider::new(Rules::default());
        let found = Snapshot::new(file.clone(), owner).read(&fresh).unwrap();
        assert_eq!(found, Found::PutAside(reason));
        assert!(!fresh.holds("s"));
        assert!(!file.exists() && file.with_extension("unusable").exists());
    }
    std::fs::write(&file, "broken").unwrap();
    let config: StateConfig = toml::from_str("snapshot_file = \"state\"").unwrap();
    let doubting = open(&config, Rules::default(), folder.path(), "owner", NOON);
    let doubting = doubting.await.unwrap();
    let begun = allowed(doubting.as_ref(), "s", 0).await;
    assert!((1..full / 2).contains(&begun), "{begun} of {full}");
    // A restart within the day loses nothing of the doubt, and a day ends it.
    doubting.close().await;
    let again = open(&config, Rules::default(), folder.path(), "owner", NOON);
    let again = again.await.unwrap();
    assert_eq!(allowed(again.as_ref(), "another", 0).await, begun);
    assert_eq!(allowed(again.as_ref(), "later", A_DAY).await, full);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no/such/folder/state");
    let snapshot = Snapshot::new(missing, 1);
    let decider = Arc::new(Decider::new(Rules::default()));
    let error = snapshot.write(decider).await.unwrap_err();
    assert_eq!(error.code(), "guard.snapshot_failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guards_in_parallel_allow_together_what_one_would() {
    let redis = TestRedis::start();
    let alone = allowed(&Decider::new(Rules::default()), "s", 0).await;
    let mut tasks = Vec::new();
    for guard in 0..4_u32 {
        let accounts = redis.guard().await;
        tasks.push(tokio::spawn(async move {
            let mut allowed = 0;
            for number in 0..60 {
                let mut act = act("s", guard * 60 + number);
                act.at = NOON;
                let decision = accounts.decide(&act).await;
                allowed += u32::from(decision.answer == Answer::Allow);
            }
            assert_eq!(accounts.health(), Health::Good);
            allowed
        }));
    }
    let mut sum = 0;
    for task in tasks {
        sum += task.await.unwrap();
    }
    let one = Decider::new(Rules::default());
    let mut expected = 0;
    for number in 0..240 {
        let mut act = act("s", number);
        act.at = NOON;
        expected += u32::from(one.decide(&act).answer == Answer::Allow);
    }
    assert_eq!(sum, expected);
    assert!(alone >= sum);
}

#[tokio::test]
async fn guards_take_turns_and_come_to_the_same_as_one() {
    let redis = TestRedis::start();
    let guards = [
        redis.guard().await,
        redis.guard().await,
        redis.guard().await,
    ];
    let one = Decider::new(Rules::default());
    for number in 0..400 {
        let mut act = act("s", number);
        act.patient_present = number % 9 == 0;
        let guard = &guards[usize::try_from(number * 7 % 11 % 3).unwrap()];
        let decision = guard.decide(&act).await;
        let alone = one.decide(&act);
        assert_eq!(decision.answer, alone.answer, "act {number}");
        if decision.answer == Answer::StepUp && number % 5 == 0 {
            let unknown = FreshSignature::default();
            let given = guard.fresh_signature("s", Some("a session"), unknown, act.at);
            given.await;
            one.fresh_signature("s", Some("a session"), act.at);
        }
        if decision.answer == Answer::StopAccount {
            guard.lift("s", "records", act.at).await;
            one.lift("s", "records", act.at);
        }
    }
    // A guard that comes later knows it from the store alone.
    let late = redis.guard().await;
    assert_eq!(
        late.decide(&act("s", 400)).await.answer,
        one.decide(&act("s", 400)).answer
    );
    let keys = redis.say(&["KEYS", "*"]);
    for key in keys.lines().filter(|it| !it.ends_with(":layout")) {
        assert!(key.starts_with("cardea-guard:"), "{key}");
        assert!(
            !redis.say(&["PTTL", key]).starts_with('-'),
            "{key} stays for ever"
        );
    }
}

#[tokio::test]
async fn a_form_that_cannot_be_read_is_doubted_by_all_guards_for_a_day() {
    let redis = TestRedis::start();
    redis.say(&["SET", "cardea-guard:layout", "of an older version"]);
    let full = allowed(&Decider::new(Rules::default()), "s", 0).await;
    let one = redis.guard().await;
    let begun = allowed(one.as_ref(), "s", 0).await;
    assert!((1..full / 2).contains(&begun), "{begun} of {full}");
    // Another guard finds the new form there, and so does one that starts again.
    let other = redis.guard().await;
    assert_eq!(allowed(other.as_ref(), "another", 0).await, begun);
    assert_eq!(allowed(other.as_ref(), "later", A_DAY).await, full);
    let lasts = redis.say(&["PTTL", "cardea-guard:doubted"]);
    assert!((1..=86_400_000).contains(&lasts.trim().parse::<i64>().unwrap()));
}

/// A service's subject is its `client_id`, and a trial installation has the same clients.
#[tokio::test]
async fn guards_of_two_issuers_share_no_account_and_those_of_two_apis_do() {
    let redis = TestRedis::start();
    let [records, images, trial] = [
        "https://id.example.fr https://records.example.fr/",
        "https://id.example.fr https://images.example.fr/",
        "https://trial.example.fr https://records.example.fr/",
    ];
    let records = redis.guard_of(records, NOON).await;
    let images = redis.guard_of(images, NOON).await;
    let trial = redis.guard_of(trial, NOON).await;
    records.stop("rights-check", "records", STOP).await;
    trial.lift("rights-check", "records", NOON).await;
    let said = async |guard: &Arc<dyn Accounts>| guard.decide(&act("rights-check", 0)).await.answer;
    assert_eq!(said(&trial).await, Answer::Allow);
    assert_eq!(said(&images).await, Answer::StopAccount);
    assert_eq!(said(&records).await, Answer::StopAccount);
}

/// Each guard is told by the issuer, and each may be told twice: the account is lifted once.
#[tokio::test]
async fn what_the_issuer_tells_each_of_several_guards_counts_once() {
    let redis = TestRedis::start();
    let (one, other) = (redis.guard().await, redis.guard().await);
    one.stop("s", "records", STOP).await;
    // Known by the store, before this one was told.
    assert_eq!(other.decide(&act("s", 0)).await.answer, Answer::StopAccount);
    other.stop("s", "records", STOP).await;
    one.lift_stop("s", "records", 7, NOON).await;
    let full = allowed(&Decider::new(Rules::default()), "s", 1).await;
    for number in 1..11 {
        assert_eq!(other.decide(&act("s", number)).await.answer, Answer::Allow);
    }
    // The other guard hears of the same lift late: what was looked up since counts.
    other.lift_stop("s", "records", 7, NOON).await;
    assert_eq!(allowed(one.as_ref(), "s", 11).await, full - 10);
}

/// Attack F9, with a balancer before two guards.
#[tokio::test]
async fn f9_a_proof_that_one_guard_took_is_good_at_none_that_shares_its_store() {
    let mut redis = TestRedis::start();
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let token = issuer.token(&issuer.claims(&client.key));
    let config = issuer.config(&serde_json::json!({}));
    let (shared, folder) = (redis.config(), redis.folder.path().to_owned());
    let start = || {
        let clock = issuer.clock.clone();
        TokenCheck::start_sharing(&config, clock, &shared, &folder).unwrap()
    };
    let (one, other) = (start(), start());
    for check in [&one, &other] {
        crate::test_issuer::until(|| check.check_ready().is_ok()).await;
    }
    let demand = Demand::default();
    let proof = client.headers(&token);
    assert!(ask(&one, &proof, &demand).await.is_ok());
    for check in [&other, &one] {
        let refused = ask(check, &proof, &demand).await.unwrap_err();
        assert_eq!(refused, "guard.dpop_proof_replayed");
    }
    assert!(ask(&other, &client.headers(&token), &demand).await.is_ok());
    let keys = redis.say(&["KEYS", "cardea-guard:proof:*"]);
    assert_eq!(keys.lines().count(), 2, "{keys}");
    for key in keys.lines() {
        let kept: i64 = redis.say(&["PTTL", key]).trim().parse().unwrap();
        // Also where a guard's clock is some seconds behind.
        let is_so_long = (62_000..=71_000).contains(&kept);
        assert!(is_so_long, "{key} is kept for {kept} ms");
    }
    // Without the store each guard goes by what it remembers itself.
    redis.stop();
    let proof = client.headers(&token);
    assert!(ask(&one, &proof, &demand).await.is_ok());
    let refused = ask(&one, &proof, &demand).await.unwrap_err();
    assert_eq!(refused, "guard.dpop_proof_replayed");
}

/// Each guard has a stream of its own, and one may be late: its news of the same signature must not
/// answer the question that was put meanwhile.
#[tokio::test]
async fn a_signature_that_each_of_several_guards_is_told_of_answers_one_question() {
    let redis = TestRedis::start();
    let (one, other) = (redis.guard().await, redis.guard().await);
    let ask = async |from: u32| {
        let mut number = from;
        loop {
            let answer = one.decide(&act("s", number)).await.answer;
            number += 1;
            match answer {
                Answer::Allow => assert!(number < from + 500, "nobody is asked"),
                Answer::StepUp => return number,
                other => panic!("{other:?}"),
            }
        }
    };
    let asked = ask(0).await;
    let given = FreshSignature {
        number: 7,
        asked_at: act("s", asked).at,
    };
    let at = act("s", asked).at;
    one.fresh_signature("s", Some("a session"), given, at).await;
    let again = ask(asked).await;
    let at = act("s", again).at;
    other
        .fresh_signature("s", Some("a session"), given, at)
        .await;
    for guard in [&one, &other] {
        let decision = guard.decide(&act("s", again)).await;
        assert_ne!(decision.answer, Answer::Allow, "paid twice");
    }
    // The next one answers, whoever hears of it first.
    let next = FreshSignature {
        number: 8,
        asked_at: at,
    };
    other
        .fresh_signature("s", Some("a session"), next, at)
        .await;
    let decision = one.decide(&act("s", again)).await;
    assert_eq!(decision.answer, Answer::Allow);
}

#[tokio::test]
async fn without_its_store_a_guard_counts_alone_and_forgets_nothing_when_it_is_back() {
    // Each knows as much of the account, or one of them little: whoever is back first.
    for turn in [2, 3, 10] {
        counts_alone_and_forgets_nothing(turn).await;
    }
}

/// Each `turn`-th of the acts before the outage is the first guard's.
async fn counts_alone_and_forgets_nothing(turn: u32) {
    let mut redis = TestRedis::start();
    let (one, other) = (redis.guard().await, redis.guard().await);
    for number in 0..20 {
        let guard = if number % turn == 0 { &one } else { &other };
        assert_eq!(guard.decide(&act("s", number)).await.answer, Answer::Allow);
    }
    // Its memory goes with it.
    redis.stop();
    for number in 20..30 {
        assert_eq!(one.decide(&act("s", number)).await.answer, Answer::Allow);
    }
    for number in 30..40 {
        assert_eq!(other.decide(&act("s", number)).await.answer, Answer::Allow);
    }
    assert_eq!(
        (one.health(), other.health()),
        (Health::Alone, Health::Alone)
    );
    let unknown = allowed(one.as_ref(), "not known here", 0).await;
    assert!((1..60).contains(&unknown), "{unknown}");
    redis.start_again();
    until(one.as_ref(), Health::Good).await;
    until(other.as_ref(), Health::Good).await;
    let full = allowed(&Decider::new(Rules::default()), "s", 0).await;
    let left = allowed(one.as_ref(), "s", 40).await;
    assert!(left <= full - 40, "{left} of {full} are left after 40");
    assert_ne!(other.decide(&act("s", 200)).await.answer, Answer::Allow);
}

/// A guard that knows much of an account comes late to a store that lost its memory: what another
/// one has counted there meanwhile, more than a journal holds, is not gone with the older past.
#[tokio::test]
async fn a_guard_of_another_past_that_comes_late_takes_nothing_away() {
    let mut redis = TestRedis::start();
    let (one, late) = (redis.guard().await, redis.guard().await);
    for number in 0..30 {
        let guard = if number == 0 { &one } else { &late };
        assert_eq!(guard.decide(&act("s", number)).await.answer, Answer::Allow);
    }
    redis.stop();
    redis.start_again();
    // Each finds its connections gone by a patient who costs nothing.
    one.decide(&act("s", 0)).await;
    until(one.as_ref(), Health::Good).await;
    for number in 30..96 {
        one.decide(&act("s", number)).await;
    }
    late.decide(&act("s", 1)).await;
    until(late.as_ref(), Health::Good).await;
    for guard in [&late, &one] {
        let decision = guard.decide(&act("s", 96)).await;
        assert_ne!(decision.answer, Answer::Allow, "66 acts are forgotten");
    }
    // Nor does the store keep all of it for ever.
    for _ in 0..1_200 {
        one.decide(&act("s", 96)).await;
    }
    let keys = redis.say(&["KEYS", "cardea-guard:*"]);
    let journals = keys.lines().filter(|it| !it.ends_with(":layout"));
    let lengths: Vec<_> = journals.map(|it| redis.say(&["HLEN", it])).collect();
    let [length] = lengths.as_slice() else {
        panic!("{keys}");
    };
    let length: u32 = length.trim().parse().unwrap();
    assert!(length < 100, "{length} entries");
}

#[tokio::test]
async fn an_outage_of_a_store_that_remembers_is_made_up_for() {
    let redis = TestRedis::start();
    let (one, other) = (redis.guard().await, redis.guard().await);
    for number in 0..20 {
        let _ = one.decide(&act("s", number)).await;
    }
    // A store that hangs is as good as none; it remembers.
    redis.signal("-STOP");
    for number in 20..30 {
        assert_eq!(one.decide(&act("s", number)).await.answer, Answer::Allow);
    }
    assert_eq!(one.health(), Health::Alone);
    redis.signal("-CONT");
    until(one.as_ref(), Health::Good).await;
    one.close().await;
    let full = allowed(&Decider::new(Rules::default()), "s", 0).await;
    assert_eq!(allowed(other.as_ref(), "s", 30).await, full - 30);
}

//! What is good once, at guards that share their accounts in a real Redis (attack H19).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Stand, stand_over};
use crate::adapter::{LookUpStatement, Seen};
use crate::test_issuer::NOW;
use crate::test_redis::TestRedis;
use crate::{Accounts, Answer, Health, NoReporter};

const REPLAYED: &str = "guard.statement_replayed";

/// One of the guards, with the portal's keys that all of them have.
async fn guard(redis: &TestRedis) -> (Stand, Arc<dyn Accounts>) {
    let accounts = redis.guard_at(NOW * 1_000).await;
    let stand = stand_over(Arc::clone(&accounts), Arc::new(NoReporter));
    (stand, accounts)
}

/// What a guard says to a statement: its answer, or its code.
async fn said(stand: &Stand, statement: &LookUpStatement) -> Result<Answer, &'static str> {
    let access = stand.access("s", NOW - 60);
    let judged = stand.judge(&access, statement).await;
    judged.map_err(|error| error.code())
}

fn with(stand: &Stand, number: &str, presence: &str) -> LookUpStatement {
    let seen = Seen {
        numbers: &[number],
        presence: Some(presence),
        ..Seen::default()
    };
    stand.adapter.statement("s", &seen).unwrap()
}

#[tokio::test]
async fn h19_a_statement_that_one_guard_took_is_good_at_none_that_shares_its_accounts() {
    let redis = TestRedis::start();
    let ((one, _), (other, _)) = (guard(&redis).await, guard(&redis).await);
    let statement = one.statement("s", "1");
    assert_eq!(said(&one, &statement).await, Ok(Answer::Allow));
    for stand in [&other, &one] {
        assert_eq!(said(stand, &statement).await, Err(REPLAYED));
    }
    // A patient's card speaks for him once, whatever the statement around it.
    let presence = one.adapter.presence("s", "2").unwrap();
    let read = with(&one, "2", &presence);
    assert_eq!(said(&other, &read).await, Ok(Answer::Allow));
    for stand in [&one, &other] {
        let again = with(&one, "2", &presence);
        assert_eq!(said(stand, &again).await, Err(REPLAYED));
    }
    let next = one.statement("s", "3");
    assert_eq!(said(&other, &next).await, Ok(Answer::Allow));
    // Nothing stays longer than it could be good, nor tells what it stands for.
    let keys = redis.say(&["KEYS", "cardea-guard:statement:*"]);
    assert_eq!(keys.lines().count(), 5, "{keys}");
    for key in keys.lines() {
        assert!(!keys.contains(&next.nonce));
        let kept: i64 = redis.say(&["PTTL", key]).trim().parse().unwrap();
        assert!((1..=310_000).contains(&kept), "{key} is kept for {kept} ms");
    }
}

#[tokio::test]
async fn two_guards_that_are_shown_one_statement_at_once_take_it_once() {
    let redis = TestRedis::start();
    let ((one, _), (other, _)) = (guard(&redis).await, guard(&redis).await);
    for number in 0..20 {
        let statement = one.statement("s", &number.to_string());
        let (first, second) = tokio::join!(said(&one, &statement), said(&other, &statement));
        let mut both = [first.is_ok(), second.is_ok()];
        both.sort_unstable();
        assert_eq!(both, [false, true], "{first:?} {second:?}");
    }
}

#[tokio::test]
async fn without_its_store_a_guard_goes_by_the_statements_that_it_saw_itself() {
    let mut redis = TestRedis::start();
    let (stand, accounts) = guard(&redis).await;
    redis.stop();
    let statement = stand.statement("s", "1");
    assert_eq!(said(&stand, &statement).await, Ok(Answer::Allow));
    assert_eq!(accounts.health(), Health::Alone);
    assert_eq!(said(&stand, &statement).await, Err(REPLAYED));
    redis.start_again();
    let until = Instant::now() + Duration::from_secs(60);
    while accounts.health() != Health::Good {
        assert!(Instant::now() < until, "the store does not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let next = stand.statement("s", "2");
    assert_eq!(said(&stand, &next).await, Ok(Answer::Allow));
    let keys = redis.say(&["KEYS", "cardea-guard:statement:*"]);
    assert_eq!(keys.lines().count(), 1, "{keys}");
}

//! Revocation evidence over HTTP: revoked wins, faults refuse, one good source suffices.

use std::time::Duration;

use crate::card::Card;
use crate::relying_party::{Request, sign_in};
use crate::revocation_host::Answer;
use crate::test_app::{TestApp, problem_code};

async fn refused(app: &TestApp, card: &Card) -> String {
    let login = Request::new().begin(app).await;
    let body = card.answer(app, &login.challenge(app).await);
    problem_code(login.post_assertion(app, &body).await).await
}

#[tokio::test]
async fn revoked_wins_when_the_responder_says_so() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    app.host
        .change(|behaviour| behaviour.ocsp = Answer::Revoked);
    assert_eq!(refused(&app, &card).await, "login.card_revoked");
}

#[tokio::test]
async fn revoked_wins_when_a_list_says_so_whatever_the_responder_says() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    app.host
        .change(|behaviour| (behaviour.crl, behaviour.ocsp) = (Answer::Revoked, Answer::Missing));
    assert_eq!(refused(&app, &card).await, "login.card_revoked");
    app.host.change(|behaviour| behaviour.ocsp = Answer::Good);
    assert_eq!(refused(&app, &card).await, "login.card_revoked");
}

#[tokio::test]
async fn without_evidence_there_is_no_login() {
    for fault in [
        Answer::Missing,
        Answer::Garbage,
        Answer::Stale,
        Answer::Redirect,
    ] {
        let app = TestApp::start().await;
        let card = Card::pharmacist(&app);
        let ocsp = if fault == Answer::Stale {
            Answer::Missing
        } else {
            fault
        };
        app.host
            .change(|behaviour| (behaviour.crl, behaviour.ocsp) = (fault, ocsp));
        assert_eq!(
            refused(&app, &card).await,
            "login.revocation_unavailable",
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_responder_that_fails_leaves_the_list_to_speak() {
    for fault in [Answer::Missing, Answer::Garbage, Answer::Slow] {
        let app = TestApp::start().await;
        let card = Card::pharmacist(&app);
        app.host.change(|behaviour| behaviour.ocsp = fault);
        sign_in(&app, &Request::new(), &card).await;
    }
}

#[tokio::test]
async fn lists_are_fetched_once_for_many_logins() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    sign_in(&app, &Request::new(), &card).await;
    let before = settled_crl_requests(&app).await;
    for _ in 0..3 {
        sign_in(&app, &Request::new(), &Card::pharmacist(&app)).await;
    }
    assert_eq!(settled_crl_requests(&app).await, before);
}

/// Lists are fetched in the background: the count once it has stood still for a while.
async fn settled_crl_requests(app: &TestApp) -> usize {
    let mut before = app.host.crl_requests();
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = app.host.crl_requests();
        if now == before {
            return now;
        }
        before = now;
    }
}

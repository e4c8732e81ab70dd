//! Refresh tokens over HTTP (attacks F6 and H5).

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use reqwest::Response;
use serde_json::Value;

use crate::card::Card;
use crate::relying_party::{Request, SignedIn, sign_in, sign_in_again};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, TestApp, header};
use crate::two_nodes::on_postgres;

/// The portal may refresh.
fn refreshing() -> Changes {
    Changes::replacing(
        "id_token_signed_response_alg = \"ES256\"",
        "grant_types = [\"authorization_code\", \"refresh_token\"]",
    )
}

async fn first_tokens(app: &TestApp, card: &Card) -> (Value, SignedIn) {
    let request = Request::new();
    let signed_in = sign_in(app, &request, card).await;
    let tokens = request.redeem(app, &signed_in.code).await;
    (tokens.json().await.unwrap(), signed_in)
}

async fn refresh(app: &TestApp, token: &Value) -> Response {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.as_str().unwrap()),
    ];
    app.post("/token")
        .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
        .form(&form)
        .send()
        .await
        .unwrap()
}

async fn refusal(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["error"].as_str().unwrap().to_owned())
}

fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

#[tokio::test]
async fn f12_a_refresh_token_serves_once_and_no_answer_is_kept() {
    let app = TestApp::start_with(refreshing()).await;
    let card = Card::pharmacist(&app);
    let (first, _signed_in) = first_tokens(&app, &card).await;
    let second = refresh(&app, &first["refresh_token"]).await;
    assert_eq!(second.status(), 200);
    assert_eq!(header(&second, "cache-control"), "no-store");
    assert_eq!(header(&second, "pragma"), "no-cache");
    let second: Value = second.json().await.unwrap();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    let userinfo = async |tokens: &Value| {
        let token = tokens["access_token"].as_str().unwrap();
        let answer = app.get("/userinfo").bearer_auth(token).send().await;
        answer.unwrap().status().as_u16()
    };
    assert_eq!(userinfo(&second).await, 200);

    let again = refresh(&app, &first["refresh_token"]).await;
    assert_eq!(refusal(again).await, invalid_grant());
    let newest = refresh(&app, &second["refresh_token"]).await;
    assert_eq!(refusal(newest).await, invalid_grant());
    assert_eq!(userinfo(&first).await, 401);
    assert_eq!(userinfo(&second).await, 401);
}

/// Attack H19: what is spent on one node is spent on both, and nobody waits for anybody in circles.
#[tokio::test(flavor = "multi_thread")]
async fn f6_h19_of_many_refreshes_on_two_nodes_one_is_served() {
    let (one, _) = on_postgres(refreshing()).await;
    let other = one.another_node().await;
    let card = Card::pharmacist(&one);
    let (tokens, mut signed_in) = first_tokens(&one, &card).await;
    let first = refresh(&other, &tokens["refresh_token"]).await;
    assert_eq!(first.status(), 200);
    let tokens: Value = first.json().await.unwrap();
    let requests = (0..20).map(|number| {
        let app = if number % 2 == 0 { &one } else { &other };
        refresh(app, &tokens["refresh_token"])
    });
    // The card leaves in the midst of it.
    let departed = card.departed(&one);
    let (answers, ()) = tokio::join!(join_all(requests), signed_in.connection.send(&departed));
    let mut served = 0;
    for answer in answers {
        match answer.status().as_u16() {
            200 => served += 1,
            _ => assert_eq!(refusal(answer).await, invalid_grant()),
        }
    }
    assert!(served <= 1, "{served} were served");
    signed_in.connection.next().await;
    let late = refresh(&other, &tokens["refresh_token"]).await;
    assert_eq!(refusal(late).await, invalid_grant());
}

/// Attack H19: the person shows the card again while her portal refreshes. The portal moves to the
/// new session and stays signed in, and nobody waits for anybody in circles.
#[tokio::test(flavor = "multi_thread")]
async fn h19_a_portal_refreshes_beside_logins_in_the_same_browser() {
    let (app, _) = on_postgres(refreshing()).await;
    let card = Card::pharmacist(&app);
    let (tokens, mut signed_in) = first_tokens(&app, &card).await;
    let mut token = tokens["refresh_token"].clone();
    for _ in 0..20 {
        let shown_again = card.shown_again();
        let finished = AtomicBool::new(false);
        let logging_in = async {
            let cookie = &signed_in.session_cookie;
            let again = sign_in_again(&app, &Request::new(), &shown_again, cookie).await;
            finished.store(true, Ordering::SeqCst);
            again
        };
        let refreshing = async {
            let mut token = token.clone();
            while !finished.load(Ordering::SeqCst) {
                let answer = refresh(&app, &token).await;
                let status = answer.status();
                let body: Value = answer.json().await.unwrap();
                assert_eq!(status, 200, "{body}");
                token = body["refresh_token"].clone();
            }
            token
        };
        (signed_in, token) = tokio::join!(logging_in, refreshing);
    }
}

#[tokio::test]
async fn h5_nothing_is_refreshed_once_the_card_is_pulled() {
    let app = TestApp::start_with(refreshing()).await;
    let card = Card::pharmacist(&app);
    let (tokens, mut signed_in) = first_tokens(&app, &card).await;
    signed_in.connection.send(&card.departed(&app)).await;
    // The connection answers once the departure has taken effect.
    signed_in.connection.next().await;
    let late = refresh(&app, &tokens["refresh_token"]).await;
    assert_eq!(refusal(late).await, invalid_grant());
}

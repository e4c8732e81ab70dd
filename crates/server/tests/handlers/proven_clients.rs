//! A client's server is one address for all its users: what strangers make it ask, and the cards
//! that are pulled at its users, shut nobody out (attack H9).

use reqwest::RequestBuilder;
use serde_json::Value;

use crate::card::Card;
use crate::key_client::KeyClient;
use crate::relying_party::{Request, SignedIn, sign_in};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, PUBLIC_CLIENT_ID, TestApp};

const LIMIT: usize = 3;

fn limited() -> Changes {
    let limits = format!(
        "refusals_per_address_and_minute = {LIMIT}\nchallenges_per_address_and_minute = {LIMIT}"
    );
    let mut changes = Changes::limiting(&limits);
    changes.replace.push((
        "id_token_signed_response_alg = \"ES256\"",
        "grant_types = [\"authorization_code\", \"refresh_token\"]".to_owned(),
    ));
    changes
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

/// Uses up what the address may be refused by requests that prove nothing.
async fn exhaust(app: &TestApp, path: &str) {
    let nobody = || {
        let request = app.post(path).basic_auth("nobody", Some("guess"));
        request.form(&[("token", "guess")])
    };
    for _ in 0..LIMIT {
        assert_eq!(status(nobody()).await, 401, "{path}");
    }
    assert_eq!(status(nobody()).await, 429, "{path}");
}

async fn signed_in(app: &TestApp, card: &Card) -> (Value, SignedIn) {
    let request = Request::new();
    let signed_in = sign_in(app, &request, card).await;
    let tokens = request.redeem(app, &signed_in.code).await;
    assert_eq!(tokens.status(), 200);
    (tokens.json().await.unwrap(), signed_in)
}

fn refresh(app: &TestApp, tokens: &Value) -> RequestBuilder {
    let token = tokens["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    app.post("/token")
        .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
        .form(&form)
}

#[tokio::test]
async fn h9_junk_at_a_portal_s_callback_does_not_shut_its_users_out() {
    let app = TestApp::start_with(limited()).await;
    let request = Request::new();
    for number in 0..2 * LIMIT {
        let junk = request.redeem(&app, &format!("junk-{number}")).await;
        assert_eq!(junk.status(), 400);
    }
    let (tokens, _kept) = signed_in(&app, &Card::pharmacist(&app)).await;
    // Nor does who shares the address with it and proves nothing.
    exhaust(&app, "/token").await;
    assert_eq!(status(refresh(&app, &tokens)).await, 200);
    let form = [("client_id", PUBLIC_CLIENT_ID), ("code", "junk")];
    assert_eq!(status(app.post("/token").form(&form)).await, 429);
}

#[tokio::test]
async fn h9_pulled_cards_do_not_shut_out_those_who_left_theirs() {
    let app = TestApp::start_with(limited()).await;
    let (ended, pulled) = signed_in(&app, &Card::pharmacist(&app)).await;
    let logout = app
        .post("/logout")
        .header("Origin", &app.issuer)
        .header("Cookie", &pulled.session_cookie)
        .form(&[("confirmed", "yes")]);
    assert_eq!(status(logout).await, 200);
    for _ in 0..2 * LIMIT {
        assert_eq!(status(refresh(&app, &ended)).await, 400);
        let token = ended["access_token"].as_str().unwrap();
        assert_eq!(status(app.get("/userinfo").bearer_auth(token)).await, 401);
    }
    let (tokens, _kept) = signed_in(&app, &Card::pharmacist(&app)).await;
    assert_eq!(status(refresh(&app, &tokens)).await, 200);
}

#[tokio::test]
async fn h9_junk_tokens_at_userinfo_do_not_shut_out_the_real_ones() {
    let app = TestApp::start_with(limited()).await;
    let (tokens, _kept) = signed_in(&app, &Card::pharmacist(&app)).await;
    let ask = async |token: &str| status(app.get("/userinfo").bearer_auth(token)).await;
    for expected in [401, 401, 401, 429] {
        assert_eq!(ask("a.b.c").await, expected);
    }
    assert_eq!(ask(tokens["access_token"].as_str().unwrap()).await, 200);
}

#[tokio::test]
async fn h9_a_proof_lets_a_client_in_at_each_endpoint() {
    let app = TestApp::start_with(limited()).await;
    for path in [
        "/token",
        "/par",
        "/introspect",
        "/revoke",
        "/card-grant/challenge",
    ] {
        // Introspection and revocation share one count.
        if path != "/revoke" {
            exhaust(&app, path).await;
        }
        for _ in 0..2 * LIMIT {
            let portal = app.post(path).basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
            let answered = status(portal.form(&[("token", "junk")])).await;
            assert!(matches!(answered, 200 | 400), "{path}: {answered}");
        }
    }
}

#[tokio::test]
async fn h9_a_key_is_a_proof_too_and_an_assertion_of_another_key_is_none() {
    let (service, other) = (KeyClient::new(), KeyClient::new());
    let mut changes = limited();
    changes.replace.extend(service.registered().replace);
    let app = TestApp::start_with(changes).await;
    exhaust(&app, "/token").await;
    assert_eq!(status(service.ask(&app)).await, 200);
    assert_eq!(status(other.ask(&app)).await, 429);
}

//! The pushed authorization request endpoint over HTTP (RFC 9126; attacks E13 and E14).

use reqwest::Response;
use serde_json::Value;

use crate::card::Card;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, PUBLIC_CLIENT_ID, TestApp, header};

async fn push(app: &TestApp, request: &Request) -> Response {
    app.post("/par")
        .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
        .form(&request.parameters)
        .send()
        .await
        .unwrap()
}

async fn error_of(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    assert!(body["error_uri"].as_str().unwrap().contains("/errors/"));
    (status, body["error"].as_str().unwrap().to_owned())
}

/// The request that the browser carries: the client, and the reference.
fn reference(pushed: &Request, request_uri: &str) -> Request {
    Request {
        parameters: vec![
            ("client_id", CLIENT_ID.to_owned()),
            ("request_uri", request_uri.to_owned()),
        ],
        verifier: pushed.verifier.clone(),
        nonce: pushed.nonce.clone(),
    }
}

#[tokio::test]
async fn a_pushed_request_carries_a_login_to_its_tokens() {
    let app = TestApp::start().await;
    let request = Request::new();
    let response = push(&app, &request).await;
    assert_eq!(response.status(), 201);
    assert_eq!(header(&response, "cache-control"), "no-store");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["expires_in"], 90);
    let request_uri = body["request_uri"].as_str().unwrap();
    assert!(request_uri.starts_with("urn:ietf:params:oauth:request_uri:"));

    let carried = reference(&request, request_uri);
    let card = Card::pharmacist(&app);
    let signed_in = sign_in(&app, &carried, &card).await;
    let tokens = request.redeem(&app, &signed_in.code).await;
    assert_eq!(tokens.status(), 200);

    let again = carried.send(&app).await;
    assert_eq!(again.status(), 400, "E13: spent by the answer");
    assert_eq!(header(&again, "location"), "");
    let page = again.text().await.unwrap();
    assert!(page.contains("provider.request_uri_reused"), "{page}");
}

#[tokio::test]
async fn refusals_have_the_form_of_the_token_endpoint() {
    let app = TestApp::start().await;
    let wrong_secret = app
        .post("/par")
        .basic_auth(CLIENT_ID, Some("guess"))
        .form(&Request::new().parameters)
        .send()
        .await
        .unwrap();
    assert_eq!(
        error_of(wrong_secret).await,
        (401, "invalid_client".to_owned())
    );
    let nobody = app
        .post("/par")
        .form(&Request::new().without("client_id").parameters)
        .send()
        .await
        .unwrap();
    assert_eq!(error_of(nobody).await, (401, "invalid_client".to_owned()));
    let by_reference = Request::new().with("request_uri", "urn:ietf:params:oauth:request_uri:x");
    for (name, request) in [
        ("a reference", by_reference),
        ("no PKCE", Request::new().without("code_challenge")),
        ("state twice", Request::new().and("state", "other")),
    ] {
        let refused = push(&app, &request).await;
        assert_eq!(
            error_of(refused).await,
            (400, "invalid_request".to_owned()),
            "{name}"
        );
    }
    let get = app.get("/par").send().await.unwrap();
    assert_eq!(get.status(), 405);
    let in_query = app
        .post("/par?client_id=portal")
        .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
        .form(&Request::new().parameters)
        .send()
        .await
        .unwrap();
    assert_eq!(in_query.status(), 400);
    let json = app.post("/par").json(&Value::Null).send().await.unwrap();
    assert_eq!(json.status(), 415);
}

#[tokio::test]
async fn a_client_s_waiting_requests_are_bounded_with_a_word_on_when_to_come_back() {
    let changes = Changes::limiting("pushed_requests_per_client = 1");
    let app = TestApp::start_with(changes).await;
    assert_eq!(push(&app, &Request::new()).await.status(), 201);
    let refused = push(&app, &Request::new()).await;
    assert_eq!(header(&refused, "retry-after"), "90");
    let told = error_of(refused).await;
    assert_eq!(told, (429, "temporarily_unavailable".to_owned()));
}

#[tokio::test]
async fn one_address_cannot_fill_a_public_client_s_places() {
    let changes = Changes::limiting("refusals_per_address_and_minute = 2");
    let app = TestApp::start_with(changes).await;
    let request = Request::new()
        .with("client_id", PUBLIC_CLIENT_ID)
        .with("scope", "openid");
    for status in [201, 201, 429] {
        let sent = app.post("/par").form(&request.parameters).send().await;
        assert_eq!(sent.unwrap().status(), status);
    }
}

/// Attack H9.
#[tokio::test]
async fn a_few_addresses_cannot_fill_a_public_client_s_places() {
    let limits = "pushed_requests_per_client = 6\nclient_address = \"x_forwarded_for\"";
    let app = TestApp::start_with(Changes::limiting(limits)).await;
    let request = Request::new()
        .with("client_id", PUBLIC_CLIENT_ID)
        .with("scope", "openid");
    let push = async |from: &str| {
        let sent = app.post("/par").header("x-forwarded-for", from);
        let sent = sent.form(&request.parameters).send().await.unwrap();
        (sent.status().as_u16(), sent.json::<Value>().await.unwrap())
    };
    for from in ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1"] {
        for _ in 0..3 {
            push(from).await;
        }
    }
    let (status, _) = push("192.0.2.1").await;
    assert_eq!(status, 429, "whoever has most gets no more");
    let (status, pushed) = push("198.51.100.1").await;
    assert_eq!(status, 201);
    // What a practice has pushed stays while others go on.
    for from in ["192.0.2.1", "192.0.2.2", "2001:db8:0:2::1"] {
        for _ in 0..3 {
            push(from).await;
        }
    }
    let carried = reference(&request, pushed["request_uri"].as_str().unwrap());
    let carried = carried.with("client_id", PUBLIC_CLIENT_ID).send(&app).await;
    assert!(header(&carried, "location").starts_with("/login/"));
}

/// Attack E14, and what the metadata says of it.
#[tokio::test]
async fn where_everybody_must_push_the_metadata_says_so() {
    let changes = Changes::replacing(
        "[keys]",
        "require_pushed_authorization_requests = true\n[keys]",
    );
    let app = TestApp::start_with(changes).await;
    let metadata: Value = app
        .get("/.well-known/openid-configuration")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(metadata["require_pushed_authorization_requests"], true);
    assert_eq!(
        metadata["pushed_authorization_request_endpoint"],
        app.url("/par")
    );
    let refused = Request::new().send(&app).await;
    assert!(header(&refused, "location").contains("error=invalid_request&"));
    let pushed: Value = push(&app, &Request::new()).await.json().await.unwrap();
    let request_uri = pushed["request_uri"].as_str().unwrap();
    let response = reference(&Request::new(), request_uri).send(&app).await;
    assert!(header(&response, "location").starts_with("/login/"));
}

//! The token endpoint's refusals (attacks F).

use serde_json::Value;

use crate::card::Card;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, PUBLIC_CLIENT_ID, TestApp, header};

async fn error_of(response: reqwest::Response, app: &TestApp) -> (u16, String) {
    let status = response.status().as_u16();
    assert_eq!(header(&response, "cache-control"), "no-store");
    let body: Value = response.json().await.unwrap();
    let uri = body["error_uri"].as_str().unwrap();
    assert!(uri.starts_with(&app.url("/errors/")), "{uri}");
    let description = body["error_description"].as_str().unwrap();
    assert!(
        description.contains(": "),
        "a code and its meaning: {description}"
    );
    (status, body["error"].as_str().unwrap().to_owned())
}

/// Attack F1.
#[tokio::test]
async fn a_code_serves_once_and_a_second_use_takes_back_the_first() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &card).await;
    let tokens: Value = request
        .redeem(&app, &signed_in.code)
        .await
        .json()
        .await
        .unwrap();
    let again = request.redeem(&app, &signed_in.code).await;
    assert_eq!(
        error_of(again, &app).await,
        (400, "invalid_grant".to_owned())
    );
    let token = tokens["access_token"].as_str().unwrap();
    let userinfo = app
        .get("/userinfo")
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(userinfo.status(), 401);
}

/// Attack F2.
#[tokio::test]
async fn a_code_needs_its_client_verifier_and_address() {
    let app = TestApp::start().await;
    let cases: [(&str, &str, &str); 3] = [
        (
            "verifier",
            "code_verifier",
            "wrong-verifier-wrong-verifier-wrong-verifier-wrong",
        ),
        (
            "address",
            "redirect_uri",
            "https://portal.example.test/other",
        ),
        ("code", "code", "unknown"),
    ];
    for (name, parameter, value) in cases {
        let card = Card::pharmacist(&app);
        let request = Request::new();
        let signed_in = sign_in(&app, &request, &card).await;
        let mut form = request.token_form(&signed_in.code);
        for (key, old) in &mut form {
            if *key == parameter {
                value.clone_into(old);
            }
        }
        let basic = app
            .post("/token")
            .basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
        let response = basic.form(&form).send().await.unwrap();
        assert_eq!(
            error_of(response, &app).await,
            (400, "invalid_grant".to_owned()),
            "{name}"
        );
    }
    let card = Card::pharmacist(&app);
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &card).await;
    let mut form = request.token_form(&signed_in.code);
    form.push(("client_id", PUBLIC_CLIENT_ID.to_owned()));
    let response = app.post("/token").form(&form).send().await.unwrap();
    assert_eq!(
        error_of(response, &app).await,
        (400, "invalid_grant".to_owned()),
        "client"
    );
}

/// Attack F3.
#[tokio::test]
async fn clients_prove_themselves_by_the_registered_method() {
    let app = TestApp::start().await;
    let form = Request::new().token_form("code");
    let with = |extra: &[(&'static str, &str)]| {
        let mut form = form.clone();
        form.extend(
            extra
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        form
    };
    let post = || app.post("/token");
    let unauthorized = (401, "invalid_client".to_owned());
    let wrong = post().basic_auth(CLIENT_ID, Some("wrong")).form(&form);
    let wrong = wrong.send().await.unwrap();
    assert_eq!(header(&wrong, "www-authenticate"), "Basic realm=\"cardea\"");
    assert_eq!(error_of(wrong, &app).await, unauthorized);
    let unknown = post().basic_auth("nobody", Some(CLIENT_SECRET)).form(&form);
    assert_eq!(
        error_of(unknown.send().await.unwrap(), &app).await,
        unauthorized
    );
    let body = post().form(&with(&[
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
    ]));
    assert_eq!(
        error_of(body.send().await.unwrap(), &app).await,
        unauthorized
    );
    let none = post().form(&with(&[("client_id", CLIENT_ID)]));
    assert_eq!(
        error_of(none.send().await.unwrap(), &app).await,
        unauthorized
    );
    let both = post()
        .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
        .form(&with(&[("client_secret", CLIENT_SECRET)]));
    let invalid = (400, "invalid_request".to_owned());
    assert_eq!(error_of(both.send().await.unwrap(), &app).await, invalid);
    let query = app
        .post(&format!("/token?client_secret={CLIENT_SECRET}"))
        .form(&form);
    assert_eq!(error_of(query.send().await.unwrap(), &app).await, invalid);
}

#[tokio::test]
async fn f7_f8_other_grants_and_forms_are_refused() {
    let app = TestApp::start().await;
    let post = || {
        app.post("/token")
            .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
    };
    let unsupported = "unsupported_grant_type";
    let unauthorized = "unauthorized_client";
    for (grant, error) in [
        ("password", unsupported),
        ("implicit", unsupported),
        ("x", unsupported),
        ("urn:openid:params:grant-type:ciba", unsupported),
        ("urn:ietf:params:oauth:grant-type:device_code", unauthorized),
        ("refresh_token", unauthorized),
        ("client_credentials", unauthorized),
        ("urn:ietf:params:oauth:grant-type:jwt-bearer", unauthorized),
    ] {
        let response = post().form(&[("grant_type", grant)]).send().await.unwrap();
        let expected = (400, error.to_owned());
        assert_eq!(error_of(response, &app).await, expected, "{grant}");
    }
    let twice = [
        ("grant_type", "authorization_code"),
        ("grant_type", "authorization_code"),
    ];
    let twice = post().form(&twice).send().await.unwrap();
    assert_eq!(
        error_of(twice, &app).await,
        (400, "invalid_request".to_owned())
    );
    let json = post().json(&serde_json::json!({ "grant_type": "authorization_code" }));
    assert_eq!(error_of(json.send().await.unwrap(), &app).await.0, 415);
    let multipart = post()
        .header("content-type", "multipart/form-data; boundary=x")
        .body(
            "--x\r\ncontent-disposition: form-data; name=\"grant_type\"\r\n\r\npassword\r\n--x--",
        );
    let multipart = multipart.send().await.unwrap();
    assert_eq!(error_of(multipart, &app).await.0, 415);
    assert_eq!(app.get("/token").send().await.unwrap().status(), 405);
    let overridden = app.get("/token").header("x-http-method-override", "POST");
    assert_eq!(overridden.send().await.unwrap().status(), 405);
}

/// Attack F5.
#[tokio::test]
async fn guessing_client_secrets_is_bounded() {
    let changes = Changes::limiting("refusals_per_address_and_minute = 3");
    let app = TestApp::start_with(changes).await;
    let guess = async || {
        let form = [("grant_type", "authorization_code"), ("code", "x")];
        let guess = app
            .post("/token")
            .basic_auth(CLIENT_ID, Some("guess"))
            .form(&form);
        guess.send().await.unwrap().status().as_u16()
    };
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(guess().await);
    }
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
}

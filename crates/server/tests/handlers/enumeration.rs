//! Who is known here, and who is not: nothing tells (attack H8).
//!
//! Time is not measured: what takes a measurable one is a write to the database, and the tests
//! count those. Comparing a secret is one comparison of digests for everybody (attack F5).

use cardea_test_pki::{CardProfile, KeyKind};
use reqwest::Response;
use serde_json::{Value, json};

use crate::card::Card;
use crate::relying_party::{Request, parameter, sign_in};
use crate::revocation_host::now;
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, TestApp, header};

/// Everything of an answer that its reader sees, without what is new in each.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    bytes: usize,
}

async fn seen(response: Response) -> Seen {
    let status = response.status().as_u16();
    let changing = ["date", "dpop-nonce", "set-cookie", "location"];
    let mut headers: Vec<_> = response
        .headers()
        .iter()
        .filter(|(name, _)| !changing.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    let text = response.text().await.unwrap();
    let bytes = text.len();
    let body = match serde_json::from_str::<Value>(&text) {
        Ok(mut body) => {
            if let Some(body) = body.as_object_mut() {
                body.remove("correlation_id");
            }
            body.to_string()
        }
        Err(_) => text,
    };
    Seen {
        status,
        headers,
        body,
        bytes,
    }
}

async fn start() -> TestApp {
    TestApp::start_with(Changes::limiting("refusals_per_address_and_minute = 10000")).await
}

#[tokio::test]
async fn h8_an_unknown_client_and_a_wrong_secret_are_one_refusal() {
    let app = start().await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", "x"),
        ("token", "x"),
    ];
    let post = async |path: &str, client_id: &str| {
        let before = app.events().await.len();
        let post = app.post(path).basic_auth(client_id, Some("guess"));
        let seen = seen(post.form(&form).send().await.unwrap()).await;
        (seen, app.events().await.len() - before)
    };
    for path in ["/token", "/introspect", "/revoke", "/par"] {
        let (known, rows_of_known) = post(path, CLIENT_ID).await;
        let (unknown, rows_of_unknown) = post(path, "nobody").await;
        assert_eq!(known.status, 401, "{path}: {known:?}");
        assert_eq!(known, unknown, "{path}");
        assert_eq!(rows_of_known, rows_of_unknown, "{path}: the same writes");
    }
}

/// A card that was here before, one that never was, one that is expired and one that is revoked:
/// whoever does not hold its key learns nothing of it.
#[tokio::test]
async fn h8_whose_card_it_is_shows_only_to_its_holder() {
    let app = start().await;
    let known = Card::pharmacist(&app);
    sign_in(&app, &Request::new(), &known).await;
    let profile = CardProfile::doctor().with_key(KeyKind::P256);
    let never = Card::new(&app, &profile);
    let mut expired = app.host.pki.issue_card(&profile).unwrap();
    let spec = profile.authentication(now()).unwrap().expired(now());
    expired.authentication = app.host.pki.issue(&spec).unwrap();
    let expired = Card::of(expired, &app);
    // Of no authority that is trusted here.
    let foreign = cardea_test_pki::TestPki::fast(now()).unwrap();
    let foreign = Card::of(foreign.issue_card(&profile).unwrap(), &app);
    let thief = Card::new(&app, &CardProfile::nurse().with_key(KeyKind::P256));

    let mut answers = Vec::new();
    for (name, card) in [
        ("known", &known),
        ("never seen", &never),
        ("expired", &expired),
        ("foreign", &foreign),
    ] {
        let login = Request::new().begin(&app).await;
        let body = card.answer_with(&app, &login.challenge(&app).await, |statement| {
            statement.signer = thief.issued.authentication.clone();
        });
        let before = app.events().await.len();
        let seen = seen(login.post_assertion(&app, &body).await).await;
        assert!(seen.body.contains("login.refused"), "{name}: {seen:?}");
        let rows = app.events().await.len() - before;
        answers.push((name, seen, rows));
    }
    let (_, first, rows) = &answers[0];
    for (name, seen, other_rows) in &answers[1..] {
        assert_eq!(seen, first, "{name}");
        assert_eq!(other_rows, rows, "{name}: the same writes");
    }
}

/// A name that somebody has, and one that nobody has.
#[tokio::test]
async fn h8_a_hint_at_a_person_is_answered_the_same_whoever_it_names() {
    let app = start().await;
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &Card::pharmacist(&app)).await;
    let tokens = request.redeem(&app, &signed_in.code).await;
    let tokens: Value = tokens.json().await.unwrap();
    let access_token = tokens["access_token"].as_str().unwrap();
    let person = app.get("/userinfo").bearer_auth(access_token).send().await;
    let person: Value = person.unwrap().json().await.unwrap();
    let known = [
        person["sub"].as_str().unwrap(),
        person["subject_id"].as_str().unwrap(),
        person["name"].as_str().unwrap(),
    ];
    for known in known {
        let unknown = "x".repeat(known.len());
        let ask = async |hint: &str, prompt: Option<&str>| {
            let mut request = Request::new().with("login_hint", hint);
            if let Some(prompt) = prompt {
                request = request.with("prompt", prompt);
            }
            let response = request.send(&app).await;
            let location = header(&response, "location");
            let error = match prompt {
                Some(_) => parameter(&location, "error"),
                None => location.starts_with("/login/").then(String::new),
            };
            (seen(response).await, location.len(), error)
        };
        for prompt in [None, Some("none")] {
            assert_eq!(ask(known, prompt).await, ask(&unknown, prompt).await);
        }
        let logout = async |hint: &str| {
            let get = app.get("/logout").query(&[("logout_hint", hint)]);
            seen(get.send().await.unwrap()).await
        };
        let (known, unknown) = (logout(known).await, logout(&unknown).await);
        assert_eq!((known.status, known.bytes), (unknown.status, unknown.bytes));
    }
}

/// A token of somebody else, and one that never was.
#[tokio::test]
async fn h8_another_clients_token_and_none_are_one_answer() {
    let other = format!(
        "[[client]]\nclient_id = \"other\"\nname = \"Other\"\nsecret = \"{CLIENT_SECRET}\"\n\
         redirect_uris = [\"https://other.example.test/cb\"]\n[keys]"
    );
    let app = TestApp::start_with(Changes::replacing("[keys]", &other)).await;
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &Card::pharmacist(&app)).await;
    let tokens = request.redeem(&app, &signed_in.code).await;
    let tokens: Value = tokens.json().await.unwrap();
    let real = tokens["access_token"].as_str().unwrap();
    let forged = format!("{}x", &real[..real.len() - 1]);
    for path in ["/introspect", "/revoke"] {
        let ask = async |token: &str| {
            let before = app.events().await.len();
            let post = app.post(path).basic_auth("other", Some(CLIENT_SECRET));
            let seen = seen(post.form(&[("token", token)]).send().await.unwrap()).await;
            (seen, app.events().await.len() - before)
        };
        let answers = [ask(real).await, ask(&forged).await, ask("guess").await];
        assert_eq!(answers[0].0.status, 200);
        assert_eq!(answers[0], answers[1], "{path}");
        assert_eq!(answers[1], answers[2], "{path}");
    }
    // A login that never was, and one of another browser, differ in the page alone that is shown.
    let login = Request::new().begin(&app).await;
    let post = app.post_json(&login.path("/challenge"), "a=b", &json!({}));
    assert_eq!(post.send().await.unwrap().status(), 403);
}

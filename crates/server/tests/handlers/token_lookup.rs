//! Introspection and revocation over HTTP (attack G13).

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::card::Card;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, PUBLIC_CLIENT_ID, TestApp, header};

/// The portal may refresh, and is known to the API that its tokens are for.
fn changes(limits: &str) -> Changes {
    let mut changes = Changes::replacing(
        "id_token_signed_response_alg = \"ES256\"",
        "grant_types = [\"authorization_code\", \"refresh_token\"]\n\
         resources = [\"https://api.example.test\"]",
    );
    let keys = format!(
        "[[client]]\n\
         client_id = \"api\"\n\
         name = \"API\"\n\
         grant_types = [\"client_credentials\"]\n\
         resource_server_of = [\"https://api.example.test\"]\n\
         secret = \"{CLIENT_SECRET}\"\n\
         {limits}\n\
         [keys]"
    );
    changes.replace.push(("[keys]", keys));
    changes
}

async fn start() -> TestApp {
    TestApp::start_with(changes("")).await
}

fn post(app: &TestApp, path: &str, client_id: &str, token: &str) -> RequestBuilder {
    app.post(path)
        .basic_auth(client_id, Some(CLIENT_SECRET))
        .form(&[("token", token)])
}

async fn told(response: Response) -> (u16, Value) {
    assert_eq!(header(&response, "cache-control"), "no-store");
    assert_eq!(header(&response, "access-control-allow-origin"), "");
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

async fn is_active(app: &TestApp, client_id: &str, token: &str) -> bool {
    let response = post(app, "/introspect", client_id, token);
    let (status, answer) = told(response.send().await.unwrap()).await;
    assert_eq!(status, 200);
    if answer["active"] == false {
        assert_eq!(answer, json!({ "active": false }));
    }
    answer["active"] == true
}

/// Tokens of a login for the API.
async fn tokens(app: &TestApp, card: &Card) -> Value {
    let request = Request::new().with("resource", "https://api.example.test");
    let signed_in = sign_in(app, &request, card).await;
    let tokens = request.redeem(app, &signed_in.code).await;
    tokens.json().await.unwrap()
}

#[tokio::test]
async fn a_token_is_told_to_its_api_until_it_is_given_back() {
    let app = start().await;
    let tokens = tokens(&app, &Card::pharmacist(&app)).await;
    let access = tokens["access_token"].as_str().unwrap();
    let answer = post(&app, "/introspect", "api", access)
        .send()
        .await
        .unwrap();
    let (status, answer) = told(answer).await;
    assert_eq!((status, &answer["active"]), (200, &json!(true)));
    assert_eq!(answer["aud"], "https://api.example.test");
    assert_eq!(answer["client_id"], CLIENT_ID);
    assert_eq!(answer["acr"], "urn:cardea:acr:card-pin");

    let given_back = post(&app, "/revoke", CLIENT_ID, access)
        .send()
        .await
        .unwrap();
    assert_eq!(given_back.status(), 200);
    assert_eq!(header(&given_back, "access-control-allow-origin"), "");
    assert_eq!(given_back.text().await.unwrap(), "");
    assert!(!is_active(&app, "api", access).await);

    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert!(is_active(&app, CLIENT_ID, refresh).await);
    let given_back = post(&app, "/revoke", CLIENT_ID, refresh)
        .send()
        .await
        .unwrap();
    assert_eq!(given_back.status(), 200);
    assert!(!is_active(&app, CLIENT_ID, refresh).await);
}

#[tokio::test]
async fn g13_nobody_learns_or_takes_back_what_is_not_theirs() {
    let app = start().await;
    let tokens = tokens(&app, &Card::pharmacist(&app)).await;
    let access = tokens["access_token"].as_str().unwrap();
    for path in ["/introspect", "/revoke"] {
        let form = [("token", access)];
        for (name, request) in [
            ("nobody", app.post(path).form(&form)),
            (
                "a wrong secret",
                app.post(path).basic_auth(CLIENT_ID, Some("x")).form(&form),
            ),
        ] {
            let response = request.send().await.unwrap();
            let (status, body) = told(response).await;
            assert_eq!(
                (status, &body["error"]),
                (401, &json!("invalid_client")),
                "{name}"
            );
        }
        let in_query = app
            .post(&format!("{path}?token={access}"))
            .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
            .form(&form);
        assert_eq!(in_query.send().await.unwrap().status(), 400);
        assert_eq!(app.get(path).send().await.unwrap().status(), 405);
        let without = app
            .post(path)
            .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
            .form(&[("token_type_hint", "access_token")]);
        let (status, body) = told(without.send().await.unwrap()).await;
        assert_eq!((status, &body["error"]), (400, &json!("invalid_request")));
    }
    // A public client cannot ask, and gives back its own alone.
    let public = [("token", access), ("client_id", PUBLIC_CLIENT_ID)];
    let asked = app.post("/introspect").form(&public).send().await.unwrap();
    assert_eq!(asked.status(), 401);
    let given_back = app.post("/revoke").form(&public).send().await.unwrap();
    assert_eq!(given_back.status(), 200);
    assert!(is_active(&app, "api", access).await);
}

#[tokio::test]
async fn g13_a_scan_for_tokens_is_throttled_and_a_proven_resource_server_is_not() {
    let limits = "[limits]\nrefusals_per_address_and_minute = 3";
    let app = TestApp::start_with(changes(limits)).await;
    let tokens = tokens(&app, &Card::pharmacist(&app)).await;
    let access = tokens["access_token"].as_str().unwrap();
    // Strangers send the API tokens that never were, and it asks about each.
    for number in 0..6 {
        assert!(!is_active(&app, "api", &format!("guess-{number}")).await);
        let guess = post(&app, "/revoke", CLIENT_ID, "guess").send().await;
        assert_eq!(guess.unwrap().status(), 200);
        assert!(is_active(&app, "api", access).await);
    }
    // Whoever proves nothing is counted by address.
    let mut statuses = Vec::new();
    for number in 0..5 {
        let form = [("token", "guess"), ("client_id", PUBLIC_CLIENT_ID)];
        let scan = match number % 2 {
            0 => app.post("/revoke").form(&form),
            _ => app.post("/introspect").form(&form),
        };
        statuses.push(scan.send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [200, 401, 200, 429, 429]);
    let nobody = app.post("/revoke").basic_auth("nobody", Some("guess"));
    let nobody = nobody.form(&[("token", "guess")]).send().await.unwrap();
    assert_eq!(nobody.status(), 429);
    assert_eq!(header(&nobody, "retry-after"), "60");
    // From that very address the API goes on.
    assert!(is_active(&app, "api", access).await);
}

//! Addresses that a stranger names are never asked (attacks E11, F4, F9, G4): a listener waits for
//! the server on this very machine, and hears nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_jose::{Algorithm, SigningKey};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::key_client::{KeyClient, nonce, told};
use crate::relying_party::{Request, parameter};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, TestApp, header};

/// Counts whoever comes.
async fn listen() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/key", listener.local_addr().unwrap());
    let heard = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&heard);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, heard)
}

/// The same token with a header that names an address for its key.
fn leading_to(token: &str, name: &str, address: &str) -> String {
    let (head, rest) = token.split_once('.').unwrap();
    let head = URL_SAFE_NO_PAD.decode(head).unwrap();
    let mut head: Value = serde_json::from_slice(&head).unwrap();
    head[name] = json!(address);
    // A key that is not known here, so that a server which follows would have to ask for it.
    head["kid"] = json!("unheard-of");
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(head.to_string()))
}

#[tokio::test]
async fn e11_f4_f9_g4_no_address_of_a_stranger_is_asked() {
    let service = KeyClient::new();
    let app = TestApp::start_with(service.registered()).await;
    let (address, heard) = listen().await;

    // E11: by the browser, and pushed.
    let request = Request::new().with("request_uri", &address);
    let location = header(&request.send(&app).await, "location");
    let error = parameter(&location, "error");
    assert_eq!(error.as_deref(), Some("request_uri_not_supported"));
    let push = app.post("/par").basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
    let pushed = push.form(&request.parameters).send().await.unwrap();
    assert_eq!(pushed.status(), 400);

    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let own_nonce = nonce(&app).await;
    let proof = crate::key_client::proof(&app, &key, ("POST", "/token"), None, Some(&own_nonce));
    for name in ["jku", "x5u"] {
        // F4: a client's assertion.
        let assertion = leading_to(&service.assertion(&app), name, &address);
        let response = service.ask_with(&app, &assertion).send().await.unwrap();
        assert_eq!(told(response).await.1, "invalid_client", "{name}");
        // F9: a proof of possession.
        let request = service.ask(&app);
        let request = request.header("DPoP", leading_to(&proof, name, &address));
        let response = request.send().await.unwrap();
        assert_eq!(told(response).await.1, "invalid_dpop_proof", "{name}");
        // G4: a token, a hint, and a request object.
        let token = key
            .sign_jwt("at+jwt", &json!({ "iss": app.issuer }))
            .unwrap();
        let token = leading_to(&token, name, &address);
        let response = app.get("/userinfo").bearer_auth(&token).send().await;
        assert_eq!(response.unwrap().status(), 401, "{name}");
        for parameter in ["id_token_hint", "request"] {
            let response = Request::new().with(parameter, &token).send(&app).await;
            let location = header(&response, "location");
            assert!(location.contains("error="), "{parameter}: {location}");
        }
        let logout = app.get("/logout").query(&[("id_token_hint", &token)]);
        assert_eq!(logout.send().await.unwrap().status(), 200);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(heard.load(Ordering::SeqCst), 0);
    // The listener does hear.
    for _ in 0..60 {
        let asked = app.client.get(&address).send();
        let _ = tokio::time::timeout(Duration::from_secs(1), asked).await;
        if heard.load(Ordering::SeqCst) > 0 {
            return;
        }
    }
    panic!("it hears nobody");
}

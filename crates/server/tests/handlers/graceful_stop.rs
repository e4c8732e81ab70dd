//! A server that is told to stop loses no request that it has accepted.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};

use crate::card::Card;
use crate::operations::Watched;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{CLIENT_ID, header};

const CALLERS: usize = 8;

/// What callers saw while the server stopped.
#[derive(Default)]
struct Seen {
    answered: AtomicUsize,
    told_to_close: AtomicUsize,
}

/// Asks again and again over connections that are kept, until nobody listens any more.
async fn call(base_url: String, seen: Arc<Seen>) {
    let client = Client::builder().no_proxy().build().unwrap();
    for number in 0.. {
        let request = match number % 2 {
            0 => client.get(format!("{base_url}/jwks")),
            _ => client
                .post(format!("{base_url}/token"))
                .basic_auth(CLIENT_ID, Some("not-the-secret"))
                .form(&[("grant_type", "client_credentials")]),
        };
        match request.send().await {
            Ok(response) => {
                assert!(matches!(response.status().as_u16(), 200 | 400 | 401 | 429));
                let closes = header(&response, "connection") == "close";
                response.bytes().await.expect("an answer is whole");
                seen.answered.fetch_add(1, Ordering::Relaxed);
                if closes {
                    seen.told_to_close.fetch_add(1, Ordering::Relaxed);
                }
            }
            Err(error) if error.is_connect() => break,
            Err(error) => panic!("a request was accepted and lost: {error:?}"),
        }
    }
}

/// The collector of traces that is configured does not exist: nothing waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_answered_while_the_server_stops() {
    let telemetry = "[telemetry]\notlp_endpoint = \"http://127.0.0.1:9\"";
    let mut watched = Watched::start("drain_seconds = 5", telemetry).await;
    let (base_url, card) = (watched.app.url(""), Card::pharmacist(&watched.app));
    let signed_in = sign_in(&watched.app, &Request::new(), &card).await;
    let other = Card::pharmacist(&watched.app);
    let login = Request::new().begin(&watched.app).await;
    let body = other.answer(&watched.app, &login.challenge(&watched.app).await);
    let seen = Arc::new(Seen::default());
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| tokio::spawn(call(base_url.clone(), Arc::clone(&seen))))
        .collect();
    while seen.answered.load(Ordering::Relaxed) < 50 {
        assert!(!callers.iter().all(tokio::task::JoinHandle::is_finished));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // A login that waits for its agent, which comes when the server stops already.
    let agent = async {
        watched.program.terminate();
        loop {
            let (status, ready) = watched.ready().await;
            if status == 503 {
                assert_eq!(ready["reasons"], json!(["stopping"]));
                break;
            }
        }
        let public = watched.app.get("/readyz").send().await.unwrap();
        assert_eq!(public.status(), 503);
        other
            .connect(&watched.app)
            .await
            .prove(&watched.app, &other)
            .await;
    };
    let (response, ()) = tokio::join!(login.post_assertion(&watched.app, &body), agent);
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.unwrap();
    assert!(answer["redirect_to"].as_str().unwrap().contains("code="));

    // The first one's agent is told to come back, after all requests.
    let mut connection = signed_in.connection;
    while let Some(frame) = connection.next().await {
        // The person's other login at a new workstation may be told in between.
        if frame["type"] == "notice" {
            continue;
        }
        assert_eq!(frame["type"], "nonce");
        let nonce = frame["nonce"].as_str().unwrap();
        connection.send(&card.present(&watched.app, nonce)).await;
    }
    for caller in callers {
        caller.await.expect("no request was lost");
    }
    assert!(watched.program.ended().await);
    assert!(seen.told_to_close.load(Ordering::Relaxed) >= CALLERS);
    let log = String::from_utf8(watched.program.log()).unwrap();
    assert!(log.contains("\"message\":\"stopped\""), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once() {
    // A collector that takes connections and says nothing.
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = collector.local_addr().unwrap();
    let telemetry = format!("[telemetry]\notlp_endpoint = \"http://{address}\"");
    let mut watched = Watched::start("drain_seconds = 600", &telemetry).await;
    let begun = Instant::now();
    watched.program.terminate();
    while watched.ready().await.0 != 503 {}
    assert_eq!(watched.app.get("/jwks").send().await.unwrap().status(), 200);
    watched.program.terminate();
    watched.program.ended().await;
    assert!(begun.elapsed() < Duration::from_secs(60));
    // Whoever had waited for it would say so.
    let log = String::from_utf8(watched.program.log()).unwrap();
    assert!(log.contains("stopping at once"), "{log}");
    assert!(!log.contains("traces may be lost"), "{log}");
}

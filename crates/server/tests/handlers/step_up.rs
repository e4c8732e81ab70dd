//! A fresh signature asked for over the presence connection (docs/guard.md, "Asking for the card").

use cardea_assertion::{
    SigningInput, StepUpAttestationClaims, StepUpChallenge, StepUpClaims, UserVerification,
};
use cardea_jose::{Algorithm, UnverifiedJws, sha256_base64url};
use openssl::ecdsa::EcdsaSig;
use openssl::sha::sha256;
use serde_json::{Value, json};

use crate::card::{Card, PresenceConnection};
use crate::relying_party::{Request, SignedIn, sign_in};
use crate::revocation_host::Answer;
use crate::test_app::{CLIENT_SECRET, Changes, TestApp};

const API: &str = "https://api.example.test";

fn changes() -> Changes {
    let mut changes = Changes::replacing(
        "id_token_signed_response_alg = \"ES256\"",
        "resources = [\"https://api.example.test\"]",
    );
    let guard = format!(
        "[[client]]\nclient_id = \"guard\"\nname = \"Guard\"\n\
         grant_types = [\"client_credentials\"]\nresource_server_of = [\"{API}\"]\n\
         guard = true\nevent_stream = true\nsecret = \"{CLIENT_SECRET}\"\n[keys]"
    );
    changes.replace.push(("[keys]", guard));
    changes
}

/// Somebody who has signed in, and the claims of her portal's token for the API.
async fn signed_in(app: &TestApp, card: &Card) -> (SignedIn, Value) {
    let request = Request::new().with("resource", API);
    let signed_in = sign_in(app, &request, card).await;
    let tokens = request.redeem(app, &signed_in.code).await;
    let tokens: Value = tokens.json().await.unwrap();
    let token = UnverifiedJws::parse(tokens["access_token"].as_str().unwrap(), 8192).unwrap();
    (signed_in, token.unverified_claims().unwrap())
}

async fn report(app: &TestApp, token: &Value, event_id: &str) {
    let at = crate::key_client::now() * 1_000;
    let report = json!({
        "event_id": event_id, "at": at, "sub": token["sub"],
        "client_id": token["client_id"], "sid": token["sid"], "jti": token["jti"],
        "service": "records", "kind": "look_up", "patients": [event_id], "answer": "step_up",
        "reasons": [{"code": "per_hour", "count": 61, "limit": 60}],
    });
    let request = app
        .post("/guard/reports")
        .json(&json!({"reports": [report]}));
    let request = request.basic_auth("guard", Some(CLIENT_SECRET));
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["accepted"], 1, "{answer}");
}

/// The next frame of a type; nonces are answered meanwhile.
async fn next(
    connection: &mut PresenceConnection,
    app: &TestApp,
    card: &Card,
    kind: &str,
) -> Value {
    loop {
        let frame = connection.next().await.expect("a frame");
        if frame["type"] == kind {
            return frame;
        }
        if let Some(nonce) = frame["nonce"].as_str() {
            connection.send(&card.present(app, nonce)).await;
        }
    }
}

/// Statement and countersignature, as they go over the connection.
fn answer(app: &TestApp, card: &Card, challenge: &str) -> String {
    let asked: StepUpChallenge = UnverifiedJws::parse(challenge, 4096)
        .unwrap()
        .unverified_claims()
        .unwrap();
    let claims = StepUpClaims {
        aud: app.issuer.clone(),
        client_id: asked.client_id,
        service: asked.service,
        patients: asked.patients,
        challenge: sha256_base64url(challenge.as_bytes()),
        nonce: asked.nonce,
        jti: asked.jti,
        iat: asked.iat,
        exp: asked.exp,
        card_serial: "00112233".to_owned(),
        uv: UserVerification::Now,
        presence: asked.presence,
        instance_jkt: card.instance_key.kid().to_owned(),
    };
    let certificate = &card.issued.authentication;
    let input =
        SigningInput::new(Algorithm::Es256, &[certificate.der.as_slice()], &claims).unwrap();
    let key = certificate.key.ec_key().unwrap();
    let signature = EcdsaSig::sign(&sha256(input.as_bytes()), &key).unwrap();
    let mut bytes = signature.r().to_vec_padded(32).unwrap();
    bytes.extend(signature.s().to_vec_padded(32).unwrap());
    let statement = input.into_assertion(&bytes);
    let attestation = StepUpAttestationClaims::new(&statement, UserVerification::Now)
        .sign(&card.instance_key)
        .unwrap();
    format!("{statement} {attestation}")
}

/// Sends an answer in parts that fit a frame.
async fn send(connection: &mut PresenceConnection, answer: &str) {
    let parts: Vec<_> = answer.as_bytes().chunks(1_000).collect();
    for (at, part) in parts.iter().enumerate() {
        let part = std::str::from_utf8(part).unwrap();
        let last = at + 1 == parts.len();
        let frame = json!({"type": "step_up", "part": part, "last": last});
        connection.send_text(&frame.to_string()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_asked_for_over_the_sessions_connection_and_judged_there() {
    let app = TestApp::start_with(changes()).await;
    let card = Card::pharmacist(&app);
    let (mut signed_in, token) = signed_in(&app, &card).await;
    report(&app, &token, "one").await;
    let connection = &mut signed_in.connection;
    let asked = next(connection, &app, &card, "step_up").await;
    let challenge = asked["challenge"].as_str().unwrap().to_owned();
    // An agent that comes back is asked again, by the same question, though it is to another node
    // than the one that took the report.
    drop(signed_in.connection);
    let other = app.another_node().await;
    let mut connection = card.connect(&other).await;
    connection.prove(&app, &card).await;
    let again = next(&mut connection, &app, &card, "step_up").await;
    assert_eq!(again["challenge"], challenge.as_str());
    send(&mut connection, &answer(&app, &card, &challenge)).await;
    let answered = next(&mut connection, &app, &card, "step_up_answered").await;
    assert_eq!(
        answered,
        json!({"type": "step_up_answered", "outcome": "given"})
    );
    assert_eq!(app.count_events("step_up.given").await, 1);
    // It was asked once over this connection, and is closed: there is nothing to answer any more.
    send(&mut connection, "a b").await;
    assert_eq!(connection.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_says_no_more_than_a_login_would_and_the_session_goes_on() {
    let app = TestApp::start_with(changes()).await;
    let card = Card::pharmacist(&app);
    let (mut signed_in, token) = signed_in(&app, &card).await;
    report(&app, &token, "one").await;
    let connection = &mut signed_in.connection;
    let asked = next(connection, &app, &card, "step_up").await;
    let challenge = asked["challenge"].as_str().unwrap();
    let elsewhere = card.at_another_workstation();
    send(connection, &answer(&app, &elsewhere, challenge)).await;
    let answered = next(connection, &app, &card, "step_up_answered").await;
    assert_eq!(
        answered,
        json!({"type": "step_up_answered", "outcome": "refused",
               "code": "login.card_not_accepted"})
    );
    assert_eq!(app.count_events("step_up.refused").await, 1);
    assert_eq!(app.count_events("session.ended").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_declines_says_why_by_a_word_of_ours() {
    let app = TestApp::start_with(changes()).await;
    let card = Card::pharmacist(&app);
    let (mut signed_in, token) = signed_in(&app, &card).await;
    report(&app, &token, "one").await;
    let connection = &mut signed_in.connection;
    let asked = next(connection, &app, &card, "step_up").await;
    let asked: StepUpChallenge = UnverifiedJws::parse(asked["challenge"].as_str().unwrap(), 4096)
        .unwrap()
        .unverified_claims()
        .unwrap();
    let declined = json!({"type": "step_up_declined", "jti": asked.jti, "reason": "cancelled"});
    connection.send_text(&declined.to_string()).await;
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while app.count_events("step_up.declined").await == 0 {
        assert!(std::time::Instant::now() < until, "it is not on record");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(app.count_events("session.ended").await, 0);
}

/// Evidence about the card may be slow to come: who signs must not lose her session over that, so
/// the connection goes on meanwhile. Here she leaves, and that is heard first.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_judged_while_the_connection_goes_on() {
    let app = TestApp::start_with(changes()).await;
    let card = Card::pharmacist(&app);
    // Nothing is at hand of the responder, which hangs later.
    app.host.change(|it| it.ocsp = Answer::Missing);
    let (mut signed_in, token) = signed_in(&app, &card).await;
    report(&app, &token, "one").await;
    let connection = &mut signed_in.connection;
    let asked = next(connection, &app, &card, "step_up").await;
    let challenge = asked["challenge"].as_str().unwrap();
    app.host.change(|it| it.ocsp = Answer::Slow);
    send(connection, &answer(&app, &card, challenge)).await;
    connection.send(&card.departed(&app)).await;
    loop {
        let frame = connection.next().await.expect("a frame");
        assert_ne!(frame["type"], "step_up_answered", "it was judged first");
        if frame["type"] == "session" {
            assert_eq!(frame["state"], "ended");
            break;
        }
    }
    // It is judged to the end, and on record, though nobody waits for it any more.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while app.count_events("step_up.refused").await == 0 {
        assert!(std::time::Instant::now() < until, "it is not on record");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(app.count_events("step_up.given").await, 0);
}

/// Attack H9: a connection that was asked nothing sends no parts, and one that was sends a bounded
/// number of them.
#[tokio::test(flavor = "multi_thread")]
async fn parts_are_taken_from_who_was_asked_alone_and_no_more_than_an_answer_has() {
    let app = TestApp::start_with(changes()).await;
    let card = Card::pharmacist(&app);
    let part = json!({"type": "step_up", "part": "x".repeat(3_500), "last": false}).to_string();
    let mut stranger = PresenceConnection::open(&app).await;
    stranger.nonce().await;
    stranger.send_text(&part).await;
    assert_eq!(stranger.next().await, None);
    let (mut signed_in, token) = signed_in(&app, &card).await;
    report(&app, &token, "one").await;
    let connection = &mut signed_in.connection;
    next(connection, &app, &card, "step_up").await;
    for _ in 0..7 {
        connection.send_text(&part).await;
    }
    connection.send_text(&part).await;
    while let Some(frame) = connection.next().await {
        assert_ne!(frame["type"], "step_up_answered");
    }
    // Nor any number of parts that hold little or nothing.
    for (part, taken) in [("", 0), ("x", 64)] {
        let part = json!({"type": "step_up", "part": part, "last": false}).to_string();
        let mut connection = card.connect(&app).await;
        connection.prove(&app, &card).await;
        next(&mut connection, &app, &card, "step_up").await;
        for _ in 0..=taken {
            connection.send_text(&part).await;
        }
        let closes = tokio::time::timeout(std::time::Duration::from_secs(20), async {
            while connection.next().await.is_some() {}
        });
        assert!(closes.await.is_ok(), "{taken} parts and one more");
    }
}

//! The event stream over HTTP (docs/event-stream.md): a resource server's long poll.

use std::time::{Duration, Instant};

use cardea_jose::{JwkSet, UnverifiedJws, VerifyingKey};
use reqwest::Response;
use serde_json::{Value, json};

use crate::card::Card;
use crate::program::Program;
use crate::relying_party::{Request, SignedIn, sign_in};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, TestApp, header, problem_code};
use crate::two_nodes::on_postgres;

const API: &str = "https://api.example.test";
const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";
/// How long an event may take on a busy machine; how fast it is, benches say.
const PATIENCE: Duration = Duration::from_secs(60);

/// The portal may ask for tokens for an API that listens; another one listens too.
fn changes(limits: &str) -> Changes {
    let mut changes = Changes::replacing(
        "id_token_signed_response_alg = \"ES256\"",
        "resources = [\"https://api.example.test\"]",
    );
    let receiver = |client_id: &str, resource: &str| {
        format!(
            "[[client]]\n\
             client_id = \"{client_id}\"\n\
             name = \"API\"\n\
             grant_types = [\"client_credentials\"]\n\
             resource_server_of = [\"{resource}\"]\n\
             event_stream = true\n\
             introspection_signed_response_alg = \"ES256\"\n\
             secret = \"{CLIENT_SECRET}\"\n"
        )
    };
    let receivers = receiver("api", API) + &receiver("other-api", "https://other.example.test");
    let keys = format!("{receivers}{limits}\n[keys]");
    changes.replace.push(("[keys]", keys));
    changes
}

async fn ask(app: &TestApp, client_id: &str, question: &Value) -> Response {
    let request = app
        .post("/events")
        .basic_auth(client_id, Some(CLIENT_SECRET));
    request.json(question).send().await.unwrap()
}

/// The claims of what is answered, each checked by the published keys.
async fn poll(app: &TestApp, client_id: &str, question: &Value) -> Vec<Value> {
    let response = ask(app, client_id, question).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "cache-control"), "no-store");
    assert_eq!(header(&response, "access-control-allow-origin"), "");
    let answer: Value = response.json().await.unwrap();
    let keys = app.get("/jwks").send().await.unwrap();
    let keys: JwkSet = keys.json().await.unwrap();
    let sets = answer["sets"].as_object().unwrap();
    let verified = sets.iter().map(|(jti, set)| {
        let set = UnverifiedJws::parse(set.as_str().unwrap(), 8192).unwrap();
        let kid = set.kid().unwrap().to_owned();
        let key = keys.keys.iter().find(|it| it.kid.as_deref() == Some(&kid));
        let key = VerifyingKey::from_jwk(key.unwrap()).unwrap();
        let claims: Value = set.verify(&key, "secevent+jwt").unwrap().claims().unwrap();
        assert_eq!(claims["jti"], json!(jti));
        assert_eq!(claims["aud"], client_id);
        claims
    });
    verified.collect()
}

fn events(claims: Vec<Value>) -> Vec<Value> {
    let is_event = |it: &Value| it["events"].get(VERIFICATION).is_none();
    claims.into_iter().filter(is_event).collect()
}

/// Asks until something has happened.
async fn event(app: &TestApp, client_id: &str) -> Value {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let told = events(poll(app, client_id, &json!({})).await);
        if let [event] = told.as_slice() {
            return event.clone();
        }
        assert!(told.is_empty(), "{told:?}");
    }
    panic!("nobody told {client_id}");
}

/// A login whose portal has a token for the API; the token's `sid`.
async fn signed_in(app: &TestApp, card: &Card) -> (SignedIn, String) {
    let request = Request::new().with("resource", API);
    let signed_in = sign_in(app, &request, card).await;
    let tokens = request.redeem(app, &signed_in.code).await;
    let tokens: Value = tokens.json().await.unwrap();
    let token = UnverifiedJws::parse(tokens["access_token"].as_str().unwrap(), 8192).unwrap();
    let claims: Value = token.unverified_claims().unwrap();
    (signed_in, claims["sid"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pulled_card_wakes_the_resource_server_that_waits() {
    let app = TestApp::start_with(changes("")).await;
    for receiver in ["api", "other-api"] {
        assert!(events(poll(&app, receiver, &json!({"returnImmediately": true})).await).is_empty());
    }
    let card = Card::pharmacist(&app);
    let (mut signed_in, sid) = signed_in(&app, &card).await;
    let departure = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        signed_in.connection.send(&card.departed(&app)).await;
    };
    let (told, ()) = tokio::join!(event(&app, "api"), departure);
    assert_eq!(told["sub_id"]["session"]["id"], json!(sid));
    assert_eq!(told["events"][SESSION_REVOKED]["initiating_entity"], "user");
    // Attack G13: of another's tokens nobody hears, and nobody acknowledges for another.
    let foreign = json!({"ack": [told["jti"]], "returnImmediately": true});
    assert!(events(poll(&app, "other-api", &foreign).await).is_empty());
    assert_eq!(event(&app, "api").await["jti"], told["jti"], "told again");
    assert!(events(poll(&app, "api", &foreign).await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_without_news_ends_with_a_heartbeat_after_a_second() {
    let app = TestApp::start_with(changes("")).await;
    let begun = Instant::now();
    let told = poll(&app, "api", &json!({})).await;
    assert!(begun.elapsed() >= Duration::from_millis(950), "it waits");
    let [heartbeat] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert!(heartbeat["events"].get(VERIFICATION).is_some());
    assert_eq!(heartbeat["sequence"], 0);
    assert!(heartbeat["since"].as_i64() > heartbeat["iat"].as_i64());
    // Whoever wants to know at once is told at once, with as many as are wanted.
    let nothing = ask(&app, "api", &json!({"maxEvents": 0})).await;
    let nothing: Value = nothing.json().await.unwrap();
    assert_eq!(nothing, json!({"sets": {}, "moreAvailable": false}));

    // A server that stops keeps nobody waiting.
    let begun = Instant::now();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        app.stop();
    };
    let question = json!({});
    let (answer, ()) = tokio::join!(ask(&app, "api", &question), stop);
    assert_eq!(answer.status(), 200);
    assert!(begun.elapsed() < PATIENCE);
}

#[tokio::test]
async fn g13_nobody_listens_without_a_receivers_proof() {
    let app = TestApp::start_with(changes("")).await;
    let refused = async |response: Response| {
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        (status, body["error"].as_str().unwrap().to_owned())
    };
    let question = json!({});
    let wanted = |status: u16, error: &str| (status, error.to_owned());
    let nobody = app.post("/events").json(&question).send().await.unwrap();
    assert_eq!(refused(nobody).await, wanted(401, "invalid_client"));
    let guess = app.post("/events").basic_auth("api", Some("guess"));
    let guess = guess.json(&question).send().await.unwrap();
    assert_eq!(refused(guess).await, wanted(401, "invalid_client"));
    let portal = ask(&app, CLIENT_ID, &question).await;
    assert_eq!(refused(portal).await, wanted(400, "unauthorized_client"));
    for malformed in [json!({"ack": "x"}), json!({"stream": "a/b"}), json!([])] {
        let answer = ask(&app, "api", &malformed).await;
        assert_eq!(refused(answer).await, wanted(400, "invalid_request"));
    }
    let form = app.post("/events").basic_auth("api", Some(CLIENT_SECRET));
    let form = form.form(&[("ack", "x")]).send().await.unwrap();
    assert_eq!(form.status(), 415);
    let in_query = app.post("/events?client_id=api").json(&question);
    assert_eq!(in_query.send().await.unwrap().status(), 400);
    assert_eq!(app.get("/events").send().await.unwrap().status(), 405);
    let foreign = app.post("/events").basic_auth("api", Some(CLIENT_SECRET));
    let foreign = foreign
        .header("Sec-Fetch-Site", "cross-site")
        .json(&question);
    let foreign = foreign.send().await.unwrap();
    assert_eq!(foreign.status(), 403);
}

/// Attack H9: polls that wait are bounded, and another receiver's are none of theirs.
#[tokio::test(flavor = "multi_thread")]
async fn h9_a_flood_of_polls_takes_a_receivers_own_places_alone() {
    let app = TestApp::start_with(changes("")).await;
    poll(&app, "api", &json!({"returnImmediately": true})).await;
    let mut refused = 0;
    for _ in 0..20 {
        let question = json!({});
        let flood = (0..120).map(|_| ask(&app, "api", &question));
        let flood = futures_util::future::join_all(flood);
        let (answers, other) = tokio::join!(flood, ask(&app, "other-api", &question));
        assert_eq!(other.status(), 200);
        for answer in answers {
            if answer.status() == 200 {
                continue;
            }
            assert_eq!(answer.status(), 429);
            assert!(!header(&answer, "retry-after").is_empty());
            let body: Value = answer.json().await.unwrap();
            let description = body.to_string();
            assert!(
                description.contains("provider.event_polls_exceeded"),
                "{description}"
            );
            refused += 1;
        }
        if refused > 0 {
            break;
        }
    }
    assert!(refused > 0, "the places have no end");
    assert_eq!(
        ask(&app, "api", &json!({})).await.status(),
        200,
        "places are given back"
    );
}

#[tokio::test]
async fn receivers_find_the_stream_from_the_issuer() {
    let app = TestApp::start_with(changes("")).await;
    let path = "/.well-known/ssf-configuration";
    let metadata: Value = app.get(path).send().await.unwrap().json().await.unwrap();
    let issuer = &app.issuer;
    assert_eq!(
        metadata,
        json!({
            "spec_version": "1_0", "issuer": issuer,
            "jwks_uri": format!("{issuer}/jwks"),
            "delivery_methods_supported": ["urn:ietf:rfc:8936", "urn:ietf:rfc:8935"],
            "critical_subject_members": ["session", "application"],
            "default_subjects": "ALL",
            "poll_endpoint": format!("{issuer}/events"),
        })
    );
    let posted = app.post(path).send().await.unwrap();
    assert_eq!(posted.status(), 405);
    assert_eq!(problem_code(posted).await, "server.method_not_allowed");
}

/// What another process decides, on one database with this one.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_at_one_node_is_told_at_the_other() {
    let (app, _) = on_postgres(changes("")).await;
    let address = Program::unused_address().await;
    let _program = Program::start(app.folder(), &address).await;
    let other = app.at(format!("http://{address}"));
    poll(&other, "api", &json!({"returnImmediately": true})).await;
    let card = Card::pharmacist(&app);
    let (mut signed_in, sid) = signed_in(&app, &card).await;
    let departure = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        signed_in.connection.send(&card.departed(&app)).await;
    };
    let (told, ()) = tokio::join!(event(&other, "api"), departure);
    assert_eq!(told["sub_id"]["session"]["id"], json!(sid));
    // Acknowledged at one node, it is told at none.
    let taken = json!({"ack": [told["jti"]], "returnImmediately": true});
    assert!(events(poll(&app, "api", &taken).await).is_empty());
    let question = json!({"returnImmediately": true});
    assert!(events(poll(&other, "api", &question).await).is_empty());
}

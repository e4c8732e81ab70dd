//! Accounts that a guard has stopped, over HTTP: another guard hears of it, an operator lifts it
//! through the admin API or by command, and its person reads what happened.

use cardea_jose::UnverifiedJws;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::admin::{Operator, changes as admin_changes};
use crate::card::{Card, PresenceConnection};
use crate::relying_party::{Login, Request, sign_in};
use crate::test_app::{CLIENT_SECRET, Changes, TestApp, header};

const API: &str = "https://api.example.test";
const STOPPED: &str = "urn:cardea:event:account-stopped";
const LIFTED: &str = "urn:cardea:event:account-stop-lifted";

/// A server with an admin API, a support, and two guards before the API of the portal's tokens.
pub(crate) fn changes() -> Changes {
    let mut changes = admin_changes();
    for (_, with) in &mut changes.replace {
        *with = with.replace(
            "resources = [\"{issuer}/admin\"]",
            "resources = [\"{issuer}/admin\", \"https://api.example.test\"]",
        );
    }
    let guard = |client_id: &str| {
        format!(
            "[[client]]\nclient_id = \"{client_id}\"\nname = \"Garde\"\n\
             grant_types = [\"client_credentials\"]\nresource_server_of = [\"{API}\"]\n\
             guard = true\nevent_stream = true\nsecret = \"{CLIENT_SECRET}\"\n"
        )
    };
    let support = "[support]\ntelephone = \"+33 1 99 00 00 00\"\n";
    let tables = guard("guard") + &guard("second-guard") + support;
    changes.replace.push(("[keys]", format!("{tables}[keys]")));
    changes
}

/// The stops and lifts that wait for a guard, oldest first.
async fn told(app: &TestApp, client_id: &str) -> Vec<Value> {
    let asked = app
        .post("/events")
        .json(&json!({"returnImmediately": true}));
    let answer = asked.basic_auth(client_id, Some(CLIENT_SECRET));
    let answer: Value = answer.send().await.unwrap().json().await.unwrap();
    let claims = answer["sets"].as_object().unwrap().values().map(|set| {
        let set = UnverifiedJws::parse(set.as_str().unwrap(), 8192).unwrap();
        set.unverified_claims::<Value>().unwrap()
    });
    let is_stop = |it: &Value| {
        let events = &it["events"];
        events.get(STOPPED).or(events.get(LIFTED)).is_some()
    };
    let mut stops: Vec<_> = claims.filter(is_stop).collect();
    stops.sort_by_key(|it| it["sequence"].as_i64());
    stops
}

/// A nurse's account is stopped; the claims of the token with which it was.
pub(crate) async fn stopped(app: &TestApp, card: &Card) -> Value {
    let request = Request::new().with("resource", API);
    let signed_in = sign_in(app, &request, card).await;
    let tokens = request.redeem(app, &signed_in.code).await;
    let tokens: Value = tokens.json().await.unwrap();
    let token = UnverifiedJws::parse(tokens["access_token"].as_str().unwrap(), 8192).unwrap();
    let token: Value = token.unverified_claims().unwrap();
    let at = crate::key_client::now() * 1_000;
    let report = |event_id: &str, answer: &str| {
        json!({
            "event_id": event_id, "at": at, "sub": token["sub"],
            "client_id": token["client_id"], "sid": token["sid"], "jti": token["jti"],
            "service": "dossiers", "kind": "look_up", "patients": [event_id], "answer": answer,
            "reasons": [{"code": "account_stopped", "count": 16, "limit": 2}],
        })
    };
    let reports = [
        report("a", "allow"),
        report("b", "allow"),
        report("c", "stop_account"),
    ];
    let sent = app
        .post("/guard/reports")
        .json(&json!({"reports": reports}));
    let sent = sent.basic_auth("guard", Some(CLIENT_SECRET)).send().await;
    let taken: Value = sent.unwrap().json().await.unwrap();
    assert_eq!(taken["accepted"], 3, "{taken}");
    token
}

/// The guard refuses her once more, and says what that rests on.
async fn refused_again(app: &TestApp, token: &Value, at: i64, rests_on: &Value) {
    let report = json!({
        "event_id": format!("{rests_on} {at}"), "at": at, "sub": token["sub"],
        "client_id": token["client_id"], "sid": token["sid"], "jti": token["jti"],
        "service": "dossiers", "kind": "look_up", "patients": ["d"], "answer": "stop_account",
        "reasons": [{"code": "account_stopped", "count": 17, "limit": 2}], "rests_on": rests_on,
    });
    let body = json!({"reports": [report]});
    let sent = app.post("/guard/reports").json(&body);
    let sent = sent.basic_auth("guard", Some(CLIENT_SECRET)).send().await;
    let taken: Value = sent.unwrap().json().await.unwrap();
    assert_eq!(taken["accepted"], 1, "{taken}");
}

async fn open_stops(app: &TestApp) -> usize {
    let listed = app.operate_on("stops", &["list"]).await;
    listed["stops"].as_array().unwrap().len()
}

/// A guard's stream is cut off and its reports are not: it goes by a stop that was lifted an hour
/// ago, and would have everybody hold the account again. It says what it goes by, and so is known.
#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_has_not_heard_of_a_lift_stops_nobody_anew_and_one_that_has_does() {
    let app = TestApp::start_with(changes()).await;
    assert!(told(&app, "second-guard").await.is_empty());
    let token = stopped(&app, &nurse(&app)).await;
    let held_since = crate::key_client::now() * 1_000;
    let heard = told(&app, "second-guard").await;
    let first = heard[0]["events"][STOPPED]["stop_sequence"]
        .as_i64()
        .unwrap();
    let listed = app.operate_on("stops", &["list"]).await;
    let id = listed["stops"][0]["id"].as_str().unwrap();
    app.operate_on("stops", &["lift", id, "--reason", "called back"])
        .await;
    let later = held_since + 3_600_000;
    // It never heard of the stop, and holds the account by itself; or it heard of it alone.
    for rests_on in [
        json!({"stopped_at_ms": held_since}),
        json!({"stop_sequence": first, "stopped_at_ms": held_since}),
    ] {
        refused_again(&app, &token, later, &rests_on).await;
        assert_eq!(open_stops(&app).await, 0, "{rests_on}");
    }
    assert_eq!(app.count_events("guard.stop_late").await, 2);
    assert_eq!(told(&app, "second-guard").await.len(), 2);
    // It knows of the lift, and has stopped the account since: within a second, too.
    let anew = json!({"stopped_at_ms": held_since, "lifted_sequence": first});
    refused_again(&app, &token, held_since + 1, &anew).await;
    assert_eq!(open_stops(&app).await, 1);
    assert_eq!(app.count_events("guard.stop_late").await, 2);
    assert_eq!(told(&app, "second-guard").await.len(), 3);
}

pub(crate) fn nurse(app: &TestApp) -> Card {
    let nurse = cardea_test_pki::CardProfile::nurse();
    Card::new(app, &nurse.with_key(cardea_test_pki::KeyKind::P256))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_lifts_a_stop_at_every_guard_through_the_admin_api() {
    let app = TestApp::start_with(changes()).await;
    assert!(told(&app, "second-guard").await.is_empty());
    stopped(&app, &nurse(&app)).await;
    let operator = Operator::sign_in(&app).await;
    let (status, listed) = operator.told(Method::GET, "/admin/stops", None).await;
    assert_eq!(status, 200, "{listed}");
    let stop = &listed["stops"][0];
    assert_eq!(stop["service"], "dossiers");
    assert_eq!(stop["guard"], "guard");
    let reason = json!({"code": "account_stopped", "count": 16, "limit": 2});
    assert_eq!(stop["reasons"], json!([reason]));
    assert!(
        stop["stopped_at"].is_string() && stop["sub"].is_string(),
        "{stop}"
    );
    let path = format!("/admin/stops/{}/lift", stop["id"].as_str().unwrap());
    for (path, reason, status, code) in [
        (path.as_str(), "", 400, "provider.stop_reason_invalid"),
        (
            "/admin/stops/none/lift",
            "called",
            404,
            "provider.stop_unknown",
        ),
    ] {
        let body = Some(json!({ "reason": reason }));
        let (told, refused) = operator.told(Method::POST, path, body).await;
        assert_eq!((told, &refused["code"]), (status, &json!(code)), "{path}");
    }
    let body = || Some(json!({"reason": "called back, a new trainee"}));
    let (status, lifted) = operator.told(Method::POST, &path, body()).await;
    assert_eq!(status, 200, "{lifted}");
    assert!(lifted["lifted_at"].is_string(), "{lifted}");
    let (status, again) = operator.told(Method::POST, &path, body()).await;
    assert_eq!(
        (status, &again["code"]),
        (404, &json!("provider.stop_unknown"))
    );
    let heard = told(&app, "second-guard").await;
    assert_eq!(heard.len(), 2, "{heard:?}");
    let (stop, lift) = (&heard[0]["events"][STOPPED], &heard[1]["events"][LIFTED]);
    assert_eq!(stop["stop_sequence"], lift["stop_sequence"]);
    assert_eq!(app.count_events("guard.stop_lifted").await, 1);
    // Attack H14: nobody else does.
    let nobody = app.get("/admin/stops").send().await.unwrap();
    assert_eq!(nobody.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_lifts_a_stop_at_every_guard_by_command() {
    let app = TestApp::start_with(changes()).await;
    assert!(told(&app, "second-guard").await.is_empty());
    stopped(&app, &nurse(&app)).await;
    let listed = app.operate_on("stops", &["list"]).await;
    let id = listed["stops"][0]["id"].as_str().unwrap();
    let lifted = app
        .operate_on("stops", &["lift", id, "--reason", "called back"])
        .await;
    assert_eq!(lifted["lifted"]["id"], id);
    let heard = told(&app, "second-guard").await;
    assert!(heard[1]["events"].get(LIFTED).is_some(), "{heard:?}");
}

/// A login whose card has answered, and where the page goes on.
async fn arrive(app: &TestApp, card: &Card) -> (Login, String, PresenceConnection) {
    let login = Request::new().begin(app).await;
    let challenge = login.challenge(app).await;
    let mut connection = card.connect(app).await;
    let body = card.answer(app, &challenge);
    let (response, ()) = tokio::join!(
        login.post_assertion(app, &body),
        connection.prove(app, card)
    );
    let body: Value = response.json().await.unwrap();
    let path = body["redirect_to"].as_str().unwrap().to_owned();
    (login, path, connection)
}

async fn page(app: &TestApp, path: &str, cookie: &str) -> Response {
    app.get(path).header("Cookie", cookie).send().await.unwrap()
}

async fn post(
    app: &TestApp,
    (path, origin, cookie): (&str, &str, &str),
    form: &[(&str, &str)],
) -> Response {
    let request = app.post(path).header("Origin", origin);
    let request = request.header("Cookie", cookie).form(form);
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn its_person_reads_what_happened_before_she_goes_on() {
    let app = TestApp::start_with(changes()).await;
    let card = nurse(&app);
    stopped(&app, &card).await;
    let card = card.shown_again();
    let (login, path, _connection) = arrive(&app, &card).await;
    assert_eq!(path, format!("/guard-news/{}", login.id));
    let early = page(&app, &login.path("/answer"), &login.cookie).await;
    assert_eq!(header(&early, "location"), path, "nothing leads around it");
    let shown = page(&app, &format!("{path}?lang=en"), &login.cookie).await;
    let policy = header(&shown, "content-security-policy");
    assert!(!policy.contains("script-src"), "{policy}");
    let html = shown.text().await.unwrap();
    for part in [
        "Your access to a service is stopped",
        "“dossiers”",
        "2 patients were looked up without their cards within a week",
        "+33 1 99 00 00 00",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    let (_, rest) = html.split_once("name=\"shown\" value=\"").unwrap();
    let (digest, _) = rest.split_once('"').unwrap();
    let own = (path.as_str(), app.issuer.as_str(), login.cookie.as_str());
    // Attack E20.
    let foreign = (path.as_str(), "https://evil.test", login.cookie.as_str());
    assert_eq!(
        post(&app, foreign, &[("shown", digest)]).await.status(),
        403
    );
    // A stop that came while she read: she is shown the page anew, with all of it.
    let anew = post(&app, own, &[("shown", "another")]).await;
    assert_eq!(anew.status(), 303);
    assert_eq!(header(&anew, "location"), path);
    for form in [
        &[("shown", digest), ("more", "x")][..],
        &[("other", digest)],
    ] {
        assert!(post(&app, own, form).await.status().is_client_error());
    }
    let stranger = (path.as_str(), app.issuer.as_str(), "a=b");
    let refused = post(&app, stranger, &[("shown", digest)]).await;
    assert!(refused.status().is_client_error());
    assert_eq!(app.count_events("guard.notice_seen").await, 0);
    let seen = post(&app, own, &[("shown", digest)]).await;
    assert_eq!(header(&seen, "location"), login.path("/answer"));
    assert_eq!(app.count_events("guard.notice_seen").await, 1);
    let onward = page(&app, &login.path("/answer"), &login.cookie).await;
    assert!(header(&onward, "location").contains("code="));
    // Once seen it leads on.
    let again = page(&app, &path, &login.cookie).await;
    assert!(again.status().is_client_error() || again.status() == 303);
}

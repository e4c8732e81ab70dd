//! What guards report over HTTP (docs/guard.md, "What reaches the server").

use cardea_jose::UnverifiedJws;
use reqwest::Response;
use serde_json::{Value, json};

use crate::card::Card;
use crate::relying_party::{Request, SignedIn, sign_in};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, TestApp, header};

const API: &str = "https://api.example.test";

/// The portal has tokens for an API with a guard; another guard stands elsewhere, and a client is
/// none.
fn changes() -> Changes {
    let mut changes = Changes::replacing(
        "id_token_signed_response_alg = \"ES256\"",
        "resources = [\"https://api.example.test\"]",
    );
    let client = |client_id: &str, resource: &str, guard: bool| {
        format!(
            "[[client]]\nclient_id = \"{client_id}\"\nname = \"Guard\"\n\
             grant_types = [\"client_credentials\"]\n\
             resource_server_of = [\"{resource}\"]\nguard = {guard}\n\
             secret = \"{CLIENT_SECRET}\"\n"
        )
    };
    let clients = client("guard", API, true)
        + &client("foreign-guard", "https://other.example.test", true)
        + &client("no-guard", API, false);
    changes.replace.push(("[keys]", format!("{clients}[keys]")));
    changes
}

/// The claims of the portal's token for the API.
async fn signed_in(app: &TestApp, card: &Card) -> (SignedIn, Value) {
    let request = Request::new().with("resource", API);
    let signed_in = sign_in(app, &request, card).await;
    let tokens = request.redeem(app, &signed_in.code).await;
    let tokens: Value = tokens.json().await.unwrap();
    let token = UnverifiedJws::parse(tokens["access_token"].as_str().unwrap(), 8192).unwrap();
    (signed_in, token.unverified_claims().unwrap())
}

fn report(token: &Value, event_id: &str, answer: &str) -> Value {
    json!({
        "event_id": event_id, "at": 1_800_000_000_000_i64, "sub": token["sub"],
        "client_id": token["client_id"], "sid": token["sid"], "jti": token["jti"],
        "service": "records", "kind": "look_up", "patients": [event_id], "answer": answer,
        "reasons": [{"code": "per_hour", "count": 61, "limit": 60}],
    })
}

async fn post(app: &TestApp, client_id: &str, body: &Value) -> Response {
    let request = app.post("/guard/reports").json(body);
    let request = request.basic_auth(client_id, Some(CLIENT_SECRET));
    request.send().await.unwrap()
}

async fn taken(app: &TestApp, client_id: &str, reports: &[Value]) -> Value {
    let response = post(app, client_id, &json!({ "reports": reports })).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "cache-control"), "no-store");
    response.json().await.unwrap()
}

/// Status and code of a refusal; the code is the end of the address that explains it, by which
/// guards know it.
async fn refused(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    let uri = body["error_uri"].as_str().unwrap();
    (status, uri.rsplit('/').next().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_on_record_once_and_one_that_stops_ends_the_session() {
    let app = TestApp::start_with(changes()).await;
    let card = Card::pharmacist(&app);
    let (_open, token) = signed_in(&app, &card).await;
    let first = report(&token, "one", "allow");
    let said = taken(&app, "guard", std::slice::from_ref(&first)).await;
    assert_eq!(said, json!({"accepted": 1, "refused": {}}));
    // Its acknowledgement was lost: it comes again, with others.
    let both = [first, report(&token, "two", "allow")];
    let said = taken(&app, "guard", &both).await;
    assert_eq!(said, json!({"accepted": 1, "refused": {}}));
    // The longest batch that a guard sends.
    let patients: Vec<_> = (0..145).map(|it| format!("{it:0256}")).collect();
    let mut long = report(&token, "long", "allow");
    long["patients"] = json!(patients);
    assert!(long.to_string().len() > 36 * 1024 && long.to_string().len() < 40 * 1024);
    assert_eq!(taken(&app, "guard", &[long]).await["accepted"], 1);
    assert_eq!(app.count_events("session.ended").await, 0);
    let parts = [1, 2].map(|number| {
        let mut part = report(&token, &format!("stop-{number}"), "stop_session");
        part["part"] = json!({"of": "an answer", "number": number});
        part
    });
    // What an answer brings about comes with its first part.
    assert_eq!(taken(&app, "guard", &parts[1..]).await["accepted"], 1);
    assert_eq!(app.count_events("session.ended").await, 0);
    assert_eq!(taken(&app, "guard", &parts).await["accepted"], 1);
    assert_eq!(app.count_events("session.ended").await, 1);
    assert_eq!(taken(&app, "guard", &parts).await["accepted"], 0);
    assert_eq!(app.count_events("guard.session_stopped").await, 1);
}

/// Attack H9: whoever has a guard's secret writes only so much about tokens that are forgotten;
/// what is refused the guard puts aside, and sends it again later.
#[tokio::test(flavor = "multi_thread")]
async fn h9_unproven_reports_of_a_day_are_bounded_and_the_others_are_taken() {
    let app = TestApp::start_with(changes()).await;
    let (_open, token) = signed_in(&app, &Card::pharmacist(&app)).await;
    let old = |event_id: &str| {
        let mut report = report(&token, event_id, "allow");
        report["jti"] = json!("forgotten");
        report["at"] = json!((crate::key_client::now() - 2 * 86_400) * 1_000);
        report
    };
    let said = taken(&app, "guard", &[old("one")]).await;
    assert_eq!(said, json!({"accepted": 1, "refused": {}}));
    let file = app.folder().join("cardea.sqlite");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display())).await;
    let filled = sqlx::query(
        "INSERT INTO guard_report (id, guard_client_id, client_id, token_jti, service, kind, answer,
                                   reasons, patient_present, patients, occurred_at, received_at,
                                   said_sub)
         WITH RECURSIVE numbers (number) AS
             (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 200000)
         SELECT 'filled ' || number, 'guard', 'portal', 'forgotten', 'records', 'look_up', 'allow',
                '[]', 0, 0, 0, CAST(strftime('%s', 'now') AS INTEGER), 'p' FROM numbers",
    );
    filled.execute(&pool.unwrap()).await.unwrap();
    let all = [old("one"), old("two"), report(&token, "three", "allow")];
    let code = "provider.guard_reports_unproven_too_many";
    let said = taken(&app, "guard", &all).await;
    assert_eq!(said, json!({"accepted": 1, "refused": {"two": code}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_guard_is_heard_and_only_about_its_own_tokens() {
    let app = TestApp::start_with(changes()).await;
    let (_open, token) = signed_in(&app, &Card::pharmacist(&app)).await;
    let stop = json!({"reports": [report(&token, "one", "stop_session")]});
    for client_id in ["no-guard", CLIENT_ID] {
        let (_, code) = refused(post(&app, client_id, &stop).await).await;
        assert_eq!(code, "provider.guard_reports_not_allowed", "{client_id}");
    }
    let nobody = app.post("/guard/reports").json(&stop).send().await.unwrap();
    assert_eq!(nobody.status(), 401);
    let wrong = app.post("/guard/reports").json(&stop);
    let wrong = wrong.basic_auth("guard", Some("a guess of somebody's"));
    let (status, code) = refused(wrong.send().await.unwrap()).await;
    assert_eq!(
        (status, code.as_str()),
        (401, "provider.client_authentication_failed")
    );
    let foreign = [report(&token, "one", "stop_session")];
    let said = taken(&app, "foreign-guard", &foreign).await;
    let expected = json!({"accepted": 0, "refused": {"one": "provider.guard_report_foreign"}});
    assert_eq!(said, expected);
    assert_eq!(app.count_events("session.ended").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_batch_is_refused_as_a_whole_with_a_code_that_guards_know() {
    let app = TestApp::start_with(changes()).await;
    let (_open, token) = signed_in(&app, &Card::pharmacist(&app)).await;
    let good = report(&token, "one", "allow");
    let changed = |member: &str, value: Value| {
        let mut bad = report(&token, "two", "allow");
        bad[member] = value;
        json!({"reports": [good, bad]})
    };
    for body in [
        json!({}),
        json!({"reports": "all"}),
        changed("answer", json!("maybe")),
        changed("patients", json!(["a\nb"])),
        changed("patients", json!(["a".repeat(257)])),
        changed("part", json!({"of": "", "number": 1})),
        changed("part", json!({"number": 1})),
        changed("event_id", Value::Null),
    ] {
        let (status, code) = refused(post(&app, "guard", &body).await).await;
        let expected = (400, "provider.guard_reports_invalid");
        assert_eq!((status, code.as_str()), expected, "{body}");
    }
    let large = changed("service", json!("s".repeat(40 * 1024)));
    let (status, code) = refused(post(&app, "guard", &large).await).await;
    assert_eq!((status, code.as_str()), (413, "server.body_too_large"));
    let queried = app
        .post("/guard/reports?a=b")
        .json(&json!({"reports": [good]}));
    let queried = queried.basic_auth("guard", Some(CLIENT_SECRET));
    assert_eq!(queried.send().await.unwrap().status(), 400);
    // None of it stands on record: the good report is new.
    assert_eq!(taken(&app, "guard", &[good]).await["accepted"], 1);
}

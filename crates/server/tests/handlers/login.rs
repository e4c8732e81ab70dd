//! Challenge and assertion: a login that goes all the way, and every refusal on its way.

use std::time::Duration;

use cardea_assertion::UserVerification;
use cardea_jose::UnverifiedJws;
use cardea_test_pki::{CardProfile, KeyKind, TestPki};
use serde_json::{Value, json};

use crate::card::{Card, Statement};
use crate::relying_party::{Login, Request, parameter, sign_in};
use crate::revocation_host::{Answer, now};
use crate::test_app::{REDIRECT_URI, TestApp, header, problem_code};

#[tokio::test]
async fn a_card_opens_the_portal_with_name_and_profession() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &card).await;
    let response = request.redeem(&app, &signed_in.code).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "cache-control"), "no-store");
    let tokens: Value = response.json().await.unwrap();
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 120);
    let id_token = UnverifiedJws::parse(tokens["id_token"].as_str().unwrap(), 4096).unwrap();
    let claims: Value = id_token.unverified_claims().unwrap();
    assert_eq!(claims["iss"], app.issuer.as_str());
    assert_eq!(claims["aud"], "portal");
    assert_eq!(claims["nonce"], request.nonce.as_str());
    assert_eq!(claims["acr"], "urn:cardea:acr:card-pin");
    assert_eq!(claims["amr"], json!(["sc", "pin", "hwk", "mfa"]));
    let token = tokens["access_token"].as_str().unwrap();
    let person: Value = app
        .get("/userinfo")
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(person["family_name"], "LEFEVRE-TEST");
    assert_eq!(person["profession"]["code"], "21");
}

#[tokio::test]
async fn the_agent_may_connect_after_the_assertion_is_posted() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let login = Request::new().begin(&app).await;
    let body = card.answer(&app, &login.challenge(&app).await);
    let agent = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        card.connect(&app).await.prove(&app, &card).await;
    };
    let (response, ()) = tokio::join!(login.post_assertion(&app, &body), agent);
    assert_eq!(response.status(), 200);
    let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(
        cookies.len(),
        2,
        "a session begins, the login's cookie goes"
    );
    let answer: Value = response.json().await.unwrap();
    let location = answer["redirect_to"].as_str().unwrap();
    assert!(location.starts_with(REDIRECT_URI));
    assert_eq!(
        parameter(location, "state").as_deref(),
        Some("state-of-the-portal")
    );
    assert_eq!(
        parameter(location, "iss").as_deref(),
        Some(app.issuer.as_str())
    );
}

#[tokio::test]
async fn without_presence_there_is_no_session() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let login = Request::new().begin(&app).await;
    let body = card.answer(&app, &login.challenge(&app).await);
    let response = login.post_assertion(&app, &body).await;
    assert_eq!(response.status(), 504);
    assert_eq!(header(&response, "set-cookie"), "");
    assert_eq!(problem_code(response).await, "login.presence_missing");
}

/// Attacks E17 and D1: only our own page, in the browser that began the login.
#[tokio::test]
async fn challenge_and_assertion_are_for_our_own_page_alone() {
    let app = TestApp::start().await;
    let login = Request::new().begin(&app).await;
    for path in [login.path("/challenge"), login.path("/assertion")] {
        let post = |origin: &str, cookie: &str| {
            app.post(&path)
                .header("Origin", origin)
                .header("Cookie", cookie)
                .json(&json!({
                    "assertion": "a.b.c", "attestation": "a.b.c"
                }))
        };
        for origin in [
            "https://evil.test",
            "null",
            &format!("{}.evil.test", app.issuer),
        ] {
            let response = post(origin, &login.cookie).send().await.unwrap();
            assert_eq!(response.status(), 403, "{origin}");
            assert_eq!(header(&response, "access-control-allow-origin"), "");
            assert_eq!(
                problem_code(response).await,
                "server.origin_refused",
                "{origin}"
            );
        }
        let without = app
            .post(&path)
            .header("Cookie", &login.cookie)
            .json(&json!({}));
        assert_eq!(
            problem_code(without.send().await.unwrap()).await,
            "server.origin_refused"
        );
        let sibling = post(&app.issuer, &login.cookie).header("Sec-Fetch-Site", "same-site");
        assert_eq!(
            problem_code(sibling.send().await.unwrap()).await,
            "server.origin_refused"
        );
    }
    let path = login.path("/challenge");
    let form = app
        .post(&path)
        .header("Origin", &app.issuer)
        .header("Cookie", &login.cookie);
    let form = form.form(&[("a", "b")]).send().await.unwrap();
    assert_eq!(problem_code(form).await, "server.media_type_unsupported");
    let other = Request::new().begin(&app).await;
    let response = app
        .post_json(&path, &other.cookie, &json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(problem_code(response).await, "login.other_browser");
}

/// A spent challenge is on record, even if nobody waits for the answer.
#[tokio::test]
async fn hanging_up_keeps_nothing_off_the_record() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    app.host.change(|behaviour| behaviour.ocsp = Answer::Slow);
    let login = Request::new().begin(&app).await;
    let body = card.answer(&app, &login.challenge(&app).await);
    // The responder is asked for two seconds; the browser is gone by then.
    let hang_up = Duration::from_millis(1_500);
    let posted = tokio::time::timeout(hang_up, login.post_assertion(&app, &body));
    assert!(posted.await.is_err());
    for _ in 0..600 {
        if app.count_events("login.accepted").await == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the login is not on record");
}

/// Before the signature is proven, every refusal is the same to the browser.
#[tokio::test]
async fn nothing_is_told_before_the_signature_is_proven() {
    type Change = fn(&mut Statement);
    let cases: [(&str, Change); 7] = [
        ("other origin", |it| {
            it.claims.origin = "https://evil.test".to_owned()
        }),
        ("other audience", |it| {
            it.claims.aud = "https://evil.test".to_owned()
        }),
        ("other client", |it| {
            it.claims.client_id = "native".to_owned()
        }),
        ("other challenge", |it| it.claims.challenge = "x".repeat(43)),
        ("unknown jti", |it| it.claims.jti = "unknown".to_owned()),
        ("other nonce", |it| it.claims.nonce = "other".to_owned()),
        ("other instance", |it| {
            it.claims.instance_jkt = "x".repeat(43)
        }),
    ];
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let other_card = Card::pharmacist(&app);
    for (name, change) in cases {
        let login = Request::new().begin(&app).await;
        let body = card.answer_with(&app, &login.challenge(&app).await, change);
        assert_eq!(
            refused(&app, &login, &body).await,
            "login.refused",
            "{name}"
        );
    }
    let login = Request::new().begin(&app).await;
    let body = card.answer_with(&app, &login.challenge(&app).await, |it| {
        it.signer = other_card.issued.authentication.clone();
    });
    assert_eq!(
        refused(&app, &login, &body).await,
        "login.refused",
        "another card's key"
    );
    let login = Request::new().begin(&app).await;
    let body = json!({ "assertion": "not a token", "attestation": "" });
    assert_eq!(
        refused(&app, &login, &body).await,
        "login.refused",
        "no token at all"
    );
}

/// Attacks C1 and C2.
#[tokio::test]
async fn a_challenge_serves_once_and_for_its_own_browser() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let login = Request::new().begin(&app).await;
    let body = card.answer(&app, &login.challenge(&app).await);
    let mut connection = card.connect(&app).await;
    let (first, ()) = tokio::join!(
        login.post_assertion(&app, &body),
        connection.prove(&app, &card)
    );
    assert_eq!(first.status(), 200);
    assert_eq!(
        refused(&app, &login, &body).await,
        "login.refused",
        "sent again"
    );

    let victim = Request::new().begin(&app).await;
    let attacker = Request::new().begin(&app).await;
    let body = card.answer(&app, &attacker.challenge(&app).await);
    assert_eq!(
        refused(&app, &victim, &body).await,
        "login.refused",
        "of another browser"
    );
}

#[tokio::test]
async fn one_of_many_copies_of_an_assertion_wins() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let login = Request::new().begin(&app).await;
    let body = card.answer(&app, &login.challenge(&app).await);
    let mut connection = card.connect(&app).await;
    let copies = futures_util::future::join_all((0..8).map(|_| login.post_assertion(&app, &body)));
    let (responses, ()) = tokio::join!(copies, connection.prove(&app, &card));
    let won = responses
        .iter()
        .filter(|response| response.status() == 200)
        .count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn the_holder_of_a_card_learns_what_to_do() {
    let app = TestApp::start().await;
    let p256 = |profile: CardProfile| profile.with_key(KeyKind::P256);
    let pharmacist = p256(CardProfile::pharmacist());
    let login = async |card: &Card, change: fn(&mut Statement)| {
        let login = Request::new().begin(&app).await;
        let body = card.answer_with(&app, &login.challenge(&app).await, change);
        refused(&app, &login, &body).await
    };
    let expired = pharmacist.authentication(now()).unwrap().expired(now());
    let mut issued = app.host.pki.issue_card(&pharmacist).unwrap();
    issued.authentication = app.host.pki.issue(&expired).unwrap();
    let card = Card::of(issued, &app);
    assert_eq!(login(&card, |_| {}).await, "login.card_expired");

    let card = Card::new(&app, &pharmacist);
    let signature = card.issued.signature.clone();
    let body = {
        let login = Request::new().begin(&app).await;
        let body = card.answer_with(&app, &login.challenge(&app).await, |it| {
            it.certificate = signature.clone();
            it.signer = signature;
        });
        refused(&app, &login, &body).await
    };
    assert_eq!(
        body, "login.card_not_accepted",
        "the card's signature certificate"
    );
    assert_eq!(
        login(&card, |it| it.claims.uv = UserVerification::Cached).await,
        "login.card_not_accepted",
        "the PIN was not typed for this login"
    );

    let foreign = TestPki::fast(now())
        .unwrap()
        .issue_card(&pharmacist)
        .unwrap();
    let card = Card::of(foreign, &app);
    assert_eq!(
        login(&card, |_| {}).await,
        "login.card_not_accepted",
        "same names, other keys"
    );
}

async fn refused(app: &TestApp, login: &Login, body: &Value) -> String {
    let response = login.post_assertion(app, body).await;
    assert_eq!(header(&response, "set-cookie"), "");
    assert_eq!(header(&response, "cache-control"), "no-store");
    problem_code(response).await
}

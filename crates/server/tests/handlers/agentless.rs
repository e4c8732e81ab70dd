//! Logins without the agent over real TLS: curl with a key in SoftHSM2 behind OpenSSL's pkcs11
//! engine at the running program, the rest of the browser beside it.

mod curl;
mod handshake;
mod stage;

use cardea_jose::UnverifiedJws;
use serde_json::{Value, json};

use crate::relying_party::{Login, Request};
use crate::revocation_host::{Answer, now};
use crate::test_app::{TestApp, header};
use cardea_test_pki::{CardProfile, KeyKind, TestPki};
use curl::{Answered, Key};
use stage::{CARD, Stage};

fn claims_of(token: &Value) -> Value {
    let jws = UnverifiedJws::parse(token.as_str().unwrap(), 8192).unwrap();
    jws.unverified_claims().unwrap()
}

/// A key in a file, for what needs no token.
fn in_files(stage: &Stage, card: &cardea_test_pki::IssuedCertificate) -> Key {
    Key::in_files(stage.folder(), card)
}

fn pharmacist() -> CardProfile {
    CardProfile::pharmacist().with_key(KeyKind::P256)
}

/// Follows what the card's host answered, as the browser that began the login.
async fn follow(app: &TestApp, login: &Login, location: &str) -> reqwest::Response {
    let path = location.strip_prefix(&app.issuer).unwrap();
    let asked = app.get(path).header("Cookie", &login.cookie);
    asked.send().await.unwrap()
}

async fn yes(stage: &Stage, login: &Login, key: &Key) -> Answered {
    let page = stage.visit(&login.id, Some(key)).await;
    assert_eq!(page.status, 200, "{}", page.body);
    stage
        .answer(&login.id, Some(key), &page.confirmation(), "yes")
        .await
}

fn shown_code(answered: &Answered) -> &str {
    let (_, after) = answered.body.split_once("/errors/").unwrap();
    after.split(['?', '"']).next().unwrap()
}

#[tokio::test]
async fn a_card_in_a_token_signs_in_and_every_word_of_the_tokens_says_how() {
    let stage = Stage::open().await;
    let app = &stage.app;
    let key = stage.card_in_token();
    let request = Request::new();
    let login = request.begin(app).await;
    let page = app
        .get(&login.path(""))
        .header("Cookie", &login.cookie)
        .send()
        .await
        .unwrap();
    let page = page.text().await.unwrap();
    let link = format!("href=\"{CARD}/agentless/{}?lang=", login.id);
    assert!(page.contains(&link), "{page}");

    let page = stage.visit(&login.id, Some(&key)).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("Pharmacien"), "{}", page.body);
    assert_eq!(page.header("connection"), "close");
    assert_eq!(page.header("cache-control"), "no-store");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("script-src"), "{policy}");
    assert_eq!(page.header("set-cookie"), "");

    let answered = stage
        .answer(&login.id, Some(&key), &page.confirmation(), "yes")
        .await;
    assert_eq!(answered.status, 303, "{}", answered.body);
    let back = follow(app, &login, &answered.header("location")).await;
    assert_eq!(back.status(), 303);
    let answer = format!("{}{}", app.issuer, header(&back, "location"));
    let done = follow(app, &login, &answer).await;
    let location = header(&done, "location");
    assert!(location.starts_with("https://portal.example.test/callback?code="));
    let location = url::Url::parse(&location).unwrap();
    let (_, code) = location.query_pairs().next().unwrap();
    let tokens: Value = request.redeem(app, &code).await.json().await.unwrap();
    for token in ["id_token", "access_token"] {
        let claims = claims_of(&tokens[token]);
        assert_eq!(claims["acr"], "urn:cardea:acr:card-unwatched", "{token}");
        assert_eq!(claims["amr"], json!(["sc", "hwk"]), "{token}");
    }
    assert_eq!(app.count_events("agentless_login.accepted").await, 1);
    let metadata: Value = app
        .get("/.well-known/openid-configuration")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let levels = metadata["acr_values_supported"].as_array().unwrap();
    assert!(levels.contains(&json!("urn:cardea:acr:card-unwatched")));
}

/// Attacks E17, E18: the code of one browser in another, and the same code twice.
#[tokio::test]
async fn a_code_serves_once_and_in_the_browser_that_began() {
    let stage = Stage::open().await;
    let app = &stage.app;
    let key = in_files(&stage, &stage.card);
    let victim = Request::new().begin(app).await;
    let other = Request::new().begin(app).await;
    let location = yes(&stage, &victim, &key).await.header("location");
    // A browser with another login's cookie, then one with none, and then the right one too late.
    let stolen = follow(app, &other, &location).await;
    assert_eq!(stolen.status(), 403);
    let code = "provider.agentless_code_foreign_browser";
    assert!(stolen.text().await.unwrap().contains(code));
    let late = follow(app, &victim, &location).await;
    assert_eq!(late.status(), 410);
    let code = "provider.agentless_code_replayed";
    assert!(late.text().await.unwrap().contains(code));

    let location = yes(&stage, &victim, &key).await.header("location");
    assert_eq!(follow(app, &victim, &location).await.status(), 303);
    let twice = follow(app, &victim, &location).await;
    assert_eq!(twice.status(), 410);
    let codes: Vec<_> = app
        .events()
        .await
        .into_iter()
        .filter_map(|event| event.code)
        .collect();
    for code in [
        "provider.agentless_code_foreign_browser",
        "provider.agentless_code_replayed",
    ] {
        assert!(codes.iter().any(|it| it == code), "{codes:?}");
    }
}

/// Attacks A1, A3, B1, A21: who may not in, learns it on a page, and the log has the code.
#[tokio::test]
async fn certificates_that_are_no_good_card_are_refused() {
    let stage = Stage::open().await;
    let pki = &stage.app.host.pki;
    let at = now();
    let foreign = TestPki::fast(at).unwrap();
    let foreign = foreign.issue_card(&pharmacist()).unwrap().authentication;
    let mut spec = CardProfile::pharmacist().authentication(at).unwrap();
    spec.key = KeyKind::P256;
    let expired = pki.issue(&spec.clone().expired(at)).unwrap();
    let mut software = spec;
    software.card_type = None;
    software.card_number = None;
    software.certificate_kind = Some(0x83);
    let software = pki.issue(&software).unwrap();
    for (card, code, shown) in [
        (&foreign, "pki.untrusted_anchor", "login.card_not_accepted"),
        (&expired, "pki.certificate_expired", "login.card_expired"),
        (&software, "pki.not_a_card", "login.not_a_card"),
    ] {
        let login = Request::new().begin(&stage.app).await;
        let page = stage.visit(&login.id, Some(&in_files(&stage, card))).await;
        assert_eq!(page.status, 403, "{code} {} {}", page.trouble, stage.log());
        assert_eq!(shown_code(&page), shown);
        assert_eq!(stage.refused_code(&login.id).await, code);
        assert!(!page.body.contains("name=\"confirmation\""));
    }
    // A revoked one is known after the yes alone: nobody is asked before.
    let revoked = pki.issue_card(&pharmacist()).unwrap().authentication;
    stage.app.host.know(&revoked);
    stage.app.host.change(|it| {
        it.crl = Answer::Revoked;
        it.ocsp = Answer::Revoked;
    });
    let login = Request::new().begin(&stage.app).await;
    let answered = yes(&stage, &login, &in_files(&stage, &revoked)).await;
    assert_eq!(answered.status, 403);
    assert_eq!(shown_code(&answered), "login.card_revoked");
    assert_eq!(
        stage.refused_code(&login.id).await,
        "pki.certificate_revoked"
    );
    assert_eq!(stage.app.count_events("agentless_login.accepted").await, 0);
}

/// Attacks E17, E20: a yes of another site's, of another card's, for another login, or none.
#[tokio::test]
async fn only_our_own_page_says_yes_for_the_card_that_it_showed() {
    let stage = Stage::open().await;
    let app = &stage.app;
    let key = in_files(&stage, &stage.card);
    let another = stage.app.host.pki.issue_card(&pharmacist()).unwrap();
    let another = in_files(&stage, &another.authentication);
    let (login, other) = (
        Request::new().begin(app).await,
        Request::new().begin(app).await,
    );
    let tag = stage.visit(&login.id, Some(&key)).await.confirmation();
    for (id, key, origin, status) in [
        (&login.id, &key, "https://evil.example.test", 403),
        (&login.id, &key, "null", 403),
        (&login.id, &key, app.issuer.as_str(), 403),
        (&login.id, &another, CARD, 410),
        (&other.id, &key, CARD, 410),
    ] {
        let answered = stage.answer_from(id, Some(key), origin, &tag, "yes").await;
        assert_eq!(answered.status, status, "{origin}");
    }
    for answer in ["maybe", ""] {
        let answered = stage.answer(&login.id, Some(&key), &tag, answer).await;
        assert_eq!(answered.status, 400);
    }
    // A no leads back to the login page, and a yes still counts after it.
    let answered = stage.answer(&login.id, Some(&key), &tag, "no").await;
    let back = answered.header("location");
    assert!(back.starts_with(&format!("{}/login/{}?", app.issuer, login.id)));
    assert_eq!(app.count_events("agentless_login.accepted").await, 0);
    let answered = stage.answer(&login.id, Some(&key), &tag, "yes").await;
    assert_eq!(answered.status, 303);
}

#[tokio::test]
async fn a_login_that_wants_a_pin_and_a_portal_that_does_not_want_this_are_refused_in_words() {
    let stage = Stage::open().await;
    let app = &stage.app;
    let key = in_files(&stage, &stage.card);
    let cases = [
        (
            Request::new().with("prompt", "login"),
            "provider.agentless_insufficient",
        ),
        (
            Request::new().with("max_age", "60"),
            "provider.agentless_insufficient",
        ),
        (
            Request::new()
                .with("client_id", "native")
                .with("scope", "openid"),
            "provider.agentless_refused",
        ),
    ];
    for (request, code) in cases {
        let login = request.begin(app).await;
        let page = app.get(&login.path("")).header("Cookie", &login.cookie);
        let page = page.send().await.unwrap().text().await.unwrap();
        assert!(!page.contains("/agentless/"), "no link");
        let refused = stage.visit(&login.id, Some(&key)).await;
        assert_eq!(refused.status, 403);
        assert_eq!(stage.refused_code(&login.id).await, code);
        let shown = code.replace("provider.", "login.");
        assert_eq!(shown_code(&refused), shown);
    }
}

#[tokio::test]
async fn the_listener_has_its_own_few_routes_and_nothing_else() {
    let stage = Stage::open().await;
    let key = in_files(&stage, &stage.card);
    for path in [
        "/",
        "/authorize",
        "/token",
        "/login/x",
        "/static/cardea.css",
        "/healthz",
    ] {
        assert_eq!(stage.get(path, Some(&key)).await.status, 404, "{path}");
    }
    let head = stage.curl(&["--head"], "/agentless/x", Some(&key)).await;
    assert_eq!(head.status, 405);
}

/// Attack H9.
#[tokio::test]
async fn h9_visits_of_one_address_are_counted() {
    let stage = Stage::with_limits("challenges_per_address_and_minute = 3").await;
    let key = in_files(&stage, &stage.card);
    let login = Request::new().begin(&stage.app).await;
    for _ in 0..3 {
        assert_eq!(stage.visit(&login.id, Some(&key)).await.status, 200);
    }
    let refused = stage.visit(&login.id, Some(&key)).await;
    assert_eq!(refused.status, 429);
    assert!(!refused.header("retry-after").is_empty());
}

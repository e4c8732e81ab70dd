//! Devices over HTTP (RFC 8628): the endpoint, the pages, and what a host hears meanwhile.

use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::card::Card;
use crate::relying_party::Login;
use crate::test_app::{Changes, TestApp, header};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const HOST: &str = "db01";
const SECRET: &str = "fedcba9876543210fedcba9876543210";

fn registered() -> Changes {
    let table = format!(
        "[[client]]\nclient_id = \"{HOST}\"\nname = \"Serveur <db01>\"\nsecret = \"{SECRET}\"\n\
         grant_types = [\"{GRANT_TYPE}\"]\nscopes = [\"openid\"]\n[presence]"
    );
    Changes::replacing("[presence]", &table)
}

async fn ask(app: &TestApp) -> Value {
    let response = app
        .post("/device_authorization")
        .basic_auth(HOST, Some(SECRET))
        .form(&[("scope", "openid")])
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "cache-control"), "no-store");
    response.json().await.unwrap()
}

fn typing(app: &TestApp, code: &str) -> RequestBuilder {
    app.post("/device?lang=fr")
        .header("origin", &app.issuer)
        .form(&[("user_code", code)])
}

async fn fetch(app: &TestApp, device_code: &str) -> (u16, Value) {
    let response = app
        .post("/token")
        .basic_auth(HOST, Some(SECRET))
        .form(&[("grant_type", GRANT_TYPE), ("device_code", device_code)])
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

fn cookie_of(response: &Response) -> String {
    let cookie = header(response, "set-cookie");
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_host_is_told_what_to_show_and_to_wait() {
    let app = TestApp::start_with(registered()).await;
    let asked = ask(&app).await;
    let verification_uri = format!("{}/device", app.issuer);
    assert_eq!(asked["verification_uri"], verification_uri);
    assert_eq!(
        (&asked["expires_in"], &asked["interval"]),
        (&600.into(), &5.into())
    );
    assert_eq!(asked.get("verification_uri_complete"), None);
    let device_code = asked["device_code"].as_str().unwrap();
    let (status, body) = fetch(&app, device_code).await;
    assert_eq!(
        (status, &body["error"]),
        (400, &"authorization_pending".into())
    );
    let (status, body) = fetch(&app, device_code).await;
    assert_eq!((status, &body["error"]), (400, &"slow_down".into()));
    let (status, body) = fetch(&app, "unknown").await;
    assert_eq!((status, &body["error"]), (400, &"invalid_grant".into()));
}

#[tokio::test]
async fn who_asks_is_shown_to_the_browser_that_typed_and_a_no_is_one_press_away() {
    let app = TestApp::start_with(registered()).await;
    let asked = ask(&app).await;
    let code = asked["user_code"].as_str().unwrap();
    let typed = typing(&app, code).send().await.unwrap();
    assert_eq!(typed.status(), 303);
    let (page, cookie) = (header(&typed, "location"), cookie_of(&typed));
    let foreign = app.get(&page).send().await.unwrap();
    assert_eq!(foreign.status(), 403, "another browser");
    let shown = app
        .get(&page)
        .header("cookie", &cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(shown.status(), 200);
    let html = shown.text().await.unwrap();
    assert!(
        html.contains("Serveur &#60;db01&#62;") && html.contains("127.0.0.1"),
        "{html}"
    );
    let id = page
        .strip_prefix("/device/")
        .unwrap()
        .split('?')
        .next()
        .unwrap();
    let refused = app
        .post(&format!("/login/{id}/cancel"))
        .header("origin", &app.issuer)
        .header("cookie", &cookie)
        .send()
        .await
        .unwrap();
    let location = header(&refused, "location");
    assert_eq!(location, format!("{}/device/refused?lang=fr", app.issuer));
    let (status, body) = fetch(&app, asked["device_code"].as_str().unwrap()).await;
    assert_eq!((status, &body["error"]), (400, &"access_denied".into()));
}

/// The browser speaks French, if it says anything; she has chosen English on the first page.
#[tokio::test]
async fn how_it_ended_is_said_in_the_language_of_the_way() {
    let app = TestApp::start_with(registered()).await;
    let card = Card::pharmacist(&app);
    let begin = async || {
        let asked = ask(&app).await;
        let code = asked["user_code"].as_str().unwrap().to_owned();
        let typed = app
            .post("/device?lang=en")
            .header("origin", &app.issuer)
            .form(&[("user_code", code)])
            .send()
            .await
            .unwrap();
        let page = header(&typed, "location");
        let (path, query) = page.split_once('?').unwrap();
        assert_eq!(query, "lang=en");
        Login {
            id: path.strip_prefix("/device/").unwrap().to_owned(),
            cookie: cookie_of(&typed),
        }
    };
    let read = async |address: &str| {
        let path = address.strip_prefix(&app.issuer).unwrap();
        app.get(path).send().await.unwrap().text().await.unwrap()
    };

    let login = begin().await;
    let page = app
        .get(&login.path("?lang=en"))
        .header("cookie", &login.cookie)
        .header("accept-language", "fr");
    let html = page.send().await.unwrap().text().await.unwrap();
    let assertion = login.path("/assertion?lang=en");
    assert!(html.contains(&assertion), "{html}");
    assert!(
        html.contains("on another device, to") && !html.contains("Back to the portal"),
        "{html}"
    );
    let challenge = login.challenge(&app).await;
    let mut connection = card.connect(&app).await;
    let body = card.answer(&app, &challenge);
    let posting = app
        .post_json(&assertion, &login.cookie, &body)
        .header("accept-language", "fr");
    let (response, ()) = tokio::join!(posting.send(), connection.prove(&app, &card));
    let body: Value = response.unwrap().json().await.unwrap();
    let approved = body["redirect_to"].as_str().unwrap();
    assert_eq!(approved, format!("{}/device/approved?lang=en", app.issuer));
    assert!(read(approved).await.contains("The other device goes on"));

    let login = begin().await;
    let refused = app
        .post(&login.path("/cancel?lang=en"))
        .header("origin", &app.issuer)
        .header("cookie", &login.cookie)
        .header("accept-language", "fr");
    let refused = header(&refused.send().await.unwrap(), "location");
    assert!(read(&refused).await.contains("was not let in"));
}

/// RFC 8628 section 5.1.
#[tokio::test]
async fn guesses_are_counted_and_right_codes_are_not() {
    let app = TestApp::start_with(registered()).await;
    for _ in 0..2 {
        let asked = ask(&app).await;
        let code = asked["user_code"].as_str().unwrap();
        assert_eq!(typing(&app, code).send().await.unwrap().status(), 303);
    }
    for _ in 0..10 {
        let wrong = typing(&app, "BBBB-BBBB").send().await.unwrap();
        assert_eq!(wrong.status(), 404);
    }
    let wrong = typing(&app, "BBBB-BBBB").send().await.unwrap();
    assert_eq!(wrong.status(), 429);
    // Somebody else's nonsense from her practice's address keeps nobody from her own code.
    let asked = ask(&app).await;
    let code = asked["user_code"].as_str().unwrap();
    assert_eq!(typing(&app, code).send().await.unwrap().status(), 303);
}

/// RFC 8628 section 5.4: who stands at the host's door, in both languages.
#[tokio::test]
async fn what_the_host_says_is_shown_as_such() {
    let app = TestApp::start_with(registered()).await;
    let asking = async |account: &str, remote: &str| {
        app.post("/device_authorization")
            .basic_auth(HOST, Some(SECRET))
            .form(&[
                ("scope", "openid"),
                ("cardea_host_account", account),
                ("cardea_host_service", "sshd"),
                ("cardea_host_remote", remote),
            ])
            .send()
            .await
            .unwrap()
    };
    for (remote, french, english) in [
        (
            "203.0.113.9",
            "quelqu’un à l’adresse <strong><bdi>203.0.113.9</bdi></strong> veut entrer dans le \
             compte <strong><bdi>alice</bdi></strong> (<bdi>sshd</bdi>)",
            "somebody at <strong><bdi>203.0.113.9</bdi></strong> wants to enter the account \
             <strong><bdi>alice</bdi></strong> (<bdi>sshd</bdi>)",
        ),
        (
            "",
            "quelqu’un qui s’y trouve déjà demande le compte <strong><bdi>alice</bdi></strong>",
            "somebody who is on it already asks for the account <strong><bdi>alice</bdi></strong>",
        ),
    ] {
        let asked: Value = asking("alice", remote).await.json().await.unwrap();
        let code = asked["user_code"].as_str().unwrap();
        let typed = typing(&app, code).send().await.unwrap();
        let (page, cookie) = (header(&typed, "location"), cookie_of(&typed));
        for (language, words) in [("fr", french), ("en", english)] {
            let page = page.replace("lang=fr", &format!("lang={language}"));
            let shown = app.get(&page).header("cookie", &cookie).send();
            let html = shown.await.unwrap().text().await.unwrap();
            assert!(html.contains(words), "{words} is not in {html}");
        }
    }
    let refused = asking("alice", "<script>").await;
    assert_eq!(refused.status(), 400);
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["error"], "invalid_request");
}

/// A host that waits no longer says so where it gives tokens back.
#[tokio::test]
async fn a_device_code_is_taken_back_where_tokens_are() {
    let app = TestApp::start_with(registered()).await;
    let asked = ask(&app).await;
    let device_code = asked["device_code"].as_str().unwrap();
    let revoked = app
        .post("/revoke")
        .basic_auth(HOST, Some(SECRET))
        .form(&[("token", device_code)])
        .send()
        .await
        .unwrap();
    assert_eq!(revoked.status(), 200);
    let (status, body) = fetch(&app, device_code).await;
    assert_eq!((status, &body["error"]), (400, &"invalid_grant".into()));
    let code = asked["user_code"].as_str().unwrap();
    assert_eq!(typing(&app, code).send().await.unwrap().status(), 404);
}

/// Attack H9: what strangers may fill of a public client's is shared out among their networks; a
/// host that has proven itself has its places to itself.
#[tokio::test]
async fn h9_a_public_client_s_request_bears_its_network_and_a_proven_one_s_does_not() {
    let Changes { mut replace, .. } = registered();
    let table = format!(
        "[[client]]\nclient_id = \"kiosk\"\nname = \"Borne\"\n\
         token_endpoint_auth_method = \"none\"\ngrant_types = [\"{GRANT_TYPE}\"]\n\
         scopes = [\"openid\"]\n[presence]"
    );
    let (_, to) = replace.first_mut().unwrap();
    *to = to.replace("[presence]", &table);
    let app = TestApp::start_with(Changes {
        replace,
        ..Changes::default()
    })
    .await;
    let asked = ask(&app).await;
    let public = app
        .post("/device_authorization")
        .form(&[("client_id", "kiosk"), ("scope", "openid")]);
    let public = public.send().await.unwrap();
    assert_eq!(public.status(), 200);
    let public: Value = public.json().await.unwrap();
    app.in_database(async |transaction| {
        for (asked, bears) in [(&asked, false), (&public, true)] {
            let code = asked["device_code"].as_str().unwrap();
            let digest = cardea_storage::SecretDigest::of(code);
            let held = cardea_storage::device_authorization::hold(transaction, &digest).await;
            let source = held.unwrap().unwrap().source;
            assert_eq!(source.is_some(), bears, "{source:?}");
            assert!(!source.unwrap_or_default().contains("127.0.0.1"));
        }
    })
    .await;
}

/// RFC 8628 section 5.4: a link brings nobody further than to an empty field.
#[tokio::test]
async fn a_code_in_an_address_and_one_from_a_foreign_page_are_not_taken() {
    let app = TestApp::start_with(registered()).await;
    let asked = ask(&app).await;
    let code = asked["user_code"].as_str().unwrap();
    let page = app.get(&format!("/device?user_code={code}")).send().await;
    let html = page.unwrap().text().await.unwrap();
    assert!(!html.contains(code), "{html}");
    let foreign = app
        .post("/device")
        .header("origin", "https://evil.example")
        .form(&[("user_code", code)])
        .send()
        .await
        .unwrap();
    assert_eq!(foreign.status(), 403);
}

//! Logout (attacks H1, H2, H5).

use serde_json::Value;

use crate::card::Card;
use crate::relying_party::{Request, SignedIn, sign_in};
use crate::test_app::{Changes, TestApp, header};

const AFTERWARDS: &str = "https://portal.example.test/bye";
/// What only the page that asks has.
const ASKED: &str = r#"name="confirmed""#;

async fn signed_in(app: &TestApp) -> (SignedIn, String) {
    let card = Card::pharmacist(app);
    let request = Request::new();
    let signed_in = sign_in(app, &request, &card).await;
    let tokens: Value = request
        .redeem(app, &signed_in.code)
        .await
        .json()
        .await
        .unwrap();
    let id_token = tokens["id_token"].as_str().unwrap().to_owned();
    (signed_in, id_token)
}

#[tokio::test]
async fn a_client_with_its_id_token_ends_the_session_and_gets_the_browser_back() {
    let app = TestApp::start().await;
    let (mut signed_in, id_token) = signed_in(&app).await;
    let query = [
        ("id_token_hint", id_token.as_str()),
        ("post_logout_redirect_uri", AFTERWARDS),
        ("state", "bye"),
    ];
    let request = app
        .get("/logout")
        .header("Cookie", &signed_in.session_cookie)
        .query(&query);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 303);
    assert_eq!(
        header(&response, "location"),
        format!("{AFTERWARDS}?state=bye")
    );
    assert!(header(&response, "set-cookie").contains("Max-Age=0"));
    assert_eq!(
        signed_in.connection.next().await.unwrap()["reason"],
        "logout"
    );
    app.host.logout_token().await;
}

#[tokio::test]
async fn without_proof_the_person_is_asked_and_sent_nowhere() {
    let app = TestApp::start().await;
    let (signed_in, id_token) = signed_in(&app).await;
    let forged = format!("{id_token}x");
    let cases: [(&str, &[(&str, &str)]); 4] = [
        ("nothing", &[]),
        ("address alone", &[("post_logout_redirect_uri", AFTERWARDS)]),
        (
            "forged",
            &[
                ("id_token_hint", &forged),
                ("post_logout_redirect_uri", AFTERWARDS),
            ],
        ),
        (
            "unregistered",
            &[
                ("id_token_hint", &id_token),
                ("post_logout_redirect_uri", "https://evil.test/"),
            ],
        ),
    ];
    for (name, query) in cases {
        let request = app
            .get("/logout")
            .header("Cookie", &signed_in.session_cookie)
            .query(query);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{name}");
        assert_eq!(header(&response, "location"), "", "{name}");
        let page = response.text().await.unwrap();
        assert!(
            page.contains(ASKED) && !page.contains("evil.test"),
            "{name}"
        );
    }
}

/// Under `no-referrer` browsers send `Origin: null` with the form: only they can say whose it is.
#[tokio::test]
async fn the_question_s_form_is_known_by_what_the_browser_says_of_it() {
    let app = TestApp::start().await;
    let question = app.get("/logout").send().await.unwrap();
    assert_eq!(header(&question, "referrer-policy"), "no-referrer");
    for (site, status) in [
        ("same-origin", 200),
        ("cross-site", 403),
        ("same-site", 403),
    ] {
        let answer = app
            .post("/logout")
            .header("Origin", "null")
            .header("Sec-Fetch-Site", site)
            .form(&[("confirmed", "yes")]);
        assert_eq!(answer.send().await.unwrap().status(), status, "{site}");
    }
}

#[tokio::test]
async fn a_flood_of_questions_is_not_looked_into_and_people_are_asked_all_the_same() {
    let changes = Changes::limiting("refusals_per_address_and_minute = 2");
    let app = TestApp::start_with(changes).await;
    let (signed_in, id_token) = signed_in(&app).await;
    let ask = async |name: &str, value: &str| {
        let request = app
            .get("/logout")
            .header("Cookie", &signed_in.session_cookie)
            .query(&[(name, value)]);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let page = response.text().await.unwrap();
        assert!(page.contains(ASKED));
        page.contains("Portail d’essai")
    };
    let looked_into = [
        ask("client_id", "portal").await,
        ask("client_id", "portal").await,
        ask("client_id", "portal").await,
        ask("id_token_hint", &id_token).await,
    ];
    assert_eq!(looked_into, [true, true, false, false]);
    // Nobody is kept signed in by it.
    let confirm = app
        .post("/logout")
        .header("Origin", &app.issuer)
        .header("Cookie", &signed_in.session_cookie)
        .form(&[("confirmed", "yes")]);
    assert_eq!(confirm.send().await.unwrap().status(), 200);
    app.host.logout_token().await;
}

#[tokio::test]
async fn only_our_own_question_is_an_answer() {
    let app = TestApp::start().await;
    let (mut signed_in, _) = signed_in(&app).await;
    let confirm = |origin: &str| {
        app.post("/logout")
            .header("Origin", origin)
            .header("Cookie", &signed_in.session_cookie)
            .form(&[("confirmed", "yes")])
    };
    let foreign = confirm("https://evil.test").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    let own = confirm(&app.issuer)
        .header("Accept-Language", "en")
        .send()
        .await
        .unwrap();
    assert_eq!(own.status(), 200);
    assert!(header(&own, "set-cookie").starts_with("cardea-session=; "));
    assert!(own.text().await.unwrap().contains("You are signed out"));
    assert_eq!(
        signed_in.connection.next().await.unwrap()["reason"],
        "logout"
    );
    let silent = Request::new().with("prompt", "none");
    let silent = app
        .get("/authorize")
        .header("Cookie", &signed_in.session_cookie)
        .query(&silent.parameters);
    let location = header(&silent.send().await.unwrap(), "location");
    assert!(
        location.contains("error=login_required"),
        "the old cookie opens nothing"
    );
}

#[tokio::test]
async fn a_browser_in_session_needs_no_second_card_for_the_same_client() {
    let app = TestApp::start().await;
    let (signed_in, _) = signed_in(&app).await;
    let silent = Request::new().with("prompt", "none");
    let request = app
        .get("/authorize")
        .header("Cookie", &signed_in.session_cookie)
        .query(&silent.parameters);
    let location = header(&request.send().await.unwrap(), "location");
    assert!(location.contains("code="), "{location}");
}

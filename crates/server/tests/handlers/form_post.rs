//! Answers by form post: a page that posts itself, and says what to do where it cannot (attack E8).

use reqwest::Response;
use serde_json::Value;

use crate::card::Card;
use crate::relying_party::Request;
use crate::test_app::{REDIRECT_URI, TestApp, header};

const HOSTILE: &str = "\"><script>alert(1)</script>";

/// The value of a field of the page's form.
fn field(page: &str, name: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\""))?;
    Some(rest.split_once('"').unwrap().0.to_owned())
}

async fn check_page(app: &TestApp, response: Response) -> String {
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "location"), "");
    assert_eq!(header(&response, "cache-control"), "no-store");
    assert_eq!(header(&response, "referrer-policy"), "no-referrer");
    let policy = header(&response, "content-security-policy");
    let may_go_to = policy.split("; ").find(|it| it.starts_with("form-action"));
    assert_eq!(may_go_to, Some("form-action https://portal.example.test"));
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
    let page = response.text().await.unwrap();
    assert!(
        page.contains(&format!("action=\"{REDIRECT_URI}\"")),
        "{page}"
    );
    assert!(page.contains("<button type=\"submit\""), "{page}");
    assert!(!page.contains("<script>"), "{page}");
    assert_eq!(field(&page, "iss").as_deref(), Some(app.issuer.as_str()));
    page
}

#[tokio::test]
async fn a_code_goes_to_the_portal_in_a_form_of_ours() {
    let app = TestApp::start().await;
    let request = Request::new()
        .with("response_mode", "form_post")
        .with("state", HOSTILE);
    let card = Card::pharmacist(&app);
    let login = request.begin(&app).await;
    let challenge = login.challenge(&app).await;
    let mut connection = card.connect(&app).await;
    let body = card.answer(&app, &challenge);
    let (response, ()) = tokio::join!(
        login.post_assertion(&app, &body),
        connection.prove(&app, &card)
    );
    let body: Value = response.json().await.unwrap();
    let path = login.path("/answer");
    assert_eq!(body["redirect_to"], path.as_str());

    let foreign = app.get(&path).send().await.unwrap();
    assert_eq!(foreign.status(), 403, "E17: another browser gets nothing");
    let ours = app.get(&path).header("Cookie", &login.cookie);
    let response = ours.send().await.unwrap();
    let cookies = response.headers().get_all("set-cookie").iter();
    assert_eq!(cookies.count(), 2, "the session begins, the login ends");
    let page = check_page(&app, response).await;
    let code = field(&page, "code").unwrap();
    let state = field(&page, "state").unwrap();
    assert!(
        !state.contains('<') && state.contains("alert(1)"),
        "{state}"
    );
    assert_eq!(request.redeem(&app, &code).await.status(), 200);

    let again = app.get(&path).header("Cookie", &login.cookie).send().await;
    assert_ne!(again.unwrap().status(), 200, "once");
}

#[tokio::test]
async fn errors_go_the_same_way() {
    let app = TestApp::start().await;
    let request = Request::new()
        .with("response_mode", "form_post")
        .with("state", HOSTILE)
        .with("prompt", "none");
    let page = check_page(&app, request.send(&app).await).await;
    assert_eq!(field(&page, "error").as_deref(), Some("login_required"));
    assert_eq!(field(&page, "code"), None);
    let script = app.get("/static/form_post.js").send().await.unwrap();
    assert_eq!(script.status(), 200);
}

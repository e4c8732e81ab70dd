//! The userinfo endpoint's refusals (attack G12).

use serde_json::Value;

use crate::card::Card;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{TestApp, header};

#[tokio::test]
async fn only_a_live_access_token_in_the_header_is_answered() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &card).await;
    let tokens: Value = request
        .redeem(&app, &signed_in.code)
        .await
        .json()
        .await
        .unwrap();
    let (access, id) = (
        tokens["access_token"].as_str().unwrap(),
        tokens["id_token"].as_str().unwrap(),
    );

    let none = app.get("/userinfo").send().await.unwrap();
    assert_eq!(none.status(), 401);
    assert_eq!(header(&none, "www-authenticate"), "Bearer realm=\"cardea\"");
    for (name, token) in [("ID token", id), ("nonsense", "a.b.c")] {
        let response = app
            .get("/userinfo")
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 401, "{name}");
        let challenge = header(&response, "www-authenticate");
        assert!(
            challenge.contains("error=\"invalid_token\""),
            "{name}: {challenge}"
        );
    }
    let query = app
        .get("/userinfo")
        .query(&[("access_token", access)])
        .send()
        .await
        .unwrap();
    assert_eq!(query.status(), 400);
    let post = app
        .post("/userinfo")
        .bearer_auth(access)
        .send()
        .await
        .unwrap();
    assert_eq!(post.status(), 200);
    assert_eq!(header(&post, "cache-control"), "no-store");
}

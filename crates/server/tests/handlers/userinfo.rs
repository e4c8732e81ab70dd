//! The userinfo endpoint's refusals (attacks G5 and G12).

use cardea_jose::UnverifiedJws;
use serde_json::Value;

use crate::card::Card;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, TestApp, header};

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

/// Attack F8: one token, in one place, in a form or a header.
#[tokio::test]
async fn the_token_may_stand_in_a_form_alone() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &card).await;
    let tokens = request.redeem(&app, &signed_in.code).await;
    let tokens: Value = tokens.json().await.unwrap();
    let access = tokens["access_token"].as_str().unwrap();
    let form = [("access_token", access)];

    let answer = app.post("/userinfo").form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "content-type"), "application/json");
    let claims: Value = answer.json().await.unwrap();
    assert!(claims["family_name"].is_string());

    let twice = [("access_token", access), ("access_token", access)];
    let multipart = "multipart/form-data; boundary=x";
    for (name, request, status) in [
        (
            "header and form",
            app.post("/userinfo").bearer_auth(access).form(&form),
            400,
        ),
        ("twice in the form", app.post("/userinfo").form(&twice), 400),
        (
            "JSON",
            app.post("/userinfo")
                .json(&serde_json::json!({ "access_token": access })),
            415,
        ),
        (
            "multipart",
            app.post("/userinfo")
                .header("content-type", multipart)
                .body("x"),
            415,
        ),
        ("GET with a form", app.get("/userinfo").form(&form), 401),
        (
            "another form",
            app.post("/userinfo").form(&[("token", access)]),
            401,
        ),
        ("no token", app.post("/userinfo"), 401),
        (
            "another scheme",
            app.get("/userinfo").basic_auth("x", Some(access)),
            401,
        ),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{name}");
        assert!(!header(&answer, "www-authenticate").is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_client_that_registered_an_algorithm_gets_a_jwt() {
    let changes = Changes::replacing(
        "id_token_signed_response_alg = \"ES256\"",
        "userinfo_signed_response_alg = \"ES256\"",
    );
    let app = TestApp::start_with(changes).await;
    let card = Card::pharmacist(&app);
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &card).await;
    let tokens = request.redeem(&app, &signed_in.code).await;
    let tokens: Value = tokens.json().await.unwrap();
    let access = tokens["access_token"].as_str().unwrap();
    let answer = app
        .get("/userinfo")
        .bearer_auth(access)
        .send()
        .await
        .unwrap();
    assert_eq!(header(&answer, "content-type"), "application/jwt");
    let jwt = answer.text().await.unwrap();
    let jws = UnverifiedJws::parse(&jwt, 8192).unwrap();
    let claims: Value = jws.unverified_claims().unwrap();
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&app.issuer.as_str().into(), &CLIENT_ID.into())
    );
}

/// Attack G12: taken back, for another audience, and for nobody. What time does to a token is
/// tested where there is a clock to turn.
#[tokio::test]
async fn g12_each_token_that_is_not_good_enough_is_told_so() {
    let api = "https://api.example.test";
    let mut changes = Changes::replacing(
        "id_token_signed_response_alg = \"ES256\"",
        &format!("resources = [\"{api}\"]"),
    );
    let service = format!(
        "[[client]]\nclient_id = \"service\"\nname = \"Service\"\nsecret = \"{CLIENT_SECRET}\"\n\
         grant_types = [\"client_credentials\"]\n[keys]"
    );
    changes.replace.push(("[keys]", service));
    let app = TestApp::start_with(changes).await;
    let tokens_for = async |request: Request| {
        let signed_in = sign_in(&app, &request, &Card::pharmacist(&app)).await;
        let tokens = request.redeem(&app, &signed_in.code).await;
        let tokens: Value = tokens.json().await.unwrap();
        tokens["access_token"].as_str().unwrap().to_owned()
    };
    let revoked = tokens_for(Request::new()).await;
    let revoke = app
        .post("/revoke")
        .basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
    let revoke = revoke.form(&[("token", &revoked)]).send().await.unwrap();
    assert_eq!(revoke.status(), 200);
    let for_api = tokens_for(Request::new().with("resource", api)).await;
    let form = [("grant_type", "client_credentials")];
    let service = app
        .post("/token")
        .basic_auth("service", Some(CLIENT_SECRET));
    let service = service.form(&form).send().await.unwrap();
    let service: Value = service.json().await.unwrap();
    let service = service["access_token"].as_str().unwrap().to_owned();
    for (name, token, status, error) in [
        ("taken back", revoked, 401, "invalid_token"),
        ("for an API", for_api, 401, "invalid_token"),
        ("for nobody", service, 403, "insufficient_scope"),
    ] {
        let answer = app
            .get("/userinfo")
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status, "{name}");
        let challenge = header(&answer, "www-authenticate");
        let error = format!("error=\"{error}\"");
        assert!(challenge.contains(&error), "{name}: {challenge}");
        assert!(!answer.text().await.unwrap().contains("LEFEVRE"), "{name}");
    }
}

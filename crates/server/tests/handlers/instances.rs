//! `cardea instances` and `/admin/instances`: trusting a workstation and taking one out.

use reqwest::Method;
use serde_json::json;

use crate::admin::{Operator, changes};
use crate::card::Card;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{TestApp, problem_code};

/// Attack M4.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_lists_trusts_revokes_and_forgets() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let signed_in = sign_in(&app, &Request::new(), &card).await;
    let listed = app.operate_on("instances", &["list"]).await;
    let own = &listed["instances"][0];
    assert_eq!(own["people"], 1);
    assert!(own.get("standing").is_none(), "{own}");
    let jkt = own["instance_jkt"].as_str().unwrap();
    let trusted = app
        .operate_on(
            "instances",
            &["trust", jkt, "--name", "Comptoir", "--note", "room 12"],
        )
        .await;
    assert_eq!(trusted["instance"]["standing"], "managed");
    assert_eq!(trusted["instance"]["note"], "room 12");
    let revoked = app.operate_on("instances", &["revoke", jkt]).await;
    assert_eq!(revoked["instance"]["standing"], "revoked");
    assert_eq!(revoked["instance"]["name"], "Comptoir");
    assert_eq!(revoked["sessions_ended"], 1);
    drop(signed_in);
    let login = Request::new().begin(&app).await;
    let body = card
        .shown_again()
        .answer(&app, &login.challenge(&app).await);
    let refused = login.post_assertion(&app, &body).await;
    assert_eq!(problem_code(refused).await, "login.workstation_revoked");
    app.operate_on("instances", &["forget", jkt]).await;
    sign_in(&app, &Request::new(), &card.shown_again()).await;
}

/// Attack H14: what an operator changes stands with her on record.
#[tokio::test(flavor = "multi_thread")]
async fn h14_the_admin_api_does_the_same() {
    let app = TestApp::start_with(changes()).await;
    let operator = Operator::sign_in(&app).await;
    let jkt = "A".repeat(43);
    let path = format!("/admin/instances/{jkt}");
    let decision = json!({ "standing": "managed", "name": "Comptoir" });
    let (status, view) = operator.told(Method::PUT, &path, Some(decision)).await;
    assert_eq!(
        (status, &view["standing"]),
        (200, &json!("managed")),
        "{view}"
    );
    let (_, list) = operator.told(Method::GET, "/admin/instances", None).await;
    assert_eq!(
        list["instances"].as_array().unwrap().len(),
        2,
        "hers and this one"
    );
    for (body, code) in [
        (
            json!({ "standing": "managed", "name": "" }),
            "provider.instance_text_invalid",
        ),
        (json!({ "standing": "known" }), "server.request_malformed"),
        (
            json!({ "standing": "revoked", "other": 1 }),
            "server.request_malformed",
        ),
    ] {
        let (status, refused) = operator.told(Method::PUT, &path, Some(body)).await;
        assert_eq!((status, &refused["code"]), (400, &json!(code)), "{refused}");
    }
    let revoked = json!({ "standing": "revoked", "note": "stolen" });
    let (status, view) = operator.told(Method::PUT, &path, Some(revoked)).await;
    assert_eq!((status, &view["standing"]), (200, &json!("revoked")));
    let (status, _) = operator.told(Method::DELETE, &path, None).await;
    assert_eq!(status, 204);
    let (status, refused) = operator.told(Method::DELETE, &path, None).await;
    assert_eq!(
        (status, &refused["code"]),
        (404, &json!("provider.instance_undecided"))
    );
    assert_eq!(
        app.count_events("agent_instance.revoked_by_operator").await,
        1
    );
}

/// A thumbprint that nobody has used may be mistyped: taking it out must not look like success.
#[tokio::test(flavor = "multi_thread")]
async fn a_thumbprint_that_nobody_has_used_is_refused_unless_it_was_compared() {
    let app = TestApp::start().await;
    let jkt = "A".repeat(43);
    let arguments: [&[&str]; 2] = [&["revoke", &jkt], &["trust", &jkt, "--name", "Comptoir"]];
    for arguments in arguments {
        let (exit, refused) = app.refused_operation("instances", arguments).await;
        assert_eq!(exit, Some(1), "{refused}");
        assert!(refused.contains("provider.instance_unseen"), "{refused}");
    }
    let arguments = ["trust", &jkt, "--name", "Comptoir", "--unseen"];
    app.operate_on("instances", &arguments).await;
    // What was decided before is no mistake any more.
    let revoked = app.operate_on("instances", &["revoke", &jkt]).await;
    assert_eq!(revoked["instance"]["standing"], "revoked");
}

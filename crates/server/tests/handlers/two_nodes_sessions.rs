//! Two servers on one PostgreSQL database: a session that ends at one is over at both, its agent
//! learns why at the node that it is connected to, and each portal is told once.

use std::time::Duration;

use serde_json::Value;

use crate::card::{Card, PresenceConnection};
use crate::relying_party::{Request, sign_in};
use crate::test_app::{Changes, TestApp};
use crate::two_nodes::on_postgres;

/// Answers nonces until the session is over, and says why.
async fn reason(connection: &mut PresenceConnection, app: &TestApp, card: &Card) -> String {
    loop {
        let frame = connection.next().await.expect("an end");
        if frame["type"] == "nonce" {
            let statement = card.present(app, frame["nonce"].as_str().unwrap());
            connection.send(&statement).await;
        } else if frame["state"] == "ended" {
            return frame["reason"].as_str().unwrap().to_owned();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_learns_at_its_node_that_the_session_ended_at_the_other() {
    let (one, _) = on_postgres(Changes::default()).await;
    let other = one.another_node().await;
    let card = Card::pharmacist(&one);
    let request = Request::new();
    let mut signed_in = sign_in(&one, &request, &card).await;
    let tokens = request.redeem(&other, &signed_in.code).await;
    let tokens: Value = tokens.json().await.unwrap();
    let hint = tokens["id_token"].as_str().unwrap();
    let logout = other.get("/logout").query(&[("id_token_hint", hint)]);
    assert_eq!(logout.send().await.unwrap().status(), 200);
    let reason = reason(&mut signed_in.connection, &one, &card).await;
    assert_eq!(reason, "logout");
    one.host.logout_token().await;
    // Both nodes look at the queue every second.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(one.host.logout_tokens_waiting(), 0, "told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_card_at_another_workstation_and_node_ends_the_older_session() {
    let (one, _) = on_postgres(Changes::default()).await;
    let other = one.another_node().await;
    let card = Card::pharmacist(&one);
    let mut older = sign_in(&one, &Request::new(), &card).await;
    let elsewhere = card.at_another_workstation();
    let _newer = sign_in(&other, &Request::new(), &elsewhere).await;
    let reason = reason(&mut older.connection, &one, &card).await;
    assert_eq!(reason, "card_elsewhere");
    one.host.logout_token().await;
}

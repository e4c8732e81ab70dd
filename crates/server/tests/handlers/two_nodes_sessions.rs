//! Two servers on one PostgreSQL database: a session that ends at one is over at both, its agent
//! learns why at the node that it is connected to, and each portal is told once.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::agent::{Agent, Told};
use crate::card::{Card, PresenceConnection};
use crate::nodes::Nodes;
use crate::relying_party::{Request, parameter, sign_in};
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

/// The card answers at one node, its agent is connected to the other: what the agent says there
/// counts at both.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_begun_at_one_node_is_watched_by_the_other() {
    let presence = "[presence]\ngrace_seconds = 8";
    let nodes = Nodes::start(Changes::replacing("[presence]", presence)).await;
    let card = Card::pharmacist(&nodes.app);
    let request = Request::new();
    let login = request.begin(&nodes.one).await;
    let body = card.answer(&nodes.one, &login.challenge(&nodes.one).await);
    let agent = Agent::start(&nodes.other, &card);
    let answer = login.post_assertion(&nodes.one, &body).await;
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    let code = parameter(answer["redirect_to"].as_str().unwrap(), "code").unwrap();
    let tokens = request.redeem(&nodes.one, &code).await;
    let tokens: Value = tokens.json().await.unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let userinfo = async || {
        let response = nodes.one.get("/userinfo").bearer_auth(token).send().await;
        response.unwrap().status().as_u16()
    };
    // The node without the connection ends nobody: it knows of the answers that the other took.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(10) {
        assert_eq!(userinfo().await, 200);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(agent.told(), Told::Active);
    drop(agent);
    let mut connection = card.connect(&nodes.other).await;
    connection.prove(&nodes.other, &card).await;
    connection.send(&card.departed(&nodes.app)).await;
    let reason = reason(&mut connection, &nodes.other, &card).await;
    assert_eq!(reason, "departed");
    assert_eq!(userinfo().await, 401, "at once at the node of the login");
    nodes.app.host.logout_token().await;
}

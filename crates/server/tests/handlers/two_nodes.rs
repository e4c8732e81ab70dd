//! Two servers on one PostgreSQL database (attack H19): what is spent on one is spent on both.

use cardea_storage::Store;
use cardea_storage::event::list_newest;
use serde_json::Value;

use crate::card::Card;
use crate::key_client::{KeyClient, nonce, proof, refusal, success, told};
use crate::nodes::Nodes;
use crate::postgres_cluster;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, TestApp};

/// A server on a database of its own; [`TestApp::another_node`] adds the second.
pub(crate) async fn on_postgres(changes: Changes) -> (TestApp, String) {
    let folder = tokio::task::spawn_blocking(postgres_cluster::socket_folder);
    on_cluster(folder.await.unwrap(), changes).await
}

/// The same, in a cluster whose socket is in this folder.
pub(crate) async fn on_cluster(folder: &str, mut changes: Changes) -> (TestApp, String) {
    let name = format!(
        "nodes_{}",
        cardea_jose::random_base64url(8).unwrap().to_lowercase()
    );
    let created = std::process::Command::new("createdb")
        .args(["--host", folder, "--username", "postgres", &name])
        .status()
        .unwrap();
    assert!(created.success());
    let url = format!("postgres://postgres@localhost/{name}?host={folder}");
    let database = format!("[database]\nurl = \"{url}\"\n[keys]");
    changes.replace.push(("[keys]", database));
    // The node that does not have the agent's connection learns of its answer at the next interval.
    let presence = "wait_seconds = 20\ninterval_seconds = 1".to_owned();
    changes.replace.push(("wait_seconds = 2", presence));
    (TestApp::start_with(changes).await, url)
}

/// What was accepted by one program is refused by the other, behind the proxy of the documents.
#[tokio::test(flavor = "multi_thread")]
async fn h19_what_is_spent_on_one_node_is_spent_on_both() {
    let service = KeyClient::new();
    let mut changes = service.registered();
    let from = "id_token_signed_response_alg = \"ES256\"";
    let to = "grant_types = [\"authorization_code\", \"refresh_token\"]".to_owned();
    changes.replace.push((from, to));
    let nodes = Nodes::start(changes).await;
    assertions_and_proofs(&nodes, &service).await;
    codes(&nodes).await;
    refresh_tokens(&nodes).await;
    challenges(&nodes).await;
}

async fn assertions_and_proofs(nodes: &Nodes, service: &KeyClient) {
    let (one, other) = (&nodes.one, &nodes.other);
    let assertion = service.assertion(one);
    let ask = async |app: &TestApp| told(service.ask_with(app, &assertion).send().await.unwrap());
    assert_eq!(ask(one).await.await, success());
    let replayed = refusal(401, "invalid_client", "provider.client_assertion_replayed");
    assert_eq!(ask(other).await.await, replayed);

    // A nonce of one is good on the other; a proof only once.
    let key = cardea_jose::SigningKey::generate(cardea_jose::Algorithm::Es256).unwrap();
    let n = nonce(one).await;
    let sent = proof(one, &key, ("POST", "/token"), None, Some(&n));
    let ask = async |app: &TestApp| {
        let request = service.ask(app).header("DPoP", &sent);
        told(request.send().await.unwrap()).await
    };
    assert_eq!(ask(other).await, success());
    let replayed = refusal(400, "invalid_dpop_proof", "provider.dpop_proof_replayed");
    assert_eq!(ask(one).await, replayed);

    // Of many at once on both, one is served.
    let assertion = service.assertion(one);
    let requests: Vec<_> = (0..20)
        .map(|number| {
            let app = if number % 2 == 0 { one } else { other };
            tokio::spawn(service.ask_with(app, &assertion).send())
        })
        .collect();
    let mut served = 0;
    for request in requests {
        if request.await.unwrap().unwrap().status() == 200 {
            served += 1;
        }
    }
    assert_eq!(served, 1);
}

async fn userinfo(app: &TestApp, tokens: &Value) -> u16 {
    let token = tokens["access_token"].as_str().unwrap();
    let response = app.get("/userinfo").bearer_auth(token).send().await;
    response.unwrap().status().as_u16()
}

async fn codes(nodes: &Nodes) {
    let card = Card::pharmacist(&nodes.app);
    let request = Request::new();
    let signed_in = sign_in(&nodes.app, &request, &card).await;
    let tokens = request.redeem(&nodes.one, &signed_in.code).await;
    let tokens: Value = tokens.json().await.unwrap();
    assert_eq!(userinfo(&nodes.other, &tokens).await, 200);
    let again = request.redeem(&nodes.other, &signed_in.code).await;
    let reused = refusal(400, "invalid_grant", "provider.code_reused");
    assert_eq!(told(again).await, reused);
    let status = userinfo(&nodes.other, &tokens).await;
    assert_eq!(status, 401, "the second use takes back the first");
}

async fn refresh_tokens(nodes: &Nodes) {
    let card = Card::pharmacist(&nodes.app);
    let request = Request::new();
    let signed_in = sign_in(&nodes.app, &request, &card).await;
    let tokens = request.redeem(&nodes.one, &signed_in.code).await;
    let tokens: Value = tokens.json().await.unwrap();
    let refresh = async |app: &TestApp, tokens: &Value| {
        let token = tokens["refresh_token"].as_str().unwrap();
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let request = app.post("/token").form(&form);
        let request = request.basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
        request.send().await.unwrap()
    };
    let newer = refresh(&nodes.one, &tokens).await;
    let newer: Value = newer.json().await.unwrap();
    let again = told(refresh(&nodes.other, &tokens).await).await;
    let reused = refusal(400, "invalid_grant", "provider.refresh_token_reused");
    assert_eq!(again, reused);
    let family = told(refresh(&nodes.one, &newer).await).await;
    let revoked = refusal(400, "invalid_grant", "provider.refresh_token_revoked");
    assert_eq!(family, revoked);
    assert_eq!(userinfo(&nodes.one, &newer).await, 401);
}

/// The same answer of the card to the same challenge, on the other node.
async fn challenges(nodes: &Nodes) {
    let (one, other) = (&nodes.one, &nodes.other);
    let card = Card::pharmacist(one);
    let login = Request::new().begin(one).await;
    let challenge = login.challenge(one).await;
    let body = card.answer(one, &challenge);
    let mut connection = card.connect(one).await;
    let (first, ()) = tokio::join!(
        login.post_assertion(one, &body),
        connection.prove(one, &card)
    );
    assert_eq!(first.status(), 200);
    let replayed = login.post_assertion(other, &body).await;
    assert_eq!(replayed.status(), 403);
    let store = Store::open(&nodes.database).await.unwrap();
    let mut transaction = store.begin_read().await.unwrap();
    let events = list_newest(&mut transaction, 100).await.unwrap();
    let refused = events.iter().find(|event| event.kind == "login.refused");
    let code = refused.unwrap().code.as_deref();
    assert_eq!(code, Some("assertion.challenge_replayed"));
}

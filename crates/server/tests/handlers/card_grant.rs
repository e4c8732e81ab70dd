//! The card grant over HTTP: its challenge, and tokens once the presence key has answered.

use cardea_assertion::{
    Confirmation, GrantAttestationClaims, GrantChallenge, GrantClaims, SigningInput,
    UserVerification, certificate_name,
};
use cardea_jose::{Algorithm, UnverifiedJws, sha256_base64url};
use openssl::ecdsa::EcdsaSig;
use openssl::sha::sha256;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::card::{Card, PresenceConnection};
use crate::key_client::{Told, nonce, proof, told};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, TestApp, header};
use crate::two_nodes::on_postgres;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SOFTWARE: &str = "officine";

/// The software beside the other clients.
fn registered() -> Changes {
    let table = format!(
        "[[client]]\nclient_id = \"{SOFTWARE}\"\nname = \"Logiciel\"\n\
         token_endpoint_auth_method = \"none\"\ngrant_types = [\"{GRANT_TYPE}\"]\n\
         scopes = [\"openid\"]\n[presence]"
    );
    Changes::replacing("[presence]", &table)
}

fn ask(app: &TestApp) -> RequestBuilder {
    app.post("/card-grant/challenge")
        .form(&[("client_id", SOFTWARE)])
}

async fn challenge(app: &TestApp) -> String {
    let response = ask(app).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "cache-control"), "no-store");
    assert!(!header(&response, "dpop-nonce").is_empty());
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["expires_in"], 120);
    body["challenge"].as_str().unwrap().to_owned()
}

/// What the card and the agent sign for a challenge.
fn sign(app: &TestApp, card: &Card, challenge: &str) -> (String, String) {
    let jws = UnverifiedJws::parse(challenge, 4096).unwrap();
    let asked: GrantChallenge = jws.unverified_claims().unwrap();
    let certificate = &card.issued.authentication;
    let name = certificate_name(&certificate.der);
    let claims = GrantClaims {
        iss: name.clone(),
        sub: name,
        aud: app.issuer.clone(),
        client_id: asked.client_id,
        challenge: sha256_base64url(challenge.as_bytes()),
        nonce: asked.nonce,
        jti: asked.jti,
        iat: asked.iat,
        exp: asked.exp,
        card_serial: "00112233".to_owned(),
        uv: UserVerification::Now,
        cnf: Confirmation {
            jkt: card.presence_key.kid().to_owned(),
        },
        instance_jkt: card.instance_key.kid().to_owned(),
    };
    let input = SigningInput::new(Algorithm::Es256, &[&certificate.der], &claims).unwrap();
    let key = certificate.key.ec_key().unwrap();
    let signature = EcdsaSig::sign(&sha256(input.as_bytes()), &key).unwrap();
    let mut bytes = signature.r().to_vec_padded(32).unwrap();
    bytes.extend(signature.s().to_vec_padded(32).unwrap());
    let grant = input.into_assertion(&bytes);
    let attestation = GrantAttestationClaims::new(&grant, claims.uv)
        .sign(&card.instance_key)
        .unwrap();
    (grant, attestation)
}

async fn redeem(app: &TestApp, card: &Card, signed: &(String, String)) -> Response {
    let form = [
        ("grant_type", GRANT_TYPE),
        ("client_id", SOFTWARE),
        ("assertion", &signed.0),
        ("attestation", &signed.1),
    ];
    let nonce = nonce(app).await;
    let at_token = ("POST", "/token");
    let proof = proof(app, &card.presence_key, at_token, None, Some(&nonce));
    let request = app.post("/token").header("DPoP", proof).form(&form);
    request.send().await.unwrap()
}

fn refused(status: u16, error: &str, code: &str) -> Told {
    (status, error.to_owned(), code.to_owned())
}

#[tokio::test]
async fn the_tokens_come_once_the_presence_key_has_answered() {
    let app = TestApp::start_with(registered()).await;
    let card = Card::pharmacist(&app);
    let signed = sign(&app, &card, &challenge(&app).await);
    let mut connection = card.connect(&app).await;
    let (response, ()) = tokio::join!(redeem(&app, &card, &signed), connection.prove(&app, &card));
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "cache-control"), "no-store");
    let tokens: Value = response.json().await.unwrap();
    assert_eq!(tokens["token_type"], "DPoP");
    connection.send(&card.departed(&app)).await;
    assert_eq!(connection.next().await.unwrap()["reason"], "departed");
}

#[tokio::test]
async fn without_the_presence_key_the_answer_is_invalid_grant_after_a_bounded_wait() {
    let app = TestApp::start_with(registered()).await;
    let card = Card::pharmacist(&app);
    let signed = sign(&app, &card, &challenge(&app).await);
    let response = redeem(&app, &card, &signed).await;
    let missing = "provider.card_grant_presence_missing";
    assert_eq!(told(response).await, refused(400, "invalid_grant", missing));
    assert_eq!(app.count_events("session.ended").await, 1);
    // The challenge is spent: nothing can be asked for again.
    let response = redeem(&app, &card, &signed).await;
    assert_eq!(
        told(response).await,
        refused(400, "invalid_grant", "login.refused")
    );
}

/// Attack H19: the agent at one node and the software at the other, and the same grant at both.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_redeemed_once_on_two_nodes_wherever_its_agent_is() {
    let (one, _) = on_postgres(registered()).await;
    let other = one.another_node().await;
    let card = Card::pharmacist(&one);
    let signed = sign(&one, &card, &challenge(&one).await);
    let mut connection = PresenceConnection::open(&one).await;
    let (at_one, at_other, ()) = tokio::join!(
        redeem(&one, &card, &signed),
        redeem(&other, &card, &signed),
        connection.prove(&one, &card)
    );
    let mut statuses = [at_one.status().as_u16(), at_other.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
}

/// Attack F8, F3 and F7: forms alone, credentials where they belong, registered clients alone.
#[tokio::test]
async fn the_challenge_is_given_to_forms_of_registered_clients_alone() {
    let app = TestApp::start_with(registered()).await;
    let form = [("client_id", SOFTWARE)];
    let json = app.post("/card-grant/challenge").json(&form);
    assert_eq!(json.send().await.unwrap().status(), 415);
    assert_eq!(
        app.get("/card-grant/challenge")
            .send()
            .await
            .unwrap()
            .status(),
        405
    );
    let in_query = app
        .post("/card-grant/challenge?client_id=officine")
        .form(&form);
    let told_of = async |request: RequestBuilder| told(request.send().await.unwrap()).await;
    let malformed = refused(400, "invalid_request", "server.request_malformed");
    assert_eq!(told_of(in_query).await, malformed);
    let twice = [("client_id", SOFTWARE), ("client_id", SOFTWARE)];
    let twice = app.post("/card-grant/challenge").form(&twice);
    let repeated = refused(400, "invalid_request", "oauth2.parameter_repeated");
    assert_eq!(told_of(twice).await, repeated);
    let unknown = app
        .post("/card-grant/challenge")
        .form(&[("client_id", "nobody")]);
    let failed = "provider.client_authentication_failed";
    assert_eq!(
        told_of(unknown).await,
        refused(401, "invalid_client", failed)
    );
    let portal = app
        .post("/card-grant/challenge")
        .basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
    let not_allowed = refused(
        400,
        "unauthorized_client",
        "provider.grant_type_not_allowed",
    );
    assert_eq!(
        told_of(portal.form::<[(&str, &str)]>(&[])).await,
        not_allowed
    );
}

/// Attack H9: a flood of challenges from one address.
#[tokio::test]
async fn challenges_of_one_address_are_bounded() {
    let mut changes = Changes::limiting("challenges_per_address_and_minute = 3");
    changes.replace.extend(registered().replace);
    let app = TestApp::start_with(changes).await;
    for _ in 0..3 {
        challenge(&app).await;
    }
    let response = ask(&app).send().await.unwrap();
    assert_eq!(header(&response, "retry-after"), "60");
    let too_many = refused(429, "temporarily_unavailable", "server.too_many_requests");
    assert_eq!(told(response).await, too_many);
}

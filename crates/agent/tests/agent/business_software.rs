//! Tokens for a program of this workstation: what is asked, signed and proven, and what is refused.

use std::time::Duration;

use cardea_agent::Error;
use cardea_agent::business_software::{GrantRequest, Granted};
use cardea_assertion::{
    CARD_ALGORITHMS, LoginChallenge, Purpose, UnverifiedGrant, certificate_name, verify_attestation,
};
use cardea_jose::{Algorithm, DpopProof, DpopTarget, SigningKey, sha256_base64url};
use openssl::x509::X509;
use serde_json::{Value, json};

use crate::readers::{Readers, pharmacist};
use crate::workstation::{Setup, Workstation};

const ENABLED: &str = "[business_software]\nenabled = true\n\
     [[business_software.client]]\nclient_id = \"officine\"\n\
     addresses = [\"https://api.example/v1/\"]\n";

async fn start(readers: &Readers, answers: &[&str]) -> Workstation {
    start_with(readers, answers, ENABLED).await
}

async fn start_with(readers: &Readers, answers: &[&str], more: &str) -> Workstation {
    let setup = Setup {
        more: more.to_owned(),
        ..Setup::default()
    };
    Workstation::start_with(readers, answers, setup).await
}

fn request(workstation: &Workstation) -> GrantRequest {
    GrantRequest {
        issuer: workstation.issuer.url.clone(),
        client_id: "officine".to_owned(),
        scope: Some("openid".to_owned()),
        resources: Vec::new(),
    }
}

async fn grant(workstation: &Workstation) -> Result<Granted, Error> {
    workstation.agent.grant(&request(workstation), |_| {}).await
}

async fn code_of(workstation: &Workstation) -> &'static str {
    grant(workstation)
        .await
        .map_or_else(|error| error.code(), |_| "")
}

#[tokio::test]
async fn a_program_gets_tokens_by_the_cards_signature_and_a_proof_of_the_presence_key() {
    let workstation = start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    let challenge = workstation.issuer.offer_grant();
    let granted = grant(&workstation).await.unwrap();
    assert_eq!(granted.response["access_token"], "a.b.c");

    let asked = workstation.issuer.asked();
    assert_eq!(asked[0]["client_id"], "officine");
    assert_eq!(asked[0]["scope"], "openid");
    let redeemed = workstation.issuer.redeemed();
    // Once without a nonce, and again with the one that came back.
    assert_eq!(redeemed.len(), 2);
    assert_eq!(redeemed[0].proof_nonce, None);
    assert_eq!(redeemed[0].form, redeemed[1].form);
    let form = &redeemed[1].form;
    assert_eq!(
        form["grant_type"],
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    );
    let statement = UnverifiedGrant::parse(&form["assertion"]).unwrap();
    let leaf = statement.leaf_certificate_der().to_vec();
    let key = X509::from_der(&leaf).unwrap().public_key().unwrap();
    let verified = statement.verify(key, &CARD_ALGORITHMS).unwrap();
    verify_attestation(&form["attestation"], &verified).unwrap();
    let claims = verified.claims();
    assert_eq!(claims.sub, certificate_name(&leaf));
    assert_eq!(claims.aud, workstation.issuer.url);
    assert_eq!(claims.client_id, "officine");
    assert_eq!(claims.challenge, sha256_base64url(challenge.as_bytes()));
    assert_eq!(claims.exp, 1_000_120);
    // One key: the card signed it, the proof is by it, and presence is told with it.
    assert_eq!(redeemed[1].proof_jkt, claims.cnf.jkt);
    assert_eq!(workstation.issuer.statement().await.jkt(), claims.cnf.jkt);
}

#[tokio::test]
async fn the_prompt_names_the_client_and_says_that_the_program_is_not_verified() {
    let workstation = start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    workstation.issuer.offer_grant();
    grant(&workstation).await.unwrap();
    let person = &workstation.person;
    assert!(person.saw("Logiciel d’officine"));
    assert!(person.saw("Émetteur de test"));
    assert!(person.saw("PAS VÉRIFIÉ"));
    // A page's prompt says no such thing.
    let page = start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    page.page().sign_in(&page.issuer.challenge()).await;
    assert!(page.person.saw("Portail de démonstration") && !page.person.saw("VÉRIFIÉ"));
}

#[tokio::test]
async fn the_session_ends_when_the_card_leaves() {
    let readers = Readers::holding(&pharmacist());
    let workstation = start(&readers, &["pin 1234"]).await;
    workstation.issuer.offer_grant();
    let mut granted = grant(&workstation).await.unwrap();
    let line = json!({"htm": "GET", "htu": format!("{}/userinfo", workstation.issuer.url)});
    let answer = |granted: &Granted| -> Value {
        let answer = workstation
            .agent
            .answer_proof_request(granted, &line.to_string());
        serde_json::from_str(&answer).unwrap()
    };
    assert!(answer(&granted)["dpop"].is_string());
    readers.pull("Reader A");
    tokio::time::timeout(
        Duration::from_secs(60),
        workstation.agent.outlast(&mut granted),
    )
    .await
    .unwrap();
    assert_eq!(answer(&granted)["error"]["code"], "card.removed");
    workstation.issuer.departure().await;
}

#[tokio::test]
async fn proofs_are_made_for_the_issuers_and_the_clients_addresses_only() {
    let workstation = start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    workstation.issuer.offer_grant();
    let granted = grant(&workstation).await.unwrap();
    let jkt = workstation.issuer.redeemed()[0].proof_jkt.clone();
    let ask = |line: Value| -> Value {
        let answer = workstation
            .agent
            .answer_proof_request(&granted, &line.to_string());
        serde_json::from_str(&answer).unwrap()
    };
    let url = "https://api.example/v1/patients";
    let answer = ask(json!({"htm": "GET", "htu": url, "access_token": "a.b.c"}));
    let target = DpopTarget {
        method: "GET",
        url,
        access_token: Some("a.b.c"),
    };
    let proof = DpopProof::verify(answer["dpop"].as_str().unwrap(), &target).unwrap();
    assert_eq!(proof.jkt(), jkt);
    for url in [
        "https://api.example/v2/patients".to_owned(),
        "https://evil.test/v1/".to_owned(),
        format!("{}/par", workstation.issuer.url),
    ] {
        let answer = ask(json!({"htm": "GET", "htu": url}));
        assert_eq!(answer["error"]["code"], "agent.proof_refused", "{url}");
    }
}

#[tokio::test]
async fn programs_get_nothing_unless_the_configuration_lets_them() {
    let readers = Readers::holding(&pharmacist());
    let other = "[business_software]\nenabled = true\n\
         [[business_software.client]]\nclient_id = \"other\"\n";
    let cases = [
        ("", "agent.business_software_disabled"),
        (
            "[business_software]\nenabled = false\n",
            "agent.business_software_disabled",
        ),
        (other, "agent.client_not_allowed"),
    ];
    for (more, code) in cases {
        let workstation = start_with(&readers, &["pin 1234"], more).await;
        workstation.issuer.offer_grant();
        assert_eq!(code_of(&workstation).await, code, "{more}");
        assert!(workstation.issuer.asked().is_empty());
        assert_eq!(workstation.person.was_asked("GETPIN"), 0);
    }
}

#[tokio::test]
async fn an_issuer_that_is_not_enrolled_or_refuses_is_told() {
    let workstation = start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    let mut foreign = request(&workstation);
    foreign.issuer = "https://login.other.example".to_owned();
    let error = workstation.agent.grant(&foreign, |_| {}).await.unwrap_err();
    assert_eq!(error.code(), "agent.issuer_unknown");

    // No challenge for this client.
    let error = grant(&workstation).await.unwrap_err();
    assert_eq!(error.code(), "agent.grant_refused");
    let told = error.to_string();
    assert!(told.contains("unauthorized_client"), "{told}");
    assert!(told.contains("provider.grant_type_not_allowed"), "{told}");
    assert_eq!(workstation.person.was_asked("GETPIN"), 0);

    // A challenge, and no tokens: what the server says is cut down to letters of codes.
    workstation.issuer.offer_grant();
    workstation.issuer.refuse_grants(json!({
        "error": "invalid_grant\u{1b}[2J",
        "error_uri": "https://id.example/errors/login.card_revoked",
    }));
    let error = grant(&workstation).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the issuer refused with invalid_grant2: login.card_revoked"
    );
}

#[tokio::test]
async fn a_challenge_that_is_not_this_grants_is_not_put_to_the_person() {
    let workstation = start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    let issuer = &workstation.issuer;
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let mut foreign = issuer.grant_claims();
    foreign.client_id = "other".to_owned();
    let mut purpose = issuer.grant_claims();
    purpose.purpose = Purpose::Login;
    let login: LoginChallenge = issuer.claims();
    let cases = [
        (
            "another client's",
            foreign.sign(&issuer.challenge_key).unwrap(),
        ),
        (
            "another purpose",
            purpose.sign(&issuer.challenge_key).unwrap(),
        ),
        ("a login's", login.sign(&issuer.challenge_key).unwrap()),
        (
            "a stranger's",
            issuer.grant_claims().sign(&stranger).unwrap(),
        ),
        ("none", "nonsense".to_owned()),
    ];
    for (name, challenge) in cases {
        issuer.offer(challenge);
        assert_eq!(
            code_of(&workstation).await,
            "agent.challenge_invalid",
            "{name}"
        );
    }
    assert_eq!(workstation.person.was_asked("GETPIN"), 0);
    // Nor does a page get a grant signed.
    let challenge = issuer.offer_grant();
    assert_eq!(
        workstation.page().ask(&challenge).await.code(),
        "agent.challenge_invalid"
    );
}

#[tokio::test]
async fn the_card_and_the_person_can_say_no() {
    let workstation = start(&Readers::holding(&pharmacist()), &["cancel"]).await;
    workstation.issuer.offer_grant();
    assert_eq!(code_of(&workstation).await, "agent.prompt_cancelled");
    workstation.person.will_answer(&["pin 9999", "cancel"]);
    assert_eq!(code_of(&workstation).await, "agent.prompt_cancelled");
    assert!(workstation.issuer.redeemed().is_empty());

    // No card comes as long as the challenge lives: a second here.
    let workstation = start(&Readers::none(), &["pin 1234"]).await;
    workstation.issuer.offer_grant();
    let mut claims = workstation.issuer.grant_claims();
    claims.exp = claims.iat + 1;
    let challenge = claims.sign(&workstation.issuer.challenge_key).unwrap();
    workstation.issuer.offer(challenge);
    assert_eq!(code_of(&workstation).await, "card.no_reader");
}

/// The agent and the command are two processes of one user: one of them has the person's attention.
#[tokio::test]
async fn there_is_one_prompt_also_between_two_processes() {
    let workstation = start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    workstation.issuer.offer_grant();
    let state = workstation.folder.path().join("state/prompt.lock");
    std::fs::write(&state, "").unwrap();
    let other_process = std::fs::File::open(&state).unwrap();
    other_process.lock().unwrap();
    assert_eq!(code_of(&workstation).await, "agent.busy");
    other_process.unlock().unwrap();
    assert_eq!(code_of(&workstation).await, "");
}

/// Attack D7: a program that asks again and again.
#[tokio::test]
async fn a_program_whose_prompts_are_cancelled_three_times_has_to_wait() {
    let workstation = start(&Readers::holding(&pharmacist()), &["cancel"]).await;
    for _ in 0..3 {
        workstation.issuer.offer_grant();
        assert_eq!(code_of(&workstation).await, "agent.prompt_cancelled");
    }
    let error = grant(&workstation).await.unwrap_err();
    assert_eq!(error.code(), "agent.rate_limited");
    assert_eq!(workstation.person.was_asked("GETPIN"), 3);
    // A page is another matter: it names an origin.
    workstation.person.will_answer(&["pin 1234"]);
    let lines = workstation
        .page()
        .sign_in(&workstation.issuer.challenge())
        .await;
    assert_eq!(lines.last().unwrap()["type"], "assertion");
}

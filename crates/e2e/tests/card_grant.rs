//! Business software without a browser: a real reader, the real agent program, the real server.

use std::time::Duration;

use anyhow::{Context, Result};
use cardea_e2e::business_software::{
    API, BusinessSoftware, is_active, leaves_with_the_card, nonce, userinfo, userinfo_proof,
};
use cardea_e2e::{AuthorizationRequest, PageScript, Stage};
use cardea_jose::{
    Algorithm, DpopTarget, SigningKey, base64url, parse_base64url, sha256_base64url,
    sign_dpop_proof,
};
use cardea_xtask::system::{Answer, Part, Scheme};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

async fn open(name: &str) -> Result<Stage> {
    Stage::open_with(name, BusinessSoftware::register).await
}

fn text<'a>(document: &'a Value, member: &str) -> Result<&'a str> {
    let value = document.get(member).and_then(Value::as_str);
    value.with_context(|| format!("no {member} in {document}"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server under test goes by the machine's clock"
)]
fn unix_now() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

/// Waits until a condition holds: the server hears of a departure on another connection.
async fn soon<F: AsyncFnMut() -> Result<bool>>(mut holds: F) -> Result<bool> {
    for _ in 0..1_200 {
        if holds().await? {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(false)
}

/// Attack F10: a token that only the agent's key opens, and that dies with the card.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_gets_tokens_that_only_the_agent_can_use_and_that_leave_with_the_card()
-> Result<()> {
    let stage = open("card-grant").await?;
    let system = stage.system();
    let http = PageScript::http()?;
    let (mut software, tokens) = BusinessSoftware::sign_in(system, &["--scope", "openid profile"])?;
    assert_eq!(text(&tokens, "token_type")?, "DPoP");
    let token = text(&tokens, "access_token")?;
    let log = system.pin_prompt_log();
    assert!(log.contains("Logiciel d’officine"), "{log}");
    assert!(log.contains("PAS VÉRIFIÉ"), "{log}");

    // As a bearer token, and with a proof by another key.
    let refused = userinfo(&http, system, &format!("Bearer {token}"), None).await?;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let url = format!("{}/userinfo", system.addresses().issuer());
    let target = DpopTarget {
        method: "GET",
        url: &url,
        access_token: Some(token),
    };
    let thief = SigningKey::generate(Algorithm::Es256)?;
    let now = unix_now();
    let stolen = sign_dpop_proof(&thief, &target, now, Some(&nonce(&http, system).await?))?;
    let scheme = format!("DPoP {token}");
    let refused = userinfo(&http, system, &scheme, Some(&stolen)).await?;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);

    let proof = userinfo_proof(&mut software, &http, system, token).await?;
    let answer = userinfo(&http, system, &scheme, Some(&proof)).await?;
    assert_eq!(answer.status(), StatusCode::OK);
    let person: Value = answer.json().await?;
    assert_eq!(text(&person, "family_name")?, "DURAND");

    // While the card is there the software refreshes, with a proof by the same key.
    let token_url = format!("{}/token", system.addresses().issuer());
    let nonce = nonce(&http, system).await?;
    let asked = json!({"htm": "POST", "htu": token_url, "nonce": nonce});
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "officine"),
        ("refresh_token", text(&tokens, "refresh_token")?),
    ];
    let proof = software.proof(&asked)?;
    let request = http.post(&token_url).header("dpop", proof).form(&form);
    let tokens: Value = request.send().await?.json().await?;
    let token = text(&tokens, "access_token")?;

    // The browser's login goes on beside it, with the same card and the running agent.
    system.sign_in_once()?;

    leaves_with_the_card(software, &http, system, token).await?;
    let log = system.log_of(Part::Server);
    assert!(log.contains("provider.access_token_revoked"), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_hears_that_the_token_is_dead_once_the_card_or_the_program_is_gone() -> Result<()> {
    let stage = open("card-grant-api").await?;
    let (system, http) = (stage.system(), PageScript::http()?);
    let for_api = ["--resource", API];
    let ends: [fn(&Stage, &mut BusinessSoftware) -> Result<()>; 3] = [
        |_, software| {
            software.close();
            Ok(())
        },
        |_, software| software.terminate(),
        |stage, _| stage.system().card().remove(),
    ];
    for end in ends {
        let (mut software, tokens) = BusinessSoftware::sign_in(system, &for_api)?;
        let token = text(&tokens, "access_token")?;
        assert!(is_active(&http, system, token).await?);
        // Proofs for the API are made, and for another address they are not.
        software.proof(&json!({"htm": "GET", "htu": format!("{API}/patients")}))?;
        let elsewhere = json!({"htm": "GET", "htu": "https://evil.test/patients"});
        assert!(software.proof(&elsewhere).is_err());
        end(&stage, &mut software)?;
        assert!(software.wait()?.success());
        assert!(soon(async || Ok(!is_active(&http, system, token).await?)).await?);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_one_document_is_printed_and_once_ends_the_session_at_once() -> Result<()> {
    let stage = Stage::open_with("card-grant-tls", |options| {
        BusinessSoftware::register(options);
        options.scheme = Scheme::Https;
    })
    .await?;
    let output = BusinessSoftware::run(stage.system(), true, &["--json", "--once"])?;
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout)?;
    assert_eq!(printed.lines().count(), 1);
    let tokens: Value = serde_json::from_str(&printed)?;
    assert_eq!(text(&tokens, "token_type")?, "DPoP");
    assert!(tokens.get("refresh_token").is_some());
    let log = stage.system().log_of(Part::Server);
    assert!(log.contains("departed"), "{log}");

    // For a person: words, and no token.
    let output = BusinessSoftware::run(stage.system(), true, &["--once"])?;
    let words = String::from_utf8(output.stdout)?;
    assert!(words.starts_with("Accès accordé"), "{words}");
    assert!(!words.contains("eyJ"), "{words}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_one_document_with_its_code() -> Result<()> {
    let stage = open("card-grant-refused").await?;
    let system = stage.system();
    let code_of = |allowed: bool, more: &[&str]| -> Result<(String, String)> {
        let output = BusinessSoftware::run(system, allowed, &[&["--json"], more].concat())?;
        assert!(!output.status.success());
        let document: Value = serde_json::from_slice(&output.stdout)?;
        let detail = text(&document, "detail")?.to_owned();
        Ok((text(&document, "code")?.to_owned(), detail))
    };
    assert_eq!(code_of(false, &[])?.0, "agent.business_software_disabled");
    let (code, detail) = code_of(true, &["--scope", "openid professional"])?;
    assert_eq!(code, "agent.grant_refused");
    assert!(detail.contains("provider.scope_not_allowed"), "{detail}");
    system.script_pin_prompt(&[Answer::Pin("9999".to_owned()), Answer::Cancel])?;
    assert_eq!(code_of(true, &[])?.0, "agent.prompt_cancelled");
    system.script_pin_prompt(&[Answer::Pin("1234".to_owned())])?;
    system.card().revoke()?;
    let (code, detail) = code_of(true, &[])?;
    assert_eq!(code, "agent.grant_refused");
    assert!(detail.contains("login.card_revoked"), "{detail}");
    let log = system.log_of(Part::Server);
    assert!(log.contains("pki.certificate_revoked"), "{log}");
    Ok(())
}

/// Neither of the card's two statements is taken at the other's endpoint.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_assertion_gets_no_grant_and_a_grant_no_login() -> Result<()> {
    let stage = open("card-grant-confusion").await?;
    let (system, http) = (stage.system(), PageScript::http()?);
    let page = PageScript::open(system, &AuthorizationRequest::new()?).await?;
    let signed = page.sign(system, &page.challenge().await?).await?;
    let (status, body) = redeem(&http, &stage, &signed.assertion, &signed.attestation).await?;
    assert_eq!(
        (status, text(&body, "error")?),
        (StatusCode::BAD_REQUEST, "invalid_grant")
    );
    let description = text(&body, "error_description")?;
    assert!(description.starts_with("login.refused"), "{description}");
    let log = system.log_of(Part::Server);
    assert!(log.contains("jose.claims_malformed"), "{log}");
    // The login itself goes on.
    assert_eq!(page.post_signed(&signed).await?.status(), StatusCode::OK);

    // The agent has no card sign a grant for a page.
    let challenge = grant_challenge(&http, &stage).await?;
    let page = PageScript::open(system, &AuthorizationRequest::new()?).await?;
    let said = page.ask_agent(system, &challenge).await?;
    assert_eq!(text(&said, "code")?, "agent.challenge_invalid");
    // Nor does the server log anybody in by one.
    let mut grant = page.sign(system, &page.challenge().await?).await?;
    grant.assertion = as_grant(&grant.assertion, &challenge)?;
    let refused = page.post_signed(&grant).await?;
    assert!(refused.status().is_client_error());
    let body: Value = refused.json().await?;
    assert_eq!(text(&body, "code")?, "login.refused");
    Ok(())
}

async fn grant_challenge(http: &Client, stage: &Stage) -> Result<String> {
    let url = format!(
        "{}/card-grant/challenge",
        stage.system().addresses().issuer()
    );
    let answer = http
        .post(url)
        .form(&[("client_id", "officine")])
        .send()
        .await?;
    let body: Value = answer.json().await?;
    Ok(text(&body, "challenge")?.to_owned())
}

async fn redeem(
    http: &Client,
    stage: &Stage,
    assertion: &str,
    attestation: &str,
) -> Result<(StatusCode, Value)> {
    let url = format!("{}/token", stage.system().addresses().issuer());
    let target = DpopTarget {
        method: "POST",
        url: &url,
        access_token: None,
    };
    let key = SigningKey::generate(Algorithm::Es256)?;
    let now = unix_now();
    let nonce = nonce(http, stage.system()).await?;
    let proof = sign_dpop_proof(&key, &target, now, Some(&nonce))?;
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("client_id", "officine"),
        ("assertion", assertion),
        ("attestation", attestation),
    ];
    let answer = http
        .post(url)
        .header("dpop", proof)
        .form(&form)
        .send()
        .await?;
    Ok((answer.status(), answer.json().await?))
}

/// A login's assertion with the type and the claims of a grant.
fn as_grant(assertion: &str, challenge: &str) -> Result<String> {
    let mut parts = assertion.split('.');
    let mut read = || -> Result<Value> {
        let part = parts.next().context("three parts")?;
        Ok(serde_json::from_slice(&parse_base64url(part)?)?)
    };
    let (mut header, mut claims) = (read()?, read()?);
    let signature = parts.next().context("three parts")?;
    if let (Some(header), Some(claims)) = (header.as_object_mut(), claims.as_object_mut()) {
        header.insert("typ".to_owned(), "card-grant+jwt".into());
        claims.remove("origin");
        claims.insert("iss".to_owned(), "ni:///sha-256;x".into());
        claims.insert("sub".to_owned(), "ni:///sha-256;x".into());
        claims.insert("exp".to_owned(), json!(i64::MAX));
        let hash = sha256_base64url(challenge.as_bytes());
        claims.insert("challenge".to_owned(), hash.into());
    }
    let encode = |value: &Value| base64url(value.to_string().as_bytes());
    Ok(format!(
        "{}.{}.{signature}",
        encode(&header),
        encode(&claims)
    ))
}

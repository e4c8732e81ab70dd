//! What the whole system refuses, each with its stable code.
//!
//! The browser learns little (no oracle); the precise code stands in the server's log.

use anyhow::{Context, Result};
use cardea_e2e::{AuthorizationRequest, PageScript, Stage, StalePublication, exchange_card};
use cardea_xtask::system::{CardRequest, Part};
use reqwest::{Response, StatusCode, header};
use serde_json::{Value, json};

async fn code_of(answer: Response) -> Result<(StatusCode, String)> {
    let status = answer.status();
    let body: Value = answer.json().await.context("the answer is no JSON")?;
    let code = body.get("code").or_else(|| body.get("error"));
    Ok((
        status,
        code.and_then(Value::as_str).unwrap_or_default().to_owned(),
    ))
}

/// Signs in with the card in the reader and gives what the browser is told.
async fn refused_login(stage: &Stage) -> Result<String> {
    let page = PageScript::open(stage.system(), &AuthorizationRequest::new()?).await?;
    let signed = page.sign(stage.system(), &page.challenge().await?).await?;
    let (status, code) = code_of(page.post_signed(&signed).await?).await?;
    assert!(
        status.is_client_error() || status.is_server_error(),
        "{status} {code}"
    );
    Ok(code)
}

fn assert_logged(stage: &Stage, code: &str) {
    let log = stage.system().log_of(Part::Server);
    assert!(
        log.contains(&format!("\"{code}\"")),
        "the server's log lacks {code}:\n{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_card_is_refused() -> Result<()> {
    let stage = Stage::open("revoked").await?;
    stage.system().card().revoke()?;
    assert_eq!(refused_login(&stage).await?, "login.card_revoked");
    assert_logged(&stage, "pki.certificate_revoked");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_card_is_refused() -> Result<()> {
    let stage = Stage::open("expired").await?;
    let card = stage.system().card().beside("expired-card");
    card.issue(&CardRequest {
        expired: true,
        ..CardRequest::default()
    })?;
    exchange_card(stage.system(), &card).await?;
    // The agent has nothing signed. What the server says to an agent that does is tested with its
    // login handlers.
    let system = stage.system();
    let page = PageScript::open(system, &AuthorizationRequest::new()?).await?;
    let answer = page.ask_agent(system, &page.challenge().await?).await?;
    assert_eq!(answer["code"], "agent.card_expired");
    assert!(!system.pin_prompt_log().contains("GETPIN"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_whose_revocation_nobody_can_tell_is_refused() -> Result<()> {
    let mut stage = Stage::open("unreachable").await?;
    stage.system_mut().stop_part(Part::Pki)?;
    assert_eq!(refused_login(&stage).await?, "login.revocation_unavailable");
    assert_logged(&stage, "pki.revocation_unreachable");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_refused_when_the_crl_is_stale_and_ocsp_is_silent() -> Result<()> {
    let mut stage = Stage::open("stale").await?;
    stage.system_mut().stop_part(Part::Pki)?;
    let publication = StalePublication::open(stage.system()).await?;
    assert_eq!(refused_login(&stage).await?, "login.revocation_unavailable");
    assert!(publication.answered() > 0, "nobody asked for the stale CRL");
    assert_logged(&stage, "pki.revocation_stale");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_of_another_pki_with_the_same_names_is_refused() -> Result<()> {
    let stage = Stage::open("other-pki").await?;
    let card = stage
        .system()
        .card()
        .of_another_pki("other-pki")?
        .beside("other-card");
    card.issue(&CardRequest::default())?;
    exchange_card(stage.system(), &card).await?;
    assert_eq!(refused_login(&stage).await?, "login.card_not_accepted");
    assert_logged(&stage, "pki.untrusted_anchor");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_serves_once() -> Result<()> {
    let stage = Stage::open("replay").await?;
    let page = PageScript::open(stage.system(), &AuthorizationRequest::new()?).await?;
    let signed = page.sign(stage.system(), &page.challenge().await?).await?;
    let accepted = page.post_signed(&signed).await?;
    assert!(accepted.status().is_success(), "{}", accepted.text().await?);

    let (status, _) = code_of(page.post_signed(&signed).await?).await?;
    assert!(status.is_client_error(), "{status}");
    assert_logged(&stage, "assertion.challenge_replayed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_from_another_browser_is_refused_and_spends_its_challenge() -> Result<()> {
    let stage = Stage::open("other-browser").await?;
    let page = PageScript::open(stage.system(), &AuthorizationRequest::new()?).await?;
    let signed = page.sign(stage.system(), &page.challenge().await?).await?;

    let other = page.in_another_browser()?;
    let (_, code) = code_of(other.post_signed(&signed).await?).await?;
    assert_eq!(code, "login.other_browser");
    assert_logged(&stage, "assertion.challenge_foreign_browser");

    let (_, code) = code_of(page.post_signed(&signed).await?).await?;
    assert_eq!(code, "login.refused");
    assert_logged(&stage, "assertion.challenge_replayed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_of_another_login_is_refused() -> Result<()> {
    let stage = Stage::open("other-login").await?;
    let first = PageScript::open(stage.system(), &AuthorizationRequest::new()?).await?;
    let second = PageScript::open(stage.system(), &AuthorizationRequest::new()?).await?;
    let signed = first
        .sign(stage.system(), &first.challenge().await?)
        .await?;
    second.challenge().await?;
    let (_, code) = code_of(second.post_signed(&signed).await?).await?;
    assert_eq!(code, "login.refused");
    assert_logged(&stage, "assertion.challenge_foreign_browser");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_serves_once_and_a_second_use_revokes_what_it_gave() -> Result<()> {
    let stage = Stage::open("code-reuse").await?;
    let request = AuthorizationRequest::new()?;
    let page = PageScript::open(stage.system(), &request).await?;
    let code = page.code(stage.system()).await?;

    let answer = request.redeem(page.client(), stage.system(), &code).await?;
    assert_eq!(answer.status(), StatusCode::OK);
    let tokens: Value = answer.json().await?;
    let access_token = tokens["access_token"].as_str().context("no access token")?;
    let userinfo = format!("{}/userinfo", stage.system().addresses().issuer());
    let ask = || {
        page.client()
            .get(&userinfo)
            .bearer_auth(access_token)
            .send()
    };
    assert_eq!(ask().await?.status(), StatusCode::OK);

    let again = request.redeem(page.client(), stage.system(), &code).await?;
    assert_eq!(
        code_of(again).await?,
        (StatusCode::BAD_REQUEST, "invalid_grant".into())
    );
    assert_eq!(ask().await?.status(), StatusCode::UNAUTHORIZED);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_worth_nothing_without_its_verifier() -> Result<()> {
    let stage = Stage::open("verifier").await?;
    let request = AuthorizationRequest::new()?;
    let page = PageScript::open(stage.system(), &request).await?;
    let code = page.code(stage.system()).await?;
    let answer = request
        .redeem_wrongly(page.client(), stage.system(), &code)
        .await?;
    assert_eq!(
        code_of(answer).await?,
        (StatusCode::BAD_REQUEST, "invalid_grant".into())
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_authorization_requests_never_reach_a_login_page() -> Result<()> {
    let stage = Stage::open("requests").await?;
    let http = PageScript::http()?;
    // To a client that is not sure nothing is sent back; to a sure one, an OAuth error is.
    let cases = [
        ("unknown client", "client_id", Some("nobody"), None),
        (
            "other address",
            "redirect_uri",
            Some("http://127.0.0.1:9/callback/"),
            None,
        ),
        (
            "address prefix",
            "redirect_uri",
            Some("http://127.0.0.1:9/callback?x=1"),
            None,
        ),
        (
            "missing PKCE",
            "code_challenge",
            None,
            Some("invalid_request"),
        ),
        (
            "plain PKCE",
            "code_challenge_method",
            Some("plain"),
            Some("invalid_request"),
        ),
        (
            "token in the address",
            "response_type",
            Some("token"),
            Some("unsupported_response_type"),
        ),
    ];
    for (name, parameter, value, sent_back) in cases {
        let request = AuthorizationRequest::new()?.with(parameter, value);
        let answer = http.get(request.address(stage.system())?).send().await?;
        let location = answer.headers().get(header::LOCATION).cloned();
        let location = location.and_then(|value| value.to_str().map(str::to_owned).ok());
        match sent_back {
            None => assert!(
                location.is_none() && answer.status().is_client_error(),
                "{name}"
            ),
            Some(error) => {
                let location = location.unwrap_or_default();
                assert!(
                    location.contains(&format!("error={error}")),
                    "{name}: {location}"
                );
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_refuses_foreign_pages_and_hosts() -> Result<()> {
    let stage = Stage::open("foreign").await?;
    let page = PageScript::open(stage.system(), &AuthorizationRequest::new()?).await?;
    let challenge = page.challenge().await?;
    let agent = stage.system().addresses().agent_url();
    let ask = |origin: &str, host: Option<&str>| {
        let request = page.client().post(format!("{agent}/v1/assertion"));
        let request = request.header(header::ORIGIN, origin.to_owned());
        let request = request.json(&json!({ "challenge": challenge }));
        match host {
            Some(host) => request.header(header::HOST, host.to_owned()),
            None => request,
        }
    };
    let foreign = ask("https://portal.example", None).send().await?;
    assert_eq!(
        code_of(foreign).await?,
        (StatusCode::FORBIDDEN, "agent.origin_refused".into())
    );
    let issuer = stage.system().addresses().issuer();
    let rebound = ask(&issuer, Some("portal.example")).send().await?;
    assert_eq!(
        code_of(rebound).await?,
        (StatusCode::FORBIDDEN, "agent.host_refused".into())
    );
    assert!(
        !stage.system().pin_prompt_log().contains("GETPIN"),
        "a prompt was shown"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_challenge_is_not_signed() -> Result<()> {
    let stage = Stage::open("changed").await?;
    let page = PageScript::open(stage.system(), &AuthorizationRequest::new()?).await?;
    let mut challenge = page.challenge().await?;
    let last = challenge.pop().context("the challenge is empty")?;
    // The last characters of a signature carry all its bits but the lowest few.
    challenge.insert(challenge.len() - 10, if last == 'A' { 'B' } else { 'A' });
    let refusal = page.ask_agent(stage.system(), &challenge).await?;
    assert_eq!(refusal["code"], "agent.challenge_invalid");
    assert!(
        !stage.system().pin_prompt_log().contains("GETPIN"),
        "a prompt was shown"
    );
    Ok(())
}

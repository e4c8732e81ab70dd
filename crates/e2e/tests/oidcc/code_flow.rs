//! The code flow, and how a request and its client may look.

use anyhow::Result;
use cardea_e2e::conformance::{POST, Suite, SuiteRequest};

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_server() -> Result<()> {
    let suite = Suite::open().await?;
    let signed_in = suite
        .sign_in(&suite.user_agent()?, &suite.request()?)
        .await?;
    assert!(signed_in.asked());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_server_client_secret_post() -> Result<()> {
    let suite = Suite::open().await?;
    let request = SuiteRequest::new(&POST)?;
    suite.sign_in(&suite.user_agent()?, &request).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_response_type_missing() -> Result<()> {
    let suite = Suite::open().await?;
    let (agent, request) = (suite.user_agent()?, suite.request()?);
    suite.sign_in(&agent, &request).await?;
    let request = request.without("response_type");
    let visit = agent.authorize(&suite, &request).await?;
    let error = request.error(&suite, &visit)?;
    assert!(["invalid_request", "unsupported_response_type"].contains(&error.as_str()));
    assert!(!visit.asked());
    Ok(())
}

/// The suite sends `email` here, finds that it is not offered, and skips.
#[tokio::test(flavor = "multi_thread")]
async fn oidcc_alternate_happy_flow() -> Result<()> {
    let suite = Suite::open().await?;
    let request = suite.request()?.with("scope", "professional openid");
    let agent = suite.user_agent()?;
    let signed_in = suite.sign_in(&agent, &request.reversed()).await?;
    let userinfo = agent.userinfo(&suite, signed_in.access_token()).await?;
    assert!(userinfo.body["profession"].is_object(), "{userinfo:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_ensure_post_request_succeeds() -> Result<()> {
    let suite = Suite::open().await?;
    let (agent, request) = (suite.user_agent()?, suite.request()?);
    let visit = agent.authorize_by_post(&suite, &request).await?;
    assert!(visit.asked());
    let code = request.code(&suite, &visit)?;
    let answer = suite.redeem(&agent, &request, &code).await?;
    let userinfo = agent.userinfo(&suite, answer.text("access_token")?).await?;
    assert_eq!(userinfo.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_ensure_request_without_nonce_succeeds_for_code_flow() -> Result<()> {
    let suite = Suite::open().await?;
    let request = suite.request()?.without("nonce");
    let signed_in = suite.sign_in(&suite.user_agent()?, &request).await?;
    assert!(signed_in.claims().get("nonce").is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_ensure_request_with_valid_pkce_succeeds() -> Result<()> {
    let suite = Suite::open().await?;
    assert!(suite.lists("code_challenge_methods_supported", "S256"));
    let request = suite.request()?.with_pkce()?;
    suite.sign_in(&suite.user_agent()?, &request).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_ensure_registered_redirect_uri() -> Result<()> {
    let suite = Suite::open().await?;
    let (agent, request) = (suite.user_agent()?, suite.request()?);
    suite.sign_in(&agent, &request).await?;
    let elsewhere = format!("{}/KSGbJ0wfQq", request.client().redirect_uri);
    let visit = agent
        .authorize(&suite, &request.with("redirect_uri", &elsewhere))
        .await?;
    let page = visit.page()?;
    assert_eq!(page.status, 400);
    assert!(page.text.contains("provider.redirect_uri_mismatch"));
    Ok(())
}

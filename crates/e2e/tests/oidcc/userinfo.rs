//! The ways to ask userinfo, and a claim that is asked for by name.

use anyhow::Result;
use cardea_e2e::conformance::{Answer, Suite};

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_userinfo_get() -> Result<()> {
    let suite = Suite::open().await?;
    let agent = suite.user_agent()?;
    let signed_in = suite.sign_in(&agent, &suite.request()?).await?;
    let userinfo = agent.userinfo(&suite, signed_in.access_token()).await?;
    signed_in.check_userinfo(&userinfo)
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_userinfo_post_header() -> Result<()> {
    let suite = Suite::open().await?;
    let agent = suite.user_agent()?;
    let signed_in = suite.sign_in(&agent, &suite.request()?).await?;
    let post = agent.http().post(suite.endpoint("userinfo_endpoint")?);
    let post = post.bearer_auth(signed_in.access_token());
    signed_in.check_userinfo(&Answer::read(post.send().await?).await?)
}

/// The suite warns where this is not supported.
#[tokio::test(flavor = "multi_thread")]
async fn oidcc_userinfo_post_body() -> Result<()> {
    let suite = Suite::open().await?;
    let agent = suite.user_agent()?;
    let signed_in = suite.sign_in(&agent, &suite.request()?).await?;
    let post = agent.http().post(suite.endpoint("userinfo_endpoint")?);
    let post = post.form(&[("access_token", signed_in.access_token())]);
    signed_in.check_userinfo(&Answer::read(post.send().await?).await?)
}

/// The suite warns where the name does not come, and where it comes in the ID token too.
#[tokio::test(flavor = "multi_thread")]
async fn oidcc_claims_essential() -> Result<()> {
    let suite = Suite::open().await?;
    let agent = suite.user_agent()?;
    let claims = r#"{"userinfo":{"name":{"essential":true}}}"#;
    let request = suite.request()?.with("claims", claims);
    assert_eq!(request.parameter("scope"), Some("openid"));
    let signed_in = suite.sign_in(&agent, &request).await?;
    assert!(signed_in.claims().get("name").is_none());
    let userinfo = agent.userinfo(&suite, signed_in.access_token()).await?;
    assert!(!userinfo.text("name")?.is_empty());
    assert!(userinfo.body.get("family_name").is_none(), "{userinfo:?}");
    Ok(())
}

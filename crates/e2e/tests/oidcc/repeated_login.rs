//! A second authorization in the same browser: asked again, or silent.

use std::time::Duration;

use anyhow::Result;
use cardea_e2e::conformance::{SignedIn, Suite, UserAgent};

/// What the suite takes for "somebody has to be asked" (OIDC Core section 3.1.2.6).
const NEEDS_A_PERSON: [&str; 4] = [
    "login_required",
    "interaction_required",
    "consent_required",
    "account_selection_required",
];

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_prompt_login() -> Result<()> {
    let (suite, agent, first) = signed_in().await?;
    // Times are in seconds, and the suite wants to see another one.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let request = suite.request()?.with("prompt", "login");
    let second = suite.sign_in(&agent, &request).await?;
    assert!(second.asked());
    assert!(second.number("auth_time")? > first.number("auth_time")?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_prompt_none_not_logged_in() -> Result<()> {
    let (suite, _, _) = signed_in().await?;
    let request = suite.request()?.with("prompt", "none").with_long_state()?;
    // Somebody is signed in elsewhere; this browser has no cookie of it.
    let visit = suite.user_agent()?.authorize(&suite, &request).await?;
    let error = request.error(&suite, &visit)?;
    assert!(NEEDS_A_PERSON.contains(&error.as_str()), "{error}");
    assert!(!visit.asked());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_prompt_none_logged_in() -> Result<()> {
    let (suite, agent, first) = signed_in().await?;
    let request = suite.request()?.with("prompt", "none");
    let second = suite.sign_in(&agent, &request).await?;
    is_the_same_login(&first, &second)
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_max_age_1() -> Result<()> {
    let (suite, agent, first) = signed_in().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let request = suite.request()?.with("max_age", "1");
    let second = suite.sign_in(&agent, &request).await?;
    assert!(second.asked());
    assert!(second.number("auth_time")? > first.number("auth_time")?);
    assert!(second.number("iat")? - second.number("auth_time")? <= 60);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_max_age_10000() -> Result<()> {
    let suite = Suite::open().await?;
    let agent = suite.user_agent()?;
    // So that `auth_time` must be in both ID tokens.
    let request = suite.request()?.with("max_age", "15000");
    let first = suite.sign_in(&agent, &request).await?;
    let request = suite.request()?.with("max_age", "10000");
    let second = suite.sign_in(&agent, &request).await?;
    is_the_same_login(&first, &second)
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_id_token_hint() -> Result<()> {
    let (suite, agent, first) = signed_in().await?;
    let request = suite.request()?.with("prompt", "none");
    let request = request.with("id_token_hint", first.id_token());
    let second = suite.sign_in(&agent, &request).await?;
    is_the_same_login(&first, &second)
}

async fn signed_in() -> Result<(Suite, UserAgent, SignedIn)> {
    let suite = Suite::open().await?;
    let agent = suite.user_agent()?;
    let signed_in = suite.sign_in(&agent, &suite.request()?).await?;
    assert!(signed_in.asked());
    Ok((suite, agent, signed_in))
}

fn is_the_same_login(first: &SignedIn, second: &SignedIn) -> Result<()> {
    assert!(!second.asked());
    assert_eq!(second.number("auth_time")?, first.number("auth_time")?);
    assert_eq!(second.claims()["sub"], first.claims()["sub"]);
    Ok(())
}

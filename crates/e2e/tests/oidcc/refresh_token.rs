//! Refresh tokens: they work, keep the claims, and are their client's.

use std::time::Duration;

use anyhow::Result;
use cardea_e2e::conformance::{SECOND, SignedIn, Suite, SuiteRequest, UserAgent};

/// `offline_access` is not offered, so the suite asks for `openid` alone. It warns where a server
/// lists the grant and gives the client no refresh token: register it with `refresh_token`.
#[tokio::test(flavor = "multi_thread")]
async fn oidcc_refresh_token() -> Result<()> {
    let suite = Suite::open().await?;
    assert!(suite.lists("grant_types_supported", "refresh_token"));
    assert!(!suite.lists("scopes_supported", "offline_access"));
    let (agent, request) = (suite.user_agent()?, suite.request()?);
    refreshed(&suite, &agent, &request, &[("scope", "openid")]).await?;

    // The second client, in the same browser; its token is of no use to the first.
    let second = SuiteRequest::new(&SECOND)?;
    let second = refreshed(&suite, &agent, &second, &[]).await?;
    let form = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", second.refresh_token()?),
    ];
    let stolen = suite.token(&agent, request.client(), form).await?;
    stolen.check_token_error("invalid_grant")
}

/// Signs in, refreshes, and asks userinfo with what came.
async fn refreshed(
    suite: &Suite,
    agent: &UserAgent,
    request: &SuiteRequest,
    more: &[(&str, &str)],
) -> Result<SignedIn> {
    let first = suite.sign_in(agent, request).await?;
    // The times of issue must differ.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut form = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", first.refresh_token()?),
    ];
    form.extend(more);
    let answer = suite.token(agent, request.client(), form).await?;
    let refreshed = first.check_refreshed(suite, request, answer)?;
    assert_ne!(refreshed.refresh_token()?, first.refresh_token()?);
    let userinfo = agent.userinfo(suite, refreshed.access_token()).await?;
    refreshed.check_userinfo(&userinfo)?;
    Ok(refreshed)
}

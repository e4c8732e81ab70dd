//! A code serves once, and takes back what it gave when it turns up again.

use std::time::Duration;

use anyhow::Result;
use cardea_e2e::conformance::Suite;

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_codereuse() -> Result<()> {
    second_use(Duration::ZERO).await
}

/// The suite waits for thirty seconds. Time is the server's own here and nobody turns it, and what
/// counts for it is the code's first use and its minute of life: two seconds are as good.
#[tokio::test(flavor = "multi_thread")]
async fn oidcc_codereuse_30seconds() -> Result<()> {
    second_use(Duration::from_secs(2)).await
}

async fn second_use(after: Duration) -> Result<()> {
    let suite = Suite::open().await?;
    let (agent, request) = (suite.user_agent()?, suite.request()?);
    let signed_in = suite.sign_in(&agent, &request).await?;
    tokio::time::sleep(after).await;
    let again = suite.redeem(&agent, &request, signed_in.code()).await?;
    again.check_token_error("invalid_grant")?;
    // The suite warns where the first access token lives on (RFC 6749 section 4.1.2).
    let dead = signed_in.access_token();
    let (status, challenge) = agent.userinfo_refusal(&suite, dead).await?;
    assert_eq!(status, 401);
    assert!(challenge.contains("invalid_token"), "{challenge}");
    let form = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", signed_in.refresh_token()?),
    ];
    let refreshed = suite.token(&agent, request.client(), form).await?;
    refreshed.check_token_error("invalid_grant")
}

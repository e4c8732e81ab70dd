//! Parameters that may have no effect, and must not break anything.

use anyhow::Result;
use cardea_e2e::conformance::Suite;

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_display_page() -> Result<()> {
    succeeds_with("display", "page").await
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_display_popup() -> Result<()> {
    succeeds_with("display", "popup").await
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_ensure_request_with_unknown_parameter_succeeds() -> Result<()> {
    succeeds_with("extra", "foobar").await
}

/// The suite makes this hint from the issuer's host where its configuration has none.
#[tokio::test(flavor = "multi_thread")]
async fn oidcc_login_hint() -> Result<()> {
    succeeds_with("login_hint", "buffy@127.0.0.1").await
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_ui_locales() -> Result<()> {
    succeeds_with("ui_locales", "se").await
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_claims_locales() -> Result<()> {
    succeeds_with("claims_locales", "se").await
}

async fn succeeds_with(name: &str, value: &str) -> Result<()> {
    let suite = Suite::open().await?;
    let request = suite.request()?.with(name, value);
    let signed_in = suite.sign_in(&suite.user_agent()?, &request).await?;
    assert!(signed_in.asked());
    Ok(())
}

//! Logout that clients are told of (OpenID Connect Back-Channel Logout 1.0).

use anyhow::{Context, Result};
use cardea_e2e::conformance::{BACKCHANNEL, Suite, SuiteRequest};
use cardea_e2e::wait_for_card;
use cardea_jose::random_base64url;

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_backchannel_rp_initiated_logout() -> Result<()> {
    let suite = Suite::open().await?;
    let (agent, request) = (suite.user_agent()?, SuiteRequest::new(&BACKCHANNEL)?);
    let signed_in = suite.sign_in(&agent, &request).await?;
    let sid = signed_in.claims()["sid"].as_str().context("no sid")?;
    let state = random_base64url(96)?;
    let afterwards = BACKCHANNEL.post_logout_redirect_uri;
    let parameters = [
        ("id_token_hint", signed_in.id_token()),
        ("post_logout_redirect_uri", afterwards),
        ("state", &state),
    ];
    let visit = agent.log_out(&suite, &parameters).await?;
    assert_eq!(visit.state_at(afterwards)?, Some(state));
    let told = suite.logout_request(sid).await?;
    told.check(&suite, &signed_in)?;
    let silent = SuiteRequest::new(&BACKCHANNEL)?.with("prompt", "none");
    let visit = agent.authorize(&suite, &silent).await?;
    assert_eq!(silent.error(&suite, &visit)?, "login_required");
    Ok(())
}

/// Beyond the suite: the card is pulled, and the client hears of it in the same way.
#[tokio::test(flavor = "multi_thread")]
async fn a_pulled_card_is_told_like_a_logout() -> Result<()> {
    let suite = Suite::open().await?;
    let (agent, request) = (suite.user_agent()?, SuiteRequest::new(&BACKCHANNEL)?);
    let signed_in = suite.sign_in(&agent, &request).await?;
    let sid = signed_in.claims()["sid"].as_str().context("no sid")?;
    suite.system().card().remove()?;
    let told = suite.logout_request(sid).await;
    // The next module finds the card where it was.
    suite.system().card().insert()?;
    wait_for_card(suite.system(), "present").await?;
    told?.check(&suite, &signed_in)
}

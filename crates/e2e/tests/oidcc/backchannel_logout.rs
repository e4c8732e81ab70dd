//! Logout that clients are told of (OpenID Connect Back-Channel Logout 1.0).

use std::time::Duration;

use anyhow::{Context, Result, bail};
use cardea_e2e::conformance::{BACKCHANNEL, Suite, SuiteRequest, UserAgent};
use cardea_jose::random_base64url;
use serde_json::Value;

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
    suite.system().card().insert()?;
    wait_for_card(&suite, &agent).await?;
    told?.check(&suite, &signed_in)
}

/// The next module finds the card where it was.
async fn wait_for_card(suite: &Suite, agent: &UserAgent) -> Result<()> {
    let status = format!("{}/v1/status", suite.system().addresses().agent_url());
    for _ in 0..500 {
        let asked = agent.http().get(&status);
        let asked = asked.header("origin", suite.endpoint("issuer")?);
        let answer: Value = asked.send().await?.json().await?;
        if answer.get("card").is_some_and(|card| card == "present") {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("the agent does not see the card again")
}

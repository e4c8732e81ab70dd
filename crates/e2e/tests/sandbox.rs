//! A sandbox: every card of `cardea-vcard issue-all` comes to what its list says, through the real
//! reader, agent and server, and no real card gets in.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use cardea_e2e::{AuthorizationRequest, PageScript, Stage, wait_for_card};
use cardea_jose::UnverifiedJws;
use serde_json::Value;

/// What a login with the card in the reader came to: `signed_in`, or a code.
async fn outcome(stage: &Stage) -> Result<(String, Option<Value>)> {
    let system = stage.system();
    let request = AuthorizationRequest::new()?;
    let page = PageScript::open(system, &request).await?;
    let signed = page.ask_agent(system, &page.challenge().await?).await?;
    if let Some(code) = signed.get("code").and_then(Value::as_str) {
        return Ok((code.to_owned(), None));
    }
    let answer = page.post("assertion", &signed_of(&signed)?).await?;
    if !answer.status().is_success() {
        let body: Value = answer.json().await?;
        let code = body.get("code").and_then(Value::as_str);
        let code = code.context("a refusal without a code")?;
        return Ok((code.to_owned(), None));
    }
    let body: Value = answer.json().await?;
    let target = body.get("redirect_to").and_then(Value::as_str);
    let target = target.context("no way back")?;
    let code = page.code_at(target).await?;
    let answer = request.redeem(page.client(), system, &code).await?;
    let tokens: Value = answer.json().await?;
    let Some(id_token) = tokens.get("id_token").and_then(Value::as_str) else {
        bail!("no ID token: {tokens}");
    };
    let claims = UnverifiedJws::parse(id_token, 16 * 1024)?.unverified_claims()?;
    Ok(("signed_in".to_owned(), Some(claims)))
}

fn signed_of(signed: &Value) -> Result<Value> {
    let text = |name: &str| signed[name].as_str().context("the agent did not sign");
    Ok(serde_json::json!({
        "assertion": text("assertion")?,
        "attestation": text("attestation")?,
    }))
}

/// Every profession signs in; the expired, revoked and blocked cards come to their own codes, and
/// each token of a sandbox says `test`.
#[tokio::test(flavor = "multi_thread")]
async fn every_card_of_the_deck_comes_to_what_its_list_says() -> Result<()> {
    let stage = Stage::open("deck").await?;
    let index: Value = serde_json::from_str(&stage.system().card().issue_all("deck")?)?;
    let cards = index["cards"].as_array().context("no cards")?;
    stage.system().card().remove()?;
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for entry in cards {
        let folder = entry["folder"]
            .as_str()
            .context("a card without a folder")?;
        let card = stage.system().card().beside(&format!("deck/{folder}"));
        wait_for_card(stage.system(), "absent").await?;
        card.insert()?;
        wait_for_card(stage.system(), "present").await?;
        let (came_to, claims) = outcome(&stage).await?;
        card.remove()?;
        let expected = entry["expected"]["code"].as_str().unwrap_or("signed_in");
        assert_eq!(came_to, expected, "{folder}");
        if let Some(claims) = claims {
            assert_eq!(claims["test"], true, "{folder}: {claims}");
        }
        *outcomes.entry(came_to).or_default() += 1;
    }
    assert!(outcomes["signed_in"] >= 28, "{outcomes:?}");
    for code in [
        "agent.card_expired",
        "login.card_revoked",
        "login.card_not_accepted",
        "card.pin_blocked",
    ] {
        assert_eq!(outcomes.get(code), Some(&1), "{code}");
    }
    Ok(())
}

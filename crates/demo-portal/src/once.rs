//! `cardea-demo-portal once`: one whole login without a browser.
//!
//! It plays the browser (cookies, `Origin`, redirects) against the server and the agent, and the
//! portal with the same relying party as `serve`. The card, the PIN prompt and all checks are the
//! real ones.

mod agent;
mod browser;

use std::time::Instant;

use openidconnect::AccessToken;
use serde_json::{Value, json};

use crate::config::Config;
use crate::error::Error;
use crate::once::browser::Browser;
use crate::relying_party::RelyingParty;

/// Signs in once and gives the JSON document of `demo --once --json`.
///
/// # Errors
/// The first step that was refused or answered with something else than it needs.
pub async fn run(config: &Config) -> Result<Value, Error> {
    let relying_party = RelyingParty::new(config.clone())?;
    let metadata = relying_party.metadata().await?;
    let started = Instant::now();
    let begun = relying_party.begin("fr").await?;
    let browser = Browser::new(config)?;
    let page = browser.open_login_page(&begun.address).await?;
    let challenge = browser.request_challenge(&page).await?;
    let signed = agent::sign(&browser, &challenge).await?;
    let answer = browser.post_assertion(&page, &signed).await?;
    let code = browser.read_callback(&answer, begun.state.secret()).await?;
    let login = relying_party
        .finish(code, begun.verifier, &begun.nonce)
        .await?;
    let elapsed = started.elapsed();
    let keys = browser
        .read_json(metadata.jwks_uri().url().as_str())
        .await?;
    Ok(json!({
        "issuer": config.issuer,
        "jwks": keys,
        "client_id": config.client_id,
        "nonce": begun.nonce.secret(),
        "id_token": login.id_token.to_string(),
        "access_token": AccessToken::secret(&login.tokens.access),
        "userinfo": login.userinfo,
        "elapsed_ms": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
    }))
}

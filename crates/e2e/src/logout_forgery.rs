//! Genuine tokens of the provider that are no logout tokens, sent to a portal's logout receiver.

use anyhow::{Context, Result};
use cardea_xtask::system::System;
use reqwest::StatusCode;
use serde_json::Value;

use crate::authorization::AuthorizationRequest;
use crate::page_script::PageScript;

/// Somebody who has tokens of a portal and wants sessions there to end.
pub struct LogoutForgery<'a> {
    system: &'a System,
    client_id: &'a str,
    secret: &'a str,
    portal: &'a str,
}

impl<'a> LogoutForgery<'a> {
    /// Against a portal at this address, which redeems its codes with this secret.
    #[must_use]
    pub fn new(system: &'a System, client_id: &'a str, secret: &'a str, portal: &'a str) -> Self {
        Self {
            system,
            client_id,
            secret,
            portal,
        }
    }

    /// Sends an ID token, an access token, an altered one, and nothing; all must be refused.
    ///
    /// # Errors
    /// When one of them is taken, or the login before it fails.
    pub async fn check_refused(&self) -> Result<()> {
        let tokens = self.tokens().await?;
        let token = |name: &str| tokens.get(name).and_then(Value::as_str).map(str::to_owned);
        let id_token = token("id_token").with_context(|| format!("no tokens: {tokens}"))?;
        let access_token = token("access_token").context("no access token")?;
        let http = PageScript::http()?;
        let address = format!("{}/backchannel-logout", self.portal);
        let altered = format!("{id_token}x");
        for (name, sent) in [
            ("an ID token", id_token.as_str()),
            ("an access token", &access_token),
            ("an altered token", &altered),
            ("no token", ""),
        ] {
            let answer = http.post(&address).form(&[("logout_token", sent)]).send();
            let status = answer.await?.status();
            anyhow::ensure!(status == StatusCode::BAD_REQUEST, "{name}: {status}");
        }
        Ok(())
    }

    /// The tokens of a login at the portal's registration.
    async fn tokens(&self) -> Result<Value> {
        let redirect_uri = format!("{}/callback", self.portal);
        let request = AuthorizationRequest::new()?
            .with("client_id", Some(self.client_id))
            .with("redirect_uri", Some(&redirect_uri));
        let page = PageScript::open(self.system, &request).await?;
        let code = page.code(self.system).await?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &redirect_uri),
            ("code_verifier", request.verifier()),
        ];
        let endpoint = format!("{}/token", self.system.addresses().issuer());
        let answer = PageScript::http()?
            .post(endpoint)
            .basic_auth(self.client_id, Some(self.secret))
            .form(&form);
        Ok(answer.send().await?.json().await?)
    }
}

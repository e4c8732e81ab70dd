//! Tokens that are no logout tokens for a portal, sent to the portal's logout receiver (attacks G5,
//! H3). All but those with another key are signed with the provider's own: what else is wrong with
//! them must be noticed.

use anyhow::{Context, Result, ensure};
use cardea_jose::{Algorithm, SigningKey, base64url, random_base64url};
use cardea_xtask::system::System;
use reqwest::StatusCode;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::authorization::AuthorizationRequest;
use crate::page_script::PageScript;

const TYP: &str = "logout+jwt";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Somebody who wants sessions at a portal to end.
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

    /// Sends each forgery; all must be refused. A good token is taken.
    ///
    /// # Errors
    /// When the portal decides otherwise about one of them, or the login before fails.
    pub async fn check_refused(&self) -> Result<()> {
        let good = self.provider_key()?.sign_jwt(TYP, &self.claims()?)?;
        ensure!(self.send(&good).await? == StatusCode::OK, "a good token");
        self.check(&self.other_tokens().await?).await?;
        self.check(&self.other_claims()?).await?;
        self.check(&self.other_signatures()?).await
    }

    /// Sends a good token twice; it is taken once.
    ///
    /// # Errors
    /// When the portal decides otherwise.
    pub async fn check_taken_once(&self) -> Result<()> {
        let good = self.provider_key()?.sign_jwt(TYP, &self.claims()?)?;
        ensure!(self.send(&good).await? == StatusCode::OK, "a good token");
        self.check(&[("a token seen before", good)]).await
    }

    async fn check(&self, forgeries: &[(&str, String)]) -> Result<()> {
        for (name, token) in forgeries {
            let status = self.send(token).await?;
            ensure!(status == StatusCode::BAD_REQUEST, "{name}: {status}");
        }
        Ok(())
    }

    async fn send(&self, token: &str) -> Result<StatusCode> {
        let address = format!("{}/backchannel-logout", self.portal);
        let request = PageScript::http()?.post(address);
        Ok(request
            .form(&[("logout_token", token)])
            .send()
            .await?
            .status())
    }

    /// What a logout token of the provider would say; it names a session that nobody has.
    #[expect(
        clippy::disallowed_methods,
        reason = "the running system has the machine's clock too"
    )]
    fn claims(&self) -> Result<Value> {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        Ok(json!({
            "iss": self.system.addresses().issuer(),
            "aud": self.client_id,
            "sub": "nobody",
            "sid": "no-session",
            "iat": now,
            "exp": now + 120,
            "jti": random_base64url(16)?,
            "events": { EVENT: {} },
        }))
    }

    /// Genuine tokens of other kinds.
    async fn other_tokens(&self) -> Result<Vec<(&'static str, String)>> {
        let tokens = self.tokens().await?;
        let token = |name: &str| {
            let token = tokens.get(name).and_then(Value::as_str).map(str::to_owned);
            token.with_context(|| format!("no {name}: {tokens}"))
        };
        Ok(vec![
            ("an ID token", token("id_token")?),
            ("an access token", token("access_token")?),
            ("no token", String::new()),
        ])
    }

    /// One claim is wrong, or is there and must not be.
    fn other_claims(&self) -> Result<Vec<(&'static str, String)>> {
        let key = self.provider_key()?;
        let now = self.claims()?.get("iat").and_then(Value::as_i64);
        let now = now.context("no time")?;
        let changes = [
            ("a nonce", json!({ "nonce": "n" })),
            ("no event", json!({ "events": null })),
            ("another event", json!({ "events": { "urn:other": {} } })),
            ("no jti", json!({ "jti": null })),
            ("no iat", json!({ "iat": null })),
            ("nobody named", json!({ "sid": null, "sub": null })),
            ("another issuer", json!({ "iss": "https://op.test" })),
            ("another audience", json!({ "aud": "another-portal" })),
            ("made long ago", json!({ "iat": now - 3600 })),
            ("expired", json!({ "iat": now - 170, "exp": now - 150 })),
        ];
        let mut forgeries = Vec::new();
        for (name, change) in changes {
            let mut claims = self.claims()?;
            let members = claims.as_object_mut().context("no claims")?;
            members.extend(change.as_object().cloned().unwrap_or_default());
            members.retain(|_, value| !value.is_null());
            forgeries.push((name, key.sign_jwt(TYP, &claims)?));
        }
        Ok(forgeries)
    }

    /// The claims are good, and what is around them is not.
    fn other_signatures(&self) -> Result<Vec<(&'static str, String)>> {
        let (key, claims) = (self.provider_key()?, self.claims()?);
        let header = base64url(json!({ "alg": "none", "typ": TYP }).to_string().as_bytes());
        let unsigned = format!("{header}.{}.", base64url(claims.to_string().as_bytes()));
        let foreign = SigningKey::generate(Algorithm::Es256)?;
        Ok(vec![
            ("another type", key.sign_jwt("JWT", &claims)?),
            ("no signature", unsigned),
            ("a key of nobody", foreign.sign_jwt(TYP, &claims)?),
            (
                "a key it brings itself",
                foreign.sign_jwt_with_jwk(TYP, &claims)?,
            ),
        ])
    }

    fn provider_key(&self) -> Result<SigningKey> {
        let file = self.system.folder().join("keys/tokens/token-es256.pem");
        let pem = std::fs::read(file).context("no token key")?;
        Ok(SigningKey::from_pem(Algorithm::Es256, &pem)?)
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

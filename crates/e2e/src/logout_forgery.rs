//! Tokens that are no logout tokens for a portal, sent to the portal's logout receiver (attacks G5,
//! H3). All but those with another key are signed with the provider's own: what else is wrong with
//! them must be noticed.

use anyhow::{Context, Result, ensure};
use cardea_jose::{Algorithm, SigningKey, base64url, parse_base64url, random_base64url};
use cardea_storage::{Store, signing_key};
use cardea_xtask::system::System;
use openssl::symm::{Cipher, decrypt_aead};
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
        let good = self.provider_key().await?.sign_jwt(TYP, &self.claims()?)?;
        ensure!(self.send(&good).await? == StatusCode::OK, "a good token");
        self.check(&self.other_tokens().await?).await?;
        self.check(&self.other_claims().await?).await?;
        self.check(&self.other_signatures().await?).await
    }

    /// Sends a good token twice; it is taken once.
    ///
    /// # Errors
    /// When the portal decides otherwise.
    pub async fn check_taken_once(&self) -> Result<()> {
        let good = self.provider_key().await?.sign_jwt(TYP, &self.claims()?)?;
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
    async fn other_claims(&self) -> Result<Vec<(&'static str, String)>> {
        let key = self.provider_key().await?;
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
    async fn other_signatures(&self) -> Result<Vec<(&'static str, String)>> {
        let (key, claims) = (self.provider_key().await?, self.claims()?);
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

    /// The key that signs the portal's tokens, opened as docs/keys.md says.
    async fn provider_key(&self) -> Result<SigningKey> {
        let folder = self.system.folder();
        let settings = self.system.server_settings();
        let file = settings.with_file_name("cardea.sqlite");
        let store = Store::open(&format!("sqlite://{}", file.display())).await?;
        let mut transaction = store.begin_read().await?;
        let all = signing_key::list(&mut transaction).await?;
        drop(transaction);
        store.close().await;
        let mut es256 = all.into_iter().filter(|key| key.algorithm == "ES256");
        let record = es256.next().context("no token key")?;
        let sealed = record.sealed.context("the key is elsewhere")?;
        let secret = std::fs::read_to_string(folder.join("keys/tokens/key-encryption.key"))?;
        let secret = parse_base64url(secret.trim())?;
        let bound = format!(
            "cardea signing key 1\n{}\nES256\n{}\n",
            sealed.encryption_key_id, record.kid
        );
        let bytes = parse_base64url(&sealed.sealed)?;
        let (nonce, rest) = bytes.split_at_checked(12).context("no nonce")?;
        let end = rest.len().checked_sub(16).context("no tag")?;
        let (text, tag) = rest.split_at(end);
        let cipher = Cipher::aes_256_gcm();
        let der = decrypt_aead(cipher, &secret, Some(nonce), bound.as_bytes(), text, tag)?;
        Ok(SigningKey::from_der(Algorithm::Es256, &der)?)
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

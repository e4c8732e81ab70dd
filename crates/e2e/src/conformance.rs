//! A client that acts as the OpenID Foundation's conformance suite does, and judges as it judges.
//!
//! The suite's modules are driven in `tests/oidcc/`, each under its own name and with its own login
//! by card. What the suite only warns at is an error here too: a plan counts when no module warns.
//!
//! All of them share one system, and take turns: they have one card between them, and a card that
//! signs in anew ends its session elsewhere.

mod client;
mod metadata;
mod receiver;
mod request;
mod response;
mod running;
mod tokens;
mod user_agent;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use cardea_jose::{Algorithm, JwkSet};
use cardea_xtask::system::System;
use serde_json::{Value, json};
use tokio::sync::MutexGuard;

pub use self::client::{BACKCHANNEL, FIRST, POST, SECOND, SuiteClient};
pub use self::receiver::LogoutRequest;
pub use self::request::SuiteRequest;
pub use self::response::Answer;
pub use self::tokens::SignedIn;
pub use self::user_agent::{Landing, UserAgent, Visit};

use self::running::Running;

/// One module's run: it is alone with the system until this is dropped.
pub struct Suite {
    _turn: MutexGuard<'static, ()>,
    running: Arc<Running>,
    metadata: Value,
    keys: JwkSet,
}

impl Suite {
    /// Waits for its turn, then fetches the metadata and the keys and judges them, as each of the
    /// suite's modules does before it begins.
    ///
    /// # Errors
    /// When the system does not start, or its metadata or keys are not sound.
    pub async fn open() -> Result<Self> {
        let running = running::shared().await?;
        // Whoever waits here holds the system, so it goes on from one module to the next.
        let turn = running::turn().await;
        let http = running.http()?;
        let issuer = running.system().addresses().issuer();
        let metadata = metadata::fetch(&http, &issuer).await?;
        let keys = metadata::fetch_keys(&http, &metadata).await?;
        Ok(Self {
            _turn: turn,
            running,
            metadata,
            keys,
        })
    }

    /// The whole system.
    #[must_use]
    pub fn system(&self) -> &System {
        self.running.system()
    }

    /// The discovery document.
    #[must_use]
    pub fn metadata(&self) -> &Value {
        &self.metadata
    }

    /// The server's public keys.
    #[must_use]
    pub fn keys(&self) -> &JwkSet {
        &self.keys
    }

    /// Whether a list of the discovery document has this value.
    #[must_use]
    pub fn lists(&self, member: &str, value: &str) -> bool {
        let values = self.metadata.get(member).and_then(Value::as_array);
        values.is_some_and(|values| values.iter().any(|known| known == value))
    }

    /// An address of the discovery document.
    ///
    /// # Errors
    /// When it has none.
    pub fn endpoint(&self, member: &str) -> Result<&str> {
        let address = self.metadata.get(member).and_then(Value::as_str);
        address.with_context(|| format!("the metadata has no {member}"))
    }

    /// A browser without cookies.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn user_agent(&self) -> Result<UserAgent> {
        Ok(UserAgent::new(self.running.http()?))
    }

    /// An authorization request of the first client, as the suite makes it: `openid` alone, a
    /// state, a nonce, no PKCE.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn request(&self) -> Result<SuiteRequest> {
        SuiteRequest::new(&FIRST)
    }

    /// The whole flow with every check that the suite's modules have in common: the answer at the
    /// redirect URI, the tokens, the ID token, userinfo.
    ///
    /// # Errors
    /// The first check that fails.
    pub async fn sign_in(&self, agent: &UserAgent, request: &SuiteRequest) -> Result<SignedIn> {
        let visit = agent.authorize(self, request).await?;
        let code = request.code(self, &visit)?;
        let answer = self.redeem(agent, request, &code).await?;
        let signed_in = SignedIn::check(self, request, visit.asked(), code, answer)?;
        let userinfo = agent.userinfo(self, signed_in.access_token()).await?;
        signed_in.check_userinfo(&userinfo)?;
        Ok(signed_in)
    }

    /// Redeems a code as the request's client.
    ///
    /// # Errors
    /// When the token endpoint does not answer.
    pub async fn redeem(
        &self,
        agent: &UserAgent,
        request: &SuiteRequest,
        code: &str,
    ) -> Result<Answer> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", request.redirect_uri()?),
        ];
        form.extend(
            request
                .verifier()
                .map(|verifier| ("code_verifier", verifier)),
        );
        self.token(agent, request.client(), form).await
    }

    /// Asks the token endpoint for anything, proving to be `client`.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn token<'a>(
        &self,
        agent: &UserAgent,
        client: &'a SuiteClient,
        mut form: Vec<(&'a str, &'a str)>,
    ) -> Result<Answer> {
        let endpoint = self.endpoint("token_endpoint")?;
        ensure!(
            self.lists("token_endpoint_auth_methods_supported", client.method()),
            "{} is not offered",
            client.method()
        );
        let mut post = agent.http().post(endpoint);
        if client.secret_in_form {
            form.extend([("client_id", client.id), ("client_secret", client.secret)]);
        } else {
            post = post.basic_auth(client.id, Some(client.secret));
        }
        Answer::read(post.form(&form).send().await?).await
    }

    /// Waits for the logout token of a session, by the name that the client knows it by.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn logout_request(&self, sid: &str) -> Result<LogoutRequest> {
        self.running.receiver().logout_request(sid).await
    }
}

impl LogoutRequest {
    /// Judges the logout token of a login (Back-Channel Logout sections 2.4 and 2.5).
    ///
    /// # Errors
    /// When it is not sound, or about somebody else.
    pub fn check(&self, suite: &Suite, signed_in: &SignedIn) -> Result<()> {
        ensure!(self.head.starts_with("post "), "{}", self.head);
        let kind = "content-type: application/x-www-form-urlencoded";
        ensure!(
            self.head.lines().any(|line| line.starts_with(kind)),
            "{}",
            self.head
        );
        let claims = tokens::verify(suite, self.token()?, "logout+jwt", Algorithm::Rs256)?;
        for name in ["iss", "aud", "sub", "sid"] {
            let (told, held) = (claims.get(name), signed_in.claims().get(name));
            ensure!(told.is_some() && told == held, "another {name}: {claims}");
        }
        let now = tokens::now();
        ensure!(tokens::number(&claims, "iat")? <= now + 5, "{claims}");
        ensure!(tokens::number(&claims, "exp")? > now, "{claims}");
        ensure!(claims.get("jti").is_some_and(Value::is_string), "{claims}");
        let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
        ensure!(claims.get("events") == Some(&events), "{claims}");
        ensure!(claims.get("nonce").is_none(), "{claims}");
        Ok(())
    }
}

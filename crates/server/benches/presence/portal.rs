//! A portal that refreshes its tokens, and hears of logouts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use cardea_jose::UnverifiedJws;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::Failure;
use crate::program::{CLIENT_ID, CLIENT_SECRET};
use crate::watched::Watched;

const TOKEN_BYTES_MAX: usize = 8192;
/// A logout token that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(30);

type Awaited = Arc<Mutex<HashMap<String, oneshot::Sender<Instant>>>>;

pub(crate) struct Portal {
    address: String,
    http: reqwest::Client,
    /// By `sid`.
    awaited: Awaited,
}

/// How long after a card was pulled.
pub(crate) struct Pulled {
    /// A refresh was refused.
    pub(crate) refused: Duration,
    /// The logout token was there.
    pub(crate) told: Duration,
}

impl Portal {
    pub(crate) async fn open() -> Result<Self, Failure> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let awaited = Awaited::default();
        let router = Router::new()
            .route("/logout", post(hear))
            .with_state(Arc::clone(&awaited));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            address,
            http: reqwest::Client::builder().no_proxy().build()?,
            awaited,
        })
    }

    /// What its registration says of it, in the server's configuration.
    pub(crate) fn registration(&self) -> String {
        format!(
            "backchannel_logout_uri = \"{}/logout\"\n\
             grant_types = [\"authorization_code\", \"refresh_token\"]",
            self.address
        )
    }

    /// Pulls a session's card, refreshes until that is refused, and waits for the logout token.
    pub(crate) async fn pull(&self, issuer: &str, session: Watched) -> Result<Pulled, Failure> {
        let tokens = session.tokens.clone();
        let (sender, told) = oneshot::channel();
        self.awaited().insert(sid(&tokens)?, sender);
        let departed = session.pull().await?;
        let refused = self.refresh_until_refused(issuer, &tokens).await?;
        let told = tokio::time::timeout(PATIENCE, told).await??;
        Ok(Pulled {
            refused: refused.saturating_duration_since(departed),
            told: told.saturating_duration_since(departed),
        })
    }

    async fn refresh_until_refused(
        &self,
        issuer: &str,
        tokens: &Value,
    ) -> Result<Instant, Failure> {
        let mut token = text(tokens, "refresh_token")?;
        loop {
            let form = [("grant_type", "refresh_token"), ("refresh_token", &token)];
            let request = self.http.post(format!("{issuer}/token")).form(&form);
            let request = request.basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
            let answer = request.send().await?;
            let status = answer.status();
            let body: Value = answer.json().await?;
            if status == StatusCode::BAD_REQUEST && text(&body, "error")? == "invalid_grant" {
                return Ok(Instant::now());
            }
            token = text(&body, "refresh_token")?;
        }
    }

    fn awaited(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Instant>>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn hear(State(awaited): State<Awaited>, form: Bytes) -> StatusCode {
    let heard = Instant::now();
    let token = form
        .strip_prefix(b"logout_token=")
        .and_then(|token| std::str::from_utf8(token).ok());
    let claims = token.and_then(|token| claims(token).ok());
    let sid = claims.and_then(|claims| text(&claims, "sid").ok());
    let mut awaited = awaited.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sender) = sid.and_then(|sid| awaited.remove(&sid)) {
        let _ = sender.send(heard);
    }
    StatusCode::OK
}

fn sid(tokens: &Value) -> Result<String, Failure> {
    text(&claims(&text(tokens, "id_token")?)?, "sid")
}

fn claims(token: &str) -> Result<Value, Failure> {
    Ok(UnverifiedJws::parse(token, TOKEN_BYTES_MAX)?.unverified_claims()?)
}

fn text(value: &Value, member: &str) -> Result<String, Failure> {
    let found = value.get(member).and_then(Value::as_str);
    Ok(found
        .ok_or_else(|| format!("no {member} in {value}"))?
        .to_owned())
}

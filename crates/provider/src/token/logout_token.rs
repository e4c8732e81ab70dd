//! Logout tokens (OIDC Back-Channel Logout 1.0 section 2.4).

use cardea_jose::random_base64url;
use cardea_storage::logout_delivery;
use serde::Serialize;
use time::OffsetDateTime;

use crate::secret::RANDOM_BYTES;
use crate::{Client, Error, Provider, RegisteredBy};

const LOGOUT_TOKEN_TYP: &str = "logout+jwt";

/// A logout token to post to a client.
#[derive(Clone)]
pub struct LogoutDelivery {
    /// The client.
    pub client_id: String,
    /// Its `backchannel_logout_uri`.
    pub uri: String,
    /// Whether it may lead into networks of the operator's: whoever registers itself does not
    /// choose what this server reaches there (attack H4).
    pub registered_by: RegisteredBy,
    /// The value of the form parameter `logout_token`.
    pub logout_token: String,
    /// What is queued.
    pub(crate) stored: logout_delivery::LogoutDelivery,
}

impl std::fmt::Debug for LogoutDelivery {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("LogoutDelivery")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// `nonce` is forbidden here: with it, the token could pass for an ID token.
#[derive(Serialize)]
struct LogoutTokenClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    sid: &'a str,
    events: Events,
}

#[derive(Default, Serialize)]
struct Events {
    #[serde(rename = "http://schemas.openid.net/event/backchannel-logout")]
    backchannel_logout: NoMembers,
}

#[derive(Default, Serialize)]
struct NoMembers {}

impl Provider {
    /// Signs a logout token for one client of an ended session; each try to deliver it has one of
    /// its own.
    pub(crate) fn sign_logout_token(
        &self,
        client: &Client,
        client_sub: &str,
        sid: &str,
        now: OffsetDateTime,
    ) -> Result<String, Error> {
        let claims = LogoutTokenClaims {
            iss: self.issuer.as_str(),
            sub: client_sub,
            aud: &client.client_id,
            iat: now.unix_timestamp(),
            exp: (now + self.lifetimes.logout_token).unix_timestamp(),
            jti: random_base64url(RANDOM_BYTES)?,
            sid,
            events: Events::default(),
        };
        let keys = self.keys();
        let key = keys.signing(client.id_token_signed_response_alg, now)?;
        Ok(key.sign_jwt(LOGOUT_TOKEN_TYP, &claims)?)
    }
}

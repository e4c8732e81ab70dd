//! Checks a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6).
//!
//! `openidconnect` has no type for it: it verifies the signature here, and the claims are checked
//! one by one below.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{CoreJsonWebKey, CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKey, JsonWebKeyAlgorithm, JsonWebKeyId};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::Error;

const BYTES_MAX: usize = 8 * 1024;
const AGE_SECONDS_MAX: i64 = 120;
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Which sessions a checked logout token ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct VerifiedLogout {
    pub(crate) subject: Option<String>,
    pub(crate) sid: Option<String>,
    /// The token's own name, so that it counts once.
    pub(crate) token_id: String,
    /// When the token stops being acceptable, in seconds since 1970.
    pub(crate) forget_at: i64,
}

/// Who the token must come from and be meant for.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) now: i64,
}

#[derive(Deserialize)]
struct Header {
    alg: CoreJwsSigningAlgorithm,
    kid: Option<JsonWebKeyId>,
    typ: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    iat: i64,
    exp: Option<i64>,
    jti: String,
    events: Map<String, Value>,
    sub: Option<String>,
    sid: Option<String>,
    nonce: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn contains(&self, client_id: &str) -> bool {
        match self {
            Self::One(one) => one == client_id,
            Self::Several(several) => several.iter().any(|one| one == client_id),
        }
    }
}

/// Checks the token; only a token that passes everything gives a [`VerifiedLogout`].
///
/// # Errors
/// [`Error::LogoutToken`] with the check that failed.
pub(crate) fn verify(
    token: &str,
    keys: &CoreJsonWebKeySet,
    expected: &Expected<'_>,
) -> Result<VerifiedLogout, Error> {
    let refused = |reason| Error::LogoutToken { reason };
    if token.len() > BYTES_MAX {
        return Err(refused("it is too long"));
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(refused("it is no JWT"))?;
    let (header, payload) = signed.split_once('.').ok_or(refused("it is no JWT"))?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let header: Header = decode(header)
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or(refused("its header can't be read"))?;
    // The type keeps an ID token from being taken for a logout token (section 2.4).
    if !header
        .typ
        .as_deref()
        .is_some_and(|typ| typ.eq_ignore_ascii_case("logout+jwt"))
    {
        return Err(refused("its type is not logout+jwt"));
    }
    let signature = decode(signature).ok_or(refused("its signature can't be read"))?;
    check_signature(keys, &header, signed.as_bytes(), &signature).map_err(refused)?;
    let claims: Claims = decode(payload)
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or(refused("a claim is missing or has the wrong form"))?;
    check_claims(claims, expected).map_err(refused)
}

fn check_signature(
    keys: &CoreJsonWebKeySet,
    header: &Header,
    signed: &[u8],
    signature: &[u8],
) -> Result<(), &'static str> {
    let asymmetric = matches!(
        header.alg,
        CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256 | CoreJwsSigningAlgorithm::EcdsaP256Sha256
    );
    if !asymmetric {
        return Err("its algorithm is not one of RS256 and ES256");
    }
    let fits = |key: &&CoreJsonWebKey| {
        key.key_id() == header.kid.as_ref()
            && match key.signing_alg() {
                JsonWebKeyAlgorithm::Algorithm(algorithm) => *algorithm == header.alg,
                JsonWebKeyAlgorithm::Unspecified => true,
                JsonWebKeyAlgorithm::Unsupported => false,
            }
    };
    let key = keys
        .keys()
        .iter()
        .find(fits)
        .ok_or("it names no key of the provider")?;
    key.verify_signature(&header.alg, signed, signature)
        .map_err(|_| "its signature is wrong")
}

fn check_claims(claims: Claims, expected: &Expected<'_>) -> Result<VerifiedLogout, &'static str> {
    if claims.iss != expected.issuer {
        return Err("it comes from another issuer");
    }
    if !claims.aud.contains(expected.client_id) {
        return Err("it is meant for another client");
    }
    if (expected.now - claims.iat).abs() > AGE_SECONDS_MAX {
        return Err("it was not issued just now");
    }
    if claims.exp.is_some_and(|expiry| expiry < expected.now) {
        return Err("it has expired");
    }
    if !claims.events.get(EVENT).is_some_and(Value::is_object) {
        return Err("it lacks the logout event");
    }
    if claims.nonce.is_some() {
        return Err("it has a nonce, which only ID tokens have");
    }
    if claims.sub.is_none() && claims.sid.is_none() {
        return Err("it names neither a person nor a session");
    }
    Ok(VerifiedLogout {
        subject: claims.sub,
        sid: claims.sid,
        token_id: claims.jti,
        forget_at: claims.iat.saturating_add(AGE_SECONDS_MAX),
    })
}

#[cfg(test)]
mod tests;

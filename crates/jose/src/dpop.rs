//! DPoP proofs (RFC 9449): made by a client for one request, and verified against that request.
//!
//! No clock and no memory: the caller says what time it is, whether a nonce is its own, and which
//! proofs it has seen.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::digest::{constant_time_eq, random_base64url, sha256_base64url};
use crate::{Algorithm, Error, SigningKey, UnverifiedJws, VerifyingKey};

/// The only `typ` of a proof (RFC 9449 section 4.2).
pub const DPOP_TYP: &str = "dpop+jwt";

/// Longest proof: an RSA key of 8192 bits and its signature, with room for claims.
const PROOF_BYTES_MAX: usize = 4096;
/// Shortest `jti`: RFC 9449 section 4.2 asks for 96 bits, which no text of eight characters
/// under-runs by much; it keeps out counters.
const JTI_BYTES_MIN: usize = 8;
/// Longest `jti` and nonce.
const TEXT_BYTES_MAX: usize = 256;
/// Bytes of the `jti` of our own proofs.
const JTI_RANDOM_BYTES: usize = 16;

/// The request that a proof must be made for.
#[derive(Clone, Copy, Debug)]
pub struct DpopTarget<'a> {
    /// The method, such as `POST`.
    pub method: &'a str,
    /// The URL, without query and fragment.
    pub url: &'a str,
    /// The access token that the request carries, where it carries one.
    pub access_token: Option<&'a str>,
}

/// How far a proof's `iat` may lie from the present moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DpopTolerance {
    /// Into the past.
    pub past_seconds: i64,
    /// Into the future.
    pub future_seconds: i64,
}

/// A proof whose signature, key and request fit; its age and nonce are for the caller to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DpopProof {
    jkt: String,
    algorithm: Algorithm,
    claims: Claims,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
}

impl DpopProof {
    /// Verifies a proof as RFC 9449 section 4.3 says, but for its age, its nonce and its
    /// uniqueness: see [`DpopProof::check_time`], [`DpopProof::nonce`] and [`DpopProof::jti`].
    ///
    /// # Errors
    /// [`Error::DpopKeyMissing`], [`Error::DpopRequestMismatch`], [`Error::DpopIdInvalid`],
    /// [`Error::DpopAccessTokenMismatch`], and what [`UnverifiedJws::verify`] refuses.
    pub fn verify(compact: &str, target: &DpopTarget<'_>) -> Result<Self, Error> {
        let unverified = UnverifiedJws::parse(compact, PROOF_BYTES_MAX)?;
        let jwk = unverified.jwk().ok_or(Error::DpopKeyMissing)?;
        let jkt = jwk.thumbprint();
        // A proof comes once: it must not take the place of a token, which comes again.
        let key = VerifyingKey::from_jwk(jwk)?.for_once();
        let algorithm = unverified.algorithm();
        let claims: Claims = unverified.verify(&key, DPOP_TYP)?.claims()?;
        claims.check(target)?;
        Ok(Self {
            jkt,
            algorithm,
            claims,
        })
    }

    /// The RFC 7638 thumbprint of the key.
    #[must_use]
    pub fn jkt(&self) -> &str {
        &self.jkt
    }

    /// What it is signed with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What makes the proof unique among those of its key.
    #[must_use]
    pub fn jti(&self) -> &str {
        &self.claims.jti
    }

    /// When its client says that it made it.
    #[must_use]
    pub fn iat(&self) -> i64 {
        self.claims.iat
    }

    /// The server's nonce that the client repeats.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.claims.nonce.as_deref()
    }

    /// Compares `iat`, and `exp` and `nbf` where the client set them, with the present moment.
    ///
    /// # Errors
    /// [`Error::DpopTimeInvalid`].
    pub fn check_time(&self, now: i64, tolerance: DpopTolerance) -> Result<(), Error> {
        let earliest = now.saturating_sub(tolerance.past_seconds);
        let latest = now.saturating_add(tolerance.future_seconds);
        let claims = &self.claims;
        let refused = [
            ("iat", claims.iat < earliest || claims.iat > latest),
            ("exp", claims.exp.is_some_and(|exp| exp <= now)),
            ("nbf", claims.nbf.is_some_and(|nbf| nbf > latest)),
        ];
        match refused.into_iter().find(|(_, refused)| *refused) {
            Some((claim, _)) => Err(Error::DpopTimeInvalid { claim }),
            None => Ok(()),
        }
    }
}

impl Claims {
    fn check(&self, target: &DpopTarget<'_>) -> Result<(), Error> {
        let too_long = |text: &String| text.is_empty() || text.len() > TEXT_BYTES_MAX;
        if !(JTI_BYTES_MIN..=TEXT_BYTES_MAX).contains(&self.jti.len()) {
            return Err(Error::DpopIdInvalid);
        }
        if self.nonce.as_ref().is_some_and(too_long) {
            return Err(Error::ClaimsMalformed);
        }
        // Methods are compared letter for letter (RFC 9110 section 9.1).
        if self.htm != target.method {
            return Err(Error::DpopRequestMismatch { claim: "htm" });
        }
        if !is_same_url(&self.htu, target.url) {
            return Err(Error::DpopRequestMismatch { claim: "htu" });
        }
        let Some(token) = target.access_token else {
            return Ok(());
        };
        let digest = sha256_base64url(token.as_bytes());
        let found = self.ath.as_deref().unwrap_or_default();
        if constant_time_eq(found.as_bytes(), digest.as_bytes()) {
            Ok(())
        } else {
            Err(Error::DpopAccessTokenMismatch)
        }
    }
}

/// Makes a proof for one request, with a `jti` of its own.
///
/// # Errors
/// [`Error::CryptoFailed`], [`Error::ClaimsMalformed`].
pub fn sign_dpop_proof(
    key: &SigningKey,
    target: &DpopTarget<'_>,
    issued_at: i64,
    nonce: Option<&str>,
) -> Result<String, Error> {
    let claims = Claims {
        jti: random_base64url(JTI_RANDOM_BYTES)?,
        htm: target.method.to_owned(),
        htu: target.url.to_owned(),
        iat: issued_at,
        exp: None,
        nbf: None,
        ath: target
            .access_token
            .map(|token| sha256_base64url(token.as_bytes())),
        nonce: nonce.map(str::to_owned),
    };
    key.sign_jwt_with_jwk(DPOP_TYP, &claims)
}

/// Compares URLs after the normalisation of RFC 3986 sections 6.2.2 and 6.2.3, query and fragment
/// left out (RFC 9449 section 4.3, check 9).
fn is_same_url(one: &str, other: &str) -> bool {
    if one == other {
        return Place::of(one).is_some();
    }
    match (Place::of(one), Place::of(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

#[derive(PartialEq, Eq)]
struct Place {
    scheme: String,
    host: String,
    port: Option<u16>,
    path: String,
}

impl Place {
    /// None for what is no HTTP URL, or names a user.
    fn of(text: &str) -> Option<Self> {
        // The parser would repair these, and a repaired URL is not the one that was signed.
        let is_odd = |character: char| character.is_whitespace() || character.is_control();
        if text.contains('\\') || text.chars().any(is_odd) {
            return None;
        }
        let url = Url::parse(text).ok()?;
        let is_http = matches!(url.scheme(), "http" | "https");
        if !is_http || !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str()?.to_owned(),
            port: url.port_or_known_default(),
            path: unescape_unreserved(url.path()),
        })
    }
}

/// Writes unreserved characters as they are and other escapes in capitals (RFC 3986 section
/// 6.2.2): case, host, default port and dot segments the parser has seen to.
fn unescape_unreserved(path: &str) -> String {
    let mut parts = path.split('%');
    let mut normal = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let escape = part
            .split_at_checked(2)
            .and_then(|(digits, rest)| Some((u8::from_str_radix(digits, 16).ok()?, rest)));
        match escape {
            Some((byte, rest)) => {
                if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                    normal.push(char::from(byte));
                } else {
                    normal.push_str(&format!("%{byte:02X}"));
                }
                normal.push_str(rest);
            }
            None => {
                normal.push('%');
                normal.push_str(part);
            }
        }
    }
    normal
}

#[cfg(test)]
mod tests;

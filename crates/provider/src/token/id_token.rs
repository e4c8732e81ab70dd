//! ID tokens (OIDC Core section 2), and reading one back as a hint.

use cardea_jose::{Algorithm, base64url};
use openssl::hash::{MessageDigest, hash};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::session::reached_acr;
use crate::token::TokenSubject;
use crate::{Error, Provider};

/// `typ` of an ID token. Access tokens and logout tokens have others.
const ID_TOKEN_TYP: &str = "JWT";

/// The claims of an ID token. Names and profession stand in userinfo, by scope.
#[derive(Serialize)]
struct IdTokenClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    iat: i64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    acr: &'a str,
    amr: &'a [&'a str],
    /// This client's own session id: no other client has the same.
    sid: &'a str,
    at_hash: String,
    /// Age in seconds of the stale revocation evidence that the operator's grace let pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_age: Option<i64>,
}

/// What an `id_token_hint` says: proven to be ours, at whatever age.
#[derive(Debug)]
pub(crate) struct IdTokenHint {
    pub(crate) sub: String,
    pub(crate) client_id: String,
    pub(crate) sid: String,
}

impl Provider {
    pub(crate) fn sign_id_token(
        &self,
        subject: &TokenSubject<'_>,
        nonce: Option<&str>,
        access_token: &str,
        now: OffsetDateTime,
    ) -> Result<String, Error> {
        let algorithm = subject.client.id_token_signed_response_alg;
        let acr = reached_acr(subject.session);
        let claims = IdTokenClaims {
            iss: self.issuer.as_str(),
            sub: subject.sub,
            aud: &subject.client.client_id,
            exp: (now + self.lifetimes.id_token).unix_timestamp(),
            iat: now.unix_timestamp(),
            auth_time: subject.session.authenticated_at.unix_timestamp(),
            nonce,
            acr: acr.as_str(),
            amr: acr.amr(),
            sid: subject.sid,
            at_hash: at_hash(algorithm, access_token)?,
            revocation_age: subject.session.revocation_age,
        };
        Ok(self
            .keys
            .signing(algorithm)?
            .sign_jwt(ID_TOKEN_TYP, &claims)?)
    }

    /// Reads an `id_token_hint`: our signature, the type of an ID token, and the client's audience.
    /// It may be expired (OIDC RP-Initiated Logout section 2).
    pub(crate) fn read_id_token_hint(
        &self,
        hint: &str,
        client_id: Option<&str>,
    ) -> Result<IdTokenHint, Error> {
        #[derive(Deserialize)]
        struct HintClaims {
            iss: String,
            sub: String,
            aud: String,
            sid: String,
            // Both stand in every ID token and in none of our other tokens.
            #[serde(rename = "auth_time")]
            _auth_time: i64,
            #[serde(rename = "at_hash")]
            _at_hash: String,
        }
        let verified = self
            .verify_own_token(hint, ID_TOKEN_TYP)
            .map_err(|_| Error::IdTokenHintInvalid)?;
        let claims: HintClaims = verified.claims().map_err(|_| Error::IdTokenHintInvalid)?;
        let for_client = client_id.is_none_or(|client_id| client_id == claims.aud);
        if claims.iss != self.issuer.as_str() || !for_client {
            return Err(Error::IdTokenHintInvalid);
        }
        Ok(IdTokenHint {
            sub: claims.sub,
            client_id: claims.aud,
            sid: claims.sid,
        })
    }
}

/// OIDC Core section 3.1.3.6: the left half of the access token's hash, by the hash of the ID
/// token's algorithm (Ed25519 hashes with SHA-512).
fn at_hash(algorithm: Algorithm, access_token: &str) -> Result<String, Error> {
    let digest = match algorithm {
        Algorithm::Es384 => MessageDigest::sha384(),
        Algorithm::EdDsa => MessageDigest::sha512(),
        _ => MessageDigest::sha256(),
    };
    let full = hash(digest, access_token.as_bytes()).map_err(cardea_jose::Error::from)?;
    Ok(base64url(full.get(..full.len() / 2).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::at_hash;
    use cardea_jose::Algorithm;

    #[test]
    fn at_hash_agrees_with_the_example_of_oidc_core_appendix_a() {
        let access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        let hash = at_hash(Algorithm::Rs256, access_token).unwrap();
        assert_eq!(hash, "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(at_hash(Algorithm::EdDsa, access_token).unwrap().len(), 43);
    }
}

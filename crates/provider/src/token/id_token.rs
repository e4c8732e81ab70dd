//! ID tokens (OIDC Core section 2), and reading one back as a hint.

use cardea_jose::{Algorithm, base64url};
use cardea_oauth2_types::scope;
use openssl::hash::{MessageDigest, hash};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::claims::RequestedClaims;
use crate::grant::NewGrant;
use crate::token::Login;
use crate::userinfo::CardClaims;
use crate::{Error, Provider};

/// `typ` of an ID token. Access tokens and logout tokens have others.
const ID_TOKEN_TYP: &str = "JWT";

/// The claims of an ID token. Names and profession stand in userinfo, by scope, and here only where
/// the client asked for them by name (OIDC Core section 5.5).
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
    /// Age in seconds of the evidence that the card was not revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_age: Option<i64>,
    #[serde(flatten)]
    person: Map<String, Value>,
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
        new: &NewGrant<'_>,
        login: &Login<'_>,
        access_token: &str,
        now: OffsetDateTime,
    ) -> Result<String, Error> {
        let algorithm = new.client.id_token_signed_response_alg;
        let authentication = login.authentication;
        let requested = RequestedClaims::read_stored(new.claims)?;
        let age = authentication.revocation_age;
        let claims = IdTokenClaims {
            iss: self.issuer.as_str(),
            sub: new.sub,
            aud: &new.client.client_id,
            exp: (now + self.lifetimes.id_token).unix_timestamp(),
            iat: now.unix_timestamp(),
            auth_time: authentication.at.unix_timestamp(),
            nonce: new.nonce,
            acr: self.acr_word(authentication.acr),
            amr: authentication.acr.amr(),
            sid: login.sid,
            at_hash: at_hash(algorithm, access_token)?,
            revocation_age: age.filter(|_| shows_own_claim(new, &requested, "revocation_age")),
            person: self.person_of_id_token(new, login, requested)?,
        };
        Ok(self
            .keys()
            .signing(algorithm, now)?
            .sign_jwt(ID_TOKEN_TYP, &claims)?)
    }

    /// What the client asked for by name, and `test` in a sandbox.
    fn person_of_id_token(
        &self,
        new: &NewGrant<'_>,
        login: &Login<'_>,
        requested: RequestedClaims,
    ) -> Result<Map<String, Value>, Error> {
        let test = self
            .test_claim()
            .filter(|_| shows_own_claim(new, &requested, "test"));
        let requested = requested.allowed_to(new.client);
        let mut person = Map::new();
        if !requested.id_token.is_empty() {
            let card = CardClaims::of(login.session, new.client)?;
            card.copy(&mut person, requested.id_token.keys().map(String::as_str));
        }
        if let Some(test) = test {
            person.insert("test".to_owned(), Value::from(test));
        }
        Ok(person)
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

/// Whether a claim that is none of OpenID Connect's stands in this ID token: beside any scope that
/// is none either, and where it was asked for by name. Who asks for `openid` alone gets what the
/// specification names; the conformance suite warns at anything more. Access tokens have them
/// always.
fn shows_own_claim(new: &NewGrant<'_>, requested: &RequestedClaims, name: &str) -> bool {
    let mut scopes = new.scope.split(' ');
    scopes.any(|value| value != scope::OPENID) || requested.id_token.contains_key(name)
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

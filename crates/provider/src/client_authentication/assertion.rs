//! `private_key_jwt`: a JWT that the client signed for us, once (RFC 7523 section 2.2, OIDC Core
//! section 9).

use std::collections::BTreeMap;

use cardea_jose::{Jwk, UnverifiedJws, VerifyingKey, sha256_base64url};
use cardea_oauth2_types::TokenParameters;
use cardea_storage::spending::{Spend, Spent};
use serde::Deserialize;
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use crate::{Client, Endpoint, Error, Issuer, ProfileRules, ProtocolProfile, Provider};

/// The only kind of assertion (RFC 7523 section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ASSERTION_BYTES_MAX: usize = 4096;
/// `typ`, where there is one: what libraries write, and the name proposed to replace it.
const TYPES: [&str; 2] = ["client-authentication+jwt", "JWT"];
/// Keys tried for an assertion that names none: as many as can be registered.
const KEYS_TRIED_MAX: usize = 16;
const JTI_BYTES_MAX: usize = 256;
/// How far a client's clock may be ahead.
const SKEW: Duration = Duration::seconds(60);
/// How far ahead `exp` may lie: an hour is what Authlib writes unless told otherwise. An assertion
/// is good once whatever its age.
const LIFETIME_MAX: Duration = Duration::HOUR;

/// Claims of what the same key may have signed for another purpose, and which must not pass for an
/// assertion: request objects (RFC 9101 section 10.8), ID tokens, and logout tokens or other
/// security events.
const FOREIGN_CLAIMS: [&str; 4] = ["client_id", "response_type", "nonce", "events"];

/// Which `aud` says that a client assertion is meant for us. It is always one string: an assertion
/// for several servers could be used at the one by the other (attack F4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssertionAudience {
    /// The issuer, or the URL of an endpoint of ours that clients authenticate at.
    #[default]
    IssuerOrEndpoint,
    /// The issuer alone (FAPI 2.0 Security Profile section 5.3.2.1).
    IssuerAlone,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Value,
    exp: i64,
    iat: Option<i64>,
    nbf: Option<i64>,
    jti: String,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// The assertion of a request.
pub(super) fn read(parameters: &TokenParameters) -> Result<&str, Error> {
    let invalid = |reason| Error::ClientAssertionInvalid { reason };
    match parameters.client_assertion_type.as_deref() {
        Some(ASSERTION_TYPE) => {}
        Some(_) => return Err(invalid("client_assertion_type is not jwt-bearer")),
        None => return Err(invalid("client_assertion_type is missing")),
    }
    let assertion = parameters.client_assertion.as_deref();
    assertion.ok_or(invalid("client_assertion is missing"))
}

/// The client that an assertion speaks for: a name to look its keys up by.
pub(super) fn unverified_subject(assertion: &str) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Subject {
        sub: String,
    }
    let subject: Subject = UnverifiedJws::parse(assertion, ASSERTION_BYTES_MAX)
        .and_then(|jws| jws.unverified_claims())
        .map_err(|_| Error::ClientAssertionInvalid {
            reason: "it is no JWT with a sub",
        })?;
    Ok(subject.sub)
}

impl Provider {
    /// Takes a client's assertion, which must be new on every node.
    pub(super) async fn spend_assertion(
        &self,
        client: &Client,
        assertion: &str,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let jti = self.verify_assertion(client, assertion, now)?;
        let owner = &client.client_id;
        let spend = Spend {
            jti_sha256: sha256_base64url(format!("client\n{owner}\n{jti}").as_bytes()),
            expires_at: now + LIFETIME_MAX + SKEW,
            key: None,
        };
        // What the client is told comes after a later commit, or after all is settled.
        match self.store.spend(spend).await? {
            Spent::First => Ok(()),
            Spent::Repeated | Spent::KeyOfAnother => Err(Error::ClientAssertionReplayed),
        }
    }

    /// Refuses what may have been spent before the database was restored, and is not in it. One
    /// without `iat` may be as old as its `exp` lets it be.
    fn check_made_since_restore(&self, claims: &Claims) -> Result<(), Error> {
        let (skew, lifetime) = (SKEW.whole_seconds(), LIFETIME_MAX.whole_seconds());
        let may_be_from = match claims.iat {
            Some(iat) => iat.saturating_sub(skew),
            None => claims.exp.saturating_sub(lifetime + skew),
        };
        if self.restore_epoch.is_after(may_be_from) {
            Err(Error::ClientAssertionBeforeRestore)
        } else {
            Ok(())
        }
    }

    /// Checks everything about an assertion but that it is new, and gives its `jti`.
    pub(super) fn verify_assertion(
        &self,
        client: &Client,
        assertion: &str,
        now: OffsetDateTime,
    ) -> Result<String, Error> {
        let claims = verify(client, assertion, &self.rules)?;
        claims.check(client, now)?;
        self.check_made_since_restore(&claims)?;
        let accepted = self.rules.assertion_audience;
        let aud = self.aud_at_issuer(&claims.aud);
        check_audience(&aud, &self.issuer, self.profile(), accepted)?;
        Ok(claims.jti)
    }
}

/// The claims that a key of the client signed. The key is one of those registered, whatever the
/// header says, and the algorithm follows from it (RFC 8725 section 3.1).
fn verify(client: &Client, assertion: &str, rules: &ProfileRules) -> Result<Claims, Error> {
    let invalid = |reason| Error::ClientAssertionInvalid { reason };
    let unverified = UnverifiedJws::parse(assertion, ASSERTION_BYTES_MAX)
        .map_err(|_| invalid("it is no JWT with an algorithm that we accept"))?;
    if !rules.admits(unverified.algorithm()) {
        return Err(invalid(
            "its algorithm is one that the profile does not allow",
        ));
    }
    let keys: Vec<&Jwk> = match unverified.kid() {
        Some(kid) => client.jwks.find(kid).into_iter().collect(),
        None => client.jwks.keys.iter().collect(),
    };
    let keys: Vec<VerifyingKey> = keys
        .into_iter()
        .filter_map(|jwk| VerifyingKey::from_jwk(jwk).ok())
        .filter(|key| key.accepts(unverified.algorithm()))
        .take(KEYS_TRIED_MAX)
        .collect();
    if keys.is_empty() {
        return Err(invalid("no registered key has its kid and algorithm"));
    }
    unverified
        .verify_by_any(&keys, &TYPES)
        .map_err(|_| invalid("no registered key signed it, or it is a token of another type"))?
        .claims()
        .map_err(|_| invalid("a claim is missing or malformed"))
}

impl Claims {
    fn check(&self, client: &Client, now: OffsetDateTime) -> Result<(), Error> {
        if self.iss != client.client_id || self.sub != client.client_id {
            let reason = "iss and sub are not the client_id";
            return Err(Error::ClientAssertionInvalid { reason });
        }
        if self.jti.is_empty() || self.jti.len() > JTI_BYTES_MAX {
            let reason = "jti is empty or too long";
            return Err(Error::ClientAssertionInvalid { reason });
        }
        if FOREIGN_CLAIMS
            .iter()
            .any(|name| self.others.contains_key(*name))
        {
            let reason = "it holds a claim of a request object, an ID token or an event";
            return Err(Error::ClientAssertionInvalid { reason });
        }
        let latest = (now + SKEW).unix_timestamp();
        let is_later = |time: Option<i64>| time.is_some_and(|time| time > latest);
        let expires_latest = (now + SKEW + LIFETIME_MAX).unix_timestamp();
        if self.exp <= now.unix_timestamp()
            || self.exp > expires_latest
            || is_later(self.iat)
            || is_later(self.nbf)
        {
            return Err(Error::ClientAssertionTimeInvalid);
        }
        Ok(())
    }
}

fn check_audience(
    aud: &Value,
    issuer: &Issuer,
    profile: ProtocolProfile,
    accepted: AssertionAudience,
) -> Result<(), Error> {
    let mismatch = Error::ClientAssertionAudienceMismatch;
    let Some(aud) = aud.as_str() else {
        return Err(mismatch);
    };
    let is_endpoint = || Endpoint::is_authenticated_url(aud, issuer, profile);
    let is_ours = aud == issuer.as_str()
        || (accepted == AssertionAudience::IssuerOrEndpoint && is_endpoint());
    if is_ours { Ok(()) } else { Err(mismatch) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Attack F4, and the audiences that FAPI 2.0 refuses.
    #[test]
    fn f4_the_audience_is_one_string_of_ours() {
        use AssertionAudience::{IssuerAlone, IssuerOrEndpoint};
        let issuer = Issuer::parse("https://id.example.fr").unwrap();
        for (aud, by_default, strictly) in [
            (json!("https://id.example.fr"), true, true),
            (json!("https://id.example.fr/token"), true, false),
            (json!("https://id.example.fr/par"), true, false),
            (json!("https://id.example.fr/introspect"), true, false),
            (json!("https://id.example.fr/revoke"), true, false),
            (json!("https://id.example.fr/"), false, false),
            (json!("https://id.example.fr/userinfo"), false, false),
            (json!("https://other.example.fr/token"), false, false),
            (json!("https://id.example.fr.evil.test/token"), false, false),
            (json!(["https://id.example.fr"]), false, false),
            (
                json!(["https://id.example.fr", "https://other.example.fr"]),
                false,
                false,
            ),
            (json!(null), false, false),
            (json!(""), false, false),
        ] {
            for (rule, accepted) in [(IssuerOrEndpoint, by_default), (IssuerAlone, strictly)] {
                let outcome = check_audience(&aud, &issuer, ProtocolProfile::Oidc, rule);
                assert_eq!(outcome.is_ok(), accepted, "{aud} {rule:?}");
            }
        }
    }
}

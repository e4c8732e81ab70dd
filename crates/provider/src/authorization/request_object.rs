//! Signed request objects by value (RFC 9101): a JWT whose claims are the request.
//!
//! With one, nothing outside it counts (section 6.3): whoever changes the address in the browser
//! changes nothing of what was asked (attack E12).

use cardea_jose::{Jwk, UnverifiedJws, VerifiedJws, VerifyingKey};
use cardea_oauth2_types::AuthorizationParameters;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use crate::{Client, Demand, Error, ProfileRules, Provider};

const BYTES_MAX: usize = 16 * 1024;
/// `typ` of RFC 9101 section 10.8; older clients write `JWT` or nothing.
const TYPES: [&str; 2] = ["oauth-authz-req+jwt", "JWT"];
/// A request is made for the moment: what lives longer was made to be kept.
const LIFETIME_MAX: Duration = Duration::minutes(60);
/// Clocks of servers differ by seconds (FAPI 2.0 Security Profile section 5.3.2.1: ten).
const SKEW: Duration = Duration::seconds(10);
/// Keys of one client that are tried; a `kid` names one of them.
const KEYS_MAX: usize = 8;
/// Claims about the token itself; the rest are parameters.
const TOKEN_CLAIMS: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "jti", "sub"];

impl Provider {
    /// Opens a request object of a client and returns the parameters inside it.
    pub(super) fn open_request_object(
        &self,
        client: &Client,
        object: &str,
        now: OffsetDateTime,
    ) -> Result<AuthorizationParameters, Error> {
        // Without a registered key a client has nothing to sign with.
        if client.jwks.keys.is_empty() {
            return Err(Error::RequestObjectUnsupported);
        }
        let claims: Claims = verify(client, object, &self.rules)?
            .claims()
            .map_err(|_| Error::RequestObjectMalformed)?;
        self.check_token_claims(client, &claims, now)?;
        let mut pairs = vec![("client_id".to_owned(), client.client_id.clone())];
        for (name, value) in claims.0 {
            if TOKEN_CLAIMS.contains(&name.as_str()) {
                continue;
            }
            match name.as_str() {
                "client_id" if value.as_str() == Some(&client.client_id) => {}
                "client_id" => return Err(Error::RequestObjectIssuerMismatch),
                // RFC 9101 section 4: a request object holds no other.
                "request" | "request_uri" => return Err(Error::RequestObjectMalformed),
                _ => push_parameter(&mut pairs, name, value)?,
            }
        }
        Ok(AuthorizationParameters::from_pairs(pairs)?)
    }

    /// RFC 9101 section 6.3 by way of RFC 7519: who says it, to whom, and when.
    fn check_token_claims(
        &self,
        client: &Client,
        claims: &Claims,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        if claims.find("iss").and_then(Value::as_str) != Some(&client.client_id) {
            return Err(Error::RequestObjectIssuerMismatch);
        }
        // RFC 9101 section 10.8: no request object may pass for an assertion of its client.
        if claims.find("sub").and_then(Value::as_str) == Some(&client.client_id) {
            return Err(Error::RequestObjectIsClientAssertion);
        }
        let is_us = |value: &Value| value.as_str() == Some(self.issuer.as_str());
        let for_us = match claims.find("aud") {
            Some(Value::Array(several)) => several.iter().any(is_us),
            Some(one) => is_us(one),
            None => false,
        };
        if !for_us {
            return Err(Error::RequestObjectAudienceMismatch);
        }
        self.check_time(claims, now.unix_timestamp())
    }

    fn check_time(&self, claims: &Claims, now: i64) -> Result<(), Error> {
        let exp = claims.time("exp")?.ok_or(Error::RequestObjectOutOfTime)?;
        let not_before = claims.time("nbf")?;
        // FAPI 2.0 Message Signing section 5.3.1: good from a moment that is said, and an hour from
        // then at most.
        let strictly = self.rules.request_object_not_before == Demand::Required;
        if strictly && not_before.is_none() {
            return Err(Error::RequestObjectOutOfTime);
        }
        let nbf = not_before.unwrap_or(now);
        let lifetime_max = LIFETIME_MAX.whole_seconds();
        let counted_from = if strictly { nbf } else { now };
        let in_time = exp > now
            && exp.saturating_sub(now) <= lifetime_max
            && exp.saturating_sub(counted_from) <= lifetime_max
            && nbf <= now + SKEW.whole_seconds()
            && now.saturating_sub(nbf) <= lifetime_max;
        if in_time {
            Ok(())
        } else {
            Err(Error::RequestObjectOutOfTime)
        }
    }
}

/// Verifies with the client's registered keys alone: what the header brings along is refused or
/// ignored as a key (attacks E10, G4).
fn verify(client: &Client, object: &str, rules: &ProfileRules) -> Result<VerifiedJws, Error> {
    let unproven = |error| match error {
        // `none` and HS256 are not in the list; `jku` and its kin are refused.
        cardea_jose::Error::AlgorithmNotAllowed
        | cardea_jose::Error::HeaderRefused { .. }
        | cardea_jose::Error::SignatureInvalid => Error::RequestObjectUnproven,
        _ => Error::RequestObjectMalformed,
    };
    let unverified = UnverifiedJws::parse(object, BYTES_MAX).map_err(unproven)?;
    let registered = client.request_object_signing_alg;
    let algorithm = unverified.algorithm();
    if registered.is_some_and(|registered| registered != algorithm) || !rules.admits(algorithm) {
        return Err(Error::RequestObjectUnproven);
    }
    let kid = unverified.kid();
    let named = |jwk: &&Jwk| kid.is_none() || jwk.kid.as_deref() == kid;
    let keys: Vec<VerifyingKey> = client
        .jwks
        .keys
        .iter()
        .filter(named)
        .filter_map(|jwk| VerifyingKey::from_jwk(jwk).ok())
        .take(KEYS_MAX)
        .collect();
    unverified.verify_by_any(&keys, &TYPES).map_err(unproven)
}

/// Parameters inside are JSON of their own kind: `max_age` a number, `claims` an object,
/// `resource` perhaps an array (RFC 9101 section 4, RFC 8707 section 2).
fn push_parameter(
    pairs: &mut Vec<(String, String)>,
    name: String,
    value: Value,
) -> Result<(), Error> {
    let text = match value {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null => return Ok(()),
        object @ Value::Object(_) if name == "claims" => object.to_string(),
        Value::Array(several) if name == "resource" => {
            for one in several {
                let one = one.as_str().ok_or(Error::RequestObjectMalformed)?;
                pairs.push((name.clone(), one.to_owned()));
            }
            return Ok(());
        }
        // What we do not know is ignored, whatever its shape.
        Value::Object(_) | Value::Array(_) => return Ok(()),
    };
    pairs.push((name, text));
    Ok(())
}

/// The members of the payload, each once (attack G7).
struct Claims(Vec<(String, Value)>);

impl Claims {
    fn find(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value)
    }

    /// A NumericDate; RFC 7519 section 2 allows fractions.
    fn time(&self, name: &str) -> Result<Option<i64>, Error> {
        let Some(value) = self.find(name) else {
            return Ok(None);
        };
        let seconds = value.as_i64().ok_or(Error::RequestObjectMalformed)?;
        Ok(Some(seconds))
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Claims;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object of claims")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims, A::Error> {
                let mut members = std::collections::BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(serde::de::Error::custom("a claim stands twice"));
                    }
                }
                Ok(Claims(members.into_iter().collect()))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

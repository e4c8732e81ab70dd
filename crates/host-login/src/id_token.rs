//! The ID token, and whom it names (OIDC Core section 3.1.3.7).

use cardea_jose::{JwkSet, UnverifiedJws, VerifyingKey, constant_time_eq};
use cardea_oauth2_types::Acr;
use serde::Deserialize;

use crate::Error;
use crate::config::{Holder, HolderClaim};

const ID_TOKEN_BYTES_MAX: usize = 8 * 1024;
const ID_TOKEN_TYP: &str = "JWT";
/// How far this host's clock may be from the issuer's: the nonce says that the token is new.
const CLOCK_SECONDS: i64 = 300;

/// What a token must say.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) acr: Acr,
    pub(crate) holders: &'a [Holder],
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    iat: i64,
    nonce: Option<String>,
    acr: Option<Acr>,
    #[serde(default)]
    amr: Vec<String>,
    azp: Option<String>,
    subject_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Verifies a token and says whom it let in: the person's pseudonym.
pub(crate) fn verify(
    token: &str,
    keys: &JwkSet,
    expected: &Expected<'_>,
    now: i64,
) -> Result<String, Error> {
    let claims = read(token, keys)?;
    check(&claims, expected, now)?;
    let reached = claims.acr.ok_or(Error::LevelInsufficient)?;
    let says = |method: &&str| claims.amr.iter().any(|it| it == method);
    if !reached.satisfies(expected.acr) || !expected.acr.amr().iter().all(says) {
        return Err(Error::LevelInsufficient);
    }
    if expected.holders.iter().any(|it| is_holder(it, &claims)) {
        Ok(claims.sub)
    } else {
        Err(Error::PersonUnmapped { person: claims.sub })
    }
}

fn read(token: &str, keys: &JwkSet) -> Result<Claims, Error> {
    let invalid = |reason| Error::IdTokenInvalid { reason };
    let unproven = |_| invalid("it is not signed by a key of the issuer");
    let unverified = UnverifiedJws::parse(token, ID_TOKEN_BYTES_MAX).map_err(unproven)?;
    let key = unverified.kid().and_then(|kid| keys.find(kid));
    let key = key.ok_or_else(|| invalid("it names no key of the issuer"))?;
    let key = VerifyingKey::from_jwk(key).map_err(unproven)?;
    let verified = unverified.verify(&key, ID_TOKEN_TYP).map_err(unproven)?;
    let claims = verified.claims();
    claims.map_err(|_| invalid("it lacks a claim"))
}

fn check(claims: &Claims, expected: &Expected<'_>, now: i64) -> Result<(), Error> {
    let is_for_us = match &claims.aud {
        Audience::One(one) => one == expected.client_id,
        Audience::Several(several) => several.as_slice() == [expected.client_id],
    };
    let azp = claims.azp.as_deref();
    let nonce = claims.nonce.as_deref().unwrap_or_default();
    let rules = [
        (claims.iss == expected.issuer, "it is of another issuer"),
        (is_for_us, "it is for somebody else"),
        (
            azp.is_none_or(|azp| azp == expected.client_id),
            "it was given to somebody else",
        ),
        (
            constant_time_eq(nonce.as_bytes(), expected.nonce.as_bytes()),
            "it answers another request",
        ),
        (claims.exp > now - CLOCK_SECONDS, "it has expired"),
        (claims.iat < now + CLOCK_SECONDS, "it is from the future"),
    ];
    match rules.into_iter().find(|(holds, _)| !holds) {
        Some((_, reason)) => Err(Error::IdTokenInvalid { reason }),
        None => Ok(()),
    }
}

fn is_holder(holder: &Holder, claims: &Claims) -> bool {
    let value = match holder.claim {
        HolderClaim::Sub => Some(&claims.sub),
        HolderClaim::SubjectId => claims.subject_id.as_ref(),
    };
    value.is_some_and(|value| *value == holder.value)
}

#[cfg(test)]
mod tests {
    use cardea_jose::{Algorithm, JwkSet, SigningKey};
    use serde_json::{Value, json};

    use super::{Expected, verify};
    use crate::config::{Holder, HolderClaim};
    use cardea_oauth2_types::Acr;

    const NOW: i64 = 1_800_000_000;

    fn good() -> Value {
        json!({"iss": "https://id.example.fr", "sub": "person", "aud": "db01", "exp": NOW + 300,
               "iat": NOW, "nonce": "n", "acr": "urn:cardea:acr:card-pin",
               "amr": ["sc", "pin", "hwk", "mfa"], "subject_id": "899700000001"})
    }

    fn code_of(claims: &Value, signer: &SigningKey, keys: &JwkSet) -> Result<String, &'static str> {
        let holders = [Holder {
            claim: HolderClaim::SubjectId,
            value: "899700000001".to_owned(),
        }];
        let expected = Expected {
            issuer: "https://id.example.fr",
            client_id: "db01",
            nonce: "n",
            acr: Acr::CardPin,
            holders: &holders,
        };
        let token = signer.sign_jwt("JWT", claims).unwrap();
        verify(&token, keys, &expected, NOW).map_err(|error| error.code())
    }

    #[test]
    fn each_rule_refuses_alone() {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let keys = JwkSet {
            keys: vec![key.public_jwk().clone()],
        };
        assert_eq!(code_of(&good(), &key, &keys).as_deref(), Ok("person"));
        let invalid = "host_login.id_token_invalid";
        let cases = [
            ("iss", json!("https://other.example"), invalid),
            ("aud", json!("db02"), invalid),
            ("aud", json!(["db01", "db02"]), invalid),
            ("azp", json!("db02"), invalid),
            ("nonce", json!("m"), invalid),
            ("nonce", Value::Null, invalid),
            ("exp", json!(NOW - 301), invalid),
            ("iat", json!(NOW + 301), invalid),
            (
                "acr",
                json!("urn:cardea:acr:card"),
                "host_login.level_insufficient",
            ),
            ("acr", Value::Null, "host_login.level_insufficient"),
            ("amr", json!(["sc"]), "host_login.level_insufficient"),
            (
                "subject_id",
                json!("899700000002"),
                "host_login.person_unmapped",
            ),
            ("subject_id", Value::Null, "host_login.person_unmapped"),
        ];
        for (member, value, code) in cases {
            let mut claims = good();
            claims[member] = value.clone();
            assert_eq!(
                code_of(&claims, &key, &keys),
                Err(code),
                "{member}: {value}"
            );
        }
    }

    #[test]
    fn a_key_that_is_not_the_issuer_s_proves_nothing() {
        let (key, other) = (
            SigningKey::generate(Algorithm::Es256).unwrap(),
            SigningKey::generate(Algorithm::Es256).unwrap(),
        );
        let keys = JwkSet {
            keys: vec![other.public_jwk().clone()],
        };
        let refused = code_of(&good(), &key, &keys);
        assert_eq!(refused, Err("host_login.id_token_invalid"));
    }
}

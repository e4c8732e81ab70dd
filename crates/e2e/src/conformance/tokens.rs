//! Token answers, ID tokens and userinfo, judged as in every module of the suite.

use anyhow::{Context, Result, ensure};
use cardea_jose::{
    Algorithm, UnverifiedJws, VerifyingKey, base64url, parse_base64url, sha256_base64url,
};
use serde_json::Value;
use time::OffsetDateTime;

use super::response::Answer;
use super::{Suite, SuiteRequest};

/// What the suite expects in an ID token that `openid` alone was asked for; it warns at the rest.
const NAMED_BY_OPENID_CONNECT: [&str; 16] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "c_hash",
    "nbf",
    "jti",
    "sid",
    "s_hash",
];
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// How far apart two clocks of one machine may seem, in seconds.
const SKEW: i64 = 5;

/// What a sound login gave.
#[derive(Clone, Debug)]
pub struct SignedIn {
    asked: bool,
    code: String,
    answer: Answer,
    claims: Value,
}

impl SignedIn {
    /// Judges the token endpoint's answer to a code.
    pub(super) fn check(
        suite: &Suite,
        request: &SuiteRequest,
        asked: bool,
        code: String,
        answer: Answer,
    ) -> Result<Self> {
        check_token_answer(&answer)?;
        let claims = check_id_token(suite, request, &answer)?;
        ensure!(
            claims.get("nonce").and_then(Value::as_str) == request.parameter("nonce"),
            "another nonce: {claims}"
        );
        Ok(Self {
            asked,
            code,
            answer,
            claims,
        })
    }

    /// Judges the answer to a refresh token, against the first one (OIDC Core section 12.2).
    ///
    /// # Errors
    /// The first check that fails.
    pub fn check_refreshed(
        &self,
        suite: &Suite,
        request: &SuiteRequest,
        answer: Answer,
    ) -> Result<Self> {
        check_token_answer(&answer)?;
        let claims = check_id_token(suite, request, &answer)?;
        for name in ["iss", "sub", "aud", "auth_time", "azp"] {
            ensure!(
                claims.get(name) == self.claims.get(name),
                "{name} changed: {claims}"
            );
        }
        ensure!(
            claims.get("iat") != self.claims.get("iat"),
            "iat stayed: {claims}"
        );
        let refreshed = Self {
            asked: false,
            code: self.code.clone(),
            answer,
            claims,
        };
        ensure!(
            refreshed.access_token() != self.access_token(),
            "the same access token again"
        );
        Ok(refreshed)
    }

    /// Whether the login page asked for the card.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.asked
    }

    /// The code that was redeemed.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The token endpoint's answer.
    #[must_use]
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// The ID token.
    #[must_use]
    pub fn id_token(&self) -> &str {
        self.answer.text("id_token").unwrap_or_default()
    }

    /// The access token.
    #[must_use]
    pub fn access_token(&self) -> &str {
        self.answer.text("access_token").unwrap_or_default()
    }

    /// The refresh token.
    ///
    /// # Errors
    /// When there is none, or not of 128 bits at least in permitted characters.
    pub fn refresh_token(&self) -> Result<&str> {
        let token = self.answer.text("refresh_token")?;
        ensure!(
            token.len() >= 22 && token.chars().all(|c| c.is_ascii_graphic()),
            "a weak refresh token"
        );
        Ok(token)
    }

    /// The ID token's claims.
    #[must_use]
    pub fn claims(&self) -> &Value {
        &self.claims
    }

    /// A claim that is a number.
    ///
    /// # Errors
    /// When it is not there.
    pub fn number(&self, claim: &str) -> Result<i64> {
        number(&self.claims, claim)
    }

    /// Judges an answer of userinfo to this login's access token.
    ///
    /// # Errors
    /// When it is not sound.
    pub fn check_userinfo(&self, userinfo: &Answer) -> Result<()> {
        ensure!(userinfo.status == 200, "{userinfo:?}");
        userinfo.check_not_stored()?;
        check_standard_claims(&userinfo.body)?;
        let sub = userinfo.text("sub")?;
        ensure!(
            self.claims.get("sub").and_then(Value::as_str) == Some(sub),
            "another person: {userinfo:?}"
        );
        Ok(())
    }
}

/// RFC 6749 section 5.1.
fn check_token_answer(answer: &Answer) -> Result<()> {
    ensure!(answer.status == 200, "{answer:?}");
    answer.check_not_stored()?;
    ensure!(answer.text("token_type")? == "Bearer", "{answer:?}");
    let lifetime = answer.body.get("expires_in").and_then(Value::as_u64);
    ensure!(lifetime.is_some_and(|seconds| seconds > 0), "{answer:?}");
    let token = answer.text("access_token")?;
    ensure!(
        token.len() >= 22 && token.chars().all(|c| c.is_ascii_graphic()),
        "a weak access token"
    );
    Ok(())
}

/// OIDC Core sections 2, 3.1.3.6 and 3.1.3.7, as for a client whose algorithm is RS256.
fn check_id_token(suite: &Suite, request: &SuiteRequest, answer: &Answer) -> Result<Value> {
    let token = answer.text("id_token")?;
    let claims = verify(suite, token, "JWT", Algorithm::Rs256)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let issuer = suite.endpoint("issuer")?;
    ensure!(text("iss") == Some(issuer), "another issuer: {claims}");
    ensure!(
        text("aud") == Some(request.client().id),
        "another audience: {claims}"
    );
    ensure!(
        text("sub").is_some_and(|sub| (1..=255).contains(&sub.len()) && sub.is_ascii()),
        "nobody: {claims}"
    );
    ensure!(
        text("acr").is_some_and(|acr| suite.lists("acr_values_supported", acr)),
        "another class than those offered: {claims}"
    );
    let now = now();
    let (issued, signed) = (number(&claims, "iat")?, number(&claims, "auth_time")?);
    ensure!(
        (now - 60..=now + SKEW).contains(&issued),
        "not made now: {claims}"
    );
    ensure!(number(&claims, "exp")? > now, "expired: {claims}");
    ensure!(signed <= issued, "signed in later: {claims}");
    let digest = parse_base64url(&sha256_base64url(answer.text("access_token")?.as_bytes()))?;
    let half = digest.get(..16).context("a digest has 32 bytes")?;
    ensure!(
        text("at_hash") == Some(base64url(half).as_str()),
        "another access token: {claims}"
    );
    check_standard_claims(&claims)?;
    if request.parameter("scope") == Some("openid") {
        for name in claims.as_object().context("no claims")?.keys() {
            ensure!(
                NAMED_BY_OPENID_CONNECT.contains(&name.as_str()),
                "nobody asked for {name}: {claims}"
            );
        }
    }
    Ok(claims)
}

/// Verifies a token of the server by the key that its `kid` names, and gives its claims.
///
/// # Errors
/// When it is not of this type and algorithm, or no key of the server's has signed it.
pub(super) fn verify(suite: &Suite, token: &str, typ: &str, algorithm: Algorithm) -> Result<Value> {
    let jws = UnverifiedJws::parse(token, TOKEN_BYTES_MAX)?;
    ensure!(
        jws.algorithm() == algorithm,
        "signed with {:?}",
        jws.algorithm()
    );
    let kid = jws.kid().context("no kid")?;
    let key = suite.keys().find(kid).context("an unknown kid")?;
    let verified = jws.verify(&VerifyingKey::from_jwk(key)?, typ)?;
    Ok(verified.claims()?)
}

/// OIDC Core section 5.1: who has a standard claim gives it in its type, and none without a value.
fn check_standard_claims(claims: &Value) -> Result<()> {
    let members = claims.as_object().context("no claims")?;
    for (name, value) in members {
        let is_sound = match name.as_str() {
            "email_verified" | "phone_number_verified" => value.is_boolean(),
            "updated_at" | "exp" | "iat" | "auth_time" => value.is_i64(),
            "address" => value.is_object(),
            "sub" | "name" | "given_name" | "family_name" | "middle_name" | "nickname"
            | "preferred_username" | "profile" | "picture" | "website" | "email" | "gender"
            | "birthdate" | "zoneinfo" | "locale" | "phone_number" => {
                value.as_str().is_some_and(|text| !text.is_empty())
            }
            _ => !value.is_null(),
        };
        ensure!(is_sound, "{name} is {value}");
    }
    Ok(())
}

pub(super) fn number(claims: &Value, name: &str) -> Result<i64> {
    let value = claims.get(name).and_then(Value::as_i64);
    value.with_context(|| format!("no {name}: {claims}"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server under test lives in real time, and so does its client"
)]
pub(super) fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

//! What an access token says (RFC 9068 section 2.2), and the rules that no request changes.

use serde::Deserialize;

use crate::AccessError;
use crate::access_token::TokenRules;

/// Longest of any text in a token that is passed on: a subject, a session, a client.
const TEXT_BYTES_MAX: usize = 512;
/// Longest scope.
const LIST_BYTES_MAX: usize = 2048;
/// Resource servers that one token may name.
const AUDIENCES_MAX: usize = 32;
/// Methods that one token may name (RFC 8176 registers 20).
const METHODS_MAX: usize = 32;

/// The claims of a token whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) aud: Audience,
    pub(crate) client_id: String,
    pub(crate) exp: i64,
    pub(crate) iat: i64,
    pub(crate) nbf: Option<i64>,
    pub(crate) jti: String,
    #[serde(default)]
    pub(crate) scope: String,
    pub(crate) auth_time: Option<i64>,
    pub(crate) acr: Option<String>,
    #[serde(default)]
    pub(crate) amr: Vec<String>,
    pub(crate) sid: Option<String>,
    pub(crate) profession: Option<Profession>,
    pub(crate) cnf: Option<Confirmation>,
}

/// One resource server as text, several as a list (RFC 7519 section 4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    One(String),
    Several(Vec<String>),
}

/// A profession as a code of a named system, or as one word.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Profession {
    Word(String),
    Code { code: String, system: String },
}

/// What a token is bound to (RFC 7800 section 3.1).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Confirmation {
    /// RFC 9449 section 6.1.
    pub(crate) jkt: Option<String>,
    /// RFC 8705 section 3.1.
    #[serde(rename = "x5t#S256")]
    pub(crate) x5t_s256: Option<String>,
}

impl Audience {
    fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

impl Profession {
    /// One word for it.
    pub(crate) fn word(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Code { code, system } => format!("{system}/{code}"),
        }
    }
}

impl Claims {
    /// Issuer, audience and times, in this order.
    pub(crate) fn check(&self, rules: &TokenRules, now: i64) -> Result<(), AccessError> {
        if self.iss != rules.issuer {
            return Err(AccessError::TokenIssuerMismatch);
        }
        if !self.aud.all().contains(&rules.audience) {
            return Err(AccessError::TokenAudienceMismatch);
        }
        self.check_times(rules, now)
    }

    /// What no time changes, so that it is looked at where a token is read.
    pub(crate) fn check_sizes(&self) -> Result<(), AccessError> {
        let texts = [&self.sub, &self.client_id, &self.jti];
        let given = [&self.sid, &self.acr].into_iter().flatten();
        let is_good = |text: &String| {
            let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            !text.is_empty() && text.len() <= TEXT_BYTES_MAX && printable
        };
        let is_text = |text: &str| {
            text.len() <= LIST_BYTES_MAX && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        };
        let profession = self.profession.as_ref().map(Profession::word);
        let words = is_text(&self.scope) && is_text(&profession.unwrap_or_default());
        let lists = self.aud.all().len() <= AUDIENCES_MAX && self.amr.len() <= METHODS_MAX;
        let mut all = texts.into_iter().chain(given).chain(&self.amr);
        if words && lists && all.all(is_good) {
            Ok(())
        } else {
            Err(AccessError::TokenMalformed(
                cardea_jose::Error::ClaimsMalformed,
            ))
        }
    }

    /// RFC 7519 sections 4.1.4 to 4.1.6, each with the tolerance for clocks that differ.
    fn check_times(&self, rules: &TokenRules, now: i64) -> Result<(), AccessError> {
        let latest = now.saturating_add(rules.clock_skew_seconds);
        let earliest = now.saturating_sub(rules.clock_skew_seconds);
        if self.exp <= earliest {
            return Err(AccessError::TokenExpired);
        }
        let is_ahead = |time: i64| time > latest;
        let future = [Some(self.iat), self.nbf, self.auth_time];
        if future.into_iter().flatten().any(is_ahead) {
            return Err(AccessError::TokenNotYetValid);
        }
        // What a session's end is remembered for is bounded by this.
        let lifetime = self.exp.saturating_sub(self.iat);
        if self.iat < 0 || lifetime > rules.lifetime_seconds_max {
            return Err(AccessError::TokenLifetimeExcessive);
        }
        Ok(())
    }
}

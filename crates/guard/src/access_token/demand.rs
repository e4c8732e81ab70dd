//! What a request to one place of an API asks of the login behind its token (RFC 9470).

use cardea_oauth2_types::Acr;
use serde::Deserialize;

use crate::AccessError;
use crate::access_token::claims::Claims;

/// What a token must grant, and how and when its person must have logged in. Nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Demand {
    /// All of these scope values.
    pub scope: Vec<String>,
    /// One of these authentication context classes; of Cardea's own also one that is stronger.
    pub acr_values: Vec<String>,
    /// All of these methods (RFC 8176).
    pub amr: Vec<String>,
    /// The login is no older.
    pub max_age_seconds: Option<u32>,
}

impl Demand {
    /// Checks the scope first: no login mends a scope that is missing.
    pub(crate) fn check(&self, claims: &Claims, now: i64, skew: i64) -> Result<(), AccessError> {
        let granted = |wanted: &String| claims.scope.split(' ').any(|value| value == wanted);
        if !self.scope.iter().all(granted) {
            return Err(AccessError::ScopeInsufficient {
                scope: self.scope.join(" "),
            });
        }
        let reached = claims.acr.as_deref();
        if !self.acr_values.is_empty() && !reached.is_some_and(|acr| self.is_met_by(acr)) {
            return Err(AccessError::AcrInsufficient {
                wanted: self.step_up(),
            });
        }
        if !self.amr.iter().all(|method| claims.amr.contains(method)) {
            return Err(AccessError::AmrInsufficient {
                wanted: self.step_up(),
            });
        }
        let Some(max_age) = self.max_age_seconds else {
            return Ok(());
        };
        let earliest = now.saturating_sub(max_age.into()).saturating_sub(skew);
        if claims.auth_time.is_some_and(|time| time >= earliest) {
            Ok(())
        } else {
            Err(AccessError::AuthenticationTooOld {
                wanted: self.step_up(),
            })
        }
    }

    fn is_met_by(&self, reached: &str) -> bool {
        let of_ours = Acr::find(reached);
        self.acr_values.iter().any(|wanted| {
            let stronger = Acr::find(wanted).zip(of_ours);
            wanted == reached || stronger.is_some_and(|(wanted, acr)| acr.satisfies(wanted))
        })
    }

    fn step_up(&self) -> StepUp {
        StepUp {
            acr_values: self.acr_values.join(" "),
            max_age_seconds: self.max_age_seconds,
        }
    }
}

/// What the next authorization request has to ask for (RFC 9470 section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepUp {
    /// `acr_values`; empty where any class will do.
    pub acr_values: String,
    /// `max_age`.
    pub max_age_seconds: Option<u32>,
}

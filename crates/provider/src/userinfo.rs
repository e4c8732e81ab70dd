//! Userinfo (OIDC Core section 5.3): what the card says about the person, by scope and by name.

mod card_claims;

use std::fmt;

use cardea_oauth2_types::{Scope, scope};
use serde::Serialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;

pub(crate) use card_claims::CardClaims;

use crate::claims::{PROFESSIONAL_CLAIMS, PROFILE_CLAIMS, RequestedClaims};
use crate::dpop::PresentedToken;
use crate::event::{Event, EventKind};
use crate::key_binding::KeyBinding;
use crate::session::reached_acr;
use crate::token::LiveAccessToken;
use crate::{Error, ProtocolProfile, Provider, psc};

/// `typ` of a signed answer: no other token of ours has it, so that none passes for another.
const USERINFO_TYP: &str = "userinfo+jwt";

/// What a client is told, in the form that it registered. Its `Debug` names nobody.
#[derive(Clone, PartialEq)]
pub enum UserinfoAnswer {
    /// A JSON object.
    Claims(Map<String, Value>),
    /// The same, signed for the client (`application/jwt`).
    Jwt(String),
}

impl fmt::Debug for UserinfoAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Claims(_) => "Claims(redacted)",
            Self::Jwt(_) => "Jwt(redacted)",
        })
    }
}

/// A signed answer (OIDC Core section 5.3.2).
#[derive(Serialize)]
struct SignedClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    #[serde(flatten)]
    claims: &'a Map<String, Value>,
}

impl Provider {
    /// Answers a userinfo request. The refusal's OAuth name tells 401 (`invalid_token`) from 403
    /// (`insufficient_scope`).
    ///
    /// # Errors
    /// [`Error::AccessTokenInvalid`], [`Error::AccessTokenExpired`],
    /// [`Error::AccessTokenRevoked`], [`Error::AccessTokenPresenceLost`],
    /// [`Error::AccessTokenAudienceMismatch`], [`Error::AccessTokenKeyMismatch`],
    /// [`Error::AccessTokenScopeInsufficient`], and those of the proof.
    pub async fn userinfo(&self, token: PresentedToken<'_>) -> Result<UserinfoAnswer, Error> {
        let now = self.now();
        match self.read_userinfo(&token, now).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                let event = Event::new(EventKind::UserinfoRefused { code: error.code() }, now);
                if changes_nothing(&error) {
                    self.note(&event);
                } else {
                    self.record_alone(event).await?;
                }
                Err(error)
            }
        }
    }

    async fn read_userinfo(
        &self,
        presented: &PresentedToken<'_>,
        now: OffsetDateTime,
    ) -> Result<UserinfoAnswer, Error> {
        let mut transaction = self.store.begin_brief_read().await?;
        let live = self
            .validate_access_token(&mut transaction, presented.token, now)
            .await?;
        drop(transaction);
        if !live.claims.aud.contains(self.issuer.as_str()) {
            return Err(Error::AccessTokenAudienceMismatch);
        }
        let (dpop_jkt, x5t_s256) = (&live.grant.dpop_jkt, &live.grant.x5t_s256);
        let bound_to = KeyBinding::of_stored(dpop_jkt.as_deref(), x5t_s256.as_deref());
        self.check_possession(&live.client, bound_to.as_ref(), presented, now)
            .await?;
        let claims = self.claims_for(&live)?;
        let Some(algorithm) = live.client.userinfo_signed_response_alg else {
            return Ok(UserinfoAnswer::Claims(claims));
        };
        let signed = SignedClaims {
            iss: self.issuer.as_str(),
            aud: &live.client.client_id,
            claims: &claims,
        };
        let keys = self.keys();
        let key = keys.signing(algorithm, now)?;
        Ok(UserinfoAnswer::Jwt(key.sign_jwt(USERINFO_TYP, &signed)?))
    }

    fn claims_for(&self, live: &LiveAccessToken) -> Result<Map<String, Value>, Error> {
        let scope = Scope::parse(&live.claims.scope)?;
        // A service's own token has no person behind it, whatever its scope.
        let session = live
            .session
            .as_ref()
            .filter(|_| scope.contains(scope::OPENID));
        let session = session.ok_or(Error::AccessTokenScopeInsufficient)?;
        let requested = RequestedClaims::read_stored(live.grant.claims.as_deref())?;
        let requested = requested.allowed_to(&live.client).userinfo;
        let card = CardClaims::of(session, &live.client)?;
        let mut claims = Map::new();
        if scope.contains(scope::PROFILE) {
            card.copy(&mut claims, PROFILE_CLAIMS.iter().copied());
        }
        if scope.contains(scope::PROFESSIONAL) {
            card.copy(&mut claims, PROFESSIONAL_CLAIMS.iter().copied());
        }
        card.copy(&mut claims, requested.keys().map(String::as_str));
        for name in requested.keys() {
            let value = match name.as_str() {
                "acr" => live.claims.acr.as_deref().map(Value::from),
                "amr" => Some(Value::from(reached_acr(session).amr().to_vec())),
                "auth_time" => live.claims.auth_time.map(Value::from),
                _ => None,
            };
            if let Some(value) = value {
                claims.insert(name.clone(), value);
            }
        }
        if self.profile() == ProtocolProfile::Psc && scope.contains(scope::SCOPE_ALL) {
            psc::claim_set(session, &mut claims)?;
        }
        if let Some(test) = self.test_claim() {
            claims.insert("test".to_owned(), Value::from(test));
        }
        claims.insert("sub".to_owned(), Value::from(live.claims.sub.as_str()));
        Ok(claims)
    }
}

/// What is no token of ours says nothing about anybody, and a client that lacks our nonce comes
/// back with it at once.
fn changes_nothing(error: &Error) -> bool {
    matches!(
        error,
        Error::AccessTokenInvalid | Error::DpopNonceMissing | Error::DpopNonceInvalid
    )
}

//! Redeeming an authorization code (RFC 6749 section 4.1.3, OIDC Core section 3.1.3).

use cardea_jose::{constant_time_eq, sha256_base64url};
use cardea_oauth2_types::{CodeVerifier, GrantType, Scope, TokenResponse};
use cardea_storage::authorization_code::{self, AuthorizationCode};
use cardea_storage::session::Session;
use cardea_storage::{Redemption, SecretDigest, Transaction};
use time::OffsetDateTime;

use super::issue::{NewGrant, RefreshTokens};
use super::narrow::read_resources;
use super::refusal::{Refused, of_session_of};
use super::{ProvenRequest, revoke};
use crate::event::Event;
use crate::key_binding::KeyBinding;
use crate::token::Login;
use crate::{Error, Provider};

/// A code that passed every check, and what it gives.
struct Redeemed {
    code: AuthorizationCode,
    session: Session,
    sub: String,
    audience: Vec<String>,
}

impl Provider {
    /// Turns a code into tokens, once. A wrong attempt burns the code; a second use takes back
    /// what the first gave, and all that was refreshed from it.
    pub(super) async fn redeem_code(
        &self,
        request: &ProvenRequest<'_>,
        now: OffsetDateTime,
    ) -> Result<TokenResponse, Refused> {
        let code = request.parameters.code.as_deref();
        let digest = SecretDigest::of(code.ok_or(Error::CodeMissing)?);
        let transaction = self.store.begin().await?;
        self.redeem_digest(transaction, request, &digest, now).await
    }

    /// The same for a code by its digest, which is all that is left of a device's own.
    pub(crate) async fn redeem_digest(
        &self,
        mut transaction: Transaction,
        request: &ProvenRequest<'_>,
        digest: &SecretDigest,
        now: OffsetDateTime,
    ) -> Result<TokenResponse, Refused> {
        let redemption = authorization_code::redeem(&mut transaction, digest, now).await?;
        let (sid, decided) = match redemption {
            // A device's code was there: it died with its session.
            Redemption::Unknown if is_of_device(request) => {
                return Err(Error::CodeSessionEnded.into());
            }
            Redemption::Unknown => return Err(Error::CodeUnknown.into()),
            Redemption::AlreadyRedeemed(code) => (code.sid, Err(Error::CodeReused)),
            Redemption::Redeemed(code) => {
                let sid = code.sid.clone();
                let checking = self.check_code(&mut transaction, request, code, now);
                (sid, checking.await)
            }
        };
        match decided {
            Ok(redeemed) => {
                let new = redeemed.grant(request);
                let recorded = self.record_grant(&mut transaction, &new, now).await?;
                transaction.commit().await?;
                Ok(self.sign_tokens(&new, &recorded, now)?)
            }
            // A failing database leaves the code as it was: the transaction is not committed.
            Err(error) if error.is_internal() => Err(error.into()),
            // The code stays taken, and what it gave is taken back (RFC 6749 section 4.1.2).
            Err(error) => {
                let revoked = revoke::of_code(&mut transaction, digest, now).await?;
                let event =
                    Event::new(revoked.refusal(&error), now).of_client(&request.client.client_id);
                let event = of_session_of(&mut transaction, event, &sid).await?;
                self.record_if_room(&mut transaction, event).await?;
                transaction.commit().await?;
                Err(Refused::OnRecord(error))
            }
        }
    }

    /// Every condition of a code that was taken; the order decides only which code is logged.
    async fn check_code(
        &self,
        transaction: &mut Transaction,
        request: &ProvenRequest<'_>,
        mut code: AuthorizationCode,
        now: OffsetDateTime,
    ) -> Result<Redeemed, Error> {
        let parameters = request.parameters;
        if code.client_id != request.client.client_id {
            return Err(Error::CodeClientMismatch);
        }
        if now >= code.expires_at {
            return Err(Error::CodeExpired);
        }
        // A device's code was in no browser and in no address.
        if !is_of_device(request) {
            if parameters.redirect_uri.as_deref() != Some(code.redirect_uri.as_str()) {
                return Err(Error::CodeRedirectUriMismatch);
            }
            check_verifier(
                code.code_challenge.as_deref(),
                parameters.code_verifier.as_deref(),
            )?;
        }
        // RFC 9449 section 10: the code was bound to this key when it was asked for.
        let shown = request.key_binding.and_then(KeyBinding::dpop_jkt);
        if code.dpop_jkt.is_some() && code.dpop_jkt.as_deref() != shown {
            return Err(Error::CodeKeyMismatch);
        }
        // What the operator has since taken from the client's registration is granted no more.
        let scope = Scope::parse(&code.scope)?.intersection(&request.client.scope);
        code.scope = scope.to_string();
        let granted = read_resources(&code.resources)?;
        let audience =
            self.narrow_resources(request.client, &parameters.resource, granted, &scope)?;
        let session = self.hold_session(transaction, &code.sid, now).await?;
        let session = session.ok_or(Error::CodeSessionEnded)?;
        if !self.has_presence_lease(&session, now) {
            return Err(Error::CodePresenceLost);
        }
        let sub = &session.sub;
        Ok(Redeemed {
            sub: self
                .subject_for(transaction, request.client, sub, now)
                .await?,
            code,
            session,
            audience,
        })
    }
}

impl Redeemed {
    fn grant<'a>(&'a self, request: &ProvenRequest<'a>) -> NewGrant<'a> {
        NewGrant {
            client: request.client,
            login: Some(Login::new(&self.session, &self.code.sid)),
            sub: &self.sub,
            scope: &self.code.scope,
            audience: &self.audience,
            claims: self.code.claims.as_deref(),
            nonce: self.code.nonce.as_deref(),
            key_binding: request.key_binding,
            code: Some(&self.code.code),
            grant_type: if is_of_device(request) {
                GrantType::DeviceCode
            } else {
                GrantType::AuthorizationCode
            },
            refresh: RefreshTokens::Begin {
                resources: &self.code.resources,
            },
        }
    }
}

fn is_of_device(request: &ProvenRequest<'_>) -> bool {
    request.parameters.grant_type.as_deref() == Some(GrantType::DeviceCode.as_str())
}

/// RFC 7636 section 4.6. A verifier where the request had no challenge is refused too: the
/// challenge may have been stripped on the way (RFC 9700 section 4.8, attack E7).
pub(crate) fn check_verifier(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), Error> {
    let (challenge, verifier) = match (challenge, verifier) {
        (None, None) => return Ok(()),
        (None, Some(_)) => return Err(Error::CodeVerifierMismatch),
        (Some(_), None) => return Err(Error::CodeVerifierMissing),
        (Some(challenge), Some(verifier)) => (challenge, verifier),
    };
    let verifier = CodeVerifier::parse(verifier).map_err(|_| Error::CodeVerifierMissing)?;
    let computed = sha256_base64url(verifier.as_str().as_bytes());
    if constant_time_eq(computed.as_bytes(), challenge.as_bytes()) {
        Ok(())
    } else {
        Err(Error::CodeVerifierMismatch)
    }
}

//! Redeeming a refresh token (RFC 6749 section 6, RFC 9700 section 4.14.2): once, and for as long
//! as the card is there.

use cardea_oauth2_types::{Acr, GrantType, Scope, TokenResponse};
use cardea_storage::refresh_token::{self, RefreshTokenFamily};
use cardea_storage::session::Session;
use cardea_storage::{Redemption, SecretDigest, Transaction};
use time::OffsetDateTime;

use super::issue::{NewGrant, RefreshTokens};
use super::narrow::{narrow_scope, read_resources};
use super::refusal::{Refused, of_session_of};
use super::{ProvenRequest, revoke};
use crate::event::Event;
use crate::key_binding::KeyBinding;
use crate::token::{Authentication, Login};
use crate::{Error, Provider, RefreshTokenRotation};

/// A refresh that passed every check, and what it gives.
struct Refreshed {
    session: Session,
    sub: String,
    scope: String,
    audience: Vec<String>,
}

impl Provider {
    /// Turns a refresh token into tokens and the next refresh token. A token that shows up twice,
    /// or in the hands of another client or without its key, takes its whole family with it:
    /// somebody has a copy, and nobody can say who.
    pub(super) async fn redeem_refresh_token(
        &self,
        request: &ProvenRequest<'_>,
        now: OffsetDateTime,
    ) -> Result<TokenResponse, Refused> {
        let token = request.parameters.refresh_token.as_deref();
        let digest = SecretDigest::of(token.ok_or(Error::RefreshTokenMissing)?);
        let mut transaction = self.store.begin().await?;
        let redemption = self
            .take_refresh_token(&mut transaction, &digest, now)
            .await?;
        let (family, decided) = match redemption {
            Redemption::Unknown => return Err(Error::RefreshTokenUnknown.into()),
            Redemption::AlreadyRedeemed(family) => (family, Err(Error::RefreshTokenReused)),
            Redemption::Redeemed(family) => {
                let checking = self.check_refresh(&mut transaction, request, &family, now);
                let decided = checking.await;
                (family, decided)
            }
        };
        match decided {
            Ok(refreshed) => {
                let rotation = self.rules.refresh_token_rotation;
                let new = refreshed.grant(request, &family, rotation);
                let recorded = self.record_grant(&mut transaction, &new, now).await?;
                transaction.commit().await?;
                Ok(self.sign_tokens(&new, &recorded, now)?)
            }
            Err(error) if tells_of_a_copy(&error) => {
                let revoked = revoke::of_family(&mut transaction, &family.id, now).await?;
                let event =
                    Event::new(revoked.refusal(&error), now).of_client(&request.client.client_id);
                let event = of_session_of(&mut transaction, event, &family.sid).await?;
                self.record_if_room(&mut transaction, event).await?;
                transaction.commit().await?;
                Err(Refused::OnRecord(error))
            }
            // The transaction is not committed: the token was not used.
            Err(error) => Err(error.into()),
        }
    }

    /// Takes a token, for good or, where tokens are not replaced, for this once.
    async fn take_refresh_token(
        &self,
        transaction: &mut Transaction,
        digest: &SecretDigest,
        now: OffsetDateTime,
    ) -> Result<Redemption<RefreshTokenFamily>, Error> {
        if self.rules.refresh_token_rotation == RefreshTokenRotation::EachUse {
            return Ok(refresh_token::redeem(transaction, digest, now).await?);
        }
        Ok(match refresh_token::find(transaction, digest).await? {
            None => Redemption::Unknown,
            Some(found) if found.redeemed_at.is_some() => Redemption::AlreadyRedeemed(found.family),
            Some(found) => Redemption::Redeemed(found.family),
        })
    }

    /// Every condition of a token that was taken. Whose it is comes first: a stranger's other
    /// mistakes must not hide that the token is in a stranger's hands.
    async fn check_refresh(
        &self,
        transaction: &mut Transaction,
        request: &ProvenRequest<'_>,
        family: &RefreshTokenFamily,
        now: OffsetDateTime,
    ) -> Result<Refreshed, Error> {
        if family.client_id != request.client.client_id {
            return Err(Error::RefreshTokenClientMismatch);
        }
        let bound_to =
            KeyBinding::of_stored(family.dpop_jkt.as_deref(), family.x5t_s256.as_deref());
        if bound_to.is_some() && bound_to.as_ref() != request.key_binding {
            return Err(Error::RefreshTokenKeyMismatch);
        }
        let token = request.parameters.refresh_token.as_deref();
        self.check_refresh_token_age(transaction, token.unwrap_or_default(), now)
            .await?;
        // This also holds the family until this transaction ends.
        if !refresh_token::record_use(transaction, &family.id, now).await? {
            return Err(Error::RefreshTokenRevoked);
        }
        // What the operator has since taken from the client's registration is granted no more.
        let granted = Scope::parse(&family.scope)?.intersection(&request.client.scope);
        let scope = narrow_scope(request.parameters.scope.as_deref(), &granted)?;
        let resources = read_resources(&family.resources)?;
        let audience = self.narrow_resources(
            request.client,
            &request.parameters.resource,
            resources,
            &scope,
        )?;
        if now >= family.expires_at {
            return Err(Error::RefreshTokenSessionEnded);
        }
        let session = self.hold_session(transaction, &family.sid, now).await?;
        let session = session.ok_or(Error::RefreshTokenSessionEnded)?;
        if !self.has_presence_lease(&session, now) {
            return Err(Error::RefreshTokenPresenceLost);
        }
        if !self.still_admits(request.client, &session)
            || !self
                .still_admits_instance(transaction, request.client, &session, now)
                .await?
        {
            return Err(Error::RefreshTokenNotAdmitted);
        }
        let sub = &session.sub;
        Ok(Refreshed {
            sub: self
                .subject_for(transaction, request.client, sub, now)
                .await?,
            session,
            scope: scope.to_string(),
            audience,
        })
    }
}

impl Refreshed {
    fn grant<'a>(
        &'a self,
        request: &ProvenRequest<'a>,
        family: &'a RefreshTokenFamily,
        rotation: RefreshTokenRotation,
    ) -> NewGrant<'a> {
        // The login that the family began with, even if the person has shown the card again since
        // (OIDC Core section 12.2: `auth_time` stays).
        let authentication = Authentication {
            at: family.auth_time,
            acr: Acr::find(&family.acr).unwrap_or(Acr::Card),
            revocation_age: family.revocation_age,
        };
        NewGrant {
            client: request.client,
            login: Some(Login {
                session: &self.session,
                sid: &family.sid,
                authentication,
            }),
            sub: &self.sub,
            scope: &self.scope,
            audience: &self.audience,
            claims: family.claims.as_deref(),
            nonce: None,
            key_binding: request.key_binding,
            code: family.code.as_ref(),
            grant_type: GrantType::RefreshToken,
            refresh: match rotation {
                RefreshTokenRotation::EachUse => RefreshTokens::Continue(family),
                RefreshTokenRotation::Never => RefreshTokens::Keep(family),
            },
        }
    }
}

/// Whether a refusal means that the token is in two hands.
///
/// Not among them: a scope or a resource beyond the grant. There the token came once, from the very
/// client that it was given to, which asked for too much: a mistake of its own, from which nobody
/// gains anything, since whoever holds the token could have asked for less. Ending the person's
/// work for it would punish her and stop no thief.
fn tells_of_a_copy(error: &Error) -> bool {
    matches!(
        error,
        Error::RefreshTokenReused
            | Error::RefreshTokenClientMismatch
            | Error::RefreshTokenKeyMismatch
    )
}

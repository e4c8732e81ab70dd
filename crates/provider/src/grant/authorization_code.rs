//! Redeeming an authorization code (RFC 6749 section 4.1.3, OIDC Core section 3.1.3).

use cardea_jose::{constant_time_eq, random_base64url, sha256_base64url};
use cardea_oauth2_types::{CodeVerifier, ErrorCode, TokenParameters, TokenResponse};
use cardea_storage::access_grant::AccessGrant;
use cardea_storage::authorization_code::AuthorizationCode;
use cardea_storage::session::Session;
use cardea_storage::{
    Redemption, SecretDigest, Transaction, access_grant, authorization_code, client_session,
    session,
};
use time::OffsetDateTime;

use crate::client_authentication::ClientCredentials;
use crate::event::{Event, EventKind};
use crate::secret::RANDOM_BYTES;
use crate::session::is_live;
use crate::token::TokenSubject;
use crate::{Client, Error, Provider};

/// How a token request was refused.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct TokenError {
    /// What the client learns (RFC 6749 section 5.2).
    pub error: ErrorCode,
    /// The precise refusal, for the log.
    #[source]
    pub source: Error,
}

impl TokenError {
    /// The stable code of the refusal.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.source.code()
    }
}

impl From<Error> for TokenError {
    fn from(source: Error) -> Self {
        Self {
            error: source.oauth_error(),
            source,
        }
    }
}

/// A code that passed every check, and what it gives.
struct Redeemed {
    code: AuthorizationCode,
    session: Session,
    sub: String,
    jti: String,
}

impl Provider {
    /// Turns a code into tokens, once. A wrong attempt burns the code; a second use takes back
    /// what the first gave.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn redeem_code(
        &self,
        credentials: &ClientCredentials,
        parameters: &TokenParameters,
    ) -> Result<TokenResponse, TokenError> {
        let now = self.now();
        let client = match self.authenticate_client(credentials, now).await {
            Ok(client) => client,
            Err(error) => return Err(self.refuse_alone(None, error, now).await),
        };
        match self.redeem(&client, parameters, now).await {
            Ok(redeemed) => Ok(self.issue_tokens(&client, &redeemed, now)?),
            Err(Refused::OnRecord(error)) => Err(error.into()),
            Err(Refused::Unrecorded(error)) => {
                Err(self.refuse_alone(Some(&client), error, now).await)
            }
        }
    }

    async fn redeem(
        &self,
        client: &Client,
        parameters: &TokenParameters,
        now: OffsetDateTime,
    ) -> Result<Redeemed, Refused> {
        match parameters.grant_type.as_deref() {
            Some("authorization_code") => {}
            Some(_) => return Err(Error::GrantTypeUnsupported.into()),
            None => return Err(Error::GrantTypeMissing.into()),
        }
        let code = parameters.code.as_deref().ok_or(Error::CodeMissing)?;
        let mut transaction = self.store.begin().await.map_err(Error::from)?;
        let digest = SecretDigest::of(code);
        let redemption = authorization_code::redeem(&mut transaction, &digest, now)
            .await
            .map_err(Error::from)?;
        let (sid, decided) = match redemption {
            Redemption::Unknown => return Err(Error::CodeUnknown.into()),
            Redemption::AlreadyRedeemed(code) => (code.sid, Err(Error::CodeReused)),
            Redemption::Redeemed(code) => {
                let sid = code.sid.clone();
                let checking = self.check_code(&mut transaction, client, code, parameters, now);
                (sid, checking.await)
            }
        };
        let recorded = match decided {
            Ok(redeemed) => {
                self.grant_access(&mut transaction, client, &redeemed, now)
                    .await?;
                Ok(redeemed)
            }
            // A failing database leaves the code as it was: the transaction is not committed.
            Err(error) if error.is_internal() => return Err(error.into()),
            // The code stays taken, and what it gave is taken back (RFC 6749 section 4.1.2).
            Err(error) => {
                let grants_revoked = access_grant::revoke_of_code(&mut transaction, &digest, now)
                    .await
                    .map_err(Error::from)?;
                let kind = EventKind::TokenRefused {
                    code: error.code(),
                    grants_revoked,
                };
                let event = Event::new(kind, now).of_client(&client.client_id);
                let event = of_session_of(&mut transaction, event, &sid).await?;
                self.record(&mut transaction, event).await?;
                Err(Refused::OnRecord(error))
            }
        };
        transaction.commit().await.map_err(Error::from)?;
        recorded
    }

    /// Every condition of a code that was taken; the order decides only which code is logged.
    async fn check_code(
        &self,
        transaction: &mut Transaction,
        client: &Client,
        code: AuthorizationCode,
        parameters: &TokenParameters,
        now: OffsetDateTime,
    ) -> Result<Redeemed, Error> {
        if code.client_id != client.client_id {
            return Err(Error::CodeClientMismatch);
        }
        if now >= code.expires_at {
            return Err(Error::CodeExpired);
        }
        if parameters.redirect_uri.as_deref() != Some(code.redirect_uri.as_str()) {
            return Err(Error::CodeRedirectUriMismatch);
        }
        check_verifier(
            code.code_challenge.as_deref(),
            parameters.code_verifier.as_deref(),
        )?;
        let own = client_session::find(transaction, &code.sid)
            .await?
            .ok_or(Error::CodeSessionEnded)?;
        let session = session::find(transaction, &own.session_id).await?;
        let session = session.ok_or(Error::CodeSessionEnded)?;
        // The second condition also holds the session until this transaction ends: it cannot end
        // between this check and the tokens.
        if !is_live(&session, &self.lifetimes, now)
            || !session::record_use(transaction, &session.id, now).await?
        {
            return Err(Error::CodeSessionEnded);
        }
        Ok(Redeemed {
            sub: self
                .subject_for(transaction, client, &session.sub, now)
                .await?,
            code,
            session,
            jti: random_base64url(RANDOM_BYTES)?,
        })
    }

    async fn grant_access(
        &self,
        transaction: &mut Transaction,
        client: &Client,
        redeemed: &Redeemed,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let Redeemed {
            code, session, jti, ..
        } = redeemed;
        let grant = AccessGrant {
            jti: jti.clone(),
            code: Some(code.code.clone()),
            sid: Some(code.sid.clone()),
            client_id: client.client_id.clone(),
            scope: code.scope.clone(),
            audience: "[]".to_owned(),
            claims: code.claims.clone(),
            dpop_jkt: None,
            issued_at: now,
            expires_at: now + self.lifetimes.access_token,
            revoked_at: None,
        };
        access_grant::insert(transaction, &grant).await?;
        let kind = EventKind::TokensIssued {
            sid: code.sid.clone(),
            jti: jti.clone(),
            scope: code.scope.clone(),
        };
        let event = Event::new(kind, now)
            .of_session(&session.id, &session.sub)
            .of_client(&client.client_id);
        self.record(transaction, event).await
    }

    fn issue_tokens(
        &self,
        client: &Client,
        redeemed: &Redeemed,
        now: OffsetDateTime,
    ) -> Result<TokenResponse, Error> {
        let Redeemed {
            code,
            session,
            sub,
            jti,
        } = redeemed;
        let subject = TokenSubject {
            sub,
            session,
            sid: &code.sid,
            client,
        };
        let access_token = self.sign_access_token(&subject, &code.scope, jti, now)?;
        let id_token = self.sign_id_token(&subject, code.nonce.as_deref(), &access_token, now)?;
        Ok(TokenResponse {
            access_token,
            token_type: "Bearer",
            expires_in: self.lifetimes.access_token.whole_seconds(),
            id_token: Some(id_token),
            refresh_token: None,
            scope: code.scope.clone(),
        })
    }

    /// Puts a token request on record that was refused before its client could be named, such as
    /// one whose credentials cannot be read.
    pub async fn refuse_token_request(&self, error: Error) -> TokenError {
        self.refuse_alone(None, error, self.now()).await
    }

    async fn refuse_alone(
        &self,
        client: Option<&Client>,
        error: Error,
        now: OffsetDateTime,
    ) -> TokenError {
        let kind = EventKind::TokenRefused {
            code: error.code(),
            grants_revoked: 0,
        };
        let mut event = Event::new(kind, now);
        if let Some(client) = client {
            event = event.of_client(&client.client_id);
        }
        if names_no_code(&error) {
            self.note(&event);
            return error.into();
        }
        match self.record_alone(event).await {
            Ok(()) => error.into(),
            Err(unrecorded) => unrecorded.into(),
        }
    }
}

/// RFC 7636 section 4.6. A verifier where the request had no challenge is refused too: the challenge
/// may have been stripped on the way (RFC 9700 section 4.8, attack E7).
fn check_verifier(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), Error> {
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

/// Whether a request named no code that ever was: nothing changed, and with the id of a public
/// client anybody can send such requests.
fn names_no_code(error: &Error) -> bool {
    matches!(
        error,
        Error::GrantTypeMissing
            | Error::GrantTypeUnsupported
            | Error::CodeMissing
            | Error::CodeUnknown
    )
}

/// Names the session that a code came from, so that one id leads from the login to its abuse.
async fn of_session_of(
    transaction: &mut Transaction,
    event: Event,
    sid: &str,
) -> Result<Event, Error> {
    let Some(own) = client_session::find(transaction, sid).await? else {
        return Ok(event);
    };
    let session = session::find(transaction, &own.session_id).await?;
    Ok(match session {
        Some(session) => event.of_session(&session.id, &session.sub),
        None => event,
    })
}

/// A refusal, and whether its event stands in a committed transaction already.
enum Refused {
    OnRecord(Error),
    Unrecorded(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Unrecorded(error)
    }
}

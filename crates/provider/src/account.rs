//! The page where a person looks after what is her own here: a client inside this server, which
//! she reaches by her card as she reaches a portal.
//!
//! Nobody else can speak for this client: no request from outside begins its logins, and no
//! endpoint turns its codes into tokens. A code is redeemed inside the process, for a cookie whose
//! digest stands in the client's part of the session: card pulled, session over, cookie worth
//! nothing. The PIN is typed for it each time, and the cookie lasts half an hour at most.

use std::sync::Arc;

use cardea_jose::{constant_time_eq, sha256_base64url};
use cardea_oauth2_types::{Acr, ResponseMode, Scope, scope};
use cardea_pki::ProfessionalIdentity;
use cardea_storage::{
    Redemption, SecretDigest, Transaction, account_cookie, authorization_code, session,
};
use time::{Duration, OffsetDateTime};

use crate::authorization::{AcrDemand, StoredParameters};
use crate::event::{Event, EventKind};
use crate::grant::check_verifier;
use crate::{Client, ClientAuthentication, Error, Issuer, Provider, Secret};

/// The client's identifier, which no other client can have.
pub const ACCOUNT_CLIENT_ID: &str = "cardea-account";
/// Where its page is, at the issuer's origin.
pub const ACCOUNT_PATH: &str = "/account";
/// Where its codes go.
pub const ACCOUNT_CALLBACK_PATH: &str = "/account/callback";
/// What the PIN prompt calls it, in both languages at once; pages have a name for it in each.
pub const ACCOUNT_NAME: &str = "Cardea – mon compte / my account";
/// How long the page stays open at most.
const OPEN_FOR: Duration = Duration::minutes(30);

/// A login to the account page that has begun.
#[derive(Debug)]
pub struct AccountLogin {
    /// Names the request in the login page's address and in the log.
    pub request_id: String,
    /// For this browser alone.
    pub login_cookie: Secret,
    /// For this browser alone: it must come back with the code.
    pub code_verifier: Secret,
    /// How long both are good for.
    pub lifetime: Duration,
}

/// A person at her account page, proven by her cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSession {
    /// Who she is.
    pub sub: String,
    /// The session that she is in.
    pub session_id: String,
    /// The workstation that she sits at.
    pub instance_jkt: String,
    /// The card in the reader: SHA-256 of its certificate, base64url.
    pub card_sha256: String,
    /// Her name as the card has it.
    pub person_name: String,
    /// What her forms must bring back, so that no other page can send them.
    pub form_token: String,
}

/// The client inside this server.
pub(crate) fn account_client(issuer: &Issuer) -> Arc<Client> {
    Arc::new(Client {
        redirect_uris: vec![callback_uri(issuer)],
        scope: openid(),
        ..Client::new(ACCOUNT_CLIENT_ID, ACCOUNT_NAME, ClientAuthentication::None)
    })
}

fn openid() -> Scope {
    Scope::parse(scope::OPENID).unwrap_or_default()
}

fn callback_uri(issuer: &Issuer) -> String {
    format!("{}{ACCOUNT_CALLBACK_PATH}", issuer.origin().as_str())
}

/// What ties the answer to the browser that asked: it tells nothing of the verifier.
fn state_of(code_verifier: &str) -> String {
    sha256_base64url(format!("cardea account state\n{code_verifier}").as_bytes())
}

impl Provider {
    /// The client that a login is for: a registered one, or the account page.
    pub(crate) fn client_of_login(&self, client_id: &str) -> Option<Arc<Client>> {
        if client_id == ACCOUNT_CLIENT_ID {
            return Some(Arc::clone(&self.account_client));
        }
        self.clients.find(client_id)
    }

    /// Begins a login to the account page: always by the card, with the PIN typed for it.
    ///
    /// # Errors
    /// [`Error::WaitingLoginsLimitReached`], [`Error::Storage`].
    pub async fn begin_account(&self, ui_locales: Option<&str>) -> Result<AccountLogin, Error> {
        let code_verifier = Secret::random()?;
        let stored = StoredParameters {
            redirect_uri: callback_uri(&self.issuer),
            response_mode: ResponseMode::Query,
            state: Some(state_of(code_verifier.expose())),
            nonce: None,
            scope: openid().to_string(),
            code_challenge: Some(sha256_base64url(code_verifier.expose().as_bytes())),
            claims: None,
            resources: Vec::new(),
            dpop_jkt: None,
            acr: AcrDemand {
                weakest: Some(Acr::CardPin),
                exactly: Vec::new(),
            },
            expected_sub: None,
            ui_locales: ui_locales.map(str::to_owned),
            ask_consent: false,
            ask_pin: true,
            silent: false,
            pushed_id: None,
            device_id: None,
            host_account: None,
            refusal: None,
        };
        let (request_id, login_cookie) = self
            .store_request(&self.account_client, &stored, None, self.now())
            .await?;
        Ok(AccountLogin {
            request_id,
            login_cookie,
            code_verifier,
            lifetime: self.lifetimes.authorization_request,
        })
    }

    /// Redeems the code of a login to the account page, for the browser that began it alone, and
    /// gives the cookie that opens the page. A wrong attempt burns the code; a second use closes
    /// what the first has opened.
    ///
    /// # Errors
    /// Those of a code at the token endpoint: [`Error::CodeUnknown`], [`Error::CodeReused`],
    /// [`Error::CodeClientMismatch`], [`Error::CodeExpired`], [`Error::CodeVerifierMismatch`],
    /// [`Error::CodeSessionEnded`], [`Error::CodePresenceLost`]; [`Error::LoginCookieMismatch`]
    /// when the answer belongs to another browser's login.
    pub async fn open_account(
        &self,
        code: &str,
        state: &str,
        code_verifier: &str,
    ) -> Result<Secret, Error> {
        if !constant_time_eq(state.as_bytes(), state_of(code_verifier).as_bytes()) {
            return Err(Error::LoginCookieMismatch);
        }
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        let digest = SecretDigest::of(code);
        let opened = match authorization_code::redeem(&mut transaction, &digest, now).await? {
            Redemption::Unknown => return Err(Error::CodeUnknown),
            Redemption::AlreadyRedeemed(code) => {
                if code.client_id == ACCOUNT_CLIENT_ID {
                    account_cookie::close_of(&mut transaction, &code.sid).await?;
                }
                Err(Error::CodeReused)
            }
            Redemption::Redeemed(code) => {
                self.open_with(&mut transaction, &code, code_verifier, now)
                    .await
            }
        };
        match opened {
            // A failing database leaves the code as it was: the transaction is not committed.
            Err(error) if error.is_internal() => Err(error),
            Err(error) => {
                let kind = EventKind::AccountRefused { code: error.code() };
                let event = Event::new(kind, now).of_client(ACCOUNT_CLIENT_ID);
                self.record_if_room(&mut transaction, event).await?;
                transaction.commit().await?;
                Err(error)
            }
            Ok(cookie) => {
                transaction.commit().await?;
                Ok(cookie)
            }
        }
    }

    async fn open_with(
        &self,
        transaction: &mut Transaction,
        code: &authorization_code::AuthorizationCode,
        code_verifier: &str,
        now: OffsetDateTime,
    ) -> Result<Secret, Error> {
        if code.client_id != ACCOUNT_CLIENT_ID {
            return Err(Error::CodeClientMismatch);
        }
        if now >= code.expires_at {
            return Err(Error::CodeExpired);
        }
        check_verifier(code.code_challenge.as_deref(), Some(code_verifier))?;
        let session = self.hold_session(transaction, &code.sid, now).await?;
        let session = session.ok_or(Error::CodeSessionEnded)?;
        if !self.has_presence_lease(&session, now) {
            return Err(Error::CodePresenceLost);
        }
        let cookie = Secret::random()?;
        if !account_cookie::open(transaction, &code.sid, &cookie.digest(), now).await? {
            return Err(Error::CodeSessionEnded);
        }
        let event = Event::new(EventKind::AccountOpened {}, now)
            .of_session(&session.id, &session.sub)
            .of_client(ACCOUNT_CLIENT_ID);
        self.record(transaction, event).await?;
        Ok(cookie)
    }

    /// Closes the account page of a browser. Its session goes on for the portals in it.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn close_account(&self, cookie: &str) -> Result<(), Error> {
        let mut transaction = self.store.begin().await?;
        account_cookie::close(&mut transaction, &SecretDigest::of(cookie)).await?;
        Ok(transaction.commit().await?)
    }

    /// Who is at the account page with this cookie; none when nobody is any more.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn find_account(&self, cookie: &str) -> Result<Option<AccountSession>, Error> {
        let now = self.now();
        let mut transaction = self.store.begin_read().await?;
        let digest = SecretDigest::of(cookie);
        let Some(open) = account_cookie::find(&mut transaction, &digest).await? else {
            return Ok(None);
        };
        let session = session::find(&mut transaction, &open.session_id).await?;
        let session = session.filter(|session| self.has_presence_lease(session, now));
        let is_over = now >= open.opened_at + OPEN_FOR;
        Ok(session.filter(|_| !is_over).map(|session| AccountSession {
            person_name: person_name(&session.identity),
            sub: session.sub,
            session_id: session.id,
            instance_jkt: session.instance_jkt,
            card_sha256: session.card_sha256,
            form_token: sha256_base64url(format!("cardea account form\n{cookie}").as_bytes()),
        }))
    }
}

/// Her name, as the identity that a session holds has it.
pub(crate) fn person_name(identity: &str) -> String {
    let identity: Option<ProfessionalIdentity> = serde_json::from_str(identity).ok();
    identity.map_or_else(String::new, |it| {
        let names = [it.given_name, it.family_name];
        names.into_iter().flatten().collect::<Vec<_>>().join(" ")
    })
}

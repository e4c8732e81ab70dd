//! Pages of this server's own that a person reaches by her card as she reaches a portal: her
//! account, and the operators' console. Each is a client inside this server.
//!
//! Nobody else can speak for these clients: no request from outside begins their logins, and no
//! endpoint turns their codes into tokens. A code is redeemed inside the process, for a cookie
//! whose digest stands in the client's part of the session: card pulled, session over, cookie worth
//! nothing. The PIN is typed for it each time, and the cookie lasts half an hour at most.

use std::sync::Arc;

use cardea_jose::{constant_time_eq, sha256_base64url};
use cardea_oauth2_types::{Acr, ResponseMode, Scope, scope};
use cardea_pki::ProfessionalIdentity;
use cardea_storage::session::Session;
use cardea_storage::{
    Redemption, SecretDigest, Transaction, account_cookie, authorization_code, session,
};
use time::{Duration, OffsetDateTime};

use crate::authorization::{AcrDemand, StoredParameters};
use crate::console::CONSOLE;
use crate::event::{ConsoleEvent, Event, EventKind};
use crate::grant::check_verifier;
use crate::{
    ACCOUNT_CLIENT_ID, AdminRules, Client, ClientAuthentication, Error, Issuer, Provider, Secret,
};

/// How long a page stays open at most.
const OPEN_FOR: Duration = Duration::minutes(30);

/// One of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnPage {
    /// The client's identifier, which no registered client can have.
    pub client_id: &'static str,
    /// What the PIN prompt calls it, in both languages at once.
    pub name: &'static str,
    /// Where it is, at the issuer's origin.
    pub path: &'static str,
    /// Where its codes go.
    pub callback_path: &'static str,
}

/// A login to such a page that has begun.
#[derive(Debug)]
pub struct OwnPageLogin {
    /// Names the request in the login page's address and in the log.
    pub request_id: String,
    /// For this browser alone.
    pub login_cookie: Secret,
    /// For this browser alone: it must come back with the code.
    pub code_verifier: Secret,
    /// How long both are good for.
    pub lifetime: Duration,
}

/// The clients inside this server.
#[derive(Debug)]
pub(crate) struct OwnClients(Vec<Arc<Client>>);

/// Every page of this server's own.
const PAGES: [OwnPage; 2] = [crate::account::ACCOUNT, CONSOLE];

impl OwnClients {
    pub(crate) fn new(issuer: &Issuer) -> Self {
        let client = |page: OwnPage| {
            Arc::new(Client {
                redirect_uris: vec![page.callback_uri(issuer)],
                scope: openid(),
                ..Client::new(page.client_id, page.name, ClientAuthentication::None)
            })
        };
        Self(PAGES.into_iter().map(client).collect())
    }

    pub(crate) fn find(&self, client_id: &str) -> Option<Arc<Client>> {
        let mut clients = self.0.iter();
        let found = clients.find(|client| client.client_id == client_id);
        found.map(Arc::clone)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Client> {
        self.0.iter().map(AsRef::as_ref)
    }
}

/// Whether a client is one of this server's own.
pub(crate) fn is_own_client(client_id: &str) -> bool {
    PAGES.iter().any(|page| page.client_id == client_id)
}

impl OwnPage {
    fn callback_uri(self, issuer: &Issuer) -> String {
        format!("{}{}", issuer.origin().as_str(), self.callback_path)
    }

    /// What ties the answer to the browser that asked: it tells nothing of the verifier.
    fn state_of(self, code_verifier: &str) -> String {
        let kind = self.path.trim_start_matches('/');
        sha256_base64url(format!("cardea {kind} state\n{code_verifier}").as_bytes())
    }

    /// What the forms of a page must bring back, so that no other page can send them.
    pub(crate) fn form_token(self, cookie: &str) -> String {
        let kind = self.path.trim_start_matches('/');
        sha256_base64url(format!("cardea {kind} form\n{cookie}").as_bytes())
    }

    fn opened(self) -> EventKind {
        match self.client_id == ACCOUNT_CLIENT_ID {
            true => EventKind::AccountOpened {},
            false => ConsoleEvent::Opened {}.into(),
        }
    }

    pub(crate) fn refused(self, code: &'static str) -> EventKind {
        match self.client_id == ACCOUNT_CLIENT_ID {
            true => EventKind::AccountRefused { code },
            false => ConsoleEvent::Refused { code }.into(),
        }
    }
}

fn openid() -> Scope {
    Scope::parse(scope::OPENID).unwrap_or_default()
}

impl Provider {
    /// The client that a login is for: a registered one, or one of this server's own pages.
    pub(crate) fn client_of_login(&self, client_id: &str) -> Option<Arc<Client>> {
        let own = self.own_clients.find(client_id);
        own.or_else(|| self.clients.find(client_id))
    }

    /// Begins a login to a page: always by the card, with the PIN typed for it.
    ///
    /// # Errors
    /// [`Error::WaitingLoginsLimitReached`], [`Error::Storage`].
    pub async fn begin_own_page(
        &self,
        page: OwnPage,
        ui_locales: Option<&str>,
    ) -> Result<OwnPageLogin, Error> {
        let code_verifier = Secret::random()?;
        let stored = StoredParameters {
            redirect_uri: page.callback_uri(&self.issuer),
            response_mode: ResponseMode::Query,
            state: Some(page.state_of(code_verifier.expose())),
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
        let client = self.own_clients.find(page.client_id);
        let client = client.ok_or(Error::ClientUnknown)?;
        let (request_id, login_cookie) = self
            .store_request(&client, &stored, None, self.now())
            .await?;
        Ok(OwnPageLogin {
            request_id,
            login_cookie,
            code_verifier,
            lifetime: self.lifetimes.authorization_request,
        })
    }

    /// Redeems the code of a login to a page, for the browser that began it alone, and gives the
    /// cookie that opens the page. A wrong attempt burns the code; a second use closes what the
    /// first has opened.
    ///
    /// # Errors
    /// Those of a code at the token endpoint: [`Error::CodeUnknown`], [`Error::CodeReused`],
    /// [`Error::CodeClientMismatch`], [`Error::CodeExpired`], [`Error::CodeVerifierMismatch`],
    /// [`Error::CodeSessionEnded`], [`Error::CodePresenceLost`]; [`Error::LoginCookieMismatch`]
    /// when the answer belongs to another browser's login.
    pub(crate) async fn open_own_page(
        &self,
        page: OwnPage,
        code: &str,
        state: &str,
        code_verifier: &str,
    ) -> Result<Secret, Error> {
        self.open_for(page, None, code, state, code_verifier).await
    }

    /// The same; where there are `operators`, for one of them alone.
    pub(crate) async fn open_for(
        &self,
        page: OwnPage,
        operators: Option<&AdminRules>,
        code: &str,
        state: &str,
        code_verifier: &str,
    ) -> Result<Secret, Error> {
        if !constant_time_eq(state.as_bytes(), page.state_of(code_verifier).as_bytes()) {
            return Err(Error::LoginCookieMismatch);
        }
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        let digest = SecretDigest::of(code);
        let opened = match authorization_code::redeem(&mut transaction, &digest, now).await? {
            Redemption::Unknown => return Err(Error::CodeUnknown),
            Redemption::AlreadyRedeemed(code) => {
                if code.client_id == page.client_id {
                    account_cookie::close_of(&mut transaction, &code.sid).await?;
                }
                Err(Error::CodeReused)
            }
            Redemption::Redeemed(code) => {
                let for_whom = (page, operators);
                self.open_with(&mut transaction, for_whom, &code, code_verifier, now)
                    .await
            }
        };
        match opened {
            // A failing database leaves the code as it was: the transaction is not committed.
            Err(error) if error.is_internal() => Err(error),
            Err(error) => {
                let event = Event::new(page.refused(error.code()), now).of_client(page.client_id);
                match page == CONSOLE {
                    // On record stands who wanted to operate, and nobody is known here.
                    true => self.note(&event),
                    false => self.record_if_room(&mut transaction, event).await?,
                }
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
        (page, operators): (OwnPage, Option<&AdminRules>),
        code: &authorization_code::AuthorizationCode,
        code_verifier: &str,
        now: OffsetDateTime,
    ) -> Result<Secret, Error> {
        if code.client_id != page.client_id {
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
        if let Some(rules) = operators {
            let card = self.find_operator_card(transaction, &session).await?;
            let judged = self.judge_operator_session(rules, &session, &card, page.client_id, now);
            if let Err(error) = judged {
                let event = Event::new(page.refused(error.code()), now)
                    .of_session(&session.id, &session.sub)
                    .of_client(page.client_id);
                self.record_if_room(transaction, event).await?;
                return Err(error);
            }
        }
        let cookie = Secret::random()?;
        if !account_cookie::open(transaction, &code.sid, &cookie.digest(), now).await? {
            return Err(Error::CodeSessionEnded);
        }
        let event = Event::new(page.opened(), now)
            .of_session(&session.id, &session.sub)
            .of_client(page.client_id);
        self.record(transaction, event).await?;
        Ok(cookie)
    }

    /// Closes a page in a browser. Its session goes on for the portals in it.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub(crate) async fn close_own_page(&self, page: OwnPage, cookie: &str) -> Result<(), Error> {
        let mut transaction = self.store.begin().await?;
        let digest = SecretDigest::of(cookie);
        account_cookie::close(&mut transaction, page.client_id, &digest).await?;
        Ok(transaction.commit().await?)
    }

    /// The live session in which a cookie has a page open; none when it is open no more.
    pub(crate) async fn find_own_page(
        &self,
        transaction: &mut Transaction,
        page: OwnPage,
        cookie: &str,
        now: OffsetDateTime,
    ) -> Result<Option<Session>, Error> {
        let digest = SecretDigest::of(cookie);
        let open = account_cookie::find(transaction, page.client_id, &digest).await?;
        let Some(open) = open.filter(|open| now < open.opened_at + OPEN_FOR) else {
            return Ok(None);
        };
        let session = session::find(transaction, &open.session_id).await?;
        Ok(session.filter(|session| self.has_presence_lease(session, now)))
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

//! The page where a person looks after what is her own here: one of the pages of this server's own
//! ([`crate::OwnPage`]), which she reaches by her card as she reaches a portal.

use crate::own_page::person_name;
use crate::{Error, OwnPage, OwnPageLogin, Provider, Secret};

/// The client's identifier, which no other client can have.
pub const ACCOUNT_CLIENT_ID: &str = "cardea-account";
/// Where its page is, at the issuer's origin.
pub const ACCOUNT_PATH: &str = "/account";
/// Where its codes go.
pub const ACCOUNT_CALLBACK_PATH: &str = "/account/callback";
/// What the PIN prompt calls it, in both languages at once; pages have a name for it in each.
pub const ACCOUNT_NAME: &str = "Cardea – mon compte / my account";
/// The page.
pub const ACCOUNT: OwnPage = OwnPage {
    client_id: ACCOUNT_CLIENT_ID,
    name: ACCOUNT_NAME,
    path: ACCOUNT_PATH,
    callback_path: ACCOUNT_CALLBACK_PATH,
};

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

impl Provider {
    /// Begins a login to the account page; see [`Provider::begin_own_page`].
    ///
    /// # Errors
    /// [`Error::WaitingLoginsLimitReached`], [`Error::Storage`].
    pub async fn begin_account(&self, ui_locales: Option<&str>) -> Result<OwnPageLogin, Error> {
        self.begin_own_page(ACCOUNT, ui_locales).await
    }

    /// Redeems the code of a login to the account page; see `open_own_page`.
    ///
    /// # Errors
    /// As there.
    pub async fn open_account(
        &self,
        code: &str,
        state: &str,
        code_verifier: &str,
    ) -> Result<Secret, Error> {
        self.open_own_page(ACCOUNT, code, state, code_verifier)
            .await
    }

    /// Closes the account page of a browser. Its session goes on for the portals in it.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn close_account(&self, cookie: &str) -> Result<(), Error> {
        self.close_own_page(ACCOUNT, cookie).await
    }

    /// Who is at the account page with this cookie; none when nobody is any more.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn find_account(&self, cookie: &str) -> Result<Option<AccountSession>, Error> {
        let now = self.now();
        let mut transaction = self.store.begin_read().await?;
        let session = self.find_own_page(&mut transaction, ACCOUNT, cookie, now);
        Ok(session.await?.map(|session| AccountSession {
            person_name: person_name(&session.identity),
            sub: session.sub,
            session_id: session.id,
            instance_jkt: session.instance_jkt,
            card_sha256: session.card_sha256,
            form_token: ACCOUNT.form_token(cookie),
        }))
    }
}

//! What introspection adds for Pro Santé Connect's portals, beside the members of RFC 7662.

use cardea_storage::session::Session;
use cardea_storage::{SecretDigest, Transaction, authorization_code};
use serde::Serialize;

use super::{identity_of, text};
use crate::{Error, ProtocolProfile, Provider};

/// Which token is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Access,
    Refresh,
}

/// The token that is asked about.
pub(crate) struct IntrospectedToken<'a> {
    pub(crate) kind: TokenKind,
    pub(crate) client_id: &'a str,
    pub(crate) sid: &'a str,
    /// The code that began it.
    pub(crate) code: Option<&'a SecretDigest>,
}

/// The added members.
#[derive(Debug, Serialize)]
pub(crate) struct IntrospectedPerson {
    typ: &'static str,
    azp: String,
    /// Of the login; a portal that goes without gets an empty one.
    nonce: String,
    session_state: String,
    preferred_username: String,
    username: String,
    email_verified: bool,
    /// Of an access token alone: a portal tells the two tokens apart by it.
    #[serde(rename = "SubjectNameID", skip_serializing_if = "Option::is_none")]
    subject_name_id: Option<String>,
}

impl Provider {
    /// The added members of a person's token, in this profile alone.
    pub(crate) async fn introspected_person(
        &self,
        transaction: &mut Transaction,
        session: &Session,
        token: IntrospectedToken<'_>,
    ) -> Result<Option<IntrospectedPerson>, Error> {
        if self.profile() != ProtocolProfile::Psc {
            return Ok(None);
        }
        let identity = identity_of(session)?;
        let person = text(&identity, "subject_id").to_owned();
        let nonce = match token.code {
            Some(code) => authorization_code::find_nonce(transaction, code).await?,
            None => None,
        };
        let (typ, subject_name_id) = match token.kind {
            TokenKind::Access => ("Bearer", Some(person.clone())),
            TokenKind::Refresh => ("Refresh", None),
        };
        Ok(Some(IntrospectedPerson {
            typ,
            azp: token.client_id.to_owned(),
            nonce: nonce.unwrap_or_default(),
            session_state: token.sid.to_owned(),
            preferred_username: person.clone(),
            username: person,
            email_verified: false,
            subject_name_id,
        }))
    }
}

//! Making an authorization code and the answer that carries it.

use cardea_storage::Transaction;
use cardea_storage::authorization_code::{AuthorizationCode, insert};
use cardea_storage::session::Session;
use time::OffsetDateTime;

use crate::authorization::respond::DraftResponse;
use crate::authorization::{StoredParameters, spend_pushed};
use crate::event::{Event, EventKind};
use crate::{Client, Error, Provider, Secret, device};

/// Everything that a code stands for.
pub(crate) struct NewCode<'a> {
    pub(crate) session: &'a Session,
    pub(crate) sid: &'a str,
    pub(crate) client: &'a Client,
    pub(crate) parameters: &'a StoredParameters,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) silent: bool,
}

/// Stores a code and its event in the caller's transaction, and returns the answer with it, to be
/// finished when it is committed. A pushed request is spent with it.
pub(crate) async fn issue_code(
    provider: &Provider,
    transaction: &mut Transaction,
    new: NewCode<'_>,
    now: OffsetDateTime,
) -> Result<DraftResponse, Error> {
    spend_pushed(transaction, new.parameters, now).await?;
    let code = Secret::random()?;
    let record = AuthorizationCode {
        code: code.digest(),
        sid: new.sid.to_owned(),
        client_id: new.client.client_id.clone(),
        redirect_uri: new.parameters.redirect_uri.clone(),
        code_challenge: new.parameters.code_challenge.clone(),
        scope: new.parameters.scope.clone(),
        claims: new.parameters.claims.clone(),
        resources: serde_json::to_string(&new.parameters.resources)
            .map_err(Error::StoredValueUnreadable)?,
        dpop_jkt: new.parameters.dpop_jkt.clone(),
        nonce: new.parameters.nonce.clone(),
        issued_at: now,
        expires_at: now + provider.lifetimes.authorization_code,
    };
    insert(transaction, &record).await?;
    if let (Some(id), Some(request_id)) = (&new.parameters.device_id, new.request_id) {
        device::approve(transaction, id, request_id, &code, now).await?;
    }
    let kind = EventKind::CodeIssued {
        sid: new.sid.to_owned(),
        silent: new.silent,
    };
    let mut event = Event::new(kind, now)
        .of_session(&new.session.id, &new.session.sub)
        .of_client(&new.client.client_id);
    if let Some(request_id) = new.request_id {
        event = event.of_request(request_id);
    }
    provider.record(transaction, event).await?;
    if let (Some(_), Some(request_id)) = (&new.parameters.device_id, new.request_id) {
        let event = Event::new(EventKind::DeviceApproved {}, now)
            .of_request(request_id)
            .of_session(&new.session.id, &new.session.sub)
            .of_client(&new.client.client_id);
        provider.record(transaction, event).await?;
    }
    let address = new.parameters.return_address(provider.issuer.as_str());
    Ok(address.code(code.expose()))
}

//! Step 1: the client is registered (RFC 6749 section 4.1.2.1: otherwise no redirect).

use std::sync::Arc;

use cardea_oauth2_types::AuthorizationParameters;

use crate::client::Clients;
use crate::{Client, Error};

pub(super) fn check_client(
    clients: &Clients,
    parameters: &AuthorizationParameters,
) -> Result<Arc<Client>, Error> {
    let client_id = parameters
        .client_id
        .as_deref()
        .ok_or(Error::ClientUnknown)?;
    clients.find(client_id).ok_or(Error::ClientUnknown)
}

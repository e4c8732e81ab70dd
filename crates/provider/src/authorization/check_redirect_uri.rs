//! Step 2: the redirect URI is registered for the client, letter for letter (RFC 9700 section 2.1).
//!
//! No parsing, no normalisation: two URIs that a browser might treat alike are different here.

use cardea_oauth2_types::AuthorizationParameters;

use crate::{Client, Error};

pub(super) fn check_redirect_uri(
    client: &Client,
    parameters: &AuthorizationParameters,
) -> Result<String, Error> {
    let asked = parameters
        .redirect_uri
        .as_ref()
        .ok_or(Error::RedirectUriMissing)?;
    if client.redirect_uris.contains(asked) {
        Ok(asked.clone())
    } else {
        Err(Error::RedirectUriMismatch)
    }
}

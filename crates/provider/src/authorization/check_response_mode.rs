//! Step 3: how the answer travels. It is read before all else that the client may learn of, so
//! that refusals go the way that the client reads.
//!
//! A client that registered an algorithm for its answers gets signed ones alone (JARM section 3):
//! whoever changes the request on its way through the browser cannot ask for one in clear.

use cardea_oauth2_types::{AuthorizationParameters, ResponseMode};

use crate::{Client, Error};

pub(super) fn check_response_mode(
    client: &Client,
    parameters: &AuthorizationParameters,
) -> Result<ResponseMode, Error> {
    let Some(asked) = parameters.response_mode.as_deref() else {
        return Ok(default_response_mode(client));
    };
    let mode = ResponseMode::find(asked).ok_or(Error::ResponseModeUnsupported)?;
    if client.authorization_signed_response_alg.is_some() && !mode.is_signed() {
        return Err(Error::ResponseModeUnsupported);
    }
    Ok(mode)
}

/// How answers travel where the request does not say, or says what is not offered.
pub(super) fn default_response_mode(client: &Client) -> ResponseMode {
    match client.authorization_signed_response_alg {
        Some(_) => ResponseMode::QueryJwt,
        None => ResponseMode::default(),
    }
}

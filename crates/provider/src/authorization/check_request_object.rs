//! Step 3: request objects are not offered, and must not be ignored either (OIDC Core section 6):
//! a client that sends one expects its contents to count.

use cardea_oauth2_types::AuthorizationParameters;

use crate::Error;

pub(super) fn check_request_object(parameters: &AuthorizationParameters) -> Result<(), Error> {
    if parameters.request.is_some() {
        return Err(Error::RequestObjectUnsupported);
    }
    if parameters.request_uri.is_some() {
        return Err(Error::RequestUriUnsupported);
    }
    Ok(())
}

//! Step 4: only the code flow (RFC 9700 section 2.1.2: no implicit grant).

use cardea_oauth2_types::AuthorizationParameters;

use crate::Error;

pub(super) fn check_response_type(parameters: &AuthorizationParameters) -> Result<(), Error> {
    match parameters.response_type.as_deref() {
        Some("code") => Ok(()),
        Some(_) => Err(Error::ResponseTypeUnsupported),
        None => Err(Error::ResponseTypeMissing),
    }
}

//! Step 3: how the answer travels. It is read before all else that the client may learn of, so
//! that refusals go the way that the client reads.

use cardea_oauth2_types::{AuthorizationParameters, ResponseMode};

use crate::Error;

pub(super) fn check_response_mode(
    parameters: &AuthorizationParameters,
) -> Result<ResponseMode, Error> {
    match parameters.response_mode.as_deref() {
        None => Ok(ResponseMode::default()),
        Some(mode) => ResponseMode::find(mode).ok_or(Error::ResponseModeUnsupported),
    }
}

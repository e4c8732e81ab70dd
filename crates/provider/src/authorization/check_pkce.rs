//! Step 5: PKCE with S256 is demanded of every client (RFC 7636, RFC 9700 section 2.1.1).

use cardea_oauth2_types::{AuthorizationParameters, CodeChallenge};

use crate::Error;

pub(super) fn check_pkce(parameters: &AuthorizationParameters) -> Result<CodeChallenge, Error> {
    let challenge = parameters
        .code_challenge
        .as_deref()
        .ok_or(Error::PkceMissing)?;
    // An absent method means `plain` (RFC 7636 section 4.3), which is not offered.
    if parameters.code_challenge_method.as_deref() != Some("S256") {
        return Err(Error::PkceMethodUnsupported);
    }
    Ok(CodeChallenge::parse(challenge)?)
}

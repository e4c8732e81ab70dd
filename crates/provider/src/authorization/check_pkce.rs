//! Step 5: PKCE with S256 (RFC 7636, RFC 9700 section 2.1.1). A client may be registered to go
//! without; a challenge that it sends is checked all the same, and `plain` is never offered.

use cardea_oauth2_types::{AuthorizationParameters, CodeChallenge};

use crate::client::RegisteredBy;
use crate::protocol_profile::ConfidentialClientPkce;
use crate::{Client, Demand, Error, ProfileRules};

pub(super) fn check_pkce(
    client: &Client,
    parameters: &AuthorizationParameters,
    rules: &ProfileRules,
) -> Result<Option<CodeChallenge>, Error> {
    let by_profile = rules.confidential_client_pkce == ConfidentialClientPkce::Optional
        // One that registered itself has said that it does.
        && client.registered_by == RegisteredBy::Operator
        && client.is_confidential();
    let may_go_without = client.pkce == Demand::Optional || by_profile;
    let method = parameters.code_challenge_method.as_deref();
    match (parameters.code_challenge.as_deref(), method) {
        // A method alone means that the challenge was lost on the way (attack E7).
        (None, None) if may_go_without => Ok(None),
        (None, _) => Err(Error::PkceMissing),
        (Some(challenge), Some("S256")) => Ok(Some(CodeChallenge::parse(challenge)?)),
        // An absent method means `plain` (RFC 7636 section 4.3).
        (Some(_), _) => Err(Error::PkceMethodUnsupported),
    }
}

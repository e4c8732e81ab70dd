//! Step 6: the scope holds `openid`; what the client may not have is left out.
//!
//! `offline_access` is refused by name: a login that outlives the card's presence does not exist.

use cardea_oauth2_types::{AuthorizationParameters, Scope, scope};

use crate::{Client, Error};

pub(crate) fn check_scope(
    client: &Client,
    parameters: &AuthorizationParameters,
) -> Result<Scope, Error> {
    let asked = Scope::parse(parameters.scope.as_deref().unwrap_or_default())?;
    if !asked.contains(scope::OPENID) {
        return Err(Error::ScopeOpenidMissing);
    }
    if asked.contains("offline_access") {
        return Err(Error::ScopeNotAllowed);
    }
    // OIDC Core section 3.1.2.1: scope values that are not understood should be ignored.
    let granted = asked.intersection(&client.scope);
    if granted.contains(scope::OPENID) {
        Ok(granted)
    } else {
        Err(Error::ScopeNotAllowed)
    }
}

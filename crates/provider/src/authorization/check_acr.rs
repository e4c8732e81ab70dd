//! Step 7: which level the client asked for.
//!
//! `acr_values` lists levels in order of preference; any of them satisfies the client. Values that
//! are not ours are ignored (OIDC Core section 3.1.2.1: a voluntary request). Whether the card
//! reaches the level is decided after it has signed, and a lower level is an error, never a claim.

use cardea_oauth2_types::{Acr, AuthorizationParameters};

/// The weakest level that satisfies the request, if it names one of ours.
pub(super) fn check_acr(parameters: &AuthorizationParameters) -> Option<Acr> {
    let asked = parameters.acr_values.as_deref().unwrap_or_default();
    asked
        .split(' ')
        .filter_map(Acr::find)
        .reduce(
            |weakest, acr| {
                if weakest.satisfies(acr) { acr } else { weakest }
            },
        )
}

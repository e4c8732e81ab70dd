//! Who it is, in headers for the API behind the proxy.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::access_token::{Binding, VerifiedAccess};

/// All of them stand in each answer, empty where there is nothing to say: so a proxy that copies
/// them writes over whatever a client has sent under these names.
pub(crate) const NAMES: [&str; 10] = [
    "x-cardea-sub",
    "x-cardea-client",
    "x-cardea-sid",
    "x-cardea-acr",
    "x-cardea-amr",
    "x-cardea-auth-time",
    "x-cardea-scope",
    "x-cardea-profession",
    "x-cardea-binding",
    "x-cardea-access",
];

/// `reference` is what the API hands back when it tells what was looked up; empty where nobody
/// asks.
pub(super) fn of(access: &VerifiedAccess, reference: &str) -> HeaderMap {
    let auth_time = access.auth_time().map(|time| time.to_string());
    let amr = access.amr().join(" ");
    let binding = match access.binding() {
        Binding::Dpop => "dpop",
        Binding::Certificate => "certificate",
        Binding::None => "none",
    };
    let values = [
        access.sub(),
        access.client_id(),
        access.sid().unwrap_or_default(),
        access.acr().unwrap_or_default(),
        &amr,
        auth_time.as_deref().unwrap_or_default(),
        access.scope(),
        access.profession().unwrap_or_default(),
        binding,
        reference,
    ];
    // And those that come beside.
    let mut headers = HeaderMap::with_capacity(NAMES.len() + 4);
    for (name, value) in NAMES.into_iter().zip(values) {
        // Claims with other characters were refused.
        let value = HeaderValue::from_str(value);
        headers.insert(
            HeaderName::from_static(name),
            value.unwrap_or(HeaderValue::from_static("")),
        );
    }
    headers
}

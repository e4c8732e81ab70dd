//! The outcome of the token check.

use crate::access_token::claims::{Claims, Profession};

/// Whose request it is, as a token says whose every check has passed.
///
/// Only [`crate::TokenCheck`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAccess {
    sub: String,
    client_id: String,
    sid: Option<String>,
    jti: String,
    acr: Option<String>,
    amr: Vec<String>,
    auth_time: Option<i64>,
    scope: String,
    profession: Option<String>,
    binding: Binding,
}

/// What the caller has proven beside having the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The token's DPoP key (RFC 9449).
    Dpop,
    /// The token's certificate (RFC 8705).
    Certificate,
    /// Nothing: a bearer token, where the configuration lets them in.
    None,
}

impl VerifiedAccess {
    pub(super) fn new(claims: &Claims, binding: Binding) -> Self {
        Self {
            sub: claims.sub.clone(),
            client_id: claims.client_id.clone(),
            sid: claims.sid.clone(),
            jti: claims.jti.clone(),
            acr: claims.acr.clone(),
            amr: claims.amr.clone(),
            auth_time: claims.auth_time,
            scope: claims.scope.clone(),
            profession: claims.profession.as_ref().map(Profession::word),
            binding,
        }
    }

    /// The person, under the name that the client has for her; a service's own `client_id` where
    /// it speaks for itself.
    #[must_use]
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// Who got the token.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The client's session; none where a service speaks for itself.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// The token's own id.
    #[must_use]
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// The authentication context class of the login.
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.acr.as_deref()
    }

    /// The methods of the login.
    #[must_use]
    pub fn amr(&self) -> &[String] {
        &self.amr
    }

    /// When the card signed, in seconds since 1970.
    #[must_use]
    pub fn auth_time(&self) -> Option<i64> {
        self.auth_time
    }

    /// What was granted, with spaces between.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The profession, where the issuer puts it into access tokens.
    #[must_use]
    pub fn profession(&self) -> Option<&str> {
        self.profession.as_deref()
    }

    /// What the caller has proven beside.
    #[must_use]
    pub fn binding(&self) -> Binding {
        self.binding
    }
}

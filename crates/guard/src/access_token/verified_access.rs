//! The outcome of the token check.

use std::sync::Arc;

use crate::access_token::claims::{Claims, Profession};

/// Whose request it is, as a token says whose every check has passed.
///
/// Only [`crate::TokenCheck`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAccess {
    claims: Arc<Claims>,
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
    pub(super) fn new(claims: Arc<Claims>, binding: Binding) -> Self {
        let profession = claims.profession.as_ref().map(Profession::word);
        Self {
            claims,
            profession,
            binding,
        }
    }

    /// The person, under the name that the client has for her; a service's own `client_id` where
    /// it speaks for itself.
    #[must_use]
    pub fn sub(&self) -> &str {
        &self.claims.sub
    }

    /// Who got the token.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.claims.client_id
    }

    /// The client's session; none where a service speaks for itself.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.claims.sid.as_deref()
    }

    /// The token's own id.
    #[must_use]
    pub fn jti(&self) -> &str {
        &self.claims.jti
    }

    /// The authentication context class of the login.
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.claims.acr.as_deref()
    }

    /// The methods of the login.
    #[must_use]
    pub fn amr(&self) -> &[String] {
        &self.claims.amr
    }

    /// When the card signed, in seconds since 1970.
    #[must_use]
    pub fn auth_time(&self) -> Option<i64> {
        self.claims.auth_time
    }

    /// What was granted, with spaces between.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.claims.scope
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

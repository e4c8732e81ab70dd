//! The words of OAuth 2.0 and OpenID Connect as types: parameters, error names, scopes, `acr`.
//!
//! It parses and prints; it decides nothing, and knows neither time nor keys. Names follow
//! RFC 6749, RFC 7636, RFC 8176, OIDC Core 1.0 and OIDC Discovery 1.0.
//!
//! ```
//! use cardea_oauth2_types::{AuthorizationParameters, Scope};
//!
//! # fn main() -> Result<(), cardea_oauth2_types::Error> {
//! let pairs = [("client_id", "portal"), ("scope", "openid profile")];
//! let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
//! let request = AuthorizationParameters::from_pairs(pairs)?;
//! let scope = Scope::parse(request.scope.as_deref().unwrap_or_default())?;
//! assert!(scope.contains("openid"));
//! # Ok(())
//! # }
//! ```

mod authentication_context;
mod authorization;
mod discovery;
mod error;
mod error_code;
mod grant_type;
mod introspection;
mod parameters;
mod pkce;
mod response_mode;
pub mod scope;
mod token;

pub use authentication_context::Acr;
pub use authorization::{AuthorizationParameters, HostAccountParameters};
pub use discovery::{MtlsEndpointAliases, ProviderMetadata};
pub use error::Error;
pub use error_code::{ErrorBody, ErrorCode};
pub use grant_type::GrantType;
pub use introspection::TokenLookupParameters;
pub use parameters::{PARAMETER_BYTES_MAX, PARAMETERS_MAX};
pub use pkce::{CodeChallenge, CodeVerifier};
pub use response_mode::ResponseMode;
pub use scope::Scope;
pub use token::{SessionOfTokens, TokenParameters, TokenResponse};

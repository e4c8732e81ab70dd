//! One file an endpoint: parse, ask the provider, answer. Nothing is decided here.

mod admission;
mod authorization_response;
pub(crate) mod authorize;
pub(crate) mod card_grant;
pub(crate) mod challenge_keys;
mod client_form;
pub(crate) mod consent;
pub(crate) mod discovery;
pub(crate) mod end_session;
pub(crate) mod error_page;
pub(crate) mod health;
pub(crate) mod introspect;
pub(crate) mod jwks;
pub(crate) mod login_answer;
pub(crate) mod login_assertion;
pub(crate) mod login_cancel;
pub(crate) mod login_challenge;
pub(crate) mod login_page;
pub(crate) mod new_workstations;
pub(crate) mod par;
pub(crate) mod presence;
pub(crate) mod proof;
pub(crate) mod revoke;
pub(crate) mod static_file;
pub(crate) mod token;
mod token_lookup;
pub(crate) mod userinfo;

//! The modules of the OpenID Foundation's conformance suite for the plans Basic OP, Config OP,
//! RP-initiated logout and back-channel logout, under their names, against the whole system: each
//! signs in by card, and what the suite would warn at fails here. docs/conformance.md lists them.

mod backchannel_logout;
mod code_flow;
mod code_reuse;
mod discovery;
mod document;
mod id_token;
mod in_a_browser;
mod parameters;
mod refresh_token;
mod repeated_login;
mod request_object;
mod rp_initiated_logout;
mod scope;
mod userinfo;

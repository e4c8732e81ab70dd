//! The profile of FAPI 2.0 with Message Signing, by a client library that we did not write, against
//! the whole system; and the list of modules in docs/conformance.md against the tests that there
//! are.

mod document;
mod openid_client;

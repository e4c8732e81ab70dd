//! One file per address.

pub(crate) mod assets;
pub(crate) mod backchannel_logout;
pub(crate) mod callback;
mod cookie;
pub(crate) mod ended;
pub(crate) mod health;
pub(crate) mod home;
pub(crate) mod language;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod patients;
mod problem;
pub(crate) mod session_events;

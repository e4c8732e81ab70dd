//! The agents' presence connections: one WebSocket an open session.

mod connection;
mod frame;
mod leases;
mod mailbox;
mod notices;
mod place;
mod registry;
mod step_ups;

pub(crate) use self::connection::serve_connection;
pub(crate) use self::frame::FRAME_BYTES_MAX;
pub(crate) use self::leases::Leases;
pub(crate) use self::notices::start as start_notices;
pub(crate) use self::place::Places;
pub(crate) use self::registry::PresenceRegistry;
pub(crate) use self::step_ups::start as start_step_ups;

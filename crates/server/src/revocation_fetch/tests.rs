//! Fetching against real servers on loopback ports, at a time that the test sets.

mod budget;
mod freshness;
mod herd;
mod order;
mod publisher;
mod request_forgery;
mod restart;
mod substitution;
mod world;

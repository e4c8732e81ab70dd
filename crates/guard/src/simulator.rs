//! A seeded simulator of honest and hostile traffic: the published half of the guard's evidence.
//!
//! Seed and scenario in, look-ups in the order of their time out; nothing here reads a clock or
//! knows the guard, and no rule of the guard may rest on a number that stands here. The sources of
//! the numbers stand with the places. `docs/guard-evidence.md` says what the guard makes of it.

pub mod calendar;
pub mod command;
pub mod desk;
pub mod event;
pub mod line;
pub mod patients;
pub mod place;
pub mod population;
pub mod random;
pub mod robot;
pub mod scale;
pub mod scenario;
pub mod traffic;
pub mod trial;

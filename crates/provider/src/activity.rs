//! What a person sees of what happened in her name, on her own page: her open sessions, what
//! deserves her attention, and her history.
//!
//! Every question is asked for the person of an [`AccountSession`](crate::AccountSession), whose
//! card and PIN opened the page: an event, a session or a cursor of somebody else's selects
//! nothing.

mod history;
mod kind;
mod place;
mod sessions;

pub use history::{
    EXPORTED_MAX, HISTORY_PAGE_MAX, HistoryEntry, HistoryPage, HistoryQuestion, LookUpsOfPortal,
    OWN_FILES_MAX, OwnEvents, OwnFile, OwnLookUps,
};
pub use kind::{ActivityKind, ActivityWeight};
pub use place::{Means, Place, Through};
pub use sessions::OwnSession;

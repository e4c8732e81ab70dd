//! What is done once a commit is durable, whatever becomes of who committed: a caller that hangs up
//! takes back neither its decision nor the word of it.

use std::panic::{AssertUnwindSafe, catch_unwind};

type Hook = Box<dyn FnOnce() + Send>;

/// Work that waits for its commit; dropped, it is never done.
#[derive(Default)]
pub(crate) struct Hooks(Vec<Hook>);

/// Work whose commit is durable: done where it is dropped.
pub(crate) struct Due(Vec<Hook>);

impl Hooks {
    pub(crate) fn push(&mut self, work: impl FnOnce() + Send + 'static) {
        self.0.push(Box::new(work));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The commit is durable.
    pub(crate) fn due(self) -> Due {
        Due(self.0)
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        for work in std::mem::take(&mut self.0) {
            // One that panics has said so on standard error; others may wait for the same thread.
            let _ = catch_unwind(AssertUnwindSafe(work));
        }
    }
}

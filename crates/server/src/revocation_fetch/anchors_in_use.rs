//! The settings of the trust anchors in force, which may be replaced while evidence is fetched.

use std::sync::{Arc, PoisonError, RwLock};

use super::AnchorSettings;

/// One set for all that fetches; clones share it.
#[derive(Clone, Debug)]
pub(super) struct AnchorsInUse(Arc<RwLock<Arc<[AnchorSettings]>>>);

impl AnchorsInUse {
    pub(super) fn new(anchors: Vec<AnchorSettings>) -> Self {
        Self(Arc::new(RwLock::new(anchors.into())))
    }

    /// The set of this moment.
    pub(super) fn get(&self) -> Arc<[AnchorSettings]> {
        let anchors = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&anchors)
    }

    pub(super) fn replace(&self, anchors: Vec<AnchorSettings>) {
        let mut old = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *old = anchors.into();
    }
}

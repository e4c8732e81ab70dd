//! The cases whose result differs on purpose.

use serde::Deserialize;
use std::collections::BTreeMap;

/// Why a case differs; the file says it for readers, the test asks only that it is said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exception {
    /// The code that we refuse the path with.
    pub(crate) code: String,
    clause: String,
    reason: String,
}

/// By the case's id.
pub(crate) struct Exceptions(BTreeMap<String, Exception>);

impl Exceptions {
    pub(crate) fn load() -> Self {
        let by_id: BTreeMap<String, Exception> =
            toml::from_str(include_str!("exceptions.toml")).unwrap();
        for (id, exception) in &by_id {
            assert!(
                !exception.clause.is_empty() && !exception.reason.is_empty(),
                "{id} has no reason"
            );
        }
        Self(by_id)
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Exception> {
        self.0.get(id)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }
}

//! How an authorization response reaches the client (OAuth 2.0 Multiple Response Type Encoding
//! Practices section 2.1, OAuth 2.0 Form Post Response Mode).

use serde::{Deserialize, Serialize};

/// A `response_mode`. `fragment` is not among them: no code shall reach a page's scripts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResponseMode {
    /// In the query of a redirect, the default of the code flow.
    #[default]
    Query,
    /// In a form that the browser posts to the client.
    FormPost,
}

impl ResponseMode {
    /// Every mode.
    pub const ALL: [Self; 2] = [Self::Query, Self::FormPost];

    /// The value of `response_mode`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::FormPost => "form_post",
        }
    }

    /// The mode named by a value, if it is one of ours.
    #[must_use]
    pub fn find(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == value)
    }
}

#[cfg(test)]
mod tests {
    use super::ResponseMode;

    #[test]
    fn modes_are_found_by_their_names_and_no_other_is() {
        for mode in ResponseMode::ALL {
            assert_eq!(ResponseMode::find(mode.as_str()), Some(mode));
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.as_str());
        }
        for other in ["fragment", "query.jwt", "QUERY", ""] {
            assert_eq!(ResponseMode::find(other), None, "{other}");
        }
    }
}

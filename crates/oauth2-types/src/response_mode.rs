//! How an authorization response reaches the client (OAuth 2.0 Multiple Response Type Encoding
//! Practices section 2.1, OAuth 2.0 Form Post Response Mode, and JARM for those that are signed).

use serde::{Deserialize, Serialize};

/// A `response_mode`. `fragment` and `fragment.jwt` are not among them: no code shall reach a
/// page's scripts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ResponseMode {
    /// In the query of a redirect, the default of the code flow.
    #[default]
    #[serde(rename = "query")]
    Query,
    /// In a form that the browser posts to the client.
    #[serde(rename = "form_post")]
    FormPost,
    /// As a signed JWT in the query of a redirect (JARM section 2.3.1).
    #[serde(rename = "query.jwt")]
    QueryJwt,
    /// As a signed JWT in a form that the browser posts to the client (JARM section 2.3.3).
    #[serde(rename = "form_post.jwt")]
    FormPostJwt,
}

impl ResponseMode {
    /// Every mode.
    pub const ALL: [Self; 4] = [
        Self::Query,
        Self::FormPost,
        Self::QueryJwt,
        Self::FormPostJwt,
    ];

    /// Every value of `response_mode`: the modes, and the short name of one.
    pub const NAMES: [&'static str; 5] =
        ["query", "form_post", SHORT, "query.jwt", "form_post.jwt"];

    /// The value of `response_mode`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::FormPost => "form_post",
            Self::QueryJwt => "query.jwt",
            Self::FormPostJwt => "form_post.jwt",
        }
    }

    /// The mode named by a value, if it is one of ours.
    #[must_use]
    pub fn find(value: &str) -> Option<Self> {
        if value == SHORT {
            return Some(Self::QueryJwt);
        }
        Self::ALL.into_iter().find(|mode| mode.as_str() == value)
    }

    /// The mode of the same way back whose answer is signed.
    #[must_use]
    pub fn signed(self) -> Self {
        match self {
            Self::Query | Self::QueryJwt => Self::QueryJwt,
            Self::FormPost | Self::FormPostJwt => Self::FormPostJwt,
        }
    }

    /// Whether the answer is one signed JWT.
    #[must_use]
    pub fn is_signed(self) -> bool {
        matches!(self, Self::QueryJwt | Self::FormPostJwt)
    }

    /// Whether the browser posts the answer, instead of following a redirect.
    #[must_use]
    pub fn is_posted(self) -> bool {
        matches!(self, Self::FormPost | Self::FormPostJwt)
    }
}

/// The signed form of the code flow's default (JARM section 2.3.4).
const SHORT: &str = "jwt";

#[cfg(test)]
mod tests {
    use super::ResponseMode;

    #[test]
    fn modes_are_found_by_their_names_and_no_other_is() {
        for mode in ResponseMode::ALL {
            assert_eq!(ResponseMode::find(mode.as_str()), Some(mode));
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.as_str());
        }
        for other in ["fragment", "fragment.jwt", "QUERY", "JWT", ""] {
            assert_eq!(ResponseMode::find(other), None, "{other}");
        }
    }

    #[test]
    fn the_short_name_is_the_signed_form_of_the_default() {
        assert_eq!(ResponseMode::find("jwt"), Some(ResponseMode::QueryJwt));
        let found = ResponseMode::NAMES.map(ResponseMode::find);
        assert!(found.iter().all(Option::is_some), "{found:?}");
    }
}

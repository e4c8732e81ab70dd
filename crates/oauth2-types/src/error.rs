//! Why a request's parameters don't parse.

/// Every way in which wire vocabulary is refused before any decision is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter stands twice (RFC 6749 section 3.1).
    #[error("the parameter {name} stands twice")]
    ParameterRepeated {
        /// The parameter's name, from our own list: never the sender's text.
        name: &'static str,
    },
    /// A parameter's value is longer than [`crate::PARAMETER_BYTES_MAX`].
    #[error("the parameter {name} is too long")]
    ParameterTooLong {
        /// The parameter's name.
        name: &'static str,
    },
    /// A parameter's value has control characters or another form than its definition.
    #[error("the parameter {name} is malformed")]
    ParameterMalformed {
        /// The parameter's name.
        name: &'static str,
    },
    /// The request has more parameters than any OAuth request needs.
    #[error("the request has too many parameters")]
    TooManyParameters,
}

impl Error {
    /// Every code that [`Error::code`] returns.
    pub const ALL_CODES: &'static [&'static str] = &[
        "oauth2.parameter_repeated",
        "oauth2.parameter_too_long",
        "oauth2.parameter_malformed",
        "oauth2.too_many_parameters",
    ];

    /// The stable machine code of this refusal, listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ParameterRepeated { .. } => "oauth2.parameter_repeated",
            Self::ParameterTooLong { .. } => "oauth2.parameter_too_long",
            Self::ParameterMalformed { .. } => "oauth2.parameter_malformed",
            Self::TooManyParameters => "oauth2.too_many_parameters",
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_section_in_the_error_list_has_these_codes_and_no_others() {
        let mut sections = include_str!("../../../docs/errors.md").split("\n## ");
        let section = sections.find(|text| text.starts_with("oauth2\n")).unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        let codes: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
        assert_eq!(codes, super::Error::ALL_CODES);
    }
}

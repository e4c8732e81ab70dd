//! Whom people reach, wherever a page tells them to call the support of this service.

#![expect(
    unreachable_pub,
    reason = "the filter's type, made by askama, is always `pub`"
)]

use std::any::Any;

use askama::Values;

use crate::config::SupportConfig;
use crate::language::{Language, Text};

/// The key under which [`super::render`] hands on what the operator says of its support.
pub(super) const SUPPORT: &str = "support";

/// How the support is reached, in one language.
pub(crate) struct Reach {
    pub(crate) heading: &'static str,
    pub(crate) telephone: Option<Telephone>,
    pub(crate) page: Option<Page>,
    pub(crate) hours: Option<String>,
}

/// A number to read and to dial.
pub(crate) struct Telephone {
    pub(crate) shown: String,
    pub(crate) href: String,
}

/// The operator's own page.
pub(crate) struct Page {
    pub(crate) shown: String,
    pub(crate) href: String,
}

/// How the support is reached; none where the operator has not said so.
#[askama::filter_fn]
pub(crate) fn reach(language: &Language, values: &dyn Values) -> askama::Result<Option<Reach>> {
    let support = values
        .get_value(SUPPORT)
        .and_then(<dyn Any>::downcast_ref::<SupportConfig>);
    Ok(support
        .filter(|support| !support.is_nobody())
        .map(|support| reach_of(support, *language)))
}

fn reach_of(support: &SupportConfig, language: Language) -> Reach {
    let telephone = support.telephone.as_ref().map(|number| Telephone {
        shown: number.clone(),
        // "+33 (0)1 …" is how people write it; nobody dials that zero after a country's code.
        href: number
            .replace("(0)", "")
            .chars()
            .filter(|it| it.is_ascii_digit() || *it == '+')
            .collect(),
    });
    let page = support.url.as_ref().map(|url| Page {
        shown: url.host_str().unwrap_or_default().to_owned(),
        href: url.to_string(),
    });
    Reach {
        heading: HEADING.in_language(language),
        telephone,
        page,
        hours: support.hours.clone(),
    }
}

const HEADING: Text = Text::new(
    "Support of this service:",
    "Assistance de ce service\u{a0}:",
);

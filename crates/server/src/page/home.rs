//! Where styles and explanations are, for pages that are shown on another host.

#![expect(
    unreachable_pub,
    reason = "the filter's type, made by askama, is always `pub`"
)]

use std::any::Any;

use askama::Values;

use crate::language::Language;

/// The key under which [`super::render_away`] hands on the origin; empty at home.
pub(super) const HOME: &str = "home";

/// What stands before an address of ours.
#[askama::filter_fn]
pub(crate) fn origin(_language: &Language, values: &dyn Values) -> askama::Result<String> {
    let home = values
        .get_value(HOME)
        .and_then(<dyn Any>::downcast_ref::<String>);
    Ok(home.cloned().unwrap_or_default())
}

//! What every page of a sandbox says above all else.

#![expect(
    unreachable_pub,
    reason = "the filter's type, made by askama, is always `pub`"
)]

use std::any::Any;

use askama::Values;

use crate::language::{Language, Text};

/// The key under which [`super::render`] hands on whether this server is a sandbox.
pub(super) const SANDBOX: &str = "sandbox";

/// The words of the banner; none outside a sandbox.
#[askama::filter_fn]
pub(crate) fn words(
    language: &Language,
    values: &dyn Values,
) -> askama::Result<Option<&'static str>> {
    let sandbox = values
        .get_value(SANDBOX)
        .and_then(<dyn Any>::downcast_ref::<bool>);
    Ok((sandbox == Some(&true)).then(|| BANNER.in_language(*language)))
}

const BANNER: Text = Text::new(
    "Sandbox: test cards only, no real person.",
    "Bac à sable : cartes de test, aucune personne réelle.",
);

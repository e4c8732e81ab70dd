//! Whose cards are accepted, and where their revocation evidence may come from.

use std::path::PathBuf;

use cardea_pki::Oid;
use serde::Deserialize;

use super::revocation::RevocationConfig;

/// `[[trust_anchor]]`: one card issuer's certification authorities.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TrustAnchorConfig {
    /// Name used in logs.
    pub name: String,
    /// PEM file of the root certificates.
    pub anchors: PathBuf,
    /// PEM file of the issuing authorities' certificates.
    pub intermediates: Option<PathBuf>,
    /// How an identity is read from the card's certificate: `cps`, `piv`, `hba`, or the path of a
    /// profile file, which ends in `.toml`.
    pub profile: String,
    /// Whether cards marked as test cards are refused, or the only ones accepted.
    #[serde(default)]
    pub test_cards: TestCardsConfig,
    /// The card families accepted; all of the profile when absent.
    pub cards: Option<Vec<CardRuleConfig>>,
    /// The kinds of person identifiers accepted, such as `rpps`; all of the profile when absent.
    pub identifiers: Option<Vec<String>>,
    /// `[trust_anchor.revocation]`
    #[serde(default)]
    pub revocation: RevocationConfig,
}

/// `test_cards`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TestCardsConfig {
    /// Real cards alone: for production.
    #[default]
    Refuse,
    /// Test cards alone: for a sandbox.
    Require,
}

/// One accepted family of cards.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CardRuleConfig {
    /// The family, as the profile names it.
    pub family: String,
    /// Certificate policy OIDs of which the path must have one; empty accepts any.
    #[serde(default)]
    pub policies: Vec<PolicyOid>,
}

/// A certificate policy in dotted form.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PolicyOid(Oid);

impl PolicyOid {
    /// The object identifier.
    #[must_use]
    pub fn oid(&self) -> &Oid {
        &self.0
    }
}

impl TryFrom<String> for PolicyOid {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Oid::parse(&text)
            .map(Self)
            .ok_or("must be an object identifier, such as 1.2.250.1.71")
    }
}

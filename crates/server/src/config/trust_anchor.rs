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
    /// Whether the extended key usages of authorities limit what is issued below them.
    #[serde(default)]
    pub extended_key_usage_chaining: ExtendedKeyUsageChainingConfig,
    /// `user-initial-policy-set` (RFC 5280 section 6.1.1 (c)); all policies when empty.
    #[serde(default)]
    pub initial_policies: Vec<PolicyOid>,
    /// `initial-explicit-policy` (RFC 5280 section 6.1.1 (e)): the path must be valid for one of
    /// the initial policies.
    #[serde(default)]
    pub require_explicit_policy: bool,
    /// `initial-policy-mapping-inhibit` (RFC 5280 section 6.1.1 (d)).
    #[serde(default)]
    pub inhibit_policy_mapping: bool,
    /// `initial-any-policy-inhibit` (RFC 5280 section 6.1.1 (f)).
    #[serde(default)]
    pub inhibit_any_policy: bool,
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

/// `extended_key_usage_chaining`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExtendedKeyUsageChainingConfig {
    /// An authority that is certified for some purposes issues for no other.
    #[default]
    Enforced,
    /// The card's certificate alone has to allow client authentication.
    EndEntityOnly,
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

//! `[registration]` and `[admin]`: who may change what this server goes by while it runs.

use serde::Deserialize;

/// `[registration]`: clients that register themselves (RFC 7591), with an initial access token.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RegistrationConfig {
    /// Whether there is a registration endpoint.
    pub enabled: bool,
    /// Clients that may have registered themselves, at a time.
    pub clients_max: u32,
}

/// `[admin]`: the API for operators, who sign in with their cards.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AdminConfig {
    /// Whether there is an admin API.
    pub enabled: bool,
    /// How old an operator's login may be.
    pub authentication_age_max_seconds: u32,
    /// Whether operators may change trust anchors over HTTP as well.
    pub anchors: bool,
    /// Whether lifting the stop of an account and changing trust anchors take the cards of two
    /// operators; where nothing is said, wherever the operators are more than one person.
    pub four_eyes: Option<bool>,
    /// Who may use it.
    pub operator: Vec<AdminOperatorConfig>,
}

/// `[[admin.operator]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AdminOperatorConfig {
    /// The person's identifier, as the claim `subject_id` has it.
    pub subject_id: String,
    /// Its kind, as the claim `subject_id_type` has it.
    pub subject_id_type: String,
    /// The name of the `[[trust_anchor]]` that her card leads to; it may be left out where there is
    /// one alone.
    #[serde(default)]
    pub trust_anchor: Option<String>,
    /// A word that stands for her in each of her entries, where she has several.
    #[serde(default)]
    pub person: Option<String>,
    /// Her name, for whoever reads the file.
    #[serde(default)]
    pub name: String,
}

impl Default for RegistrationConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            clients_max: 1000,
        }
    }
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            authentication_age_max_seconds: 15 * 60,
            anchors: false,
            four_eyes: None,
            operator: Vec::new(),
        }
    }
}

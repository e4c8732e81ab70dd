//! Certificate profiles: from a validated path to the person a card stands for.
//!
//! A profile is data, not code: a TOML file says where in a certificate each member of a
//! [`ProfessionalIdentity`] stands and what form it must have, with extractors out of a closed
//! set. `cps`, `piv` and `hba` come with the crate; docs/profiles.md shows how to write another.

mod attribute_type;
mod builtin;
mod compile;
mod definition;
mod extractor;
mod file;
mod identify;
mod identity;
mod pattern;
mod profile_policy;

pub use identity::{
    CardFamily, CardReference, PersonIdentifierType, Profession, ProfessionalIdentity, Structure,
    StructureIdentifierType,
};
pub use profile_policy::{CardRule, ProfilePolicy, TestCards};

use crate::{Certificate, Error, ValidatedPath};
use definition::Definition;
use file::ProfileFile;
use std::fmt;
use std::sync::Arc;

/// Most bytes of a profile file; a real one has some four thousand.
pub const PROFILE_BYTES_MAX: usize = 64 * 1024;

/// How a professional's identity is read from the certificate of one country's cards.
///
/// Cloning is cheap: clones share the rules.
#[derive(Clone)]
pub struct Profile {
    definition: Arc<Definition>,
}

impl Profile {
    /// Parses a profile file (TOML). The format is strict: an unknown key is a mistake.
    ///
    /// # Errors
    /// [`Error::ProfileMalformed`], which names the key, the line where it is known, and what the
    /// value must be.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > PROFILE_BYTES_MAX {
            return Err(Error::ProfileMalformed {
                line: None,
                key: String::new(),
                reason: format!("must have at most {PROFILE_BYTES_MAX} bytes"),
            });
        }
        let parser = toml::Deserializer::parse(text).map_err(|error| at(text, "", &error))?;
        let file: ProfileFile = serde_path_to_error::deserialize(parser)
            .map_err(|error| at(text, &error.path().to_string(), error.inner()))?;
        let definition = compile::compile(file).map_err(|mistake| Error::ProfileMalformed {
            line: None,
            key: mistake.key,
            reason: mistake.reason,
        })?;
        Ok(Self {
            definition: Arc::new(definition),
        })
    }

    /// One of the profiles that come with the crate: `cps`, `piv`, `hba`.
    #[must_use]
    pub fn builtin(name: &str) -> Option<&'static Self> {
        builtin::find(name)
    }

    /// The names of the profiles that come with the crate.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> {
        builtin::names()
    }

    /// Reads the professional out of a validated card certificate, and checks the card against
    /// the operator's policy.
    ///
    /// # Errors
    /// [`Error::NotACard`] for a certificate of another kind, such as a software certificate of
    /// the same person; [`Error::ProfileSubjectInvalid`] and [`Error::ProfileExtensionInvalid`]
    /// when a field is missing, doubled, malformed or contradicts another;
    /// [`Error::TestMarkRefused`], [`Error::CardFamilyRefused`], [`Error::CardPolicyRefused`] and
    /// [`Error::IdentifierTypeRefused`] by policy.
    pub fn identify(
        &self,
        path: &ValidatedPath,
        policy: &ProfilePolicy,
    ) -> Result<ProfessionalIdentity, Error> {
        identify::identify(&self.definition, path, policy)
    }

    /// Reads what a certificate claims, for showing it to a person. **Nothing is verified**:
    /// anybody can make a certificate that reads so, and no decision may rest on it.
    ///
    /// # Errors
    /// As [`Profile::identify`], but nothing is refused by an operator's policy.
    pub fn read_unverified(
        &self,
        certificate: &Certificate,
    ) -> Result<ProfessionalIdentity, Error> {
        identify::identify_unverified(&self.definition, certificate)
    }

    /// The profile's name, such as `cps`. Identifiers of two profiles are never compared: the
    /// same number means another person in another register.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// Whose cards these are, in words.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.definition.description
    }

    /// The JWS algorithms that these cards sign with, by their names in `alg`. An assertion with
    /// another is not accepted.
    #[must_use]
    pub fn signature_algorithms(&self) -> &[String] {
        &self.definition.signature_algorithms
    }

    /// The card families that the profile knows.
    pub fn card_families(&self) -> impl Iterator<Item = &CardFamily> {
        self.definition.families.iter().map(|family| &family.name)
    }

    /// The kinds of person identifiers that the profile knows, in the order in which they are
    /// tried.
    pub fn identifier_types(&self) -> impl Iterator<Item = &PersonIdentifierType> {
        self.definition.identifiers.iter().map(|rule| &rule.kind)
    }
}

/// Two are equal that read every certificate alike.
impl PartialEq for Profile {
    fn eq(&self, other: &Self) -> bool {
        let text = |profile: &Self| format!("{:?}", profile.definition);
        Arc::ptr_eq(&self.definition, &other.definition) || text(self) == text(other)
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Profile({})", self.name())
    }
}

/// The place and reason of a TOML error, without the text around it.
fn at(text: &str, key: &str, error: &toml::de::Error) -> Error {
    let line = error
        .span()
        .and_then(|span| text.get(..span.start))
        .map(|before| before.matches('\n').count().saturating_add(1));
    Error::ProfileMalformed {
        line,
        key: if key == "." { "" } else { key }.to_owned(),
        reason: error.message().replace('\n', " "),
    }
}

//! The form of a profile file, key by key; docs/profiles.md explains it to those who write one.

use super::extractor::{AdmissionPart, FascnPart, ValueType};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileFile {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) signature_algorithms: Vec<String>,
    pub(super) subject: SubjectFile,
    #[serde(default)]
    pub(super) require: Vec<RequireFile>,
    pub(super) test_mark: TestMarkFile,
    pub(super) card: CardFile,
    #[serde(default)]
    pub(super) identifier: Vec<IdentifierFile>,
    #[serde(default)]
    pub(super) person: PersonFile,
    #[serde(default)]
    pub(super) profession: Vec<ProfessionFile>,
    pub(super) structure: Option<StructureFile>,
}

/// `[subject]`: the attributes that the subject's name may have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubjectFile {
    pub(super) attributes: Vec<String>,
    #[serde(default)]
    pub(super) repeatable: Vec<String>,
    pub(super) one_set: Option<OneSetFile>,
}

/// `one_set`: attributes that stand together in one relative distinguished name, alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneSetFile {
    pub(super) all: Vec<String>,
    #[serde(default)]
    pub(super) optional: Vec<String>,
}

/// `[[require]]`: what makes the certificate a card's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequireFile {
    pub(super) from: SourcesFile,
    pub(super) equals: Option<Vec<String>>,
    pub(super) ends_with: Option<String>,
    pub(super) otherwise: String,
}

/// `[test_mark]`: how the issuer marks test cards.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestMarkFile {
    pub(super) by: Option<TestMarkBy>,
    pub(super) from: Option<SourcesFile>,
    pub(super) equals: Option<Vec<String>>,
    pub(super) ends_with: Option<String>,
}

/// `by` of `[test_mark]`.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TestMarkBy {
    /// The trust anchor's configuration says it: the certificates do not.
    Anchor,
}

/// `[card]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CardFile {
    pub(super) number: SourcesFile,
    pub(super) number_pattern: Option<String>,
    pub(super) family: Option<SourcesFile>,
    #[serde(default)]
    pub(super) policy_on_path: bool,
    #[serde(default)]
    pub(super) families: Vec<FamilyFile>,
}

/// `[[card.families]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FamilyFile {
    pub(super) name: String,
    #[serde(default)]
    pub(super) values: Vec<String>,
    pub(super) when: Option<WhenFile>,
}

/// `when` of a family.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhenFile {
    pub(super) from: SourcesFile,
    pub(super) equals: Option<Vec<String>>,
    pub(super) ends_with: Option<String>,
}

/// `[[identifier]]` and `[[structure.identifier]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IdentifierFile {
    pub(super) r#type: String,
    pub(super) from: SourcesFile,
    pub(super) pattern: String,
    pub(super) families: Option<Vec<String>>,
    #[serde(default)]
    pub(super) only_if_listed: bool,
}

/// `[person]`: names for people to read.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonFile {
    pub(super) given_name: Option<SourcesFile>,
    pub(super) family_name: Option<SourcesFile>,
    pub(super) title: Option<SourcesFile>,
}

/// `[[profession]]`: one terminology.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfessionFile {
    pub(super) system: String,
    pub(super) from: SourcesFile,
    pub(super) pattern: String,
    pub(super) digits_min: Option<usize>,
    #[serde(default)]
    pub(super) required_for: Vec<String>,
    #[serde(default)]
    pub(super) optional_for: Vec<String>,
}

/// `[structure]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StructureFile {
    pub(super) name: Option<SourcesFile>,
    #[serde(default)]
    pub(super) identifier: Vec<IdentifierFile>,
}

/// Where a value stands: one extractor and how to read it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceFile {
    pub(super) subject: Option<String>,
    pub(super) extension: Option<String>,
    pub(super) san_other_name: Option<String>,
    pub(super) san_fascn: Option<FascnPart>,
    pub(super) san_uri: Option<UriKind>,
    pub(super) admission: Option<AdmissionPart>,
    pub(super) policy: Option<Vec<String>>,
    pub(super) certificate: Option<CertificateField>,
    pub(super) r#as: Option<ValueType>,
    pub(super) mask: Option<u8>,
    pub(super) words: Option<Words>,
    pub(super) without_end: Option<String>,
}

/// `san_uri`
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum UriKind {
    /// The UUID of a `urn:uuid:`.
    Uuid,
}

/// `certificate`
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CertificateField {
    /// The certificate's serial number.
    Serial,
}

/// `words`: which words of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Words {
    /// The last word.
    Last,
    /// All words but the last; nothing when there is one alone.
    AllButLast,
}

/// One source, or a list of which the first that is there counts.
pub(super) struct SourcesFile(pub(super) Vec<SourceFile>);

/// By hand, because an untagged enum would answer every mistake with one and the same message.
impl<'de> Deserialize<'de> for SourcesFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = SourcesFile;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a table with one extractor, or a list of such tables")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SourcesFile, A::Error> {
                let source = SourceFile::deserialize(MapAccessDeserializer::new(map))?;
                Ok(SourcesFile(vec![source]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<SourcesFile, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(SourcesFile)
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}

//! Certificate profiles: from a validated path to the person a card stands for.
//!
//! Each card family has its module; what it yields is the same [`ProfessionalIdentity`].

pub mod cps;
mod identity;
mod profile_policy;

pub use identity::{
    CardFamily, CardReference, PersonIdentifierType, Profession, ProfessionalIdentity, Structure,
    StructureIdentifierType,
};
pub use profile_policy::{CardRule, ProfilePolicy, TestCards};

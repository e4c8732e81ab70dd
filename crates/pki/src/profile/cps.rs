//! The card of French health professionals (CPS, CPF, CPE, CPA) of the PKI "IGC-Santé".
//!
//! The common name is the national identifier, not a name; given name, common name and surname
//! stand in one multi-valued relative distinguished name whose members have no fixed order; what
//! kind of card it is stands in private extensions under 1.2.250.1.71.1.2.

mod card_extensions;
mod identifier;
mod subject;

use super::{ProfessionalIdentity, ProfilePolicy};
use crate::{Error, ValidatedPath};
use card_extensions::CardExtensions;
use subject::Subject;

/// Reads the professional out of a validated card certificate, and checks the card against the
/// operator's policy.
///
/// # Errors
/// [`Error::NotACard`] for a software certificate of the same person;
/// [`Error::ProfileSubjectInvalid`] and [`Error::ProfileExtensionInvalid`] when a field is
/// missing, doubled, malformed or contradicts another; [`Error::TestMarkRefused`],
/// [`Error::CardFamilyRefused`] and [`Error::CardPolicyRefused`] by policy.
pub fn check_profile(
    path: &ValidatedPath,
    policy: &ProfilePolicy,
) -> Result<ProfessionalIdentity, Error> {
    let certificate = path.end_entity();
    let card = CardExtensions::read(certificate)?;
    policy.check(card.reference.family, card.is_test, path.policies())?;
    let subject = Subject::read(certificate.subject())?;
    Ok(ProfessionalIdentity {
        subject_id: subject.identifier.value,
        subject_id_type: subject.identifier.kind,
        given_name: subject.given_name,
        family_name: subject.family_name,
        title: subject.title,
        profession: card.profession,
        structure: subject.structure,
        card: card.reference,
        test: card.is_test,
    })
}

//! Step 7: the certificate is a professional's card of a kind that the operator accepts.

use cardea_pki::ProfessionalIdentity;

use crate::Error;
use crate::authentication::validate_path::PathValidated;

/// The profile whose identifiers stood in the store before there was another: its registers keep
/// their names, so that everybody keeps their subject.
const FIRST_PROFILE: &str = "cps";

/// The person that the card stands for.
pub(super) struct ProfileChecked {
    pub(super) identity: ProfessionalIdentity,
    /// The register that the person's identifier is from. The same number in another country's
    /// register, or on a test card, is another person.
    pub(super) register: String,
}

#[tracing::instrument(level = "debug", skip_all)]
pub(super) fn check_profile(validated: &PathValidated<'_>) -> Result<ProfileChecked, Error> {
    let rules = validated.rules;
    let identity = rules
        .profile
        .identify(&validated.path, &rules.profile_policy)?;
    let register = register_of(rules.profile.name(), &identity);
    Ok(ProfileChecked { identity, register })
}

fn register_of(profile: &str, identity: &ProfessionalIdentity) -> String {
    let kind = identity.subject_id_type.as_str();
    let register = match profile {
        FIRST_PROFILE => kind.to_owned(),
        other => format!("{other}:{kind}"),
    };
    match identity.test {
        true => format!("test:{register}"),
        false => register,
    }
}

#[cfg(test)]
mod tests {
    use cardea_pki::ProfessionalIdentity;
    use serde_json::json;

    use super::register_of;

    fn identity(test: bool) -> ProfessionalIdentity {
        let written = json!({
            "subject_id": "1",
            "subject_id_type": "rpps",
            "card": {"family": "x", "number": "1"},
            "test": test,
        });
        serde_json::from_value(written).unwrap()
    }

    #[test]
    fn the_same_number_is_another_person_in_another_register() {
        let registers = [
            (register_of("cps", &identity(false)), "rpps"),
            (register_of("cps", &identity(true)), "test:rpps"),
            (register_of("hba", &identity(false)), "hba:rpps"),
            (register_of("hba", &identity(true)), "test:hba:rpps"),
        ];
        for (register, expected) in registers {
            assert_eq!(register, expected);
        }
    }
}

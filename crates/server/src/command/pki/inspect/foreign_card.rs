//! Cards of other countries, recognised by the profiles that come with the program.

use cardea_pki::Certificate;
use cardea_pki::profile::Profile;

use super::card_fields::Profession;
use super::reading::{Card, Certified, Person, Reading, Structure};

/// The profiles that are tried; French cards are read field by field, so that what is no card can
/// be shown too.
const PROFILES: [&str; 2] = ["piv", "hba"];

/// Fills in what a profile finds, if one does.
pub(super) fn recognise(reading: &mut Reading, certificate: &Certificate) {
    let found = PROFILES.into_iter().find_map(|name| {
        let identity = Profile::builtin(name)?.read_unverified(certificate).ok()?;
        Some((name, identity))
    });
    let Some((profile, identity)) = found else {
        return;
    };
    let authenticates = reading.has_use("digital_signature") && reading.has_use("client_auth");
    reading.profile = Some(profile);
    reading.certified = match (authenticates, reading.has_use("non_repudiation")) {
        (true, _) => Certified::CardAuthentication,
        (false, true) => Certified::CardSignature,
        (false, false) => Certified::CardOther,
    };
    // A certificate that calls itself a test stays one, whatever its profile goes by.
    reading.test = Some(identity.test || reading.test == Some(true));
    reading.person = Some(Person {
        given_name: identity.given_name,
        family_name: identity.family_name,
        identifier: Some(identity.subject_id),
        identifier_type: Some(identity.subject_id_type.to_string()),
        title: identity.title,
    });
    reading.profession = identity.profession.map(|profession| Profession {
        code: profession.code,
        system: profession.system,
    });
    reading.structure = identity.structure.map(|structure| Structure {
        name: structure.name,
        id: Some(structure.id),
        id_type: Some(structure.id_type.to_string()),
        department: None,
    });
    reading.card = Some(Card {
        family: Some(identity.card.family.to_string()),
        number: Some(identity.card.number),
    });
}

//! Any certificate of the authority, read by each profile.

use super::{signing, world};
use cardea_pki::profile::{Profile, ProfilePolicy};
use cardea_pki::{Error, KnownPaths, PathPolicy, ProfessionalIdentity, ValidatedPath};
use openssl::nid::Nid;
use openssl::x509::X509;

/// Once the authority has signed it, a certificate that validates is refused by a profile, or gives
/// the same identity each time, out of what stands in the certificate.
pub fn check(data: &[u8]) {
    let Some(der) = signing::sign_again(data) else {
        return;
    };
    let known = KnownPaths::new(2);
    let validate = || known.validate(&der, &[], &world::STORE, &PathPolicy::rfc5280(), world::AT);
    let path = match validate() {
        Ok(path) => path,
        Err(error) => {
            check_error(&error);
            return;
        }
    };
    let again = validate().expect("a known path");
    assert_eq!(again.certificates(), path.certificates());
    assert_eq!(again.policies(), path.policies());
    for profile in Profile::builtin_names().filter_map(Profile::builtin) {
        for policy in [ProfilePolicy::sandbox(), ProfilePolicy::production()] {
            match profile.identify(&path, &policy) {
                Ok(identity) => {
                    let again = profile.identify(&path, &policy);
                    assert_eq!(again.ok().as_ref(), Some(&identity), "the same again");
                    check_identity(profile, &identity, &path);
                }
                Err(error) => check_error(&error),
            }
        }
    }
}

fn check_error(error: &Error) {
    assert!(Error::ALL_CODES.contains(&error.code()), "{error}");
    let _ = error.to_string();
}

fn check_identity(profile: &Profile, identity: &ProfessionalIdentity, path: &ValidatedPath) {
    let json = serde_json::to_string(identity).expect("an identity is JSON");
    let back: ProfessionalIdentity = serde_json::from_str(&json).expect("and reads back");
    assert_eq!(&back, identity);
    assert!(
        profile
            .card_families()
            .any(|family| *family == identity.card.family),
        "a family from nowhere"
    );
    assert!(
        profile
            .identifier_types()
            .any(|kind| *kind == identity.subject_id_type),
        "a kind of identifier from nowhere"
    );
    let id = identity.subject_id.as_str();
    let is_plain = |letter: char| letter.is_ascii_graphic();
    assert!(
        !id.is_empty() && id.chars().all(is_plain),
        "letters that look like others: {id:?}"
    );
    let der = path.end_entity().der();
    match profile.name() {
        "cps" => check_common_name(der, id),
        // The Telematik-ID is text in the admission extension.
        "hba" => assert!(der.windows(id.len()).any(|part| part == id.as_bytes())),
        _ => {}
    }
}

/// The identifier on a card of the model is its one common name.
fn check_common_name(der: &[u8], id: &str) {
    let certificate = X509::from_der(der).expect("OpenSSL reads what we accept");
    let subject = certificate.subject_name();
    let mut names = subject.entries_by_nid(Nid::COMMONNAME);
    let name = names
        .next()
        .expect("the identifier stands in the common name");
    assert!(names.next().is_none(), "two common names give no identity");
    assert_eq!(name.data().to_string().expect("it is text"), id);
}

//! United States identity cards: what the authorities of the path let a card say of itself.

use crate::authority::{
    Authority, Draft, NOW, extension, key_usage, name, oid, p256, policies, raw_extension,
};
use crate::card::{CLIENT_AUTH, purposes};
use cardea_pki::profile::{Profile, ProfilePolicy};
use cardea_pki::{PathPolicy, TrustStore, validate_path};
use cardea_test_pki::piv::{FASCN, encode_fascn, fascn_name, subject_alt_name, uri};
use x509_cert::ext::pkix::{KeyUsages, PolicyMapping, PolicyMappings};

/// id-fpki-common-authentication and id-fpki-certpcy-pivi-hardware.
const FEDERAL: &str = "2.16.840.1.101.3.2.1.3.13";
const PIV_I: &str = "2.16.840.1.101.3.2.1.3.18";
/// A policy of another domain, which is cross-certified.
const FOREIGN: &str = "1.3.6.1.4.1.32473.1.1";
const UUID: &str = "09d49c7e-fdd0-432e-acea-268ae905274c";

/// The family and the identifier of a card that states a policy, under an authority whose
/// certificate was changed. Every card has the federal employee's FASC-N.
fn read(
    stated: &[&str],
    has_uuid: bool,
    change: impl FnOnce(&mut Draft),
) -> Result<(String, String, bool), &'static str> {
    let bridge = Authority::root("CN=BRIDGE,C=US");
    let mut issuing = bridge.subordinate("CN=CARD CA,C=US");
    change(&mut issuing.draft);
    let mut card = issuing.draft_for(name("CN=Jordan Sample,C=US"), &p256());
    card.set(key_usage(KeyUsages::DigitalSignature));
    card.set(purposes(&[CLIENT_AUTH]));
    card.set(policies(stated));
    let mut names = vec![fascn_name(&encode_fascn(FASCN)).unwrap()];
    if has_uuid {
        names.push(uri(&format!("urn:uuid:{UUID}")).unwrap());
    }
    let names = subject_alt_name(&names).unwrap();
    card.set(raw_extension("2.5.29.17", false, &names.der));
    let store = TrustStore::new(vec![bridge.certificate()], vec![issuing.certificate()]);
    let path = validate_path(&card.certificate(), &[], &store, &PathPolicy::login(), NOW);
    let piv = Profile::builtin("piv").unwrap();
    path.and_then(|path| piv.identify(&path, &ProfilePolicy::production()))
        .map(|identity| {
            (
                identity.card.family.to_string(),
                identity.subject_id,
                identity.structure.is_some(),
            )
        })
        .map_err(|error| error.code())
}

fn federal() -> Result<(String, String, bool), &'static str> {
    Ok(("piv".to_owned(), "1-9999-1234567890".to_owned(), true))
}

/// Attack A26.
#[test]
fn a_policy_counts_only_where_the_path_grants_it() {
    let not_a_card = Err("pki.not_a_card");
    let mapping = PolicyMappings(vec![PolicyMapping {
        issuer_domain_policy: oid(FOREIGN),
        subject_domain_policy: oid(FEDERAL),
    }]);
    let unchanged = |_: &mut Draft| {};
    assert_eq!(read(&[FEDERAL], true, unchanged), federal(), "any policy");
    let granted = |draft: &mut Draft| draft.set(policies(&[FOREIGN, FEDERAL]));
    assert_eq!(read(&[FEDERAL], true, granted), federal(), "granted");
    let other = |draft: &mut Draft| draft.set(policies(&[FOREIGN]));
    assert_eq!(read(&[FEDERAL], true, other), not_a_card, "not granted");
    assert_eq!(
        read(&[FOREIGN, FEDERAL], true, other),
        not_a_card,
        "another policy is granted"
    );
    let without = |draft: &mut Draft| draft.remove("2.5.29.32");
    assert_eq!(read(&[FEDERAL], true, without), not_a_card, "no policies");
    let mapped = |draft: &mut Draft| {
        draft.set(policies(&[FOREIGN]));
        draft.set(extension("2.5.29.33", true, &mapping));
    };
    assert_eq!(
        read(&[FEDERAL], true, mapped),
        not_a_card,
        "its name for another policy"
    );
}

/// An issuer outside the federal government could write any employee's number.
#[test]
fn a_card_of_another_issuer_is_identified_by_its_uuid_alone() {
    let unchanged = |_: &mut Draft| {};
    let by_uuid = Ok(("piv_i".to_owned(), UUID.to_owned(), false));
    assert_eq!(read(&[PIV_I], true, unchanged), by_uuid);
    assert_eq!(
        read(&[PIV_I], false, unchanged),
        Err("pki.profile_extension_invalid"),
        "a FASC-N alone"
    );
    assert_eq!(read(&[FEDERAL], false, unchanged), federal());
}

//! Lists signed by another key than the one that signed the certificate.

use crate::authority::{
    AUTHORITY_KEY_IDENTIFIER, Authority, NOW, extension, key_usage, name, oid, p256,
};
use crate::card::Baseline;
use crate::evidence::check_with;
use crate::list::{ListDraft, base_number, number, scope};
use cardea_pki::Certificate;
use cardea_pki::revocation::{Evidence, RevocationPolicy};
use openssl::hash::MessageDigest;
use time::Duration;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::CrlDistributionPoints;
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::GeneralName;

const UNKNOWN: Result<(), &str> = Err("pki.revocation_unknown");
const REVOKED: Result<(), &str> = Err("pki.certificate_revoked");

fn judge(
    baseline: &Baseline,
    lists: &[&ListDraft],
    certificates: Vec<Certificate>,
) -> Result<(), &'static str> {
    let evidence = Evidence {
        crls: lists.iter().map(|list| list.crl()).collect(),
        certificates,
        ..Evidence::default()
    };
    check_with(baseline, &evidence, &RevocationPolicy::default())
        .map(|_| ())
        .map_err(|error| error.code())
}

/// The issuing authority's certificate for the key it signs lists with.
fn list_key_of(baseline: &Baseline) -> Authority {
    let name = baseline.issuing.name().to_string();
    let mut signer = baseline.root.subordinate(&name);
    signer.draft.remove("2.5.29.19");
    signer.draft.set(key_usage(KeyUsages::CRLSign));
    signer
}

/// RFC 5280 section 6.3.3 (h): what completes a list is signed by the same key, also where no
/// key identifier says so. Here the list itself has ended, so that only the two together speak.
#[test]
fn a_delta_list_by_the_authoritys_other_key_completes_nothing() {
    let baseline = Baseline::new();
    let signer = list_key_of(&baseline);
    let outcome = |complete_by: &Authority, delta_by: &Authority| {
        let mut complete = ListDraft::of(complete_by);
        complete.window(NOW - Duration::days(3), Some(NOW - Duration::HOUR));
        let mut delta = ListDraft::of(delta_by);
        delta.set(base_number(100));
        delta.set(number(105));
        for list in [&complete, &delta] {
            let has_identifier = |it: &Extension| it.extn_id == oid(AUTHORITY_KEY_IDENTIFIER);
            let extensions = list.tbs.crl_extensions.iter().flatten();
            assert!(!extensions.into_iter().any(has_identifier));
        }
        let lists = [&complete, &delta, &ListDraft::of(&baseline.root)];
        judge(&baseline, &lists, vec![signer.certificate()])
    };
    assert_eq!(outcome(&baseline.issuing, &baseline.issuing), Ok(()));
    assert_eq!(outcome(&signer, &signer), Ok(()));
    const STALE: Result<(), &str> = Err("pki.revocation_stale");
    assert_eq!(outcome(&baseline.issuing, &signer), STALE);
    assert_eq!(outcome(&signer, &baseline.issuing), STALE);
}

/// RFC 5280 section 6.3.3 (f), PKITS 4.4.19 to 4.4.21, attack B3.
#[test]
fn an_authority_may_sign_its_lists_with_another_key() {
    let judge_signer = |change: fn(&mut Authority, &mut ListDraft)| {
        let baseline = Baseline::new();
        let mut signer = list_key_of(&baseline);
        let mut root_list = ListDraft::of(&baseline.root);
        change(&mut signer, &mut root_list);
        let list = ListDraft::of(&signer);
        judge(&baseline, &[&list, &root_list], vec![signer.certificate()])
    };
    type Change = fn(&mut Authority, &mut ListDraft);
    let cases: [(&str, Change, Result<(), &str>); 9] = [
        ("as it should be", |_, _| {}, Ok(())),
        (
            "without key usage",
            |signer, _| signer.draft.remove("2.5.29.15"),
            Ok(()),
        ),
        (
            "may not sign lists",
            |signer, _| signer.draft.set(key_usage(KeyUsages::DigitalSignature)),
            UNKNOWN,
        ),
        (
            "revoked",
            |signer, root_list| root_list.revoke(&signer.draft.tbs.serial_number, None),
            UNKNOWN,
        ),
        (
            "expired",
            |signer, _| {
                signer
                    .draft
                    .valid_between(NOW - Duration::DAY * 9, NOW - Duration::DAY)
            },
            UNKNOWN,
        ),
        (
            "signed with SHA-1",
            |signer, _| signer.draft.digest(MessageDigest::sha1()),
            UNKNOWN,
        ),
        (
            "of another root",
            |signer, _| {
                let stranger = Authority::root("CN=AC RACINE ESSAI,O=ESSAI,C=FR");
                signer.draft.issuer_key = stranger.key;
            },
            UNKNOWN,
        ),
        ("another's key", |signer, _| signer.key = p256(), UNKNOWN),
        (
            "another name",
            |signer, _| signer.draft.tbs.subject = name("CN=UN AUTRE"),
            UNKNOWN,
        ),
    ];
    for (what, change, expected) in cases {
        assert_eq!(judge_signer(change), expected, "{what}");
    }
}

#[test]
fn a_signer_nobody_gave_is_not_found_and_its_own_status_is_needed() {
    let baseline = Baseline::new();
    let signer = list_key_of(&baseline);
    let (list, root_list) = (ListDraft::of(&signer), ListDraft::of(&baseline.root));
    assert_eq!(judge(&baseline, &[&list, &root_list], Vec::new()), UNKNOWN);
    let given = || vec![signer.certificate()];
    assert_eq!(judge(&baseline, &[&list, &root_list], given()), Ok(()));
    assert_eq!(judge(&baseline, &[&list], given()), UNKNOWN);
    let mut revoking = list;
    revoking.revoke(&baseline.card.tbs.serial_number, None);
    assert_eq!(judge(&baseline, &[&revoking, &root_list], given()), REVOKED);
}

/// A certificate above the card with the same name as its issuer: the authority before its keys
/// were changed (PKITS 4.5.1 to 4.5.5).
#[test]
fn an_authority_with_two_keys_on_the_path_signs_with_either() {
    let mut baseline = Baseline::new();
    let old = baseline.issuing.clone();
    let new = old.subordinate(&old.name().to_string());
    baseline.card = crate::card::doctor(&new, &baseline.card_key);
    // The card's issuer is below the old key now; the path has three certificates above the card.
    let store = cardea_pki::TrustStore::new(
        vec![baseline.root.certificate()],
        vec![old.certificate(), new.certificate()],
    );
    let policy = cardea_pki::PathPolicy::rfc5280();
    let card = baseline.card.certificate();
    let path = cardea_pki::validate_path(&card, &[], &store, &policy, NOW).expect("a path");
    assert_eq!(path.certificates().len(), 4);
    let judge = |lists: &[&ListDraft]| {
        let evidence = Evidence {
            crls: lists.iter().map(|list| list.crl()).collect(),
            ..Evidence::default()
        };
        let policy = RevocationPolicy::default();
        cardea_pki::revocation::check_revocation(&path, &evidence, &policy, NOW)
            .map(|_| ())
            .map_err(|error| error.code())
    };
    let (of_old, of_new) = (ListDraft::of(&old), ListDraft::of(&new));
    let of_root = ListDraft::of(&baseline.root);
    assert_eq!(
        judge(&[&of_old, &of_root]),
        Ok(()),
        "the old key signs for all"
    );
    assert_eq!(
        judge(&[&of_new, &of_root]),
        UNKNOWN,
        "the new key does not vouch for its own certificate"
    );
    assert_eq!(judge(&[&of_new, &of_old, &of_root]), Ok(()));
    let mut revoking = of_old.clone();
    revoking.revoke(&new.draft.tbs.serial_number, None);
    assert_eq!(judge(&[&of_new, &revoking, &of_root]), REVOKED);
}

/// Makes `authority` name `lister` as the issuer of the lists about its own certificate.
fn listed_by(authority: &mut Authority, lister: &str) {
    let point = DistributionPoint {
        distribution_point: None,
        reasons: None,
        crl_issuer: Some(vec![GeneralName::DirectoryName(name(lister))]),
    };
    let points = CrlDistributionPoints(vec![point]);
    authority.draft.set(extension("2.5.29.31", false, &points));
}

fn indirect_list_of(authority: &Authority) -> ListDraft {
    let mut list = ListDraft::of(authority);
    list.set(scope(|point| point.indirect_crl = true));
    list
}

/// PKITS 4.14.30 has the signer that is named for its own certificate; two that are named for
/// each other prove nothing, nor does one whose named signer is not there.
#[test]
fn signers_that_vouch_for_one_another_prove_nothing() {
    const FIRST: &str = "CN=LISTES UN,C=FR";
    const SECOND: &str = "CN=LISTES DEUX,C=FR";
    let outcome = |first_by: &str, second_by: &str| {
        let mut baseline = Baseline::new();
        let mut card = Authority {
            key: baseline.card_key.clone(),
            draft: baseline.card.clone(),
        };
        listed_by(&mut card, FIRST);
        baseline.card = card.draft;
        let signer = |own_name: &str, lister: &str| {
            let mut signer = baseline.root.subordinate(own_name);
            // No authority, so that the root's list below is not about it.
            signer.draft.remove("2.5.29.19");
            signer.draft.set(key_usage(KeyUsages::CRLSign));
            listed_by(&mut signer, lister);
            signer
        };
        let (first, second) = (signer(FIRST, first_by), signer(SECOND, second_by));
        let mut of_root = ListDraft::of(&baseline.root);
        of_root.set(scope(|point| point.only_contains_ca_certs = true));
        let (of_one, of_two) = (indirect_list_of(&first), indirect_list_of(&second));
        let certificates = vec![first.certificate(), second.certificate()];
        judge(&baseline, &[&of_one, &of_two, &of_root], certificates)
    };
    assert_eq!(outcome(FIRST, FIRST), Ok(()), "named for itself");
    assert_eq!(
        outcome(SECOND, SECOND),
        Ok(()),
        "named for itself, one further"
    );
    assert_eq!(outcome(SECOND, FIRST), UNKNOWN, "a circle");
    assert_eq!(outcome("CN=UN AUTRE", SECOND), UNKNOWN, "not there");
}

/// A card that was issued without key usage cannot speak for itself.
#[test]
fn a_card_cannot_sign_the_list_about_itself() {
    let mut baseline = Baseline::new();
    let own_name = baseline.card.tbs.subject.clone();
    let point = DistributionPoint {
        distribution_point: None,
        reasons: None,
        crl_issuer: Some(vec![GeneralName::DirectoryName(own_name)]),
    };
    let points = CrlDistributionPoints(vec![point]);
    baseline.card.set(extension("2.5.29.31", false, &points));
    baseline.card.remove("2.5.29.15");
    let card = Authority {
        key: baseline.card_key.clone(),
        draft: baseline.card.clone(),
    };
    let lists = [&indirect_list_of(&card), &ListDraft::of(&baseline.root)];
    assert_eq!(judge(&baseline, &lists, vec![card.certificate()]), UNKNOWN);
}

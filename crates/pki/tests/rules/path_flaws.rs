//! An unfit certificate of the right name beside a good one, at any level of the path.

use crate::authority::{
    Authority, BASIC_CONSTRAINTS, Draft, NOW, SUBJECT_KEY_IDENTIFIER, key_usage, p256,
    raw_extension, rsa,
};
use crate::card::{Baseline, doctor, purposes};
use crate::path_mesh::{certificates, cross, length_of};
use crate::path_names::directory_constraints;
use openssl::hash::MessageDigest;
use time::Duration;
use x509_cert::ext::pkix::KeyUsages;

/// One way in which a cross certificate can be unfit, and the code when nothing else is there.
type Flaw = (&'static str, fn(&mut Draft), &'static str);

const FLAWS: [Flaw; 8] = [
    (
        "expired",
        |draft| draft.valid_between(NOW - Duration::days(9), NOW - Duration::DAY),
        "pki.certificate_expired",
    ),
    (
        "constrains names",
        |draft| draft.set(directory_constraints("C=BE")),
        "pki.name_constraint_violated",
    ),
    (
        "for mail only",
        |draft| draft.set(purposes(&["1.3.6.1.5.5.7.3.4"])),
        "pki.extended_key_usage_wrong",
    ),
    (
        "no basic constraints",
        |draft| draft.remove(BASIC_CONSTRAINTS),
        "pki.issuer_not_authority",
    ),
    (
        "no authority",
        |draft| draft.set(raw_extension(BASIC_CONSTRAINTS, true, &[0x30, 0x00])),
        "pki.issuer_not_authority",
    ),
    (
        "signs no certificates",
        |draft| draft.set(key_usage(KeyUsages::CRLSign)),
        "pki.key_usage_wrong",
    ),
    (
        "signed with SHA-1",
        |draft| draft.digest(MessageDigest::sha1()),
        "pki.signature_algorithm_sha1",
    ),
    (
        "unknown critical extension",
        |draft| draft.set(raw_extension("1.2.3.4", true, &[5, 0])),
        "pki.critical_extension_unknown",
    ),
];

/// The cases that made many verifiers fail: an unfit certificate of the very key and name beside
/// a good one, at any level, in any order.
#[test]
fn an_unfit_cross_certificate_never_hides_a_good_one() {
    let root = Authority::root("CN=R,C=FR");
    let middle = root.subordinate("CN=M,C=FR");
    let issuing = middle.subordinate("CN=I,C=FR");
    let card = doctor(&issuing, &p256()).certificate();
    let anchors = || vec![root.certificate()];
    for (name, flaw, code) in FLAWS {
        let (mut unfit_middle, mut unfit_issuing) =
            (cross(&root, &middle), cross(&middle, &issuing));
        flaw(&mut unfit_middle.draft);
        flaw(&mut unfit_issuing.draft);
        let mut all = certificates(&[&unfit_middle, &middle, &unfit_issuing, &issuing]);
        assert_eq!(length_of(&card, anchors(), all.clone()), Ok(4), "{name}");
        all.reverse();
        assert_eq!(length_of(&card, anchors(), all), Ok(4), "{name}, reversed");
        for unfit in [[&unfit_middle, &issuing], [&middle, &unfit_issuing]] {
            let outcome = length_of(&card, anchors(), certificates(&unfit));
            assert_eq!(outcome, Err(code), "{name}, alone");
        }
    }
}

/// A weak key cannot be given to a certificate of the same key, so it is a matter of its own.
#[test]
fn a_weak_namesake_never_hides_a_good_issuer() {
    let baseline = Baseline::new();
    let named = baseline.issuing.name().to_string();
    let mut weak = baseline.root.subordinate_with_key(&named, &rsa(1024));
    weak.draft.remove(SUBJECT_KEY_IDENTIFIER);
    assert_eq!(
        length_of(
            &baseline.card.certificate(),
            vec![baseline.root.certificate()],
            certificates(&[&weak, &baseline.issuing])
        ),
        Ok(3)
    );
}

//! Path building among authorities that certify each other: every good path is found, whatever
//! stands beside it.

use crate::authority::{
    AUTHORITY_KEY_IDENTIFIER, Authority, NOW, authority_key_identifier, extension, p256,
    subject_key_identifier,
};
use crate::card::{Baseline, doctor};
use crate::openssl_errors::assert_none;
use crate::path_names::directory_constraints;
use cardea_pki::{Certificate, PathPolicy, TrustStore, validate_path};
use std::time::Instant;
use time::Duration;
use x509_cert::ext::pkix::AuthorityKeyIdentifier;

/// The subjects of the path that is found, below the anchor and with it.
fn path_of(
    card: &Certificate,
    anchors: Vec<Certificate>,
    intermediates: Vec<Certificate>,
) -> Result<Vec<String>, &'static str> {
    let store = TrustStore::new(anchors, intermediates);
    let outcome = validate_path(card, &[], &store, &PathPolicy::login(), NOW);
    assert_none();
    outcome
        .map(|path| {
            path.certificates()
                .iter()
                .skip(1)
                .map(|it| it.subject().to_string())
                .collect()
        })
        .map_err(|error| error.code())
}

pub(crate) fn length_of(
    card: &Certificate,
    anchors: Vec<Certificate>,
    intermediates: Vec<Certificate>,
) -> Result<usize, &'static str> {
    path_of(card, anchors, intermediates).map(|issuers| issuers.len() + 1)
}

/// Certifies the key and name of `subject` by `issuer`.
pub(crate) fn cross(issuer: &Authority, subject: &Authority) -> Authority {
    issuer.subordinate_with_key(&subject.name().to_string(), &subject.key)
}

pub(crate) fn certificates(authorities: &[&Authority]) -> Vec<Certificate> {
    authorities.iter().map(|it| it.certificate()).collect()
}

/// RFC 5280 section 4.2.1.1: the identifier only helps to build paths.
#[test]
fn a_key_identifier_that_contradicts_hides_no_path() {
    let baseline = Baseline::new();
    let root = baseline.root.certificate();
    let mut card = baseline.card.clone();
    card.set(authority_key_identifier(&p256()));
    assert_eq!(
        length_of(
            &card.certificate(),
            vec![root.clone()],
            vec![baseline.issuing.certificate()]
        ),
        Ok(3),
        "on the card"
    );

    // The anchor's certificate was made anew with another way of counting identifiers.
    let mut renamed = baseline.root.draft.clone();
    renamed.set(subject_key_identifier(&p256()));
    assert_eq!(
        length_of(
            &baseline.card.certificate(),
            vec![renamed.certificate()],
            vec![baseline.issuing.certificate()]
        ),
        Ok(3),
        "between authorities"
    );
}

#[test]
fn an_issuer_and_serial_that_contradict_hide_no_path() {
    let baseline = Baseline::new();
    let identifier = AuthorityKeyIdentifier {
        key_identifier: None,
        authority_cert_issuer: Some(vec![
            x509_cert::ext::pkix::name::GeneralName::DirectoryName(crate::authority::name(
                "CN=ANOTHER,C=FR",
            )),
        ]),
        authority_cert_serial_number: Some(
            x509_cert::serial_number::SerialNumber::new(&[7]).unwrap(),
        ),
    };
    let mut card = baseline.card.clone();
    card.set(extension(AUTHORITY_KEY_IDENTIFIER, false, &identifier));
    let store = baseline.store();
    let outcome = validate_path(
        &card.certificate(),
        &[],
        &store,
        &PathPolicy::rfc5280(),
        NOW,
    );
    assert_eq!(crate::path::code(outcome), Ok(()));
}

/// A contradicting identifier comes last: the decoys that it points to cost a check each.
#[test]
fn a_decoy_with_the_wanted_identifier_is_seen_through() {
    let baseline = Baseline::new();
    let named = baseline.issuing.name().to_string();
    let stranger = Authority::root("CN=UNE AUTRE,C=FR");
    let mut card = baseline.card.clone();
    let wanted = p256();
    card.set(authority_key_identifier(&wanted));
    let mut decoy = stranger.subordinate(&named);
    decoy.draft.set(subject_key_identifier(&wanted));
    assert_eq!(
        length_of(
            &card.certificate(),
            certificates(&[&baseline.root, &stranger]),
            certificates(&[&decoy, &baseline.issuing])
        ),
        Ok(3)
    );
}

/// RFC 4158 section 1.5.2: the new key certified by the old one, and the other way round.
#[test]
fn a_rekeyed_authority_is_reached_through_its_self_issued_certificates() {
    let old = Authority::root("CN=AC,C=FR");
    let new = Authority::root("CN=AC,C=FR");
    let (new_with_old, old_with_new) = (cross(&old, &new), cross(&new, &old));
    let both = certificates(&[&old_with_new, &new_with_old]);
    let (by_new, by_old) = (
        doctor(&new, &p256()).certificate(),
        doctor(&old, &p256()).certificate(),
    );
    for (card, anchor, length) in [
        (&by_new, &old, 3),
        (&by_old, &new, 3),
        (&by_new, &new, 2),
        (&by_old, &old, 2),
    ] {
        let anchors = vec![anchor.certificate()];
        assert_eq!(length_of(card, anchors, both.clone()), Ok(length));
    }
    let alone = length_of(&by_new, vec![old.certificate()], vec![]);
    assert_eq!(alone, Err("pki.untrusted_anchor"));
}

/// OpenSSL takes such certificates for self-signed ones where no identifier says otherwise.
#[test]
fn a_rekeyed_authority_needs_no_key_identifier() {
    let (old, new) = (Authority::root("CN=AC,C=FR"), Authority::root("CN=AC,C=FR"));
    let stranger = Authority::root("CN=AC,C=FR");
    let card = doctor(&new, &p256()).certificate();
    let without = |issuer: &Authority| {
        let mut certified = cross(issuer, &new);
        certified.draft.remove(AUTHORITY_KEY_IDENTIFIER);
        certified.certificate()
    };
    let of_own_key = |issuer: &Authority| {
        let mut certified = cross(issuer, &new);
        certified.draft.set(authority_key_identifier(&new.key));
        certified.certificate()
    };
    let check = |certified: &Certificate, leaf: &Certificate| {
        let store = TrustStore::new(vec![old.certificate()], vec![certified.clone()]);
        let outcome = validate_path(leaf, &[], &store, &PathPolicy::rfc5280(), NOW);
        outcome
            .map(|path| path.certificates().to_vec())
            .map_err(|error| error.code())
    };
    for certified in [without(&old), of_own_key(&old)] {
        let found = check(&certified, &card).unwrap();
        let themselves = [card.clone(), certified.clone()];
        assert_eq!(found[..2], themselves, "and not their copies");
        assert!(check(&certified, &certified).is_ok(), "as an end entity");
    }
    for forged in [without(&stranger), of_own_key(&stranger)] {
        let untrusted = Err("pki.untrusted_anchor");
        assert_eq!(check(&forged, &card), untrusted);
        assert_eq!(check(&forged, &forged), untrusted);
    }
    let mut critical = cross(&old, &new);
    let mut identifier = authority_key_identifier(&new.key);
    identifier.critical = true;
    critical.draft.set(identifier);
    assert_eq!(
        check(&critical.certificate(), &card),
        Err("pki.critical_extension_unknown")
    );
}

/// RFC 5280 section 4.2.1.1 demands it of issuers; a copy with one must not stand in for that.
#[test]
fn strict_conformance_asks_a_self_issued_authority_for_its_key_identifier() {
    let (old, new) = (Authority::root("CN=AC,C=FR"), Authority::root("CN=AC,C=FR"));
    let card = doctor(&new, &p256()).certificate();
    let mut certified = cross(&old, &new);
    let complete = certificates(&[&certified]);
    let anchors = vec![old.certificate()];
    assert_eq!(length_of(&card, anchors.clone(), complete), Ok(3));
    certified.draft.remove(AUTHORITY_KEY_IDENTIFIER);
    let store = TrustStore::new(anchors, certificates(&[&certified]));
    let refused = validate_path(&card, &[], &store, &PathPolicy::login(), NOW).unwrap_err();
    assert_eq!(refused.code(), "pki.path_refused");
    let reason = refused.to_string();
    assert!(reason.contains("Authority Key Identifier"), "{reason}");
}

/// Self-issued certificates count for no path length (RFC 5280 section 4.2.1.9).
#[test]
fn a_rekeyed_authority_keeps_its_path_length() {
    let root = Authority::root("CN=R,C=FR");
    let mut old = root.subordinate("CN=AC,C=FR");
    old.draft
        .set(crate::authority::authority_constraints(Some(0)));
    let new = old.subordinate("CN=AC,C=FR");
    let card = doctor(&new, &p256()).certificate();
    assert_eq!(
        length_of(&card, vec![root.certificate()], certificates(&[&old, &new])),
        Ok(4)
    );
    let other = old.subordinate("CN=AUTRE,C=FR");
    let card = doctor(&other, &p256()).certificate();
    assert_eq!(
        length_of(
            &card,
            vec![root.certificate()],
            certificates(&[&old, &other])
        ),
        Err("pki.path_length_exceeded")
    );
}

#[test]
fn dead_ends_are_left_again() {
    let root = Authority::root("CN=R,C=FR");
    let unknown = Authority::root("CN=INCONNUE,C=FR");
    let bridge = Authority::root("CN=PONT,C=FR");
    let issuing = Authority::root("CN=I,C=FR");
    let card = doctor(&issuing, &p256()).certificate();
    let by_unknown = cross(&unknown, &issuing);
    let by_bridge = cross(&bridge, &issuing);
    let bridge_by_unknown = cross(&unknown, &bridge);
    let bridge_by_root = cross(&root, &bridge);
    let mut all = certificates(&[
        &by_unknown,
        &by_bridge,
        &bridge_by_unknown,
        &bridge_by_root,
        &unknown,
        &bridge,
        &issuing,
    ]);
    let expected = Ok(vec![
        "C=FR, CN=I".to_owned(),
        "C=FR, CN=PONT".to_owned(),
        "C=FR, CN=R".to_owned(),
    ]);
    assert_eq!(
        path_of(&card, vec![root.certificate()], all.clone()),
        expected
    );
    all.reverse();
    assert_eq!(path_of(&card, vec![root.certificate()], all), expected);
}

#[test]
fn of_two_anchors_the_one_whose_path_holds_is_found() {
    let (strict, open) = (
        Authority::root("CN=STRICTE,C=FR"),
        Authority::root("CN=OUVERTE,C=FR"),
    );
    let issuing = Authority::root("CN=I,C=FR");
    let card = doctor(&issuing, &p256()).certificate();
    let mut by_strict = cross(&strict, &issuing);
    by_strict.draft.set(directory_constraints("C=BE"));
    let by_open = cross(&open, &issuing);
    for anchors in [[&strict, &open], [&open, &strict]] {
        let found = path_of(
            &card,
            certificates(&anchors),
            certificates(&[&by_strict, &by_open]),
        );
        assert_eq!(found.unwrap().last().unwrap(), "C=FR, CN=OUVERTE");
    }
    let only_strict = length_of(
        &card,
        certificates(&[&strict]),
        certificates(&[&by_strict, &by_open]),
    );
    assert_eq!(only_strict, Err("pki.name_constraint_violated"));
}

/// An anchor that an expired certificate of an older anchor certifies too.
#[test]
fn an_anchor_is_taken_before_its_older_certifier() {
    let (older, root) = (
        Authority::root("CN=ANCIENNE,C=FR"),
        Authority::root("CN=R,C=FR"),
    );
    let mut by_older = cross(&older, &root);
    by_older
        .draft
        .valid_between(NOW - Duration::days(9), NOW - Duration::DAY);
    let card = doctor(&root, &p256()).certificate();
    assert_eq!(
        length_of(
            &card,
            certificates(&[&older, &root]),
            certificates(&[&by_older])
        ),
        Ok(2)
    );
}

/// CVE-2024-0567: three roots certify each other, and one of them is the anchor.
#[test]
fn a_circle_with_a_way_out_is_no_trap() {
    let roots = ["CN=A,C=FR", "CN=B,C=FR", "CN=C,C=FR"].map(Authority::root);
    let mut mesh = Vec::new();
    for (index, issuer) in roots.iter().enumerate() {
        for (other, subject) in roots.iter().enumerate() {
            if index != other {
                mesh.push(cross(issuer, subject).certificate());
            }
        }
    }
    for root in &roots {
        let issuing = root.subordinate("CN=I,C=FR");
        let card = doctor(&issuing, &p256()).certificate();
        let mut all = mesh.clone();
        all.push(issuing.certificate());
        let length = length_of(&card, vec![roots[0].certificate()], all).unwrap();
        assert!((3..=4).contains(&length), "{length}");
    }
}

/// Six authorities that all certify each other; the anchor certifies the last one only.
#[test]
fn a_full_mesh_gives_its_path_within_the_bound_of_work() {
    let root = Authority::root("CN=R,C=FR");
    let members: Vec<Authority> = (0..6)
        .map(|index| Authority::root(&format!("CN=M{index},C=FR")))
        .collect();
    let mut mesh = Vec::new();
    for issuer in &members {
        for subject in &members {
            if issuer.name() != subject.name() {
                mesh.push(cross(issuer, subject).certificate());
            }
        }
    }
    mesh.push(cross(&root, &members[5]).certificate());
    let card = doctor(&members[0], &p256()).certificate();
    let started = Instant::now();
    let found = length_of(&card, vec![root.certificate()], mesh.clone());
    assert!(found.is_ok(), "{found:?}");
    mesh.pop();
    let lost = length_of(&card, vec![root.certificate()], mesh).unwrap_err();
    assert!(
        ["pki.path_too_long", "pki.path_budget_exceeded"].contains(&lost),
        "{lost}"
    );
    assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
}

/// Attack A18: a crowd that has the issuer's name, but not the identifier that the card asks for.
#[test]
fn a_crowd_does_not_hide_the_issuer_that_the_card_names() {
    let baseline = Baseline::new();
    let named = baseline.issuing.name().to_string();
    let stranger = Authority::root("CN=UN AUTRE,C=FR");
    let mut crowd: Vec<Certificate> = (0..2000)
        .map(|_| {
            let one = stranger.subordinate_with_key(&named, &stranger.key);
            one.certificate()
        })
        .collect();
    crowd.push(baseline.issuing.certificate());
    assert_eq!(
        length_of(
            &baseline.card.certificate(),
            vec![baseline.root.certificate()],
            crowd
        ),
        Ok(3)
    );
}

//! Names along the path: who must have one, and which name constraints hold.

use crate::authority::{Authority, Draft, NOW, extension, key_usage, name, p256, raw_extension};
use crate::card::{Baseline, doctor, person, url};
use crate::path::{code, with_card};
use cardea_pki::{PathPolicy, TrustStore, validate_path};
use time::Duration;
use x509_cert::der::asn1::{Ia5String, OctetString};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::constraints::name::{GeneralSubtree, NameConstraints};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{KeyUsages, SubjectAltName};
use x509_cert::name::Name;

const ALTERNATIVE_NAME: &str = "2.5.29.17";
const NAME_CONSTRAINTS: &str = "2.5.29.30";
const MALFORMED: Result<(), &str> = Err("pki.certificate_malformed");
const VIOLATED: Result<(), &str> = Err("pki.name_constraint_violated");

pub(crate) fn constraints(permitted: &[GeneralName], excluded: &[GeneralName]) -> Extension {
    let subtrees = |bases: &[GeneralName]| {
        let subtree = |base: &GeneralName| GeneralSubtree {
            base: base.clone(),
            minimum: 0,
            maximum: None,
        };
        let subtrees: Vec<_> = bases.iter().map(subtree).collect();
        (!subtrees.is_empty()).then_some(subtrees)
    };
    let constraints = NameConstraints {
        permitted_subtrees: subtrees(permitted),
        excluded_subtrees: subtrees(excluded),
    };
    extension(NAME_CONSTRAINTS, true, &constraints)
}

/// Permits one subtree of directory names.
pub(crate) fn directory_constraints(permitted: &str) -> Extension {
    constraints(&[GeneralName::DirectoryName(name(permitted))], &[])
}

pub(crate) fn domain(text: &str) -> GeneralName {
    GeneralName::DnsName(Ia5String::new(text).unwrap())
}

fn mail(text: &str) -> GeneralName {
    GeneralName::Rfc822Name(Ia5String::new(text).unwrap())
}

fn address(bytes: &[u8]) -> GeneralName {
    GeneralName::IpAddress(OctetString::new(bytes).unwrap())
}

fn alternative_names(critical: bool, names: &[GeneralName]) -> Extension {
    extension(ALTERNATIVE_NAME, critical, &SubjectAltName(names.to_vec()))
}

/// A card with these alternative names under an issuer with these constraints, by plain RFC 5280.
pub(crate) fn under(constraints: Extension, names: &[GeneralName]) -> Result<(), &'static str> {
    let mut baseline = Baseline::new().with_issuing(|draft| draft.set(constraints));
    baseline.card.set(alternative_names(false, names));
    code(baseline.validate_with(&PathPolicy::rfc5280()))
}

#[test]
fn names_are_held_to_permitted_and_excluded_subtrees() {
    let own = [domain("example.test"), mail("example.test")];
    let inner = [domain("bad.example.test")];
    for (text, names, expected) in [
        ("the top", vec![domain("example.test")], Ok(())),
        ("below", vec![domain("a.b.EXAMPLE.test")], Ok(())),
        ("beside", vec![domain("notexample.test")], VIOLATED),
        ("above", vec![domain("test")], VIOLATED),
        ("excluded", vec![domain("a.bad.example.test")], VIOLATED),
        (
            "one of two",
            vec![domain("example.test"), domain("other.test")],
            VIOLATED,
        ),
        ("its mailbox", vec![mail("camille@example.test")], Ok(())),
        (
            "another mailbox",
            vec![mail("camille@other.test")],
            VIOLATED,
        ),
        (
            "a form without constraints",
            vec![url("http://other.test/")],
            Ok(()),
        ),
        ("another such form", vec![address(&[192, 0, 2, 1])], Ok(())),
    ] {
        assert_eq!(under(constraints(&own, &inner), &names), expected, "{text}");
    }
}

#[test]
fn addresses_are_held_to_their_network() {
    let network = address(&[192, 0, 2, 0, 255, 255, 255, 0]);
    let under_network = |name| under(constraints(std::slice::from_ref(&network), &[]), &[name]);
    assert_eq!(under_network(address(&[192, 0, 2, 1])), Ok(()));
    assert_eq!(under_network(address(&[192, 0, 3, 1])), VIOLATED);
    assert_eq!(
        under_network(network.clone()),
        VIOLATED,
        "a network as a name"
    );
}

/// What is not of its form lies in no subtree; without constraints nobody asks.
#[test]
fn a_name_that_is_not_of_its_form_is_in_no_subtree() {
    let own = constraints(&[domain("example.test"), mail("example.test")], &[]);
    for names in [
        [domain(".example.test"), domain("a.example.test")],
        [domain("a..example.test"), domain("a.example.test")],
        [mail("a@b@example.test"), mail("camille@example.test")],
    ] {
        assert_eq!(under(own.clone(), &names), VIOLATED, "{names:?}");
        assert_eq!(under(own.clone(), &names[1..]), Ok(()), "{names:?}");
        let free = with_card(|card| card.set(alternative_names(false, &names)));
        assert_eq!(free, Ok(()), "{names:?}");
    }
}

/// RFC 5280 section 4.2.1.10: a leading period is for URIs.
#[test]
fn a_subtree_that_is_not_of_its_form_permits_nothing() {
    for (base, inside) in [
        (domain(".example.test"), domain("a.example.test")),
        (domain("*.example.test"), domain("a.example.test")),
        (mail("a@b@example.test"), mail("b@example.test")),
    ] {
        for list in [
            constraints(std::slice::from_ref(&base), &[]),
            constraints(&[], std::slice::from_ref(&base)),
        ] {
            assert_eq!(
                under(list, std::slice::from_ref(&inside)),
                VIOLATED,
                "{base:?}"
            );
        }
    }
    let leading = GeneralName::UniformResourceIdentifier(Ia5String::new(".example.test").unwrap());
    let inside = url("http://a.example.test/");
    assert_eq!(under(constraints(&[leading], &[]), &[inside]), Ok(()));
}

/// CVE-2025-61727: a wildcard stands for the excluded name too.
#[test]
fn a_wildcard_does_not_reach_into_an_excluded_subtree() {
    let under_excluded =
        |excluded, name| under(constraints(&[], &[domain(excluded)]), &[domain(name)]);
    for (excluded, name, expected) in [
        ("bar.example.test", "*.example.test", VIOLATED),
        ("BAR.example.test", "*.Example.test", VIOLATED),
        ("example.test", "*.example.test", VIOLATED),
        ("bar.example.test", "*.foo.example.test", Ok(())),
        ("a.bar.example.test", "*.example.test", Ok(())),
        ("barexample.test", "*.example.test", Ok(())),
    ] {
        assert_eq!(
            under_excluded(excluded, name),
            expected,
            "{excluded} {name}"
        );
    }
}

/// Constraints are for alternative names; what only looks like a host in a common name is none.
#[test]
fn a_common_name_is_no_domain_name() {
    let mut baseline = Baseline::new()
        .with_issuing(|draft| draft.set(constraints(&[domain("example.test")], &[])));
    baseline.card.tbs.subject = person(&[&[("2.5.4.3", "www.other.test")]]);
    assert_eq!(code(baseline.validate_with(&PathPolicy::rfc5280())), Ok(()));
}

/// RFC 5280 section 6.1.3 (b): self-issued certificates are exempt, unless last.
#[test]
fn a_self_issued_authority_is_exempt_from_name_constraints() {
    let mut root = Authority::root("CN=R,C=FR");
    root.draft.set(constraints(&[domain("example.test")], &[]));
    let outside = alternative_names(false, &[domain("other.test")]);
    let check = |issuing: &Authority, names: &[GeneralName]| {
        let mut card = doctor(issuing, &p256());
        card.set(alternative_names(false, names));
        let store = TrustStore::new(vec![root.certificate()], vec![issuing.certificate()]);
        let policy = PathPolicy::login();
        code(validate_path(
            &card.certificate(),
            &[],
            &store,
            &policy,
            NOW,
        ))
    };
    let mut rekeyed = root.subordinate("CN=R,C=FR");
    rekeyed.draft.set(outside.clone());
    assert_eq!(check(&rekeyed, &[domain("example.test")]), Ok(()));
    assert_eq!(check(&rekeyed, &[domain("other.test")]), VIOLATED);
    let mut other = root.subordinate("CN=I,C=FR");
    other.draft.set(outside);
    assert_eq!(check(&other, &[domain("example.test")]), VIOLATED);
}

#[test]
fn issuer_and_subject_have_a_name() {
    let nameless = |card: &mut Draft| card.tbs.subject = Name::default();
    let plain = |change: &dyn Fn(&mut Draft)| {
        let mut baseline = Baseline::new();
        change(&mut baseline.card);
        code(baseline.validate_with(&PathPolicy::rfc5280()))
    };
    let named = |critical| alternative_names(critical, &[domain("a.test")]);
    assert_eq!(plain(&|card| nameless(card)), MALFORMED);
    assert_eq!(
        plain(&|card| {
            nameless(card);
            card.set(named(true));
        }),
        Ok(())
    );
    assert_eq!(
        plain(&|card| {
            nameless(card);
            card.set(named(false));
        }),
        MALFORMED
    );

    let mut root = Authority::root("CN=R,C=FR");
    root.draft.tbs.subject = Name::default();
    let card = doctor(&root, &p256()).certificate();
    let store = TrustStore::new(vec![root.certificate()], vec![]);
    let outcome = validate_path(&card, &[], &store, &PathPolicy::rfc5280(), NOW);
    assert_eq!(code(outcome), MALFORMED, "issuer");
}

#[test]
fn only_an_authority_signs_certificates_and_constrains_names() {
    assert_eq!(
        with_card(|card| card.set(directory_constraints("C=FR"))),
        MALFORMED
    );
    let usages = KeyUsages::DigitalSignature | KeyUsages::KeyCertSign;
    assert_eq!(
        with_card(|card| card.set(key_usage(usages))),
        Err("pki.key_usage_wrong")
    );
}

/// RFC 5280 section 4.2.1.9, of an anchor given as a certificate of version 3.
#[test]
fn an_anchor_that_says_it_is_no_authority_is_none() {
    let with_root = |change: &dyn Fn(&mut Draft)| {
        let mut baseline = Baseline::new();
        change(&mut baseline.root.draft);
        code(baseline.validate_with(&PathPolicy::rfc5280()))
    };
    let none = raw_extension("2.5.29.19", true, &[0x30, 0x00]);
    for (text, outcome) in [
        ("says so", with_root(&|draft| draft.set(none.clone()))),
        ("silent", with_root(&|draft| draft.remove("2.5.29.19"))),
    ] {
        assert_eq!(outcome, Err("pki.issuer_not_authority"), "{text}");
    }
    let version_1 = with_root(&|draft| {
        draft.tbs.version = x509_cert::certificate::Version::V1;
        draft.tbs.extensions = None;
    });
    assert_eq!(version_1, Ok(()), "a version that cannot say it");
}

/// Certificates know whole seconds, so the last second is valid to its end.
#[test]
fn a_validity_ends_with_its_last_second() {
    let mut baseline = Baseline::new();
    baseline.card.valid_between(NOW - Duration::DAY, NOW);
    let card = baseline.card.certificate();
    let at = |moment| {
        let store = baseline.store();
        code(validate_path(
            &card,
            &[],
            &store,
            &PathPolicy::login(),
            moment,
        ))
    };
    assert_eq!(at(NOW + Duration::milliseconds(999)), Ok(()));
    assert_eq!(at(NOW + Duration::SECOND), Err("pki.certificate_expired"));
    let begins = NOW - Duration::DAY;
    assert_eq!(at(begins), Ok(()));
    assert_eq!(
        at(begins - Duration::milliseconds(1)),
        Err("pki.certificate_not_yet_valid")
    );
}

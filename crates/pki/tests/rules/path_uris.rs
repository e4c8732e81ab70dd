//! Name constraints on URIs apply to their host (RFC 5280 section 4.2.1.10), and the bound on the
//! work of comparing names.

use crate::card::url;
use crate::path_names::{constraints, domain, under};
use std::time::{Duration, Instant};
use x509_cert::der::asn1::Ia5String;
use x509_cert::ext::pkix::name::GeneralName;

const VIOLATED: Result<(), &str> = Err("pki.name_constraint_violated");

fn subtree(base: &str) -> GeneralName {
    GeneralName::UniformResourceIdentifier(Ia5String::new(base).unwrap())
}

fn permitted(base: &str, uri: &str) -> Result<(), &'static str> {
    under(constraints(&[subtree(base)], &[]), &[url(uri)])
}

fn excluded(base: &str, uri: &str) -> Result<(), &'static str> {
    under(constraints(&[], &[subtree(base)]), &[url(uri)])
}

#[test]
fn a_uri_is_held_to_its_subtree_by_its_host() {
    for (base, uri, expected) in [
        ("example.test", "http://example.test/x", Ok(())),
        ("example.test", "https://EXAMPLE.test:8443/x", Ok(())),
        ("example.test", "http://a.example.test/", VIOLATED),
        ("example.test", "http://other.test/example.test", VIOLATED),
        (".example.test", "http://a.example.test/", Ok(())),
        (".example.test", "http://example.test/", VIOLATED),
    ] {
        assert_eq!(permitted(base, uri), expected, "permitted {base}, {uri}");
    }
    for (base, uri, expected) in [
        ("example.test", "http://example.test/x", VIOLATED),
        ("example.test", "http://other.test/", Ok(())),
        (".example.test", "http://a.example.test/", VIOLATED),
        (".example.test", "http://example.test/", Ok(())),
    ] {
        assert_eq!(excluded(base, uri), expected, "excluded {base}, {uri}");
    }
}

#[test]
fn a_uri_whose_host_is_no_full_domain_name_is_refused_where_uris_are_constrained() {
    for uri in [
        "http://192.0.2.1/",
        "http://[2001:db8::1]/",
        "http://0300.0.2.1/",
        "http://intranet/",
        "http://example.test./",
        "http://ex%61mple.test/",
        "urn:uuid:00000000-0000-0000-0000-000000000000",
    ] {
        assert_eq!(excluded("example.test", uri), VIOLATED, "excluded, {uri}");
        assert_eq!(permitted("192.0.2.1", uri), VIOLATED, "permitted, {uri}");
        let of_another_form = constraints(&[domain("example.test")], &[]);
        assert_eq!(under(of_another_form, &[url(uri)]), Ok(()), "free, {uri}");
    }
}

/// The host decides, not what stands before the `@`. Of permitted ones OpenSSL accepts none, which
/// is stricter than the rule.
#[test]
fn user_information_is_no_part_of_a_uris_host() {
    for (uri, expected) in [
        ("http://other.test@example.test/", VIOLATED),
        ("http://other.test:x@example.test/", VIOLATED),
        ("http://example.test@other.test/", Ok(())),
    ] {
        assert_eq!(excluded("example.test", uri), expected, "excluded, {uri}");
    }
    for uri in [
        "http://example.test@other.test/",
        "http://example.test:x@other.test/",
        "http://other.test@example.test/",
    ] {
        assert_eq!(permitted("example.test", uri), VIOLATED, "permitted, {uri}");
    }
}

/// As many names and subtrees as two certificates hold are more than OpenSSL compares.
#[test]
fn names_and_subtrees_beyond_the_bound_are_refused_as_such_and_soon() {
    let many = |count: usize| -> Vec<GeneralName> {
        (0..count)
            .map(|index| domain(&format!("a{index}.b")))
            .collect()
    };
    let begin = Instant::now();
    assert_eq!(under(constraints(&[], &many(1100)), &many(1100)), VIOLATED);
    assert!(begin.elapsed() < Duration::from_secs(5));
    let others: Vec<GeneralName> = (0..100)
        .map(|index| domain(&format!("x{index}.c")))
        .collect();
    assert_eq!(under(constraints(&[], &many(1100)), &others), Ok(()));
}

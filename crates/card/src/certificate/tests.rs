use openssl::nid::Nid;

use super::*;
use crate::test_card::{Recipe, ec_key, p256_key, rsa_key};

fn read(change: impl FnOnce(&mut Recipe)) -> CardCertificate {
    let mut recipe = Recipe::new(p256_key());
    change(&mut recipe);
    recipe.certificate(PivSlot::Authentication)
}

#[test]
fn names_are_found_in_a_multi_valued_rdn_in_any_order() {
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let certificate = read(|recipe| recipe.name_order = order);
        let holder = certificate.holder();
        assert_eq!(holder.given_name.as_deref(), Some("Camille"), "{order:?}");
        assert_eq!(holder.surname.as_deref(), Some("DURAND"));
        assert_eq!(holder.title.as_deref(), Some("Pharmacien"));
        assert_eq!(holder.common_name.as_deref(), Some("899700000017"));
        assert_eq!(
            holder.issuer_name.as_deref(),
            Some("TEST AC IGC-SANTE FORT PERSONNES")
        );
    }
}

#[test]
fn a_name_given_twice_is_no_name() {
    assert_eq!(read(|recipe| recipe.surnames = 2).holder().surname, None);
}

#[test]
fn a_name_of_four_kilobytes_is_no_name() {
    let long: &'static str = "X".repeat(4096).leak();
    assert_eq!(read(|recipe| recipe.surname = long).holder().surname, None);
}

#[test]
fn card_families_are_told_from_the_product_type() {
    let cases: [(Option<&[u8]>, Option<CardFamily>); 8] = [
        (Some(&[2, 1, 0]), Some(CardFamily::Cps)),
        (Some(&[2, 1, 1]), Some(CardFamily::Cpf)),
        (Some(&[2, 1, 2]), Some(CardFamily::Cpe)),
        (Some(&[2, 1, 3]), Some(CardFamily::Cpa)),
        (Some(&[2, 1, 9]), None),
        (Some(&[2, 1, 0, 0]), None),
        (Some(&[4, 1, 0]), None),
        (None, None),
    ];
    for (product, family) in cases {
        let certificate = read(|recipe| recipe.card_product = product.map(<[u8]>::to_vec));
        assert_eq!(certificate.holder().card_family, family, "{product:?}");
    }
}

#[test]
fn authentication_needs_digital_signature_and_client_auth() {
    type Change = fn(&mut Recipe);
    let cases: [(&str, Change, bool); 6] = [
        ("baseline", |_| {}, true),
        (
            "with non-repudiation beside",
            |recipe| recipe.non_repudiation = true,
            true,
        ),
        (
            "no digital signature",
            |recipe| recipe.digital_signature = false,
            false,
        ),
        (
            "non-repudiation only",
            |recipe| {
                recipe.digital_signature = false;
                recipe.non_repudiation = true;
            },
            false,
        ),
        (
            "no client authentication",
            |recipe| recipe.client_auth = false,
            false,
        ),
        (
            "e-mail protection instead",
            |recipe| {
                recipe.client_auth = false;
                recipe.email_protection = true;
            },
            false,
        ),
    ];
    for (name, change, expected) in cases {
        assert_eq!(read(change).is_for_authentication(), expected, "{name}");
    }
}

#[test]
fn the_authentication_certificate_is_chosen_by_usage_not_by_order() {
    let authentication = Recipe::new(rsa_key()).certificate(PivSlot::Signature);
    let signature = Recipe::for_signing(rsa_key()).certificate(PivSlot::Authentication);
    for cards in [
        [signature.clone(), authentication.clone()],
        [authentication.clone(), signature.clone()],
    ] {
        let chosen = authentication_certificate(&cards).unwrap();
        assert_eq!(chosen.der(), authentication.der());
    }
    let error = authentication_certificate(&[signature]).unwrap_err();
    assert_eq!(error.code(), "card.no_authentication_certificate");
    let error = authentication_certificate(&[]).unwrap_err();
    assert_eq!(error.code(), "card.no_authentication_certificate");
}

#[test]
fn the_contactless_key_is_chosen_only_where_nothing_else_can_be_read() {
    let contactless = Recipe::new(p256_key()).certificate(PivSlot::CardAuthentication);
    let beside = Recipe::for_signing(p256_key()).certificate(PivSlot::Signature);
    let error = authentication_certificate(&[beside, contactless.clone()]).unwrap_err();
    assert_eq!(error.code(), "card.no_authentication_certificate");
    let alone = [contactless];
    let chosen = authentication_certificate(&alone).unwrap();
    assert_eq!(chosen.der(), alone[0].der());
}

#[test]
fn of_two_periods_the_later_one_is_chosen() {
    let earlier = read(|_| {});
    let later = read(|recipe| recipe.starts_years_later = 2);
    for cards in [
        [earlier.clone(), later.clone()],
        [later.clone(), earlier.clone()],
    ] {
        assert_eq!(
            authentication_certificate(&cards).unwrap().der(),
            later.der()
        );
    }
}

#[test]
fn certificates_of_two_people_are_ambiguous() {
    let cards = [read(|_| {}), read(|recipe| recipe.surname = "MARTIN")];
    let error = authentication_certificate(&cards).unwrap_err();
    assert_eq!(error.code(), "card.authentication_certificate_ambiguous");
}

#[test]
fn only_rsa_2048_and_p256_are_supported() {
    assert_eq!(read(|_| {}).key_algorithm().unwrap(), KeyAlgorithm::P256);
    assert_eq!(
        read(|recipe| recipe.key = rsa_key())
            .key_algorithm()
            .unwrap(),
        KeyAlgorithm::Rsa2048
    );
    let other = read(|recipe| recipe.key = ec_key(Nid::SECP384R1));
    assert_eq!(
        other.key_algorithm().unwrap_err().code(),
        "card.key_unsupported"
    );
}

#[test]
fn anything_but_one_certificate_is_malformed() {
    let der = Recipe::new(p256_key()).der();
    let cases = [
        ("empty", Vec::new()),
        ("cut short", der[..der.len() - 1].to_vec()),
        ("bytes after it", [&der[..], &[0]].concat()),
        ("not DER", b"-----BEGIN CERTIFICATE-----".to_vec()),
        ("too long", vec![0x30; 16 * 1024 + 1]),
    ];
    for (name, bytes) in cases {
        let key = KeyReference::Piv(PivSlot::Authentication);
        let error = CardCertificate::parse(key, bytes).expect_err(name);
        assert_eq!(error.code(), "card.certificate_malformed", "{name}");
    }
}

#[test]
fn debug_shows_no_name() {
    let shown = format!("{:?}", read(|_| {}));
    assert!(
        !shown.contains("DURAND") && !shown.contains("8997"),
        "{shown}"
    );
}

//! Any bytes as a certificate revocation list, and any list of the authority as evidence.

use super::{signing, world};
use cardea_pki::revocation::{Crl, Evidence, RevocationPolicy, SourcePreference, check_revocation};
use openssl::x509::X509Crl;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

/// The entry extension that moves entries to another issuer (RFC 5280 section 5.3.3).
const CERTIFICATE_ISSUER: &str = "2.5.29.29";

/// Arc of the extensions of X.509 itself.
const CERTIFICATE_EXTENSIONS: &str = "2.5.29.";

/// Parsing refuses with its code or reads what OpenSSL reads; and once the authority has signed
/// it, a list that names the card never lets it pass, and one that does not never revokes it.
pub fn check(data: &[u8]) {
    read(data);
    if let Some(signed) = signing::sign_again(data)
        && let Some(list) = read(&signed)
    {
        check_verdict(&signed, list);
    }
}

fn read(der: &[u8]) -> Option<Crl> {
    let list = match Crl::parse(der) {
        Ok(list) => list,
        Err(error) => {
            assert_eq!(error.code(), "pki.crl_malformed", "{error}");
            return None;
        }
    };
    let again = Crl::parse(der).expect("what parsed once parses again");
    assert_eq!(format!("{again:?}"), format!("{list:?}"));
    assert_eq!(again.number(), list.number());
    assert_eq!(again.next_update(), list.next_update());
    assert_eq!(again.freshest_urls(), list.freshest_urls());
    assert_eq!(list.is_delta(), list.base_number().is_some());
    if let Ok(openssl) = X509Crl::from_der(der) {
        let counted = openssl.get_revoked().map_or(0, |revoked| revoked.len());
        assert!(list.entries_count() <= counted, "an entry from nowhere");
        assert!(
            counted == 0 || list.entries_count() > 0,
            "entries were lost"
        );
    }
    Some(list)
}

/// What a walk over OpenSSL's entries finds, without an index and without cleverness. The rest is
/// read by x509-parser.
struct Walk {
    /// Whether an entry has the card's serial number, whoever issued the certificate it means.
    names_the_serial: bool,
    /// Whether an entry says that it means another issuer's certificate.
    is_indirect: bool,
    /// Whether the list has a critical extension of which we can know nothing.
    has_unknown_critical: bool,
}

/// `None` for what one of the two does not read, such as an object identifier of a form that DER
/// does not know.
fn walk(der: &[u8]) -> Option<Walk> {
    let openssl = X509Crl::from_der(der).ok()?;
    let (_, parsed) = CertificateRevocationList::from_der(der).ok()?;
    let names_the_serial = openssl.get_revoked().is_some_and(|entries| {
        entries.iter().any(|entry| {
            let serial = entry.serial_number().to_bn().expect("a number");
            !serial.is_negative() && serial.to_vec() == world::SERIAL
        })
    });
    let is_indirect = parsed.iter_revoked_certificates().any(|entry| {
        let mut extensions = entry.extensions().iter();
        extensions.any(|extension| extension.oid.to_id_string() == CERTIFICATE_ISSUER)
    });
    let has_unknown_critical = parsed.extensions().iter().any(|extension| {
        let known = extension
            .oid
            .to_id_string()
            .starts_with(CERTIFICATE_EXTENSIONS);
        extension.critical && !known
    });
    Some(Walk {
        names_the_serial,
        is_indirect,
        has_unknown_critical,
    })
}

/// The index finds what the walk finds.
fn check_look_up(list: &Crl, walk: &Walk) {
    let card = world::CARD_PATH.end_entity();
    let found = list.has_entry_for(card).expect("names compare");
    assert!(!found || walk.names_the_serial, "an entry from nowhere");
    let is_plain = !walk.is_indirect && list.issuer().der() == card.issuer().der();
    assert!(
        found || !walk.names_the_serial || !is_plain,
        "an entry is not found"
    );
}

fn check_verdict(der: &[u8], list: Crl) {
    let Some(walk) = walk(der) else {
        return;
    };
    check_look_up(&list, &walk);
    let is_delta = list.is_delta();
    let evidence = Evidence {
        crls: vec![list],
        ..Evidence::default()
    };
    let policy = RevocationPolicy {
        preference: SourcePreference::CrlOnly,
        ..RevocationPolicy::default()
    };
    let verdict = check_revocation(&world::CARD_PATH, &evidence, &policy, world::AT);
    match verdict {
        Ok(good) => {
            assert!(!is_delta, "a delta list alone says nothing good");
            assert!(
                !walk.names_the_serial || walk.is_indirect,
                "a listed card passed"
            );
            assert!(good.age_seconds() >= 0 && good.stale_by_seconds() == 0);
            // RFC 5280 section 5.2: such a list says nothing.
            assert!(
                !walk.has_unknown_critical,
                "an unknown extension was ignored"
            );
        }
        Err(error) => {
            let is_revoked = error.code() == "pki.certificate_revoked";
            assert!(!is_revoked || walk.names_the_serial, "revoked from nowhere");
            let codes = [
                "pki.certificate_revoked",
                "pki.revocation_unknown",
                "pki.revocation_stale",
            ];
            assert!(codes.contains(&error.code()), "{error}");
        }
    }
}

//! Indirect lists: an authority that lists other authorities' certificates.

use crate::authority::{Authority, extension, key_usage, name};
use crate::card::{Baseline, CRL_URL, url};
use crate::evidence::check_with;
use crate::list::{ListDraft, scope};
use cardea_pki::revocation::{Evidence, RevocationPolicy};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::CrlDistributionPoints;
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::serial_number::SerialNumber;

const UNKNOWN: Result<(), &str> = Err("pki.revocation_unknown");
const REVOKED: Result<(), &str> = Err("pki.certificate_revoked");
const LISTER: &str = "CN=LISTES ESSAI,O=ESSAI,C=FR";
const ISSUING: &str = "CN=AC ESSAI PERSONNES,O=ESSAI,C=FR";

fn directory(text: &str) -> GeneralName {
    GeneralName::DirectoryName(name(text))
}

fn points(crl_issuer: Option<&str>, address: Option<&str>) -> Extension {
    let address = address.map(|address| DistributionPointName::FullName(vec![url(address)]));
    let point = DistributionPoint {
        distribution_point: address,
        reasons: None,
        crl_issuer: crl_issuer.map(|name| vec![directory(name)]),
    };
    extension("2.5.29.31", false, &CrlDistributionPoints(vec![point]))
}

fn of_issuer(text: &str) -> Vec<Extension> {
    vec![extension("2.5.29.29", true, &vec![directory(text)])]
}

/// A card whose lists are issued by somebody below the same root who issues nothing else.
struct Indirect {
    baseline: Baseline,
    lister: Authority,
    list: ListDraft,
}

impl Indirect {
    fn new() -> Self {
        let mut baseline = Baseline::new();
        baseline.card.set(points(Some(LISTER), None));
        let mut lister = baseline.root.subordinate(LISTER);
        lister.draft.remove("2.5.29.19");
        lister.draft.set(key_usage(KeyUsages::CRLSign));
        let mut list = ListDraft::of(&lister);
        list.set(scope(|point| point.indirect_crl = true));
        Self {
            baseline,
            lister,
            list,
        }
    }

    fn judge(&self) -> Result<(), &'static str> {
        let evidence = Evidence {
            crls: vec![self.list.crl(), ListDraft::of(&self.baseline.root).crl()],
            certificates: vec![self.lister.certificate()],
            ..Evidence::default()
        };
        check_with(&self.baseline, &evidence, &RevocationPolicy::default())
            .map(|_| ())
            .map_err(|error| error.code())
    }

    fn with(change: impl FnOnce(&mut Self)) -> Result<(), &'static str> {
        let mut indirect = Self::new();
        change(&mut indirect);
        indirect.judge()
    }

    fn card_serial(&self) -> SerialNumber {
        self.baseline.card.tbs.serial_number.clone()
    }
}

/// RFC 5280 section 6.3.3 (b)(1), attack B4.
#[test]
fn a_list_of_another_issuer_counts_only_where_both_say_so() {
    assert_eq!(Indirect::with(|_| {}), Ok(()));
    for (what, outcome) in [
        (
            "the card names nobody",
            Indirect::with(|it| it.baseline.card.set(points(None, Some(CRL_URL)))),
        ),
        (
            "the card names somebody else",
            Indirect::with(|it| it.baseline.card.set(points(Some("CN=UN AUTRE"), None))),
        ),
        (
            "the list is not indirect",
            Indirect::with(|it| it.list.set(scope(|_| {}))),
        ),
        (
            "the list has no scope",
            Indirect::with(|it| {
                it.list
                    .tbs
                    .crl_extensions
                    .get_or_insert_default()
                    .retain(|extension| extension.extn_id.to_string() != "2.5.29.28");
            }),
        ),
    ] {
        assert_eq!(outcome, UNKNOWN, "{what}");
    }
}

/// RFC 5280 section 6.3.3 (b)(2)(i): without a name of its own, the card's point is called by its
/// list's issuer.
#[test]
fn a_named_list_of_another_issuer_is_the_one_that_the_card_names() {
    let named = |card: Extension, list_name: GeneralName| {
        Indirect::with(|it| {
            it.baseline.card.set(card);
            it.list.set(scope(|point| {
                point.indirect_crl = true;
                point.distribution_point = Some(DistributionPointName::FullName(vec![list_name]));
            }));
        })
    };
    let by_issuer = || points(Some(LISTER), None);
    assert_eq!(named(by_issuer(), directory(LISTER)), Ok(()));
    assert_eq!(named(by_issuer(), directory("CN=UN AUTRE")), UNKNOWN);
    let by_address = || points(Some(LISTER), Some(CRL_URL));
    assert_eq!(named(by_address(), url(CRL_URL)), Ok(()));
    assert_eq!(named(by_address(), directory(LISTER)), UNKNOWN);
}

/// RFC 5280 section 5.3.3: an issuer holds for the entries after it, until the next one.
#[test]
fn an_entry_is_about_the_issuer_named_last() {
    let entries = |issuers: &[Option<&str>]| {
        Indirect::with(|it| {
            let (serial, other) = (it.card_serial(), SerialNumber::new(&[9]).expect("9"));
            for (place, issuer) in issuers.iter().enumerate() {
                let is_last = place + 1 == issuers.len();
                let extensions = issuer.map(of_issuer);
                it.list
                    .entry(if is_last { &serial } else { &other }, extensions);
            }
        })
    };
    let shouted = "CN=ac essai  personnes,O=essai,C=fr";
    for (what, issuers, expected) in [
        ("the card's issuer", &[Some(ISSUING)][..], REVOKED),
        ("written otherwise", &[Some(shouted)], REVOKED),
        ("the lister itself", &[None], Ok(())),
        ("another", &[Some("CN=UN AUTRE")], Ok(())),
        ("the entry before", &[Some(ISSUING), None], REVOKED),
        ("two entries before", &[Some(ISSUING), None, None], REVOKED),
        (
            "changed since",
            &[Some(ISSUING), Some("CN=UN AUTRE"), None],
            Ok(()),
        ),
        (
            "changed back",
            &[Some(ISSUING), Some("CN=UN AUTRE"), Some(ISSUING)],
            REVOKED,
        ),
    ] {
        assert_eq!(entries(issuers), expected, "{what}");
    }
}

#[test]
fn an_issuer_that_is_not_understood_closes_the_list() {
    let with_issuer = |value: &Vec<GeneralName>| {
        let extensions = vec![extension("2.5.29.29", true, value)];
        Indirect::with(|it| {
            it.list
                .entry(&SerialNumber::new(&[9]).expect("9"), Some(extensions));
        })
    };
    assert_eq!(with_issuer(&vec![directory("CN=UN AUTRE")]), Ok(()));
    assert_eq!(with_issuer(&vec![url(CRL_URL)]), UNKNOWN, "an address");
    assert_eq!(with_issuer(&Vec::new()), UNKNOWN, "nobody");
    let two = vec![directory("CN=UN"), directory("CN=DEUX")];
    assert_eq!(with_issuer(&two), UNKNOWN, "two");
}

/// The issuer's own list may be indirect too, and then names other issuers (PKITS 4.14.22).
#[test]
fn an_issuers_own_indirect_list_speaks_for_its_cards() {
    let own = |entry: Option<Vec<Extension>>, serial: Option<SerialNumber>| {
        Indirect::with(|it| {
            it.baseline = Baseline::new();
            it.list = ListDraft::of(&it.baseline.issuing);
            it.list.set(scope(|point| point.indirect_crl = true));
            let serial = serial.unwrap_or_else(|| it.card_serial());
            it.list.entry(&serial, entry);
        })
    };
    assert_eq!(own(None, None), REVOKED);
    assert_eq!(own(Some(of_issuer("CN=UN AUTRE")), None), Ok(()));
    assert_eq!(own(Some(of_issuer(ISSUING)), None), REVOKED);
    let other = SerialNumber::new(&[9]).expect("9");
    assert_eq!(own(None, Some(other)), Ok(()));
}

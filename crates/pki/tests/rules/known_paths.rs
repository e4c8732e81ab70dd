//! Known paths: given again only while everything they rest on is the same.

use crate::authority::{Authority, NOW, p256};
use crate::card::{Baseline, doctor};
use cardea_pki::{Certificate, KnownPaths, PathPolicy, TrustStore};
use std::sync::Arc;
use time::Duration;

/// A store of one anchor and one set of known paths, with cards of their own.
struct Desk {
    baseline: Baseline,
    store: TrustStore,
    known: KnownPaths,
}

impl Desk {
    fn new(capacity: usize) -> Self {
        let baseline = Baseline::new();
        let store = baseline.store();
        let known = KnownPaths::new(capacity);
        Self {
            baseline,
            store,
            known,
        }
    }

    fn cards(&self, count: usize) -> Vec<Vec<u8>> {
        let key = p256();
        (0..count)
            .map(|_| doctor(&self.baseline.issuing, &key).der())
            .collect()
    }

    fn validate(&self, der: &[u8]) -> Result<cardea_pki::ValidatedPath, &'static str> {
        self.validate_with(der, &self.store, &PathPolicy::login(), NOW)
    }

    fn validate_with(
        &self,
        der: &[u8],
        store: &TrustStore,
        policy: &PathPolicy,
        at: time::OffsetDateTime,
    ) -> Result<cardea_pki::ValidatedPath, &'static str> {
        self.known
            .validate(der, &[], store, policy, at)
            .map_err(|error| error.code())
    }
}

/// A path that was given again shares the memory of the one before.
fn is_same(left: &cardea_pki::ValidatedPath, right: &cardea_pki::ValidatedPath) -> bool {
    std::ptr::eq(left.end_entity(), right.end_entity())
}

#[test]
fn a_card_that_comes_again_is_known() {
    let desk = Desk::new(8);
    let cards = desk.cards(2);
    let first = desk.validate(&cards[0]).unwrap();
    let again = desk.validate(&cards[0]).unwrap();
    assert!(is_same(&first, &again));
    assert_eq!(again.certificates(), first.certificates());
    assert_eq!(again.policies(), first.policies());
    let other = desk.validate(&cards[1]).unwrap();
    assert!(!is_same(&first, &other));
    let parsed = Certificate::parse(&cards[0]).unwrap();
    let by_certificate = desk
        .known
        .validate_certificate(&parsed, &[], &desk.store, &PathPolicy::login(), NOW)
        .unwrap();
    assert!(is_same(&first, &by_certificate));
    assert_eq!(desk.known.len(), 2);
}

/// The end of a certificate is its signature; whoever copies it has other bytes before it.
#[test]
fn a_known_signature_under_other_bytes_is_not_known() {
    let desk = Desk::new(8);
    let mut der = desk.cards(1).remove(0);
    assert!(desk.validate(&der).is_ok());
    let surname = der.windows(6).position(|window| window == b"DURAND");
    der[surname.unwrap()] = b'B';
    assert_eq!(desk.validate(&der).map(|_| ()), Err("pki.untrusted_anchor"));
}

#[test]
fn a_path_is_known_only_within_the_validity_of_all_its_certificates() {
    let second = Duration::SECOND;
    let (begin, end) = (NOW - Duration::DAY, NOW + Duration::DAY);
    let policy = PathPolicy::login();
    // Whose validity is the shortest of the path: the card's, the issuer's, the anchor's.
    for shortest in 0..3 {
        let mut baseline = Baseline::new();
        match shortest {
            0 => baseline.card.valid_between(begin, end),
            1 => baseline.issuing.draft.valid_between(begin, end),
            _ => baseline.root.draft.valid_between(begin, end),
        }
        let mut desk = Desk::new(8);
        desk.store = baseline.store();
        let der = baseline.card.der();
        let first = desk.validate(&der).unwrap();
        assert_eq!(first.validity(), (begin, end));
        let at = |moment| {
            desk.validate_with(&der, &desk.store, &policy, moment)
                .map(|path| (is_same(&first, &path), path.validated_at()))
        };
        assert_eq!(at(begin), Ok((true, begin)), "{shortest}");
        assert_eq!(at(end), Ok((true, end)), "{shortest}");
        assert_eq!(
            at(begin - second),
            Err("pki.certificate_not_yet_valid"),
            "{shortest}"
        );
        assert_eq!(
            at(end + second),
            Err("pki.certificate_expired"),
            "{shortest}"
        );
    }
}

#[test]
fn other_anchors_start_afresh() {
    let desk = Desk::new(8);
    let der = desk.cards(1).remove(0);
    let first = desk.validate(&der).unwrap();
    let policy = PathPolicy::login();
    let clone = desk.store.clone();
    let same = desk.validate_with(&der, &clone, &policy, NOW).unwrap();
    assert!(is_same(&first, &same), "a clone is the same store");

    let without = TrustStore::new(vec![Authority::root("CN=R,C=FR").certificate()], vec![]);
    assert_eq!(
        desk.validate_with(&der, &without, &policy, NOW).map(|_| ()),
        Err("pki.untrusted_anchor")
    );
    let equal = desk.baseline.store();
    let afresh = desk.validate_with(&der, &equal, &policy, NOW).unwrap();
    assert!(!is_same(&first, &afresh), "another store of equal content");
}

#[test]
fn another_policy_starts_afresh() {
    let desk = Desk::new(8);
    let der = desk.cards(1).remove(0);
    let first = desk.validate(&der).unwrap();
    let mut stricter = PathPolicy::login();
    stricter.intermediates_max = 0;
    assert_eq!(
        desk.validate_with(&der, &desk.store, &stricter, NOW)
            .map(|_| ()),
        Err("pki.path_too_long")
    );
    let plain = PathPolicy::rfc5280();
    let afresh = desk.validate_with(&der, &desk.store, &plain, NOW).unwrap();
    assert!(!is_same(&first, &afresh));
}

#[test]
fn refusals_are_never_remembered() {
    let desk = Desk::new(8);
    let policy = PathPolicy::login();
    let mut expired = desk.baseline.card.clone();
    expired.valid_between(NOW - Duration::days(9), NOW - Duration::DAY);
    let foreign = doctor(&Authority::root("CN=R,C=FR"), &p256()).der();
    for (der, code) in [
        (expired.der(), "pki.certificate_expired"),
        (foreign, "pki.untrusted_anchor"),
        (vec![0x30, 0x00], "pki.certificate_malformed"),
        (Vec::new(), "pki.certificate_malformed"),
    ] {
        for _ in 0..2 {
            let outcome = desk.validate_with(&der, &desk.store, &policy, NOW);
            assert_eq!(outcome.map(|_| ()), Err(code));
        }
    }
    assert!(desk.known.is_empty());
}

#[test]
fn the_number_of_known_paths_is_bounded_and_recent_ones_stay() {
    let desk = Desk::new(8);
    let cards = desk.cards(30);
    let regular = desk.validate(&cards[0]).unwrap();
    for der in &cards[1..] {
        desk.validate(der).unwrap();
        assert!(desk.known.len() <= 8, "{}", desk.known.len());
        let again = desk.validate(&cards[0]).unwrap();
        assert!(is_same(&regular, &again), "a card in daily use stays");
    }
    let gone = desk.validate(&cards[1]).unwrap();
    assert!(desk.known.len() <= 8);
    assert_eq!(gone.end_entity().der(), cards[1]);

    let none = Desk::new(0);
    none.validate(&cards[0]).unwrap();
    assert!(none.known.is_empty());
}

#[test]
fn a_forgotten_issuer_takes_its_cards_along() {
    let desk = Desk::new(8);
    let der = desk.cards(1).remove(0);
    let first = desk.validate(&der).unwrap();
    desk.known
        .forget_issuer(&Authority::root("CN=R,C=FR").certificate());
    assert_eq!(desk.known.len(), 1, "another issuer");
    desk.known.forget_issuer(&first.certificates()[1]);
    assert!(desk.known.is_empty());
    let afresh = desk.validate(&der).unwrap();
    assert!(!is_same(&first, &afresh));
    desk.known.clear();
    assert!(desk.known.is_empty());
}

#[test]
fn many_threads_share_the_known_paths() {
    let desk = Arc::new(Desk::new(6));
    let cards = Arc::new(desk.cards(8));
    let threads: Vec<_> = (0..4)
        .map(|offset| {
            let (desk, cards) = (Arc::clone(&desk), Arc::clone(&cards));
            std::thread::spawn(move || {
                for step in 0..64 {
                    let der = &cards[(step + offset) % cards.len()];
                    let path = desk.validate(der).unwrap();
                    assert_eq!(path.end_entity().der(), der);
                    if step % 16 == offset {
                        desk.known.clear();
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(desk.known.len() <= 6);
}

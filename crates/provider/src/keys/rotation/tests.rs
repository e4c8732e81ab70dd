use cardea_jose::Algorithm;
use cardea_storage::signing_key::{SealedKey, SigningKeyRecord};
use time::{Duration, OffsetDateTime};

use super::{KeyPlace, KeyState, RotationRules};
use crate::bare_provider::now;

fn rules() -> RotationRules {
    RotationRules {
        algorithms: vec![Algorithm::Es256],
        ..RotationRules::default()
    }
}

fn key(kid: &str, generation: i64, signs_from: OffsetDateTime) -> SigningKeyRecord {
    SigningKeyRecord {
        kid: kid.to_owned(),
        algorithm: "ES256".to_owned(),
        generation,
        public_jwk: String::new(),
        sealed: Some(SealedKey {
            sealed: String::new(),
            encryption_key_id: String::new(),
        }),
        created_at: signs_from,
        signs_from,
        signs_until: None,
        verifies_until: None,
    }
}

#[test]
fn the_first_key_signs_at_once() {
    let plan = rules().plan(&[], now());
    assert_eq!(plan.make[0].signs_from, now());
    assert_eq!(plan.make[0].generation, 1);
}

/// A key is made so long before its time that every cache has it then.
#[test]
fn the_next_key_is_published_before_the_schedule_lets_it_sign() {
    let rules = rules();
    let old = key("old", 1, now() - Duration::days(90) + Duration::hours(1));
    let early = now() - Duration::seconds(1);
    assert!(rules.plan(std::slice::from_ref(&old), early).is_empty());
    let plan = rules.plan(std::slice::from_ref(&old), now());
    assert_eq!(plan.make[0].generation, 2);
    assert_eq!(plan.make[0].signs_from, now() + Duration::hours(1));
    assert_eq!(plan.make[0].predecessor.as_deref(), Some("old"));
    // Once it is there nothing more is due, before or after it signs.
    let next = key("next", 2, now() + Duration::hours(1));
    let both = [old, next];
    for hours in [0, 1, 2, 24] {
        let plan = rules.plan(&both, now() + Duration::hours(hours));
        assert!(plan.is_empty(), "{hours}");
    }
}

#[test]
fn what_is_not_due_stays() {
    let old = [key("old", 1, now() - Duration::days(4000))];
    let never = RotationRules {
        rotate_every: None,
        ..rules()
    };
    assert!(never.plan(&old, now()).is_empty());
    // Keys move to another place by a rotation.
    let elsewhere = RotationRules {
        place: KeyPlace::Pkcs11,
        ..never
    };
    assert_eq!(elsewhere.plan(&old, now()).make.len(), 1);
}

/// Attack H15: a key that was made by a clock far ahead does not sign for years.
#[test]
fn a_key_of_the_far_future_is_replaced() {
    let ahead = [key("ahead", 7, now() + Duration::days(3650))];
    let plan = rules().plan(&ahead, now());
    assert_eq!(plan.make[0].generation, 8);
    assert_eq!(plan.make[0].signs_from, now() + Duration::hours(1));
}

/// Attack G9: a retired key goes when its last token is over.
#[test]
fn a_key_is_deleted_once_its_tokens_are_over() {
    let mut old = key("old", 1, now() - Duration::days(90));
    old.signs_until = Some(now() - Duration::hours(1));
    old.verifies_until = Some(now());
    let current = key("current", 2, now() - Duration::hours(1));
    let both = [old.clone(), current];
    assert!(rules().plan(&both, now() - Duration::seconds(1)).is_empty());
    assert_eq!(rules().plan(&both, now()).over, ["old"]);
    for (seconds, state) in [
        (-3601, KeyState::Current),
        (-3600, KeyState::Retired),
        (0, KeyState::Over),
    ] {
        assert_eq!(
            KeyState::of(&old, now() + Duration::seconds(seconds)),
            state
        );
    }
}

/// Attack H15: where a clock that is right again is behind one that made the only key, that key
/// signs now, and a later one takes its place.
#[test]
fn the_lowest_next_key_is_promoted_where_none_signs() {
    let ahead = [
        key("first", 7, now() + Duration::days(100)),
        key("second", 8, now() + Duration::days(101)),
    ];
    let plan = rules().plan(&ahead, now());
    assert_eq!(plan.promote, ["first"]);
    assert_eq!(plan.make[0].generation, 9);
    let mut current = key("current", 6, now());
    current.signs_until = Some(now() + Duration::days(100));
    let [first, second] = ahead;
    let plan = rules().plan(&[current, first, second], now());
    assert!(plan.promote.is_empty());
}

/// Attack H19: whatever makes keys be due again and again, there is an end to it.
#[test]
fn h19_an_algorithm_has_so_many_keys_and_no_more() {
    let ahead = |count: i64| -> Vec<_> {
        let from = now() + Duration::days(100);
        (1..=count)
            .map(|it| key(&it.to_string(), it, from))
            .collect()
    };
    let bound = i64::try_from(super::KEYS_MAX).unwrap();
    let plan = rules().plan(&ahead(bound - 1), now());
    assert_eq!((plan.make.len(), plan.full), (1, None));
    let plan = rules().plan(&ahead(bound), now());
    assert_eq!((plan.make.len(), plan.full), (0, Some(Algorithm::Es256)));
    // Those that are to be deleted do not count.
    let mut all = ahead(bound);
    all[0].verifies_until = Some(now());
    let plan = rules().plan(&all, now());
    assert_eq!((plan.make.len(), plan.over.len()), (1, 1));
}

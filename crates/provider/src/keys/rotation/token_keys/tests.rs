use std::sync::atomic::{AtomicI64, Ordering};

use cardea_jose::SigningKey;
use cardea_storage::event::list_newest;
use time::Duration;

use super::*;
use crate::StoredEvents;

#[derive(Default)]
struct TurnedClock(AtomicI64, AtomicI64);

impl Clock for TurnedClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.0.load(Ordering::Relaxed)).unwrap()
    }

    fn was_set_by(&self) -> Duration {
        Duration::seconds(self.1.load(Ordering::Relaxed))
    }
}

struct World {
    keys: TokenKeys,
    store: Store,
    clock: Arc<TurnedClock>,
}

const ALGORITHMS: [Algorithm; 2] = [Algorithm::Es256, Algorithm::EdDsa];

impl World {
    async fn new() -> Self {
        let store = Store::open_in_memory().await.unwrap();
        let clock = Arc::new(TurnedClock(
            AtomicI64::new(1_800_000_000),
            AtomicI64::new(0),
        ));
        let rules = RotationRules {
            algorithms: ALGORITHMS.to_vec(),
            ..RotationRules::default()
        };
        let events = Arc::new(StoredEvents);
        let keys = TokenKeys::new(store.clone(), events, clock.clone(), rules, None);
        Self { keys, store, clock }
    }

    fn turn(&self, by: Duration) {
        self.clock
            .0
            .fetch_add(by.whole_seconds(), Ordering::Relaxed);
    }

    async fn keep(&self) -> Rotated {
        let stored = self.keys.read().await.unwrap();
        let made = made(&self.keys.due(&stored).unwrap_or_default());
        self.keys.keep_to_schedule(&made).await.unwrap()
    }

    /// What each ES256 key does now, in their order.
    async fn states(&self) -> Vec<KeyState> {
        let all = self.es256().await;
        let now = self.clock.now();
        all.iter().map(|it| KeyState::of(it, now)).collect()
    }

    async fn es256(&self) -> Vec<SigningKeyRecord> {
        let mut all = self.keys.read().await.unwrap().records;
        all.retain(|it| it.algorithm == "ES256");
        all
    }

    async fn count_events(&self, kind: &str) -> usize {
        let mut transaction = self.store.begin_read().await.unwrap();
        let events = list_newest(&mut transaction, 1000).await.unwrap();
        events.iter().filter(|it| it.kind == kind).count()
    }

    async fn withdraw(&self, kids: &[&str]) -> Result<Rotated, Error> {
        let withdrawal = Withdrawal {
            kids: kids.iter().map(|kid| (*kid).to_owned()).collect(),
            reason: Some("lost".to_owned()),
        };
        let stored = self.keys.read().await?;
        let made = made(&self.keys.left_without(&stored, &withdrawal)?);
        self.keys.withdraw(&withdrawal, &made, None).await
    }
}

fn made(algorithms: &[Algorithm]) -> Vec<MadeKey> {
    let make = |it: &Algorithm| MadeKey {
        public_jwk: SigningKey::generate(*it).unwrap().public_jwk().clone(),
        sealed: Some(SealedKey {
            sealed: String::new(),
            encryption_key_id: String::new(),
        }),
    };
    algorithms.iter().map(make).collect()
}

/// Attack G9, by the clock alone: made, published, signing, retired, gone.
#[tokio::test]
async fn g9_a_key_goes_through_its_states_on_schedule() {
    use KeyState::{Current, Next, Retired};
    let world = World::new().await;
    assert_eq!(world.keep().await.added.len(), 2);
    assert_eq!(world.states().await, [Current]);
    for (hours, made, deleted, states) in [
        (90 * 24 - 2, 0, 0, &[Current][..]),
        (1, 2, 0, &[Current, Next]),
        (1, 0, 0, &[Retired, Current]),
        (1, 0, 2, &[Current]),
        (90 * 24 - 2, 2, 0, &[Current, Next]),
    ] {
        world.turn(Duration::hours(hours));
        let rotated = world.keep().await;
        assert_eq!(
            (rotated.added.len(), rotated.deleted.len()),
            (made, deleted)
        );
        assert_eq!(world.states().await, states);
        assert_eq!(
            world.keep().await,
            Rotated::default(),
            "nothing is done twice"
        );
    }
    assert_eq!(world.count_events("token_key.made").await, 6);
    assert_eq!(world.count_events("token_key.deleted").await, 2);
}

/// Two nodes that find the same thing due: the second leaves its keys out.
#[tokio::test]
async fn whoever_comes_first_acts() {
    let world = World::new().await;
    let (mine, others) = (made(&ALGORITHMS), made(&ALGORITHMS));
    assert_eq!(
        world
            .keys
            .keep_to_schedule(&mine)
            .await
            .unwrap()
            .added
            .len(),
        2
    );
    let revision = world.keys.revision().await.unwrap();
    let second = world.keys.keep_to_schedule(&others).await.unwrap();
    assert_eq!(second, Rotated::default());
    assert_eq!(world.keys.revision().await.unwrap(), revision);
    assert_eq!(world.es256().await.len(), 1);
}

#[tokio::test]
async fn a_rotation_by_command_begins_one_and_no_second() {
    let world = World::new().await;
    world.keep().await;
    let rotated = world.keys.rotate(&made(&ALGORITHMS)).await.unwrap();
    assert_eq!(rotated.added.len(), 2);
    assert_eq!(world.states().await, [KeyState::Current, KeyState::Next]);
    let again = world.keys.rotate(&made(&ALGORITHMS)).await.unwrap_err();
    assert_eq!(again.code(), "provider.key_rotation_pending");
    world.turn(Duration::hours(1));
    assert_eq!(world.states().await, [KeyState::Retired, KeyState::Current]);
}

#[tokio::test]
async fn an_emergency_leaves_nothing_of_what_it_takes_out() {
    use KeyState::{Current, Next, Retired};
    let world = World::new().await;
    world.keep().await;
    let unknown = world.withdraw(&["unknown"]).await.unwrap_err();
    assert_eq!(unknown.code(), "provider.token_key_unknown");

    // The one that signs, alone: another signs at once.
    let [old] = world.es256().await.try_into().unwrap();
    let rotated = world.withdraw(&[&old.kid]).await.unwrap();
    assert_eq!(rotated.deleted, std::slice::from_ref(&old.kid));
    assert_eq!(rotated.added.len(), 1);
    let [new] = world.es256().await.try_into().unwrap();
    assert_eq!(
        (new.generation, KeyState::of(&new, world.clock.now())),
        (2, Current)
    );

    // Where the next one is published already, it takes the place.
    world.keys.rotate(&made(&ALGORITHMS)).await.unwrap();
    let [current, next] = world.es256().await.try_into().unwrap();
    let rotated = world.withdraw(&[&current.kid]).await.unwrap();
    assert!(rotated.added.is_empty());
    let [signs] = world.es256().await.try_into().unwrap();
    assert_eq!(
        (&signs.kid, world.states().await),
        (&next.kid, vec![Current])
    );

    // A next one that is taken out leaves the present one without an end.
    world.keep().await;
    world.turn(Duration::hours(2));
    world.keep().await;
    world.keys.rotate(&made(&ALGORITHMS)).await.unwrap();
    assert_eq!(world.states().await, [Current, Next]);
    let next = world.es256().await.pop().unwrap();
    world.withdraw(&[&next.kid]).await.unwrap();
    let [signs] = world.es256().await.try_into().unwrap();
    assert_eq!((signs.signs_until, signs.verifies_until), (None, None));

    // A retired one that is taken out changes nothing else.
    world.keys.rotate(&made(&ALGORITHMS)).await.unwrap();
    world.turn(Duration::hours(1));
    assert_eq!(world.states().await, [Retired, Current]);
    let [retired, before] = world.es256().await.try_into().unwrap();
    world.withdraw(&[&retired.kid]).await.unwrap();
    assert_eq!(world.es256().await, [before]);

    // All at once.
    let all = world.keys.read().await.unwrap().records;
    let rotated = world.withdraw(&[]).await.unwrap();
    assert_eq!((rotated.deleted.len(), rotated.added.len()), (all.len(), 2));
    assert_eq!(world.states().await, [Current]);
    assert_eq!(
        world.count_events("token_key.withdrawn").await,
        4 + all.len()
    );
}

#[tokio::test]
async fn keys_of_files_are_taken_in_once() {
    let world = World::new().await;
    let imported = |is_retired| ImportedKey {
        key: made(&[Algorithm::Es256]).remove(0),
        is_retired,
    };
    let keys = [imported(false), imported(true), imported(true)];
    assert_eq!(world.keys.import(&keys).await.unwrap().added.len(), 3);
    let states = [KeyState::Retired, KeyState::Retired, KeyState::Current];
    assert_eq!(world.states().await, states);
    assert!(world.keys.import(&keys).await.unwrap().added.is_empty());
    // What no file held is made.
    assert_eq!(world.keep().await.added.len(), 1);
    world.turn(Duration::hours(1));
    assert_eq!(world.keep().await.deleted.len(), 2);
    assert_eq!(world.states().await, [KeyState::Current]);
}

/// The token is away, and no key can be made: what is compromised goes all the same, and the
/// schedule makes another one at once when it can.
#[tokio::test]
async fn an_emergency_without_another_key_leaves_nothing_that_signs() {
    use KeyState::{Current, Retired};
    let world = World::new().await;
    world.keep().await;
    world.keys.rotate(&made(&ALGORITHMS)).await.unwrap();
    world.turn(Duration::hours(1));
    assert_eq!(world.states().await, [Retired, Current]);
    let all = world.es256().await;
    let one = Withdrawal {
        kids: vec![all[1].kid.clone()],
        reason: None,
    };
    let rotated = world.keys.withdraw(&one, &[], None).await.unwrap();
    assert_eq!(rotated.deleted, one.kids);
    assert_eq!(rotated.without, [Algorithm::Es256]);
    assert_eq!(world.states().await, [Retired]);
    // Not after ninety days: now, and without a time in which it is only published.
    let made_now = world.keep().await;
    assert_eq!(made_now.added.len(), 1);
    assert_eq!(world.states().await, [Retired, Current]);
    let [retired, current] = world.es256().await.try_into().unwrap();
    assert_eq!(retired, all[0], "its time stays");
    assert!(current.generation > retired.generation);

    let every = Withdrawal {
        kids: Vec::new(),
        reason: None,
    };
    let rotated = world.keys.withdraw(&every, &[], None).await.unwrap();
    assert_eq!(rotated.without, ALGORITHMS);
    assert!(world.keys.read().await.unwrap().records.is_empty());
    // Nor do files that were taken in once bring anything back.
    let file = ImportedKey {
        key: made(&[Algorithm::Es256]).remove(0),
        is_retired: false,
    };
    assert!(world.keys.import(&[file]).await.unwrap().added.is_empty());
    world.keep().await;
    assert_eq!(world.states().await, [Current]);
}

/// Attacks H15 and H19: what a clock far ahead has made sits in the database. The right clock lets
/// the key that is there sign on, and nothing keeps the times of the wrong one.
#[tokio::test]
async fn h19_what_a_clock_far_ahead_has_made_is_healed() {
    use KeyState::{Current, Next, Retired};
    let world = World::new().await;
    world.keep().await;
    let [first] = world.es256().await.try_into().unwrap();
    // It signs, and a node a hundred days ahead makes its successor.
    world.turn(Duration::days(100));
    world.keep().await;
    world.turn(Duration::days(-100));
    assert_eq!(world.states().await, [Current, Next]);
    let [_, ahead] = world.es256().await.try_into().unwrap();
    let far = world.clock.now() + Duration::days(99);
    assert!(ahead.signs_from > far);
    world.keep().await;
    let healed = world.es256().await;
    let after = world.clock.now() + Duration::hours(1);
    assert_eq!(healed[0].kid, first.kid);
    for old in &healed[..2] {
        assert!(
            old.signs_until.is_some_and(|until| until <= after),
            "{old:?}"
        );
        let over = after + Duration::hours(1);
        assert!(
            old.verifies_until.is_some_and(|until| until <= over),
            "{old:?}"
        );
    }
    assert_eq!(healed[2].signs_from, after);
    assert_eq!(world.states().await, [Current, Next, Next]);
    world.turn(Duration::hours(1));
    assert_eq!(world.states().await, [Retired, Retired, Current]);
    world.turn(Duration::hours(1));
    world.keep().await;
    assert_eq!(world.states().await, [Current]);

    // It has deleted all others as well: its own key signs at once.
    let signs = world.es256().await.remove(0);
    world.turn(Duration::days(200));
    world.keys.rotate(&made(&ALGORITHMS)).await.unwrap();
    world.withdraw(&[&signs.kid]).await.unwrap();
    world.turn(Duration::days(-200));
    let rotated = world.keep().await;
    assert_eq!(rotated.promoted.len(), 1);
    assert_eq!(world.states().await, [Current, Next]);
    assert_eq!(world.keep().await, Rotated::default());
}

/// Attack H19: a clock that was set just now changes no key; an emergency does not ask.
#[tokio::test]
async fn h19_no_key_is_changed_by_a_clock_that_was_set() {
    let world = World::new().await;
    world.keep().await;
    let before = world.keys.read().await.unwrap().records;
    for seconds in [31, -31, 10_800, 8_640_000] {
        world.clock.1.store(seconds, Ordering::Relaxed);
        world.turn(Duration::seconds(seconds));
        let made = made(&ALGORITHMS);
        let refused = world.keys.keep_to_schedule(&made).await.unwrap_err();
        assert_eq!(refused.code(), "provider.clock_apart");
        let refused = world.keys.rotate(&made).await.unwrap_err();
        assert_eq!(refused.code(), "provider.clock_apart");
        assert_eq!(world.keys.read().await.unwrap().records, before);
        world.turn(Duration::seconds(-seconds));
    }
    let kids: Vec<&str> = before.iter().map(|it| it.kid.as_str()).collect();
    let withdrawn = world.withdraw(&kids).await.unwrap();
    assert_eq!(withdrawn.deleted.len(), kids.len());
    world.clock.1.store(30, Ordering::Relaxed);
    assert_eq!(world.keep().await, Rotated::default());
}

#[tokio::test]
async fn commands_do_not_make_keys_without_end() {
    let world = World::new().await;
    world.keep().await;
    let far = RotationRules {
        verify_after: Duration::days(80),
        ..world.keys.rules().clone()
    };
    let (store, events) = (world.store.clone(), Arc::new(StoredEvents));
    let keys = TokenKeys::new(store, events, world.clock.clone(), far, None);
    for _ in 1..super::super::KEYS_MAX {
        keys.rotate(&made(&ALGORITHMS)).await.unwrap();
        world.turn(Duration::hours(1));
    }
    let refused = keys.rotate(&made(&ALGORITHMS)).await.unwrap_err();
    assert_eq!(refused.code(), "provider.token_keys_too_many");
    world.turn(Duration::days(90));
    let refused = keys.keep_to_schedule(&[]).await.unwrap();
    assert!(!refused.deleted.is_empty());
    assert_eq!(
        keys.keep_to_schedule(&made(&ALGORITHMS))
            .await
            .unwrap()
            .added
            .len(),
        2
    );
}

/// What was made for an emergency may be too little by the time that it takes effect.
#[tokio::test]
async fn an_emergency_begins_anew_where_keys_were_changed_meanwhile() {
    let world = World::new().await;
    world.keep().await;
    world.keys.rotate(&made(&ALGORITHMS)).await.unwrap();
    let [current, next] = world.es256().await.try_into().unwrap();
    let withdrawal = Withdrawal {
        kids: vec![current.kid.clone()],
        reason: None,
    };
    let stored = world.keys.read().await.unwrap();
    let needed = world.keys.left_without(&stored, &withdrawal).unwrap();
    assert!(needed.is_empty(), "the next one takes the place");
    world.withdraw(&[&next.kid]).await.unwrap();
    let made_for = Some(stored.revision);
    let refused = world.keys.withdraw(&withdrawal, &[], made_for).await;
    assert_eq!(refused.unwrap_err().code(), "provider.token_keys_changed");
    assert_eq!(world.es256().await.len(), 1, "nothing was taken out");
    let stored = world.keys.read().await.unwrap();
    let made = made(&world.keys.left_without(&stored, &withdrawal).unwrap());
    let made_for = Some(stored.revision);
    let rotated = world.keys.withdraw(&withdrawal, &made, made_for).await;
    assert!(rotated.unwrap().without.is_empty());
    assert_eq!(world.states().await, [KeyState::Current]);
}

use cardea_storage::agent_instance::{
    InstanceUse, acknowledge, confirm_here, find, list_unacknowledged, record_use,
};
use cardea_storage::subject::{PersonId, load_or_create};

use super::baseline::{after_seconds, start};
use super::databases::{committed, on_both};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_keeps_the_sub_and_registers_are_kept_apart() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            let person = PersonId {
                scheme: "rpps",
                value: "899700000001",
            };
            let first = load_or_create(transaction, person, "one", start())
                .await
                .unwrap();
            let again = load_or_create(transaction, person, "two", after_seconds(9))
                .await
                .unwrap();
            assert_eq!((first.as_str(), again.as_str()), ("one", "one"));

            for (scheme, value, sub) in [
                ("test:rpps", "899700000001", "three"),
                ("rpps", "899700000002", "four"),
            ] {
                let other = PersonId { scheme, value };
                assert_eq!(
                    load_or_create(transaction, other, sub, start())
                        .await
                        .unwrap(),
                    sub
                );
            }
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_arriving_fifty_times_at_once_is_one_subject() {
    on_both(async |store| {
        let attempts: Vec<_> = (0..50)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move {
                    committed(&store, async |transaction| {
                        let person = PersonId {
                            scheme: "rpps",
                            value: "899700000001",
                        };
                        let sub_if_new = number.to_string();
                        load_or_create(transaction, person, &sub_if_new, start())
                            .await
                            .unwrap()
                    })
                    .await
                })
            })
            .collect();
        let mut subs = std::collections::BTreeSet::new();
        for attempt in attempts {
            subs.insert(attempt.await.unwrap());
        }
        assert_eq!(subs.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_use_of_an_instance_is_told_from_the_next() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for (value, sub) in [("1", "one"), ("2", "two")] {
                let person = PersonId {
                    scheme: "rpps",
                    value,
                };
                load_or_create(transaction, person, sub, start())
                    .await
                    .unwrap();
            }
            for (sub, instance, wanted) in [
                ("one", "instance", InstanceUse::First),
                ("one", "instance", InstanceUse::Known),
                ("one", "another", InstanceUse::First),
                ("two", "instance", InstanceUse::First),
            ] {
                let found = record_use(transaction, sub, (instance, None), start())
                    .await
                    .unwrap();
                assert_eq!(found, wanted, "{sub} at {instance}");
            }
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_instance_is_no_news_and_another_is_until_it_is_acknowledged() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            let person = PersonId {
                scheme: "rpps",
                value: "1",
            };
            load_or_create(transaction, person, "one", start())
                .await
                .unwrap();
            for (instance, name) in [("first", None), ("second", Some("Comptoir 2"))] {
                let used = (instance, name);
                record_use(transaction, "one", used, start()).await.unwrap();
            }
            let news = list_unacknowledged(transaction, "one").await.unwrap();
            assert_eq!(news.len(), 1);
            assert_eq!(news[0].instance_jkt, "second");
            assert_eq!(news[0].name.as_deref(), Some("Comptoir 2"));
            let later = after_seconds(9);
            confirm_here(transaction, "one", "second", later)
                .await
                .unwrap();
            let news = list_unacknowledged(transaction, "one").await.unwrap();
            assert_eq!(news[0].confirmed_here_at, Some(later));
            acknowledge(transaction, "one", "second", later)
                .await
                .unwrap();
            let news = list_unacknowledged(transaction, "one").await.unwrap();
            assert_eq!(news, []);
            let first = find(transaction, "one", "first").await.unwrap().unwrap();
            assert_eq!(first.acknowledged_at, Some(start()));
        })
        .await;
    })
    .await;
}

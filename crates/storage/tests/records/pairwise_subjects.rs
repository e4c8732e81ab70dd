use cardea_storage::pairwise_subject::{find_by_person, find_person, load_or_create};

use super::baseline::{start, with_active_session};
use super::databases::{committed, on_both};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_has_one_lasting_name_in_each_sector_and_the_name_one_person() {
    on_both(async |store| {
        let sub = with_active_session(&store).await.sub;
        committed(&store, async |transaction| {
            for (sector, if_new, name) in [
                ("a.example.fr", "first", "first"),
                ("a.example.fr", "second", "first"),
                ("b.example.fr", "third", "third"),
            ] {
                let found = load_or_create(transaction, &sub, sector, if_new, start()).await;
                assert_eq!(found.unwrap(), name, "{sector} {if_new}");
            }
            for (name, sector, person) in [
                ("first", "a.example.fr", Some(sub.as_str())),
                ("third", "b.example.fr", Some(sub.as_str())),
                ("third", "a.example.fr", None),
                ("second", "a.example.fr", None),
                (sub.as_str(), "a.example.fr", None),
            ] {
                let found = find_person(transaction, name, sector).await.unwrap();
                assert_eq!(found.as_deref(), person, "{name} in {sector}");
            }
            let found = find_by_person(transaction, &sub, "c.example.fr").await;
            assert_eq!(found.unwrap(), None);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_given_once_over_all_sectors() {
    on_both(async |store| {
        let sub = with_active_session(&store).await.sub;
        let mut transaction = store.begin().await.unwrap();
        load_or_create(&mut transaction, &sub, "a.example.fr", "name", start())
            .await
            .unwrap();
        let again = load_or_create(&mut transaction, &sub, "b.example.fr", "name", start()).await;
        assert!(
            matches!(again, Err(cardea_storage::Error::Conflict)),
            "{again:?}"
        );
    })
    .await;
}

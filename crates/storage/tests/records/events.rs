use cardea_storage::event::{EventRecord, InLedger, append, list_newest};
use cardea_storage::subject::{PersonId, load_or_create};

use super::baseline::start;
use super::databases::{committed, on_both};

pub(crate) const WAITS: InLedger<'_> = InLedger::Waits { salt: "salt" };

pub(crate) fn event(id: &str) -> EventRecord {
    EventRecord {
        id: id.to_owned(),
        kind: "login.refused".to_owned(),
        occurred_at: start(),
        authorization_request_id: Some("request".to_owned()),
        session_id: None,
        sub: None,
        client_id: Some("portal".to_owned()),
        code: Some("assertion.origin_mismatch".to_owned()),
        details: "{}".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_back_as_they_were_stored_and_in_order() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for id in ["a", "c", "b"] {
                append(transaction, &event(id), WAITS).await.unwrap();
            }
        })
        .await;
        let mut transaction = store.begin_read().await.unwrap();
        let newest = list_newest(&mut transaction, 2).await.unwrap();
        assert_eq!(newest, [event("b"), event("c")]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_and_its_event_are_written_together_or_not_at_all() {
    on_both(async |store| {
        let person = PersonId {
            scheme: "rpps",
            value: "899700000001",
        };
        let mut transaction = store.begin().await.unwrap();
        load_or_create(&mut transaction, person, "undone", start())
            .await
            .unwrap();
        append(&mut transaction, &event("undone"), WAITS)
            .await
            .unwrap();
        drop(transaction);

        let mut transaction = store.begin().await.unwrap();
        let sub = load_or_create(&mut transaction, person, "kept", start())
            .await
            .unwrap();
        assert_eq!(sub, "kept");
        assert_eq!(list_newest(&mut transaction, 9).await.unwrap(), []);
    })
    .await;
}

//! Where events are that somebody looks for, and those from which on erasures are signed.

use cardea_storage::event::{EventRecord, InLedger, append};
use cardea_storage::ledger::{
    Leaf, Placement, find_whereabouts, insert_leaves, list_signed_erasures_begun, place,
    put_outside,
};

use super::baseline::start;
use super::databases::{committed, on_both};

fn event(id: &str, kind: &str) -> EventRecord {
    EventRecord {
        id: id.to_owned(),
        kind: kind.to_owned(),
        occurred_at: start(),
        authorization_request_id: None,
        session_id: None,
        sub: None,
        client_id: None,
        code: None,
        details: format!(r#"{{"of":"{id}"}}"#),
    }
}

fn placed(id: &str, index: u64) -> Placement {
    Placement {
        event_id: id.to_owned(),
        salt: "salt".to_owned(),
        leaf: Leaf {
            index,
            flags: 0,
            entry_sha256: format!("digest of {id}"),
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_looked_for_and_said_to_wait_to_have_its_place_or_to_be_gone() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            let waits = InLedger::Waits { salt: "salt" };
            for id in ["placed", "waiting", "without a leaf"] {
                let event = event(id, "login.accepted");
                append(transaction, &event, waits).await.unwrap();
            }
            let outside = event("outside", "authorization.begun");
            append(transaction, &outside, InLedger::Outside)
                .await
                .unwrap();
            let both = [placed("placed", 3), placed("without a leaf", 4)];
            place(transaction, &both).await.unwrap();
            insert_leaves(transaction, &both[..1]).await.unwrap();
            let ids = ["placed", "waiting", "without a leaf", "outside", "gone"];
            let mut found = find_whereabouts(transaction, &ids).await.unwrap();
            found.sort_by_key(|it| ids.iter().position(|id| *id == it.event_id));
            let found: Vec<_> = found
                .iter()
                .map(|it| {
                    let entry = it.leaf.as_ref().map(|leaf| leaf.entry_sha256.as_str());
                    (it.is_there, it.place, entry)
                })
                .collect();
            let expected = [
                (true, Some(3), Some("digest of placed")),
                (true, None, None),
                (true, Some(4), None),
                (true, Some(-1), None),
                (false, None, None),
            ];
            assert_eq!(found, expected);
            let none = find_whereabouts(transaction, &[]).await.unwrap();
            assert!(none.is_empty());
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_that_erasures_are_signed_is_listed_by_id_with_its_place() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            let waits = InLedger::Waits { salt: "salt" };
            for (id, kind) in [
                ("b", "ledger.erasures_signed"),
                ("a", "ledger.erasures_signed"),
                ("c", "ledger.personal_data_erased"),
                ("d", "ledger.erasures_signed"),
                ("e", "ledger.erasures_signed"),
            ] {
                append(transaction, &event(id, kind), waits).await.unwrap();
            }
            place(transaction, &[placed("b", 7)]).await.unwrap();
            put_outside(transaction, &["e".to_owned()]).await.unwrap();
            let begun = list_signed_erasures_begun(transaction, "", 9)
                .await
                .unwrap();
            let begun: Vec<_> = begun
                .iter()
                .map(|it| (it.event_id.as_str(), it.place, it.details.as_str()))
                .collect();
            let expected = [
                ("a", None, r#"{"of":"a"}"#),
                ("b", Some(7), r#"{"of":"b"}"#),
                ("d", None, r#"{"of":"d"}"#),
            ];
            assert_eq!(begun, expected);
            let next = list_signed_erasures_begun(transaction, "a", 1)
                .await
                .unwrap();
            assert_eq!(next[0].event_id, "b");
        })
        .await;
    })
    .await;
}

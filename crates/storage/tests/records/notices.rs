//! What people are told of refused uses and of workstations that are new, and the lines of which
//! they said that it was not they.

use cardea_storage::agent_instance::record_use;
use cardea_storage::incident::{self, Incident};
use cardea_storage::live_notice::{News, list_since, list_workstations_for};
use cardea_storage::not_me::{
    claim, claim_anew, count_since, find_event, find_incident, find_newest_unclosed, set_incident,
};
use cardea_storage::refused_use::{Refused, list_untold, note, record_told};
use cardea_storage::retention::{Kind, delete_batch};
use cardea_storage::session::{self, Session, SessionState};
use cardea_storage::{Transaction, subject};
use time::Duration;

use super::baseline::{after_seconds, start};
use super::databases::{committed, on_both};

fn refused<'a>(id: &'a str, code: &'a str, jkt: Option<&'a str>) -> Refused<'a> {
    Refused {
        id_if_new: id,
        sub: "sub",
        code,
        client_id: Some("portal"),
        instance: jkt.map(|jkt| (jkt, Some("Comptoir"))),
    }
}

fn case() -> Incident {
    Incident {
        id: "incident".to_owned(),
        kind: "not_me".to_owned(),
        state: incident::OPEN.to_owned(),
        sub: Some("sub".to_owned()),
        session_id: None,
        card_sha256: None,
        event_id: None,
        client_id: None,
        stop_id: None,
        words: None,
        opened_by: "\"person\"".to_owned(),
        opened_at: start(),
        changed_at: start(),
        closed_at: None,
        close_reason: None,
    }
}

async fn with_session(transaction: &mut Transaction, id: &str, jkt: &str) {
    let person = subject::PersonId {
        scheme: "rpps",
        value: "899700000001",
    };
    assert_eq!(
        subject::load_or_create(transaction, person, "sub", start())
            .await
            .unwrap(),
        "sub"
    );
    let found = subject::find(transaction, person).await.unwrap();
    assert_eq!(found.as_deref(), Some("sub"));
    let session = Session {
        id: id.to_owned(),
        sub: "sub".to_owned(),
        identity: "{}".to_owned(),
        card_sha256: "card".to_owned(),
        instance_jkt: jkt.to_owned(),
        presence_jkt: format!("key of {id}"),
        acr: "urn:cardea:acr:card-pin".to_owned(),
        revocation_age: None,
        state: SessionState::Active,
        cookie: None,
        authenticated_at: start(),
        present_at: Some(start()),
        used_at: start(),
    };
    session::insert(transaction, &session).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_uses_of_a_day_and_code_are_one_row_until_they_are_seen() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for (id, code, jkt, at) in [
                ("a", "one", Some("here"), 0),
                ("b", "one", Some("here"), 5),
                ("c", "two", None, 6),
                ("d", "one", Some("there"), 7),
                ("e", "one", Some("here"), 2 * 86_400),
            ] {
                let refused = refused(id, code, jkt);
                note(transaction, refused, after_seconds(at)).await.unwrap();
            }
            let untold = list_untold(transaction, "sub").await.unwrap();
            let in_short: Vec<_> = untold
                .iter()
                .map(|it| (it.id.as_str(), it.uses, it.is_mixed))
                .collect();
            assert_eq!(in_short, [("e", 1, false), ("a", 3, true), ("c", 1, false)]);
            assert_eq!(untold[1].last_at, after_seconds(7));
            assert_eq!(
                untold[1].news_at,
                after_seconds(7),
                "at another workstation"
            );
            assert_eq!(untold[2].instance_jkt, None);
            assert_eq!(list_untold(transaction, "other").await.unwrap(), []);
            let seen = async |transaction: &mut Transaction, sub, id| {
                record_told(transaction, sub, id, after_seconds(9))
                    .await
                    .unwrap()
            };
            assert!(!seen(transaction, "other", "a").await, "not hers");
            assert!(seen(transaction, "sub", "a").await);
            assert!(!seen(transaction, "sub", "a").await, "once");
            // A further one is news again.
            let again = refused("f", "one", Some("here"));
            note(transaction, again, after_seconds(60)).await.unwrap();
            let untold = list_untold(transaction, "sub").await.unwrap();
            let first = untold.iter().find(|it| it.id == "a").unwrap();
            assert_eq!((first.uses, first.news_at), (4, after_seconds(60)));
        })
        .await;
        let later = after_seconds(3 * 86_400);
        assert_eq!(
            delete_batch(&store, Kind::RefusedUse, start())
                .await
                .unwrap(),
            0
        );
        assert_eq!(
            delete_batch(&store, Kind::RefusedUse, later).await.unwrap(),
            3
        );
    })
    .await;
}

/// Attack N2: what she did not answer in the morning hides nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_use_is_news_at_once_from_elsewhere_and_after_a_while() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            with_session(transaction, "session", "here").await;
            let told = async |transaction: &mut Transaction, jkt, at| {
                note(
                    transaction,
                    refused("x", "one", Some(jkt)),
                    after_seconds(at),
                )
                .await
                .unwrap();
                list_since(transaction, after_seconds(at))
                    .await
                    .unwrap()
                    .len()
            };
            assert_eq!(told(transaction, "here", 0).await, 0, "her own");
            assert_eq!(told(transaction, "there", 300).await, 1);
            assert_eq!(told(transaction, "there", 310).await, 0, "told already");
            assert_eq!(told(transaction, "here", 320).await, 0, "her own again");
            assert_eq!(told(transaction, "there", 330).await, 1);
            assert_eq!(told(transaction, "there", 330 + 3_600).await, 1);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_are_told_of_what_happened_at_other_workstations() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            with_session(transaction, "session", "here").await;
            for jkt in ["here", "there"] {
                record_use(transaction, "sub", (jkt, Some(jkt)), start())
                    .await
                    .unwrap();
            }
            note(transaction, refused("a", "one", Some("here")), start())
                .await
                .unwrap();
            note(transaction, refused("b", "two", Some("there")), start())
                .await
                .unwrap();
            note(transaction, refused("c", "three", None), start())
                .await
                .unwrap();
            let told = list_since(transaction, start()).await.unwrap();
            assert!(told.iter().all(|it| it.presence_jkt == "key of session"));
            let mut news: Vec<_> = told
                .into_iter()
                .map(|it| match it.news {
                    News::NewWorkstation { instance_jkt, .. } => instance_jkt,
                    News::RefusedUse { id, .. } => id,
                })
                .collect();
            news.sort();
            assert_eq!(news, ["b", "c", "there"], "not of where she sits");
            let none = list_since(transaction, after_seconds(1)).await.unwrap();
            assert_eq!(none, []);
            session::end(transaction, "session", "card_elsewhere", start())
                .await
                .unwrap();
            assert_eq!(list_since(transaction, start()).await.unwrap(), []);
            let before = list_workstations_for(transaction, "key of session", start()).await;
            assert_eq!(before.unwrap().len(), 1);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_claimed_once_and_has_one_incident() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            let hers = ("sub", "line");
            assert_eq!(
                find_incident(transaction, "sub", "line").await.unwrap(),
                None
            );
            assert!(claim(transaction, hers, start()).await.unwrap());
            assert!(!claim(transaction, hers, start()).await.unwrap());
            assert!(
                claim(transaction, ("other", "line"), start())
                    .await
                    .unwrap()
            );
            assert_eq!(
                find_newest_unclosed(transaction, "sub").await.unwrap(),
                None
            );
            set_incident(transaction, hers, "incident").await.unwrap();
            assert_eq!(
                find_newest_unclosed(transaction, "sub").await.unwrap(),
                None,
                "none that somebody looks into"
            );
            incident::insert(transaction, &case()).await.unwrap();
            let incident = find_incident(transaction, "sub", "line").await.unwrap();
            assert_eq!(incident.as_deref(), Some("incident"));
            let newest = find_newest_unclosed(transaction, "sub").await.unwrap();
            assert_eq!(newest.as_deref(), Some("incident"));
            let since = start() - Duration::DAY;
            assert_eq!(count_since(transaction, "sub", since).await.unwrap(), 1);
            let later = after_seconds(1);
            assert_eq!(count_since(transaction, "sub", later).await.unwrap(), 0);
            assert_eq!(find_event(transaction, "sub", "none").await.unwrap(), None);
            let over = incident::close(transaction, "incident", "why", start()).await;
            assert!(over.unwrap());
            let newest = find_newest_unclosed(transaction, "sub").await.unwrap();
            assert_eq!(newest, None, "it is over");
            let anew = async |transaction: &mut Transaction| {
                claim_anew(transaction, hers, "incident", after_seconds(1)).await
            };
            assert!(anew(transaction).await.unwrap());
            assert!(!anew(transaction).await.unwrap(), "somebody else was first");
        })
        .await;
    })
    .await;
}

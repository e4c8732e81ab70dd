//! Cards that people sign in with: their use, their codes, and their suspension.

use cardea_storage::card::{self, Card, EarlierCode, SeenCard, record_use};
use cardea_storage::{SecretDigest, Transaction, session, session_card};
use time::OffsetDateTime;

use super::baseline::{after_seconds, pending_session, start, with_active_session};
use super::databases::{committed, on_both};

async fn seen(transaction: &mut Transaction, number: &str, at: OffsetDateTime) -> Card {
    let id_if_new = format!("card-{number}-{}", at.unix_timestamp());
    let seen = SeenCard {
        id_if_new: &id_if_new,
        sub: "sub",
        family: "cps",
        number,
    };
    record_use(transaction, seen, at).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_one_row_and_found_by_all_its_names() {
    on_both(async |store| {
        with_active_session(&store).await;
        committed(&store, async |transaction| {
            let first = seen(transaction, "1/1", start()).await;
            let again = seen(transaction, "1/1", after_seconds(5)).await;
            assert_eq!(first.id, again.id);
            assert_eq!(again.first_seen_at, start());
            assert_eq!(again.last_seen_at, after_seconds(5));
            let other = seen(transaction, "1/2", after_seconds(7)).await;
            assert_ne!(first.id, other.id);
            let found = card::find(transaction, &first.id).await.unwrap();
            assert_eq!(found, Some(again.clone()));
            let expected = [other.clone(), again.clone()];
            let of_person = card::list_of_person(transaction, "sub").await.unwrap();
            assert_eq!(of_person, expected);
            let listed = card::list_of_person_number(transaction, "899700000001").await;
            assert_eq!(listed.unwrap(), expected);
            let listed = card::list_of_number(transaction, "1/2").await.unwrap();
            assert_eq!(listed, [other]);
            assert!(card::find(transaction, "none").await.unwrap().is_none());
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_finds_its_card_until_another_takes_its_place() {
    on_both(async |store| {
        with_active_session(&store).await;
        committed(&store, async |transaction| {
            let card = seen(transaction, "1/1", start()).await;
            let digest = SecretDigest::of("slow digest");
            let set = async |transaction: &mut Transaction, lookup: &str| {
                let code = (lookup, &digest);
                let earlier = EarlierCode::Replaced;
                card::set_code(transaction, &card.id, code, earlier, after_seconds(1)).await
            };
            assert!(set(transaction, "AAAAA").await.unwrap());
            let other = ("CCCCC", &digest);
            let kept = EarlierCode::Kept;
            let given = card::set_code(transaction, &card.id, other, kept, start()).await;
            assert!(!given.unwrap(), "the one that it has stays");
            assert!(card::is_lookup_taken(transaction, "AAAAA").await.unwrap());
            let found = card::find_by_code(transaction, "AAAAA").await.unwrap();
            let found = found.unwrap();
            assert_eq!(found.code_digest, Some(digest.clone()));
            assert_eq!(found.code_made_at, Some(after_seconds(1)));
            assert_eq!(found.code_offered_at, Some(after_seconds(1)));
            assert!(set(transaction, "BBBBB").await.unwrap());
            assert!(!card::is_lookup_taken(transaction, "AAAAA").await.unwrap());
            let dead = card::find_by_code(transaction, "AAAAA").await.unwrap();
            assert!(dead.is_none());

            let ticket = SecretDigest::of("ticket");
            let until = after_seconds(60);
            let take = async |transaction: &mut Transaction, at| {
                let taken = card::take_ticket(transaction, &ticket, at).await;
                taken.unwrap().map(|card| card.id)
            };
            card::set_ticket(transaction, &card.id, &ticket, until)
                .await
                .unwrap();
            assert_eq!(take(transaction, until).await, None, "too old");
            let own = Some(card.id.clone());
            assert_eq!(take(transaction, after_seconds(59)).await, own);
            assert_eq!(take(transaction, after_seconds(59)).await, None, "once");
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_card_stays_as_it_was_until_it_is_let_in_again() {
    on_both(async |store| {
        with_active_session(&store).await;
        committed(&store, async |transaction| {
            let id = seen(transaction, "1/1", start()).await.id;
            let digest = SecretDigest::of("slow digest");
            let code = ("AAAAA", &digest);
            card::record_refusal(transaction, &id, start())
                .await
                .unwrap();
            card::record_told(transaction, &id, start()).await.unwrap();
            card::record_offer(transaction, &id, start()).await.unwrap();
            let first = EarlierCode::Kept;
            let given = card::set_code(transaction, &id, code, first, start()).await;
            assert!(given.unwrap());
            let at = after_seconds(10);
            assert!(card::suspend(transaction, &id, "code", at).await.unwrap());
            assert!(!card::suspend(transaction, &id, "code", at).await.unwrap());
            let used = seen(transaction, "1/1", after_seconds(20)).await;
            assert_eq!(used.last_seen_at, start(), "nobody has used it since");
            assert_eq!(used.suspension.as_ref().unwrap().since, at);
            assert_eq!(used.suspension.as_ref().unwrap().by, "code");
            assert_eq!((used.told_at, used.refused_at), (None, None));
            let another = EarlierCode::Replaced;
            let given = card::set_code(transaction, &id, code, another, at).await;
            assert!(!given.unwrap());
            let untold = card::list_untold(transaction, "sub").await.unwrap();
            assert_eq!(untold.len(), 1);
            let listed = card::list_suspended(transaction, 10).await.unwrap();
            assert_eq!(listed, untold);
            card::record_told(transaction, &id, at).await.unwrap();
            card::record_refusal(transaction, &id, at).await.unwrap();
            let untold = card::list_untold(transaction, "sub").await.unwrap();
            assert!(untold.is_empty());
            let found = card::find(transaction, &id).await.unwrap().unwrap();
            assert_eq!((found.told_at, found.refused_at), (Some(at), Some(at)));

            assert!(card::resume(transaction, &id).await.unwrap());
            assert!(!card::resume(transaction, &id).await.unwrap());
            let found = card::find(transaction, &id).await.unwrap().unwrap();
            assert_eq!(found.suspension, None);
            assert_eq!((found.code_digest, found.code_offered_at), (None, None));
            assert_eq!((found.told_at, found.refused_at), (None, None));
        })
        .await;
    })
    .await;
}

/// Sessions that an older program opened name no card: they end with any of their person's.
#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_of_a_card_are_its_own_and_those_of_nobody_knows_which() {
    on_both(async |store| {
        with_active_session(&store).await;
        committed(&store, async |transaction| {
            let card = seen(transaction, "1/1", start()).await;
            let found = card::find_of_session(transaction, "session").await;
            assert!(found.unwrap().is_none());
            let list = async |transaction: &mut Transaction, id: &str| {
                let sessions = session::list_of_card(transaction, id, "sub").await;
                let ids = sessions.unwrap().into_iter().map(|session| session.id);
                ids.collect::<Vec<_>>()
            };
            assert_eq!(list(transaction, &card.id).await, ["session"]);
            let own = (card.id.as_str(), "[]");
            session_card::insert(transaction, "session", own, after_seconds(60))
                .await
                .unwrap();
            let found = card::find_of_session(transaction, "session").await;
            assert_eq!(found.unwrap(), Some(card.clone()));
            assert_eq!(list(transaction, &card.id).await, ["session"]);
            assert!(list(transaction, "another").await.is_empty());
            let other = session::Session {
                id: "other".to_owned(),
                presence_jkt: "other presence".to_owned(),
                ..pending_session("sub")
            };
            session::insert(transaction, &other).await.unwrap();
            let theirs = ("another", "[]");
            session_card::insert(transaction, "other", theirs, after_seconds(60))
                .await
                .unwrap();
            assert_eq!(list(transaction, &card.id).await, ["session"]);
            assert_eq!(list(transaction, "another").await, ["other"]);
            session::end(transaction, "session", "departed", start())
                .await
                .unwrap();
            assert!(list(transaction, &card.id).await.is_empty());
        })
        .await;
    })
    .await;
}

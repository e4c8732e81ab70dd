use cardea_storage::{Store, authorization_request, session};

use super::baseline::{after_seconds, pending_session, request, with_active_session};
use super::databases::{committed, on_both};

async fn complete(store: &Store) -> bool {
    committed(store, async |transaction| {
        authorization_request::complete(transaction, "request", after_seconds(9))
            .await
            .unwrap()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_comes_back_as_it_was_stored() {
    on_both(async |store| {
        with_active_session(&store).await;
        committed(&store, async |transaction| {
            let found = authorization_request::find(transaction, "request")
                .await
                .unwrap();
            assert_eq!(found, Some(request()));
            assert_eq!(
                authorization_request::find(transaction, "other")
                    .await
                    .unwrap(),
                None
            );

            authorization_request::attach_session(transaction, "request", "session")
                .await
                .unwrap();
            let found = authorization_request::find(transaction, "request")
                .await
                .unwrap()
                .unwrap();
            assert_eq!(found.session_id.as_deref(), Some("session"));
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answered_request_keeps_its_session() {
    on_both(async |store| {
        let sub = with_active_session(&store).await.sub;
        committed(&store, async |transaction| {
            let mut late = pending_session(&sub);
            late.id = "late".to_owned();
            late.presence_jkt = "late".to_owned();
            session::insert(transaction, &late).await.unwrap();
            let attach = authorization_request::attach_session(transaction, "request", "session");
            assert!(attach.await.unwrap());
        })
        .await;
        assert!(complete(&store).await);
        committed(&store, async |transaction| {
            let attach = authorization_request::attach_session(transaction, "request", "late");
            assert!(!attach.await.unwrap());
            let held = authorization_request::hold_incomplete(transaction, "request").await;
            assert_eq!(held.unwrap(), None, "it waits for nothing any more");
            let found = authorization_request::find(transaction, "request").await;
            let found = found.unwrap().unwrap();
            assert_eq!(found.session_id.as_deref(), Some("session"));
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_a_request_sees_what_the_holder_before_attached() {
    on_both(async |store| {
        with_active_session(&store).await;
        let mut first = store.begin().await.unwrap();
        let held = authorization_request::hold_incomplete(&mut first, "request").await;
        assert_eq!(held.unwrap(), Some(request()));
        let second = tokio::spawn({
            let store = store.clone();
            async move {
                let mut second = store.begin().await.unwrap();
                authorization_request::hold_incomplete(&mut second, "request").await
            }
        });
        let attach = authorization_request::attach_session(&mut first, "request", "session");
        assert!(attach.await.unwrap());
        assert!(!second.is_finished());
        first.commit().await.unwrap();
        let held = second.await.unwrap().unwrap().unwrap();
        assert_eq!(held.session_id.as_deref(), Some("session"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_parallel_completions_of_a_request_one_wins() {
    on_both(async |store| {
        with_active_session(&store).await;
        let attempts: Vec<_> = (0..50)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { complete(&store).await })
            })
            .collect();
        let mut won = 0;
        for attempt in attempts {
            won += u32::from(attempt.await.unwrap());
        }
        assert_eq!(won, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_random_key_cannot_be_used_twice() {
    on_both(async |store| {
        let session = with_active_session(&store).await;
        let mut transaction = store.begin().await.unwrap();
        let error = authorization_request::insert(&mut transaction, &request())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "storage.conflict");
        drop(transaction);

        let mut transaction = store.begin().await.unwrap();
        let mut other = pending_session(&session.sub);
        other.id = "other".to_owned();
        let error = session::insert(&mut transaction, &other).await.unwrap_err();
        assert_eq!(
            error.code(),
            "storage.conflict",
            "a presence key opens one session"
        );
    })
    .await;
}

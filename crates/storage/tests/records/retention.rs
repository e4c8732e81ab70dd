use cardea_storage::retention::{delete_ended_before, delete_incomplete_requests_before};
use cardea_storage::{
    Redemption, SecretDigest, access_grant, authorization_code, authorization_request, challenge,
    client_session, session,
};

use super::baseline::{
    after_seconds, challenge as a_challenge, code, grant, request, with_active_session,
};
use super::databases::{committed, on_both};

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_long_ago_is_forgotten_children_first() {
    on_both(async |store| {
        with_active_session(&store).await;
        committed(&store, async |transaction| {
            challenge::insert(transaction, &a_challenge())
                .await
                .unwrap();
            authorization_request::attach_session(transaction, "request", "session")
                .await
                .unwrap();
            authorization_code::insert(transaction, &code())
                .await
                .unwrap();
            access_grant::insert(transaction, &grant()).await.unwrap();
            session::end(transaction, "session", "departed", after_seconds(30))
                .await
                .unwrap();
        })
        .await;

        committed(&store, async |transaction| {
            assert_eq!(
                delete_ended_before(transaction, after_seconds(30))
                    .await
                    .unwrap(),
                0
            );
            assert!(
                delete_ended_before(transaction, after_seconds(601))
                    .await
                    .unwrap()
                    >= 6
            );
            assert_eq!(
                delete_ended_before(transaction, after_seconds(601))
                    .await
                    .unwrap(),
                0
            );

            let request = authorization_request::find(transaction, "request")
                .await
                .unwrap();
            assert_eq!(request, None);
            assert_eq!(session::find(transaction, "session").await.unwrap(), None);
            assert_eq!(
                client_session::find(transaction, "sid").await.unwrap(),
                None
            );
            assert_eq!(
                access_grant::find(transaction, "token").await.unwrap(),
                None
            );
            let spent = challenge::redeem(transaction, "challenge", after_seconds(700)).await;
            assert_eq!(spent.unwrap(), Redemption::Unknown);
            let digest = SecretDigest::of("code");
            let spent = authorization_code::redeem(transaction, &digest, after_seconds(700)).await;
            assert_eq!(spent.unwrap(), Redemption::Unknown);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_session_is_never_forgotten() {
    on_both(async |store| {
        with_active_session(&store).await;
        committed(&store, async |transaction| {
            delete_ended_before(transaction, after_seconds(1_000_000))
                .await
                .unwrap();
            assert!(
                session::find(transaction, "session")
                    .await
                    .unwrap()
                    .is_some()
            );
            assert!(
                client_session::find(transaction, "sid")
                    .await
                    .unwrap()
                    .is_some()
            );
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nobody_answered_is_forgotten_apart_and_the_answered_one_stays() {
    on_both(async |store| {
        with_active_session(&store).await;
        committed(&store, async |transaction| {
            let mut answered = request();
            answered.id = "answered".to_owned();
            authorization_request::insert(transaction, &answered)
                .await
                .unwrap();
            for id in ["request", "answered"] {
                let mut asked = a_challenge();
                asked.jti = id.to_owned();
                asked.authorization_request_id = id.to_owned();
                challenge::insert(transaction, &asked).await.unwrap();
                let attach = authorization_request::attach_session(transaction, id, "session");
                assert!(attach.await.unwrap());
            }
            let complete =
                authorization_request::complete(transaction, "answered", after_seconds(9));
            assert!(complete.await.unwrap());

            for (before, rows) in [(600, 0), (601, 2), (601, 0)] {
                let deleted =
                    delete_incomplete_requests_before(transaction, after_seconds(before)).await;
                assert_eq!(deleted.unwrap(), rows, "before {before}");
            }
            for (id, there) in [("request", false), ("answered", true)] {
                let found = authorization_request::find(transaction, id).await.unwrap();
                assert_eq!(found.is_some(), there, "{id}");
                let challenge = challenge::redeem(transaction, id, after_seconds(10)).await;
                assert_eq!(challenge.unwrap() != Redemption::Unknown, there, "{id}");
            }
            let session = session::find(transaction, "session").await.unwrap();
            assert!(session.is_some(), "the session has its own limits");
        })
        .await;
    })
    .await;
}

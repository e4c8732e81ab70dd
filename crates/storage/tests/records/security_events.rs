//! What resource servers are to be told, whatever ended a session or a token.

use cardea_storage::access_grant::AccessGrant;
use cardea_storage::retention::{Kind as Forgotten, delete_batch};
use cardea_storage::security_event::{
    Kind, SecurityEvent, Stream, acknowledge, backlog, backlog_of_all, begin, count_streams, find,
    forget_longest_unused, list_pending, note_poll, published,
};
use cardea_storage::{SecretDigest, Store, Transaction, access_grant, backup, client};

use super::baseline::{after_seconds, grant, start, with_active_session};
use super::databases::{committed, on_both};

const API: &str = "https://api.example.fr";
const OTHER_API: &str = "https://other.example.fr";

fn stream(id: &str, client_id: &str, resources: &[&str]) -> Stream {
    Stream {
        id: id.to_owned(),
        client_id: client_id.to_owned(),
        name: "default".to_owned(),
        resources: resources.iter().map(|&it| it.to_owned()).collect(),
        begun_at: start(),
        polled_at: start(),
        sequence: 0,
        hears_stops: false,
    }
}

fn token(jti: &str, audience: &str) -> AccessGrant {
    AccessGrant {
        jti: jti.to_owned(),
        audience: audience.to_owned(),
        family: Some("family".to_owned()),
        ..grant()
    }
}

/// The APIs listen, and the issuer for tokens without a resource; the portal has a token for each,
/// two for the first, and one that expired long ago.
async fn with_tokens(store: &Store) {
    with_active_session(store).await;
    committed(store, async |transaction| {
        for stream in [
            stream("of api", "api", &[API]),
            stream("of other", "other-api", &[OTHER_API]),
            stream("of issuer", "issuer", &[""]),
        ] {
            begin(transaction, &stream).await.unwrap();
        }
        let old = AccessGrant {
            expires_at: after_seconds(-100),
            ..token("old", &format!("[\"{API}\"]"))
        };
        for grant in [
            token("first", &format!("[\"{API}\"]")),
            token(
                "second",
                &format!("[\"https://third.example.fr\",\"{API}\"]"),
            ),
            token("plain", "[]"),
            old,
        ] {
            access_grant::insert(transaction, &grant).await.unwrap();
        }
    })
    .await;
}

async fn pending(transaction: &mut Transaction, stream_id: &str) -> Vec<SecurityEvent> {
    list_pending(transaction, stream_id, 100).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_is_told_once_to_each_whose_tokens_may_live() {
    on_both(async |store| {
        with_tokens(&store).await;
        let mut woken = published();
        woken.mark_unchanged();
        let mut given_up = store.begin().await.unwrap();
        let at = after_seconds(5);
        let ended = access_grant::revoke_of_session(&mut given_up, "session", "departed", at);
        assert_eq!(ended.await.unwrap(), 4);
        assert_eq!(pending(&mut given_up, "of api").await.len(), 1);
        drop(given_up);

        committed(&store, async |transaction| {
            assert!(pending(transaction, "of api").await.is_empty(), "undone");
            let ended = access_grant::revoke_of_session(transaction, "session", "departed", at);
            assert_eq!(ended.await.unwrap(), 4);
        })
        .await;
        assert!(woken.has_changed().unwrap());
        let mut reading = store.begin_read().await.unwrap();
        let told = pending(&mut reading, "of api").await;
        assert_eq!(told.len(), 1, "of one session, not of two tokens");
        let event = &told[0];
        assert_eq!(event.kind, Kind::SessionRevoked);
        assert_eq!(event.sid.as_deref(), Some("sid"));
        assert_eq!(event.client_id, "portal");
        assert_eq!(event.sub.as_deref(), Some("sub"));
        assert_eq!(event.token_jti, None);
        assert_eq!(event.reason, "departed");
        assert_eq!(event.occurred_at, at);
        assert!(pending(&mut reading, "of other").await.is_empty());
        assert_eq!(pending(&mut reading, "of issuer").await.len(), 1);
        let all = backlog_of_all(&mut reading).await.unwrap();
        assert_eq!((all.streams, all.events), (3, 2));
        assert_eq!(all.oldest_at, Some(at));
    })
    .await;
}

/// A way in which tokens end while their session goes on.
#[derive(Clone, Copy, Debug)]
enum Way {
    Revoked,
    CodeReused,
    FamilyRevoked,
    ConsentRefused,
    ClientRemoved,
}

impl Way {
    /// Says how many tokens ended.
    async fn go(self, transaction: &mut Transaction) -> u64 {
        let at = after_seconds(5);
        let (code, family) = (SecretDigest::of("code"), "family");
        match self {
            Self::Revoked => {
                let revoked = access_grant::revoke(transaction, "first", at).await;
                return u64::from(revoked.unwrap());
            }
            Self::CodeReused => access_grant::revoke_of_code(transaction, &code, at).await,
            Self::FamilyRevoked => access_grant::revoke_of_family(transaction, family, at).await,
            Self::ConsentRefused => {
                access_grant::revoke_of_person(transaction, "sub", "portal", at).await
            }
            Self::ClientRemoved => {
                let ended = client::end_holdings(transaction, "portal", at).await;
                return ended.unwrap().access_grants;
            }
        }
        .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_alone_is_told_by_its_own_id() {
    for (way, reason, ended, expected) in [
        (Way::Revoked, "token_revoked", 1, &["first"][..]),
        (Way::CodeReused, "code_reused", 4, &["first", "second"]),
        (
            Way::FamilyRevoked,
            "family_revoked",
            4,
            &["first", "second"],
        ),
        (
            Way::ConsentRefused,
            "consent_refused",
            4,
            &["first", "second"],
        ),
        (
            Way::ClientRemoved,
            "client_removed",
            4,
            &["first", "second"],
        ),
    ] {
        on_both(async |store| {
            with_tokens(&store).await;
            let count = committed(&store, async |transaction| way.go(transaction).await).await;
            assert_eq!(count, ended, "{way:?}");
            let mut reading = store.begin_read().await.unwrap();
            let told = pending(&mut reading, "of api").await;
            let jtis = told.iter().filter_map(|it| it.token_jti.as_deref());
            let mut jtis: Vec<_> = jtis.collect();
            jtis.sort_unstable();
            assert_eq!(jtis, expected, "{way:?}");
            assert!(told.iter().all(|it| it.kind == Kind::TokenRevoked));
            assert!(told.iter().all(|it| it.reason == reason), "{told:?}");
            assert!(pending(&mut reading, "of other").await.is_empty());
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_waits_until_its_own_stream_acknowledges_it() {
    on_both(async |store| {
        with_tokens(&store).await;
        committed(&store, async |transaction| {
            let at = after_seconds(5);
            access_grant::revoke(transaction, "first", at)
                .await
                .unwrap();
            access_grant::revoke(transaction, "second", at)
                .await
                .unwrap();
            let told = pending(transaction, "of api").await;
            assert_eq!(told.len(), 2);
            assert!(told[0].sequence < told[1].sequence);
            assert_eq!(pending(transaction, "of api").await, told, "told again");
            let bounded = list_pending(transaction, "of api", 1).await.unwrap();
            assert_eq!(bounded, told[..1]);
            let waiting = backlog(transaction, "of api").await.unwrap();
            assert_eq!((waiting.events, waiting.sequence), (2, told[1].sequence));

            // Attack G13: what is another's is not taken off its stream.
            for (stream_id, jti) in [("of other", told[0].jti.as_str()), ("of api", "unknown")] {
                let taken = acknowledge(transaction, stream_id, jti).await.unwrap();
                assert!(!taken, "{stream_id} {jti}");
            }
            assert_eq!(pending(transaction, "of api").await.len(), 2);
            for (jti, sequence) in [
                (&told[1].jti, told[1].sequence),
                (&told[0].jti, told[1].sequence),
            ] {
                assert!(acknowledge(transaction, "of api", jti).await.unwrap());
                assert!(!acknowledge(transaction, "of api", jti).await.unwrap());
                let own = find(transaction, "api", "default").await.unwrap().unwrap();
                assert_eq!(own.sequence, sequence, "it never falls");
            }
            assert_eq!(backlog(transaction, "of api").await.unwrap().events, 0);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_begins_anew_has_nothing_of_the_old_one() {
    on_both(async |store| {
        with_tokens(&store).await;
        committed(&store, async |transaction| {
            let at = after_seconds(5);
            access_grant::revoke(transaction, "first", at)
                .await
                .unwrap();
            let anew = Stream {
                begun_at: after_seconds(700),
                polled_at: after_seconds(700),
                ..stream("anew", "api", &[API, OTHER_API])
            };
            begin(transaction, &anew).await.unwrap();
            let found = find(transaction, "api", "default").await.unwrap();
            assert_eq!(found, Some(anew));
            assert_eq!(count_streams(transaction, "api").await.unwrap(), 1);
            assert!(pending(transaction, "of api").await.is_empty());
            access_grant::revoke(transaction, "second", at)
                .await
                .unwrap();
            assert_eq!(pending(transaction, "anew").await.len(), 1);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_asks_for_is_forgotten() {
    on_both(async |store| {
        with_tokens(&store).await;
        committed(&store, async |transaction| {
            let at = after_seconds(5);
            access_grant::revoke(transaction, "first", at)
                .await
                .unwrap();
            access_grant::revoke(transaction, "plain", at)
                .await
                .unwrap();
            note_poll(transaction, "of api", after_seconds(50))
                .await
                .unwrap();
            // One that is in use makes no room for another.
            let unused = after_seconds(20);
            assert!(
                !forget_longest_unused(transaction, "api", unused)
                    .await
                    .unwrap()
            );
            assert!(
                forget_longest_unused(transaction, "issuer", unused)
                    .await
                    .unwrap()
            );
            assert_eq!(backlog_of_all(transaction).await.unwrap().events, 1);
        })
        .await;
        // The token expires after 120 seconds, and a minute is added.
        let forget = async |kind, seconds| {
            delete_batch(&store, kind, after_seconds(seconds))
                .await
                .unwrap()
        };
        assert_eq!(forget(Forgotten::SecurityEvent, 180).await, 0);
        assert_eq!(forget(Forgotten::SecurityEvent, 181).await, 1);
        assert_eq!(forget(Forgotten::SecurityEventStream, 50).await, 1);
        assert_eq!(forget(Forgotten::SecurityEventStream, 51).await, 1);
        let mut reading = store.begin_read().await.unwrap();
        assert_eq!(backlog_of_all(&mut reading).await.unwrap().streams, 0);
    })
    .await;
}

/// Who listened before a restore may have missed anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_leaves_no_stream() {
    on_both(async |store| {
        with_tokens(&store).await;
        committed(&store, async |transaction| {
            let at = after_seconds(5);
            access_grant::revoke(transaction, "first", at)
                .await
                .unwrap();
            let until = after_seconds(100);
            backup::end_everything(transaction, "restored", at, until)
                .await
                .unwrap();
            let left = backlog_of_all(transaction).await.unwrap();
            assert_eq!((left.streams, left.events), (0, 0));
        })
        .await;
    })
    .await;
}

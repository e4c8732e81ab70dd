use cardea_jose::{Algorithm, SigningKey};
use cardea_storage::client_session::load_or_create;
use time::Duration;

use crate::ProviderKeys;
use crate::bare_provider::{bare_provider, now, with_active_session};
use crate::keys::KeysInUse;

#[tokio::test]
async fn a_client_without_a_signing_key_keeps_nobody_else_from_being_told() {
    let (mut provider, store) = bare_provider().await;
    provider.lifetimes.session_idle = Duration::seconds(-1);
    for (session_id, clients) in [
        ("a", &["EdDSA"][..]),
        ("b", &["ES256", "EdDSA"]),
        ("c", &["ES256"]),
    ] {
        with_active_session(&store, session_id).await;
        let mut transaction = store.begin().await.unwrap();
        for (index, client_id) in clients.iter().enumerate() {
            let sid = format!("{session_id}-{index}");
            load_or_create(&mut transaction, session_id, client_id, &sid, now())
                .await
                .unwrap();
        }
        transaction.commit().await.unwrap();
    }
    let key = |algorithm| SigningKey::generate(algorithm).unwrap();
    let left = ProviderKeys::new([key(Algorithm::EdDsa)], key(Algorithm::Es256)).unwrap();
    provider.keys = KeysInUse::new(left);

    let mut ended: Vec<String> = provider
        .sweep()
        .await
        .unwrap()
        .into_iter()
        .map(|ended| ended.presence_jkt)
        .collect();
    ended.sort();
    assert_eq!(ended, ["a", "b", "c"], "each agent hears");
    let told = provider.take_logouts(|_| 9).await.unwrap();
    let told: Vec<&str> = told.iter().map(|told| told.client_id.as_str()).collect();
    assert_eq!(told, ["EdDSA", "EdDSA"], "and each client that can");
}

use cardea_jose::{Algorithm, SigningKey};
use time::{Duration, OffsetDateTime};

use super::{KeyWindow, ProviderKeys, TokenKey};
use crate::bare_provider::now;
use crate::{Client, ClientAuthentication};

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

fn keys(token_keys: Vec<TokenKey>) -> ProviderKeys {
    ProviderKeys::new(token_keys, key()).unwrap()
}

fn at(seconds: i64) -> OffsetDateTime {
    now() + Duration::seconds(seconds)
}

/// An old key whose successor signs from second 100, and whose tokens are over at second 1 000.
fn rotating() -> (ProviderKeys, String, String) {
    let (old, new) = (key(), key());
    let kids = (old.kid().to_owned(), new.kid().to_owned());
    let old = TokenKey {
        key: old,
        window: KeyWindow {
            generation: 1,
            signs_from: Some(at(-1000)),
            signs_until: Some(at(100)),
            verifies_until: Some(at(1000)),
        },
    };
    let new = TokenKey {
        key: new,
        window: KeyWindow {
            generation: 2,
            signs_from: Some(at(100)),
            ..KeyWindow::default()
        },
    };
    (keys(vec![old, new]), kids.0, kids.1)
}

/// Attacks G9 and G3: a key signs in its time alone; before it, it verifies nothing; after it, it
/// verifies until its tokens are over.
#[test]
fn a_key_signs_and_verifies_in_its_time() {
    let (keys, old, new) = rotating();
    // (second, who signs, whether the old and the new one verify and are published)
    for (second, signs, old_verifies, new_verifies, published) in [
        (0, &old, true, false, 2),
        (69, &old, true, false, 2),
        // Another node's clock may be ahead.
        (70, &old, true, true, 2),
        (99, &old, true, true, 2),
        (100, &new, true, true, 2),
        (999, &new, true, true, 2),
        (1000, &new, false, true, 1),
    ] {
        let moment = at(second);
        let signing = keys.signing(Algorithm::Es256, moment).unwrap();
        assert_eq!(signing.kid(), signs, "{second}");
        assert_eq!(keys.find(&old, moment).is_some(), old_verifies, "{second}");
        assert_eq!(keys.find(&new, moment).is_some(), new_verifies, "{second}");
        assert_eq!(keys.jwks(moment).keys.len(), published, "{second}");
    }
}

/// Attack H15: a clock that was set back brings no key to sign before its time, and none that this
/// server would refuse itself.
#[test]
fn what_signs_is_what_verifies() {
    let (keys, old, new) = rotating();
    for second in (-86_400..2_000).step_by(7) {
        let moment = at(second);
        match keys.signing(Algorithm::Es256, moment) {
            Ok(key) => assert!(keys.find(key.kid(), moment).is_some(), "{second}"),
            Err(error) => {
                assert_eq!(error.code(), "provider.signer_unavailable");
                assert!(keys.find(&old, moment).is_none(), "{second}");
            }
        }
    }
    let refused = keys.signing(Algorithm::Es256, at(-1031)).unwrap_err();
    assert_eq!(refused.code(), "provider.signer_unavailable");
    let early = keys.signing(Algorithm::Es256, at(-1030)).unwrap();
    assert_eq!(early.kid(), old);
    // Alone, the next one waits as well.
    let is_new = |it: &&TokenKey| it.key.kid() == new;
    let left: Vec<_> = keys.token_keys().iter().filter(is_new).cloned().collect();
    let keys = keys.with_token_keys(left);
    assert!(keys.signing(Algorithm::Es256, at(69)).is_err());
    assert!(keys.signing(Algorithm::Es256, at(70)).is_ok());
}

/// Attack H19: a node whose clock is wrong takes the keys by the clock of all nodes.
#[test]
fn h19_keys_go_by_the_clock_of_all_nodes() {
    let (keys, old, new) = rotating();
    for ahead in [Duration::hours(3), -Duration::hours(3)] {
        keys.set_ahead(ahead);
        let later = keys.with_token_keys(keys.token_keys().to_vec());
        for (second, signs) in [(99, &old), (100, &new)] {
            let moment = at(second) + ahead;
            let signing = later.signing(Algorithm::Es256, moment).unwrap();
            assert_eq!(signing.kid(), signs, "{second}");
            assert!(later.find(signs, moment).is_some());
        }
        assert_eq!(later.jwks(at(999) + ahead).keys.len(), 2);
        assert_eq!(later.jwks(at(1000) + ahead).keys.len(), 1);
    }
}

/// Attack G3: whatever the `kid` says, it is compared and never followed.
#[test]
fn a_key_id_is_looked_up_in_memory_alone() {
    let keys = keys(vec![key().into()]);
    let not_ours = key();
    let long = "x".repeat(10 * 1024);
    for kid in [
        "",
        "../../../../etc/passwd",
        "/proc/self/environ",
        "' OR '1'='1",
        "https://evil.test/jwks",
        long.as_str(),
        not_ours.kid(),
        keys.challenge_key.kid(),
    ] {
        assert!(keys.find(kid, now()).is_none(), "{kid}");
    }
}

/// Attack G8: what is published verifies, and no more.
#[test]
fn what_is_published_has_ids_and_no_private_member() {
    let keys = keys(vec![key().into()]);
    let text = serde_json::to_value(keys.jwks(now())).unwrap();
    let members = text["keys"][0].as_object().unwrap();
    let mut names: Vec<_> = members.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    let challenge_kid = keys.challenge_key.kid();
    assert!(keys.jwks(now()).find(challenge_kid).is_none());
}

/// Where a key was taken out and no other could be made, nothing signs: the one before it is
/// retired. Clients that asked for its algorithm stay.
#[test]
fn nothing_signs_in_the_place_of_a_key_that_was_taken_out() {
    let (keys, old, _) = rotating();
    let is_old = |it: &&TokenKey| it.key.kid() == old;
    let left: Vec<_> = keys.token_keys().iter().filter(is_old).cloned().collect();
    let keys = keys.with_token_keys(left);
    assert!(keys.signing(Algorithm::Es256, at(99)).is_ok());
    let refused = keys.signing(Algorithm::Es256, at(100)).unwrap_err();
    assert_eq!(refused.code(), "provider.signer_unavailable");
    assert!(keys.find(&old, at(100)).is_some());
    let keys = keys.with_token_keys(Vec::new());
    let refused = keys.signing(Algorithm::Es256, at(0)).unwrap_err();
    assert_eq!(refused.code(), "provider.signer_unavailable");
    assert!(keys.find(&old, at(0)).is_none());
    let client = Client {
        id_token_signed_response_alg: Algorithm::Es256,
        ..Client::new("portal", "Portail", ClientAuthentication::None)
    };
    assert!(keys.check_client(&client).is_ok());
    let client = Client {
        id_token_signed_response_alg: Algorithm::Ps256,
        ..client
    };
    let error = keys.check_client(&client).unwrap_err();
    assert_eq!(error.code(), "provider.key_missing");
}

#[test]
fn a_client_cannot_ask_for_an_algorithm_without_a_key() {
    let keys = keys(vec![key().into()]);
    let mut client = Client {
        id_token_signed_response_alg: Algorithm::Es256,
        ..Client::new("portal", "Portail", ClientAuthentication::None)
    };
    assert!(keys.check_client(&client).is_ok());
    client.userinfo_signed_response_alg = Some(Algorithm::Ps256);
    let error = keys.check_client(&client).unwrap_err();
    assert_eq!(error.code(), "provider.key_missing");
}

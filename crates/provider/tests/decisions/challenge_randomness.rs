//! No two challenges are alike, and nobody guesses the next one (attack C11).

use std::collections::HashSet;

use cardea_jose::{parse_base64url, random_base64url};
use serde_json::Value;

use super::world::{PORTAL, World};

/// A login gets at most so many challenges.
const CHALLENGES_OF_REQUEST: usize = 20;
/// Whole challenges, signed and stored.
const CHALLENGES: usize = 1_000;
/// All values: those of the challenges, and more from where these come from, without the database.
const VALUES: usize = 100_000;
const BYTES: usize = 32;
const BITS_MIN: u32 = 128;

/// Values seen so far, and which of their bits were ever one and ever zero.
#[derive(Default)]
struct Collected {
    values: HashSet<Vec<u8>>,
    ones: [u8; BYTES],
    zeros: [u8; BYTES],
}

impl Collected {
    fn add(&mut self, text: &str) {
        let value = parse_base64url(text).unwrap();
        assert_eq!(value.len(), BYTES);
        for ((ones, zeros), byte) in self.ones.iter_mut().zip(&mut self.zeros).zip(&value) {
            *ones |= byte;
            *zeros |= !byte;
        }
        assert!(self.values.insert(value), "{text} came twice");
    }

    fn bits_that_vary(&self) -> u32 {
        let both = self.ones.iter().zip(&self.zeros);
        both.map(|(ones, zeros)| (ones & zeros).count_ones()).sum()
    }
}

#[tokio::test]
async fn of_a_hundred_thousand_random_values_none_comes_twice() {
    let world = World::new().await;
    let (mut nonces, mut names) = (Collected::default(), Collected::default());
    for _ in 0..CHALLENGES / CHALLENGES_OF_REQUEST {
        let begun = world.begin(PORTAL).await;
        for _ in 0..CHALLENGES_OF_REQUEST {
            let issued = world
                .provider
                .issue_challenge(&begun.request_id, begun.cookie());
            let challenge = issued.await.unwrap();
            let payload = challenge.split('.').nth(1).unwrap();
            let claims = parse_base64url(payload).unwrap();
            let claims: Value = serde_json::from_slice(&claims).unwrap();
            nonces.add(claims["nonce"].as_str().unwrap());
            names.add(claims["jti"].as_str().unwrap());
        }
    }
    assert!(nonces.values.is_disjoint(&names.values));
    while nonces.values.len() < VALUES {
        nonces.add(&random_base64url(BYTES).unwrap());
    }
    for collected in [&nonces, &names] {
        assert!(collected.bits_that_vary() >= BITS_MIN);
    }
}

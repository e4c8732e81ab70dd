//! Bounds on guessing a client's secret (attack F5).
//!
//! Failures are counted for each client and network. While a client is guessed at from everywhere,
//! each network has a few tries left and no more, so that many addresses together cannot try many
//! secrets; a network that the client has authenticated from keeps all of its own. A stranger can
//! therefore make guessing slow, and cannot lock the client out. Counts live in memory and are
//! bounded: clients are registered, and networks beyond the bound share one count.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::client_address::network_of;

const WINDOW: Duration = Duration::from_secs(60);
/// Failures a minute for one client, from everywhere, before networks are held to the few.
const FAILURES_OF_CLIENT_MAX: u32 = 60;
/// Failures a minute for one client from one network.
const FAILURES_OF_NETWORK_MAX: u32 = 20;
/// The same while the client is guessed at.
const FAILURES_WHILE_GUESSED_AT_MAX: u32 = 3;
/// Networks with a count of their own, a client and minute.
const NETWORKS_MAX: usize = 2_000;
/// Networks that a client has authenticated from, and how long that is remembered.
const KNOWN_NETWORKS_MAX: usize = 64;
const KNOWN_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Counts failed authentications.
#[derive(Debug, Default)]
pub(crate) struct ClientThrottle(Mutex<HashMap<String, Failures>>);

/// A client authentication whose outcome is not known yet. Dropped, it stays counted.
#[derive(Debug)]
#[must_use = "an attempt that did not fail is taken out of the count"]
pub(crate) struct ClientAttempt<'a> {
    counted: Option<Counted<'a>>,
}

#[derive(Debug)]
struct Counted<'a> {
    throttle: &'a ClientThrottle,
    client_id: String,
    network: IpAddr,
    since: Instant,
}

#[derive(Debug)]
struct Failures {
    since: Instant,
    total: u32,
    of_networks: HashMap<Option<IpAddr>, u32>,
    known: HashMap<IpAddr, Instant>,
}

impl ClientThrottle {
    /// Counts an attempt to authenticate as a registered client with a secret; none when there
    /// were too many failures.
    pub(crate) fn attempt(&self, client_id: &str, address: IpAddr) -> Option<ClientAttempt<'_>> {
        self.attempt_at(client_id, address, Instant::now())
    }

    fn attempt_at(
        &self,
        client_id: &str,
        address: IpAddr,
        now: Instant,
    ) -> Option<ClientAttempt<'_>> {
        let network = network_of(address);
        let mut clients = self.lock();
        let failures = clients
            .entry(client_id.to_owned())
            .or_insert_with(|| Failures::since(now));
        failures.forget(now);
        if !failures.admit(network) {
            return None;
        }
        let since = failures.since;
        Some(ClientAttempt {
            counted: Some(Counted {
                throttle: self,
                client_id: client_id.to_owned(),
                network,
                since,
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientAttempt<'_> {
    /// An attempt that nobody counts: there is no secret to guess.
    pub(crate) const UNCOUNTED: Self = Self { counted: None };

    /// The client is who it says: the attempt is no failure, and its network is known from now on.
    pub(crate) fn succeed(self) {
        self.settle(|failures, network| failures.know(network, Instant::now()));
    }

    /// Nothing was decided about the client.
    pub(crate) fn give_back(self) {
        self.settle(|_, _| {});
    }

    fn settle(self, then: impl FnOnce(&mut Failures, IpAddr)) {
        let Some(counted) = self.counted else {
            return;
        };
        let mut clients = counted.throttle.lock();
        if let Some(failures) = clients.get_mut(&counted.client_id) {
            if failures.since == counted.since {
                failures.take_back(counted.network);
            }
            then(failures, counted.network);
        }
    }
}

impl Failures {
    fn since(now: Instant) -> Self {
        Self {
            since: now,
            total: 0,
            of_networks: HashMap::new(),
            known: HashMap::new(),
        }
    }

    fn forget(&mut self, now: Instant) {
        if now.saturating_duration_since(self.since) >= WINDOW {
            self.since = now;
            self.total = 0;
            self.of_networks.clear();
        }
        self.known
            .retain(|_, seen| now.saturating_duration_since(*seen) < KNOWN_FOR);
    }

    fn admit(&mut self, network: IpAddr) -> bool {
        let is_known = self.known.contains_key(&network);
        let max = if self.total < FAILURES_OF_CLIENT_MAX || is_known {
            FAILURES_OF_NETWORK_MAX
        } else {
            FAILURES_WHILE_GUESSED_AT_MAX
        };
        let key = self.key_of(network);
        let count = self.of_networks.entry(key).or_default();
        if *count >= max {
            return false;
        }
        *count = count.saturating_add(1);
        self.total = self.total.saturating_add(1);
        true
    }

    fn take_back(&mut self, network: IpAddr) {
        let key = self.key_of(network);
        if let Some(count) = self.of_networks.get_mut(&key) {
            *count = count.saturating_sub(1);
            self.total = self.total.saturating_sub(1);
        }
    }

    fn key_of(&self, network: IpAddr) -> Option<IpAddr> {
        let network = Some(network);
        let has_room = self.of_networks.len() < NETWORKS_MAX;
        network.filter(|_| has_room || self.of_networks.contains_key(&network))
    }

    fn know(&mut self, network: IpAddr, now: Instant) {
        if self.known.len() >= KNOWN_NETWORKS_MAX && !self.known.contains_key(&network) {
            let oldest = self.known.iter().min_by_key(|(_, seen)| **seen);
            if let Some(oldest) = oldest.map(|(network, _)| *network) {
                self.known.remove(&oldest);
            }
        }
        self.known.insert(network, now);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number))
    }

    fn admitted(throttle: &ClientThrottle, from: u32, now: Instant) -> bool {
        throttle.attempt_at("portal", address(from), now).is_some()
    }

    fn count(throttle: &ClientThrottle, from: u32, now: Instant) -> usize {
        (0..100).filter(|_| admitted(throttle, from, now)).count()
    }

    #[test]
    fn f5_one_network_has_twenty_failures_a_minute_and_clients_are_apart() {
        let throttle = ClientThrottle::default();
        let now = Instant::now();
        assert_eq!(count(&throttle, 1, now), 20);
        assert!(admitted(&throttle, 2, now));
        assert!(throttle.attempt_at("other", address(1), now).is_some());
        assert!(admitted(&throttle, 1, now + WINDOW));
    }

    #[test]
    fn f5_many_networks_together_have_few_tries_each() {
        let throttle = ClientThrottle::default();
        let now = Instant::now();
        let tries: Vec<_> = (1..=10).map(|from| count(&throttle, from, now)).collect();
        assert_eq!(tries, [20, 20, 20, 3, 3, 3, 3, 3, 3, 3]);
    }

    #[test]
    fn f5_a_stranger_cannot_lock_a_client_out() {
        let throttle = ClientThrottle::default();
        let now = Instant::now();
        throttle
            .attempt_at("portal", address(1), now)
            .unwrap()
            .succeed();
        for from in 2..500 {
            count(&throttle, from, now);
        }
        // From where it came before, the client has all of its tries; from elsewhere, its first.
        for _ in 0..100 {
            let attempt = throttle.attempt_at("portal", address(1), now).unwrap();
            attempt.succeed();
        }
        assert_eq!(count(&throttle, 1, now), 20);
        let elsewhere = throttle.attempt_at("portal", address(1_000), now).unwrap();
        elsewhere.succeed();
        assert_eq!(count(&throttle, 1_000, now), 20);
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = ClientThrottle::default();
        let now = Instant::now();
        for from in 0..10_000 {
            if let Some(attempt) = throttle.attempt_at("portal", address(from), now)
                && from < 1_000
            {
                attempt.succeed();
            }
        }
        let clients = throttle.lock();
        let failures = &clients["portal"];
        assert!(failures.known.len() <= KNOWN_NETWORKS_MAX);
        assert!(failures.of_networks.len() <= NETWORKS_MAX + 1);
    }

    #[test]
    fn what_was_not_decided_is_no_failure() {
        let throttle = ClientThrottle::default();
        let now = Instant::now();
        for _ in 0..100 {
            let attempt = throttle.attempt_at("portal", address(1), now).unwrap();
            attempt.give_back();
        }
        ClientAttempt::UNCOUNTED.succeed();
    }
}

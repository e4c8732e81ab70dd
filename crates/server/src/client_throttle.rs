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
/// Attempts at once from a network that the client is not known from: guesses that are sent
/// together are not counted as failures yet. A busy client of many requests soon is known.
const AT_ONCE_MAX: u32 = 100;
/// Networks with a count of their own, a client and minute.
const NETWORKS_MAX: usize = 2_000;
/// Networks that a client has authenticated from, and how long that is remembered.
const KNOWN_NETWORKS_MAX: usize = 64;
const KNOWN_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Counts failed authentications.
#[derive(Debug, Default)]
pub(crate) struct ClientThrottle(Mutex<HashMap<String, Failures>>);

/// A client authentication whose outcome is not known yet. Dropped, it is a failure.
#[derive(Debug)]
#[must_use = "an attempt that is dropped is a failure"]
pub(crate) struct ClientAttempt<'a> {
    counted: Option<Counted<'a>>,
}

#[derive(Debug)]
struct Counted<'a> {
    throttle: &'a ClientThrottle,
    client_id: String,
    network: IpAddr,
}

/// What happened to one client in the present minute.
#[derive(Debug)]
struct Failures {
    since: Instant,
    total: u32,
    of_networks: HashMap<Option<IpAddr>, Tries>,
    known: HashMap<IpAddr, Instant>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tries {
    failed: u32,
    undecided: u32,
}

/// How an attempt ended.
enum Outcome {
    Failed,
    Succeeded,
    Undecided,
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
        // An attempt that is dropped takes the lock: none is made before it is admitted.
        if !failures.admit(network) {
            return None;
        }
        Some(ClientAttempt {
            counted: Some(Counted {
                throttle: self,
                client_id: client_id.to_owned(),
                network,
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

    /// The client is who it says: its network is known from now on.
    pub(crate) fn succeed(mut self) {
        self.settle(&Outcome::Succeeded);
    }

    /// Nothing was decided about the client.
    pub(crate) fn give_back(mut self) {
        self.settle(&Outcome::Undecided);
    }

    fn settle(&mut self, outcome: &Outcome) {
        let Some(counted) = self.counted.take() else {
            return;
        };
        let mut clients = counted.throttle.lock();
        if let Some(failures) = clients.get_mut(&counted.client_id) {
            failures.settle(counted.network, outcome);
        }
    }
}

impl Drop for ClientAttempt<'_> {
    fn drop(&mut self) {
        self.settle(&Outcome::Failed);
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
            self.of_networks.retain(|_, tries| {
                tries.failed = 0;
                tries.undecided > 0
            });
        }
        self.known
            .retain(|_, seen| now.saturating_duration_since(*seen) < KNOWN_FOR);
    }

    fn admit(&mut self, network: IpAddr) -> bool {
        let is_known = self.known.contains_key(&network);
        let is_guessed_at = self.total >= FAILURES_OF_CLIENT_MAX && !is_known;
        let key = self.key_of(network);
        let tries = self.of_networks.entry(key).or_default();
        let at_once = tries.failed.saturating_add(tries.undecided);
        let admitted = if is_guessed_at {
            at_once < FAILURES_WHILE_GUESSED_AT_MAX
        } else {
            tries.failed < FAILURES_OF_NETWORK_MAX && (is_known || at_once < AT_ONCE_MAX)
        };
        if admitted {
            tries.undecided = tries.undecided.saturating_add(1);
        }
        admitted
    }

    fn settle(&mut self, network: IpAddr, outcome: &Outcome) {
        let key = self.key_of(network);
        let tries = self.of_networks.entry(key).or_default();
        tries.undecided = tries.undecided.saturating_sub(1);
        match outcome {
            Outcome::Failed => {
                tries.failed = tries.failed.saturating_add(1);
                self.total = self.total.saturating_add(1);
            }
            Outcome::Succeeded => self.know(network, Instant::now()),
            Outcome::Undecided => {}
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
    fn a_busy_client_may_ask_many_times_at_once() {
        let throttle = ClientThrottle::default();
        let now = Instant::now();
        let attempt = |from| throttle.attempt_at("portal", address(from), now);
        let unknown: Vec<_> = (0..200).filter_map(|_| attempt(1)).collect();
        assert_eq!(unknown.len(), 100);
        unknown.into_iter().for_each(ClientAttempt::succeed);
        let known: Vec<_> = (0..1_000).filter_map(|_| attempt(1)).collect();
        assert_eq!(known.len(), 1_000);
        known.into_iter().for_each(ClientAttempt::succeed);
        assert!(attempt(1).is_some());
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

//! Bounds on guessing a client's secret (attack F5).
//!
//! A secret is long and random, so that no number of guesses finds it: what is bounded is what they
//! cost and how many go on record. Wrong secrets are counted for each client and network, and for
//! each client; beyond, they are refused without a look at the database. The right secret is
//! compared first and always passes, from wherever it comes: nobody can lock a client out, not even
//! from its own network or just after a start. Counts live in memory and are bounded: clients are
//! registered, and networks beyond the bound share one count.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::client_address::network_of;

const WINDOW: Duration = Duration::from_secs(60);
/// Wrong secrets a minute for one client, from everywhere, before networks are held to the few.
const FAILURES_OF_CLIENT_MAX: u32 = 60;
/// Wrong secrets a minute for one client from one network.
const FAILURES_OF_NETWORK_MAX: u32 = 20;
/// The same while the client is guessed at.
const FAILURES_WHILE_GUESSED_AT_MAX: u32 = 3;
/// Networks with a count of their own, a client and minute.
const NETWORKS_MAX: usize = 2_000;

/// Counts wrong secrets.
#[derive(Debug, Default)]
pub(crate) struct ClientThrottle(Mutex<HashMap<String, Failures>>);

/// What happened to one client in the present minute.
#[derive(Debug)]
struct Failures {
    since: Instant,
    total: u32,
    of_networks: HashMap<Option<IpAddr>, u32>,
}

impl ClientThrottle {
    /// Counts a wrong secret of a registered client; false when there were too many.
    pub(crate) fn admit_failure(&self, client_id: &str, address: IpAddr) -> bool {
        self.admit_failure_at(client_id, address, Instant::now())
    }

    fn admit_failure_at(&self, client_id: &str, address: IpAddr, now: Instant) -> bool {
        let mut clients = self.lock();
        let failures = clients
            .entry(client_id.to_owned())
            .or_insert_with(|| Failures::since(now));
        if now.saturating_duration_since(failures.since) >= WINDOW {
            *failures = Failures::since(now);
        }
        failures.admit(network_of(address))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failures {
    fn since(now: Instant) -> Self {
        Self {
            since: now,
            total: 0,
            of_networks: HashMap::new(),
        }
    }

    fn admit(&mut self, network: IpAddr) -> bool {
        let limit = if self.total >= FAILURES_OF_CLIENT_MAX {
            FAILURES_WHILE_GUESSED_AT_MAX
        } else {
            FAILURES_OF_NETWORK_MAX
        };
        let has_room = self.of_networks.len() < NETWORKS_MAX;
        let key = Some(network);
        let key = key.filter(|_| has_room || self.of_networks.contains_key(&key));
        let failed = self.of_networks.entry(key).or_default();
        if *failed >= limit {
            return false;
        }
        *failed = failed.saturating_add(1);
        self.total = self.total.saturating_add(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn admitted(throttle: &ClientThrottle, from: u32, now: Instant) -> bool {
        let address = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + from));
        throttle.admit_failure_at("portal", address, now)
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
        let address = IpAddr::V4(Ipv4Addr::from(0x0a00_0001));
        assert!(throttle.admit_failure_at("other", address, now));
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
    fn memory_is_bounded_and_so_is_what_many_networks_try_together() {
        let throttle = ClientThrottle::default();
        let now = Instant::now();
        let tries: usize = (0..10_000).map(|from| count(&throttle, from, now)).sum();
        assert!(tries <= 4 * NETWORKS_MAX, "{tries}");
        let clients = throttle.lock();
        assert!(clients["portal"].of_networks.len() <= NETWORKS_MAX + 1);
    }
}

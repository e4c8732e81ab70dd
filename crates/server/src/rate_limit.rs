//! A bound on login starts and failed client authentications from one address (attacks H9, F5).
//!
//! Counts live in memory and are bounded; addresses beyond the bound share one count. A whole
//! practice behind one address stays far below the limit, a robot does not.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses with a count of their own.
const ADDRESSES_MAX: usize = 50_000;
const WINDOW: Duration = Duration::from_secs(60);

/// Counts events an address and minute.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    per_minute: u32,
    counts: Mutex<HashMap<Key, Count>>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    LoginStart,
    ClientFailure,
}

/// IPv6 networks are counted by /64: one subscriber owns all of its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    counted: Counted,
    address: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Instant,
    events: u32,
}

impl RateLimiter {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self {
            per_minute,
            counts: Mutex::default(),
        }
    }

    /// Counts one event; false when there were too many.
    pub(crate) fn admit(&self, counted: Counted, address: IpAddr) -> bool {
        self.admit_at(counted, address, Instant::now())
    }

    /// False when there were too many events, without counting one.
    pub(crate) fn has_room(&self, counted: Counted, address: IpAddr) -> bool {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Key {
            counted,
            address: Some(network_of(address)),
        };
        counts
            .get(&key)
            .is_none_or(|count| count.since.elapsed() >= WINDOW || count.events < self.per_minute)
    }

    fn admit_at(&self, counted: Counted, address: IpAddr, now: Instant) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = Key {
            counted,
            address: Some(network_of(address)),
        };
        if counts.len() >= ADDRESSES_MAX && !counts.contains_key(&key) {
            counts.retain(|_, count| now.saturating_duration_since(count.since) < WINDOW);
            if counts.len() >= ADDRESSES_MAX {
                key.address = None;
            }
        }
        let count = counts.entry(key).or_insert(Count {
            since: now,
            events: 0,
        });
        if now.saturating_duration_since(count.since) >= WINDOW {
            *count = Count {
                since: now,
                events: 0,
            };
        }
        count.events = count.events.saturating_add(1);
        count.events <= self.per_minute
    }
}

fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Instant;

    use super::{Counted, RateLimiter, WINDOW};

    #[test]
    fn one_address_is_bounded_and_others_go_on() {
        let limiter = RateLimiter::new(2);
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let other: IpAddr = "192.0.2.2".parse().unwrap();
        let now = Instant::now();
        let outcomes: Vec<_> = (0..3)
            .map(|_| limiter.admit_at(Counted::LoginStart, one, now))
            .collect();
        assert_eq!(outcomes, [true, true, false]);
        assert!(limiter.admit_at(Counted::LoginStart, other, now));
        assert!(limiter.admit_at(Counted::ClientFailure, one, now));
        assert!(limiter.admit_at(Counted::LoginStart, one, now + WINDOW));
    }

    #[test]
    fn an_ipv6_network_counts_as_one() {
        let limiter = RateLimiter::new(1);
        let now = Instant::now();
        let admit = |text: &str| limiter.admit_at(Counted::LoginStart, text.parse().unwrap(), now);
        assert!(admit("2001:db8::1"));
        assert!(!admit("2001:db8::2"));
        assert!(admit("2001:db8:0:1::1"));
    }
}

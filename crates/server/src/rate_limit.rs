//! Bounds on what one address may ask for in a minute (attacks H9, F5).
//!
//! What is counted costs the server a record, and with it a write to the disk, or at least a look
//! at the database, before anybody has shown a card: login starts, challenges, and refusals. It is
//! counted before the database is asked, so that what is refused here makes nobody wait. Counts
//! live in memory and are bounded; addresses beyond the bound share one count. A whole practice
//! behind one address stays far below the limits, a robot does not.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::client_address::network_of;
use crate::config::LimitsConfig;

/// Addresses with a count of their own.
const ADDRESSES_MAX: usize = 50_000;
const WINDOW: Duration = Duration::from_secs(60);

/// Counts events an address and minute.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    limits: LimitsConfig,
    counts: Mutex<HashMap<Key, Count>>,
}

/// What is counted. Refusals are counted apart for each endpoint, so that an address which is
/// refused at one of them can go on at the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    /// An authorization request.
    LoginStart,
    /// A pushed authorization request that is refused, or that anybody can send.
    PushedRequest,
    /// A challenge asked for.
    Challenge,
    /// A challenge of a card grant asked for.
    GrantChallenge,
    /// A page or an answer of a login that the caller does not have.
    LoginPageRefusal,
    /// A refused assertion.
    LoginRefusal,
    /// A refused token request.
    TokenRefusal,
    /// A refused introspection or revocation request, or one about a token that never was.
    TokenLookupRefusal,
    /// A refused userinfo request.
    UserinfoRefusal,
    /// A logout request that proves nothing.
    LogoutRefusal,
    /// A yes to the logout of a session that the caller does not have.
    LogoutConfirmation,
    /// A look at the server's health, which asks the database.
    Health,
}

/// An event that was counted before its outcome was known. Dropped, it stays counted: also when
/// the caller does not wait for the outcome.
#[derive(Debug)]
#[must_use = "what succeeds is given back"]
pub(crate) struct Charge<'a> {
    limiter: &'a RateLimiter,
    key: Key,
    since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    counted: Counted,
    network: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Instant,
    events: u32,
}

impl RateLimiter {
    pub(crate) fn new(limits: LimitsConfig) -> Self {
        Self {
            limits,
            counts: Mutex::default(),
        }
    }

    /// Counts one event; none when there were too many.
    pub(crate) fn charge(&self, counted: Counted, address: IpAddr) -> Option<Charge<'_>> {
        self.charge_at(counted, address, Instant::now())
    }

    fn charge_at(&self, counted: Counted, address: IpAddr, now: Instant) -> Option<Charge<'_>> {
        let mut counts = self.lock();
        let mut key = Key {
            counted,
            network: Some(network_of(address)),
        };
        if counts.len() >= ADDRESSES_MAX && !counts.contains_key(&key) {
            counts.retain(|_, count| now.saturating_duration_since(count.since) < WINDOW);
            if counts.len() >= ADDRESSES_MAX {
                key.network = None;
            }
        }
        let fresh = Count {
            since: now,
            events: 0,
        };
        let count = counts.entry(key).or_insert(fresh);
        if now.saturating_duration_since(count.since) >= WINDOW {
            *count = fresh;
        }
        if count.events >= self.limit_of(counted) {
            return None;
        }
        count.events = count.events.saturating_add(1);
        Some(Charge {
            limiter: self,
            key,
            since: count.since,
        })
    }

    fn limit_of(&self, counted: Counted) -> u32 {
        match counted {
            Counted::LoginStart => self.limits.per_address_and_minute,
            Counted::Challenge | Counted::GrantChallenge => {
                self.limits.challenges_per_address_and_minute
            }
            Counted::PushedRequest
            | Counted::LoginPageRefusal
            | Counted::LoginRefusal
            | Counted::TokenRefusal
            | Counted::TokenLookupRefusal
            | Counted::UserinfoRefusal
            | Counted::LogoutRefusal
            | Counted::LogoutConfirmation
            | Counted::Health => self.limits.refusals_per_address_and_minute,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Charge<'_> {
    /// Takes the event out of the count: nothing was refused.
    pub(crate) fn give_back(self) {
        let mut counts = self.limiter.lock();
        if let Some(count) = counts.get_mut(&self.key)
            && count.since == self.since
        {
            count.events = count.events.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Instant;

    use super::{Counted, RateLimiter, WINDOW};
    use crate::config::LimitsConfig;

    fn limiter(per_minute: u32) -> RateLimiter {
        RateLimiter::new(LimitsConfig {
            per_address_and_minute: per_minute,
            refusals_per_address_and_minute: per_minute,
            ..LimitsConfig::default()
        })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_is_bounded_and_others_go_on() {
        let limiter = limiter(2);
        let now = Instant::now();
        let admit = |counted, text, at| limiter.charge_at(counted, address(text), at).is_some();
        let outcomes = [(); 3].map(|()| admit(Counted::LoginStart, "192.0.2.1", now));
        assert_eq!(outcomes, [true, true, false]);
        assert!(admit(Counted::LoginStart, "192.0.2.2", now));
        assert!(admit(Counted::TokenRefusal, "192.0.2.1", now));
        assert!(admit(Counted::LoginStart, "192.0.2.1", now + WINDOW));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_and_mapped_ipv4_does_not() {
        let limiter = limiter(1);
        let now = Instant::now();
        let admit = |text| {
            limiter
                .charge_at(Counted::LoginStart, address(text), now)
                .is_some()
        };
        assert!(admit("2001:db8::1"));
        assert!(!admit("2001:db8::2"));
        assert!(admit("2001:db8:0:1::1"));
        assert!(admit("::ffff:192.0.2.1"));
        assert!(admit("::ffff:192.0.2.2"));
        assert!(!admit("192.0.2.2"));
    }

    #[test]
    fn what_succeeds_is_given_back_and_what_is_abandoned_is_not() {
        let limiter = limiter(1);
        let now = Instant::now();
        let charge = |at| limiter.charge_at(Counted::TokenRefusal, address("192.0.2.1"), at);
        charge(now).unwrap().give_back();
        let abandoned = charge(now).unwrap();
        drop(abandoned);
        assert!(charge(now).is_none());
        // A charge of an older minute takes nothing out of the present one.
        let older = charge(now + WINDOW).unwrap();
        let present = charge(now + WINDOW + WINDOW).unwrap();
        older.give_back();
        assert!(charge(now + WINDOW + WINDOW).is_none());
        drop(present);
    }
}

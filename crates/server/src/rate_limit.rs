//! Bounds on what one address may ask for in a minute (attacks H9, F5).
//!
//! What is counted costs the server a record, and with it a write to the disk, or at least a look
//! at the database, before anybody has shown a card: login starts, challenges, and refusals. It is
//! counted before the database is asked, so that what is refused here makes nobody wait. A whole
//! practice behind one address stays far below the limits, a robot does not.
//!
//! Counts live in memory and are bounded, those of IPv4 and IPv6 apart: where there are too many,
//! those that were asked least recently are forgotten, and a newcomer is never refused for the
//! number of others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::client_address::{network_of, site_of};
use crate::config::LimitsConfig;

/// Counts that are kept for certain, of each version of the protocol; as many again may be.
const COUNTS_MAX: usize = 50_000;
/// How many times the limit of an address all addresses of its IPv6 site have together: what has a
/// /48 has 65 536 networks to ask from.
const SITE_FACTOR: u32 = 10;
/// Wrong user codes of an address in a minute, whatever else is configured: a person mistypes
/// twice, and a practice has few hosts (RFC 8628 section 5.1). Beyond, the right ones pass alone.
const DEVICE_CODE_GUESSES_MAX: u32 = 10;
/// Wrong codes of one address: nobody has so many cards to lose.
const SUSPEND_CODES_MAX: u32 = 20;
/// Files of people's own logs for one address: a practice takes a few, and each reads many rows.
const OWN_EXPORTS_MAX: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);

/// Counts events an address and minute.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    limits: LimitsConfig,
    counts: Mutex<Counts>,
}

/// What is counted. Refusals are counted apart for each endpoint, so that an address which is
/// refused at one of them can go on at the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    /// An authorization request.
    LoginStart,
    /// A pushed authorization request that is refused, or that anybody can send.
    PushedRequest,
    /// A device's request that is refused, or that anybody can send.
    DeviceRequest,
    /// A user code that no device shows.
    DeviceCodeGuess,
    /// A challenge asked for.
    Challenge,
    /// A visit of the listener that asks for cards' certificates.
    Agentless,
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
    /// A refused request about a registration.
    RegistrationRefusal,
    /// A refused request to the admin API.
    AdminRefusal,
    /// A person's own log in a file.
    OwnExport,
    /// A logout request that proves nothing.
    LogoutRefusal,
    /// A code that suspends no card, or a yes to no suspension.
    SuspendCode,
    /// A yes to the logout of a session that the caller does not have.
    LogoutConfirmation,
    /// A look at the server's health, which asks the database.
    Health,
    /// A look whether the server is ready.
    Readiness,
}

/// An event that was counted before its outcome was known. Dropped, it stays counted: also when
/// the caller does not wait for the outcome.
#[derive(Debug)]
#[must_use = "what succeeds is given back"]
pub(crate) struct Charge<'a> {
    limiter: &'a RateLimiter,
    network: (Key, Instant),
    site: Option<(Key, Instant)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    counted: Counted,
    address: IpAddr,
    extent: Extent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Extent {
    Network,
    Site,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Instant,
    events: u32,
}

#[derive(Debug, Default)]
struct Counts {
    v4: Recent,
    v6: Recent,
}

/// The counts that were asked most recently.
#[derive(Debug, Default)]
struct Recent {
    newer: HashMap<Key, Count>,
    /// Forgotten as a whole once the newer ones are too many: no search for what may go.
    older: HashMap<Key, Count>,
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
        let limit = self.limit_of(counted);
        let key = |address, extent| Key {
            counted,
            address,
            extent,
        };
        let network = key(network_of(address), Extent::Network);
        let site = site_of(address).map(|site| key(site, Extent::Site));
        let mut counts = self.lock();
        // The site comes first: beyond its limit it makes no counts of networks.
        if let Some(site) = site
            && counts.at(site, now).events >= limit.saturating_mul(SITE_FACTOR)
        {
            return None;
        }
        let count = counts.at(network, now);
        if count.events >= limit {
            return None;
        }
        let since = count.add();
        Some(Charge {
            limiter: self,
            network: (network, since),
            site: site.map(|site| (site, counts.at(site, now).add())),
        })
    }

    fn limit_of(&self, counted: Counted) -> u32 {
        match counted {
            Counted::LoginStart => self.limits.per_address_and_minute,
            Counted::Challenge | Counted::GrantChallenge | Counted::Agentless => {
                self.limits.challenges_per_address_and_minute
            }
            Counted::DeviceCodeGuess => DEVICE_CODE_GUESSES_MAX,
            Counted::SuspendCode => SUSPEND_CODES_MAX,
            Counted::OwnExport => OWN_EXPORTS_MAX,
            Counted::PushedRequest
            | Counted::DeviceRequest
            | Counted::LoginPageRefusal
            | Counted::LoginRefusal
            | Counted::TokenRefusal
            | Counted::TokenLookupRefusal
            | Counted::UserinfoRefusal
            | Counted::RegistrationRefusal
            | Counted::AdminRefusal
            | Counted::LogoutRefusal
            | Counted::LogoutConfirmation
            | Counted::Health
            | Counted::Readiness => self.limits.refusals_per_address_and_minute,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Charge<'_> {
    /// Takes the event out of the count: nothing was refused.
    pub(crate) fn give_back(self) {
        let mut counts = self.limiter.lock();
        for (key, since) in [Some(self.network), self.site].into_iter().flatten() {
            if let Some(count) = counts.of_version(key.address).find(&key)
                && count.since == since
            {
                count.events = count.events.saturating_sub(1);
            }
        }
    }
}

impl Counts {
    /// The count of the minute that `now` lies in.
    fn at(&mut self, key: Key, now: Instant) -> &mut Count {
        let fresh = Count {
            since: now,
            events: 0,
        };
        let count = self.of_version(key.address).touch(key, fresh);
        if now.saturating_duration_since(count.since) >= WINDOW {
            *count = fresh;
        }
        count
    }

    fn of_version(&mut self, address: IpAddr) -> &mut Recent {
        match address {
            IpAddr::V4(_) => &mut self.v4,
            IpAddr::V6(_) => &mut self.v6,
        }
    }
}

impl Count {
    fn add(&mut self) -> Instant {
        self.events = self.events.saturating_add(1);
        self.since
    }
}

impl Recent {
    fn touch(&mut self, key: Key, fresh: Count) -> &mut Count {
        if self.newer.len() >= COUNTS_MAX && !self.newer.contains_key(&key) {
            self.older = std::mem::take(&mut self.newer);
        }
        let known = self.older.remove(&key).unwrap_or(fresh);
        self.newer.entry(key).or_insert(known)
    }

    fn find(&mut self, key: &Key) -> Option<&mut Count> {
        match self.newer.get_mut(key) {
            None => self.older.get_mut(key),
            found => found,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Instant;

    use super::{COUNTS_MAX, Counted, RateLimiter, WINDOW};
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

    #[test]
    fn h9_an_ipv6_site_is_bounded_as_well_as_its_networks() {
        let limiter = limiter(2);
        let now = Instant::now();
        let charge = |text: &str| limiter.charge_at(Counted::LoginStart, address(text), now);
        let networks = 0..100;
        let admitted = networks.filter(|it| charge(&format!("2001:db8:0:{it:x}::1")).is_some());
        assert_eq!(admitted.count(), 20);
        assert!(charge("2001:db8:1::1").is_some());
        // What is given back is given back to the site too.
        let given_back = charge("2001:db8:2::1").unwrap();
        given_back.give_back();
        let more = (0..20).filter(|it| charge(&format!("2001:db8:2:{it:x}::1")).is_some());
        assert_eq!(more.count(), 20);
    }

    #[test]
    fn h9_many_networks_shut_no_newcomer_out_and_fill_no_memory() {
        let limiter = limiter(1);
        let now = Instant::now();
        let charge = |text: &str| limiter.charge_at(Counted::LoginStart, address(text), now);
        assert!(charge("192.0.2.1").is_some());
        for number in 0..150_000_u32 {
            let (site, network) = (number / 8, number % 8);
            let (high, low) = (site >> 16, site & 0xffff);
            let from = format!("2001:{high:x}:{low:x}:{network:x}::1");
            assert!(charge(&from).is_some(), "{from}");
        }
        assert!(charge("2001:db8::1").is_some());
        assert!(charge("2001:db8::1").is_none());
        // IPv4 has its own counts, and none was forgotten.
        assert!(charge("192.0.2.1").is_none());
        assert!(charge("192.0.2.2").is_some());
        let counts = limiter.lock();
        assert!(counts.v6.newer.len() + counts.v6.older.len() <= 2 * COUNTS_MAX);
    }
}

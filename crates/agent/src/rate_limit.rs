//! How often one origin may ask for a sign-in, and how often the person said no to one site.
//!
//! The steady rate is the origin's: whatever a page varies, no more prompts come. The count of
//! cancelled prompts is the site's, an origin with the client of the signed challenge; three in a
//! row, and it has to pause. That is the way to silence a page that asks again and again.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use cardea_assertion::Origin;

use crate::Error;
use crate::blocked_sites::Site;

/// Prompts cancelled one after the other before the site has to pause.
const CANCELLED_IN_A_ROW_MAX: u32 = 3;
/// Sites whose cancelled prompts are counted at a time.
const SITES_COUNTED_MAX: usize = 256;

/// The limits of every enrolled origin. Only enrolled origins get here, so the map stays small.
#[derive(Debug)]
pub(crate) struct RateLimit {
    requests_per_minute: u32,
    origins: Mutex<HashMap<Origin, Allowance>>,
    cancelled_in_a_row: Mutex<HashMap<Site, u32>>,
}

/// A steady rate, of which a part may come at once.
#[derive(Debug)]
pub(crate) struct Allowance {
    per_second: f64,
    burst: f64,
    tokens: f64,
    counted_at: Instant,
}

impl Allowance {
    /// A steady rate; a third of a minute's requests, at least three, may come at once.
    pub(crate) fn new(requests_per_minute: u32, now: Instant) -> Self {
        let per_minute = f64::from(requests_per_minute);
        let burst = (per_minute / 3.0).max(3.0);
        Self {
            per_second: per_minute / 60.0,
            burst,
            tokens: burst,
            counted_at: now,
        }
    }

    /// Takes one request off.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Error> {
        let passed = now.saturating_duration_since(self.counted_at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        self.counted_at = now;
        if self.tokens < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - self.tokens) / self.per_second);
            return Err(Error::RateLimited {
                retry_after_seconds: wait.as_secs() + 1,
            });
        }
        self.tokens -= 1.0;
        Ok(())
    }
}

impl RateLimit {
    /// The same steady rate for each origin.
    pub(crate) fn new(requests_per_minute: u32) -> Self {
        Self {
            requests_per_minute,
            origins: Mutex::default(),
            cancelled_in_a_row: Mutex::default(),
        }
    }

    /// Takes one request off the origin's allowance.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub(crate) fn check(&self, origin: &Origin, now: Instant) -> Result<(), Error> {
        let mut origins = lock(&self.origins);
        let allowance = origins
            .entry(origin.clone())
            .or_insert_with(|| Allowance::new(self.requests_per_minute, now));
        allowance.take(now)
    }

    /// Notes how the person answered a prompt of this site; whether that begins a pause.
    pub(crate) fn note_answer(&self, site: &Site, answer: Answer) -> bool {
        let mut counts = lock(&self.cancelled_in_a_row);
        let before = counts.remove(site).unwrap_or_default();
        let count = match answer {
            Answer::Given => return false,
            Answer::Cancelled => before + 1,
        };
        if count >= CANCELLED_IN_A_ROW_MAX {
            return true;
        }
        if counts.len() >= SITES_COUNTED_MAX {
            counts.clear();
        }
        counts.insert(site.clone(), count);
        false
    }
}

/// How a person answered a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// With a PIN.
    Given,
    /// By pressing Cancel.
    Cancelled,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocked_sites::Asking;

    fn origin(text: &str) -> Origin {
        Origin::parse(text).unwrap()
    }

    #[test]
    fn d7_a_hundred_requests_at_once_are_cut_to_the_burst() {
        let (limit, now) = (RateLimit::new(30), Instant::now());
        let page = origin("https://a.example");
        let accepted = (0..100).filter(|_| limit.check(&page, now).is_ok()).count();
        assert_eq!(accepted, 10);
        let error = limit.check(&page, now).unwrap_err();
        assert_eq!(error.code(), "agent.rate_limited");
        assert!(matches!(
            error,
            Error::RateLimited {
                retry_after_seconds: 2..=3
            }
        ));
    }

    #[test]
    fn allowances_come_back_and_are_each_origins_own() {
        let (limit, now) = (RateLimit::new(30), Instant::now());
        let (one, two) = (origin("https://a.example"), origin("https://b.example"));
        while limit.check(&one, now).is_ok() {}
        assert!(limit.check(&two, now).is_ok());
        assert!(
            limit
                .check(&one, now + Duration::from_millis(1_900))
                .is_err()
        );
        assert!(
            limit
                .check(&one, now + Duration::from_millis(2_100))
                .is_ok()
        );
    }

    #[test]
    fn three_cancelled_prompts_of_one_site_in_a_row_begin_a_pause() {
        let limit = RateLimit::new(600);
        let site = |client_id: &str| Site {
            origin: "https://a.example".to_owned(),
            client_id: client_id.to_owned(),
            asking: Asking::SignIn,
        };
        let note = |client_id, answer| limit.note_answer(&site(client_id), answer);
        use Answer::{Cancelled, Given};
        let answers = [
            ("one", Cancelled, false),
            ("one", Cancelled, false),
            ("one", Given, false),
            ("one", Cancelled, false),
            ("two", Cancelled, false),
            ("one", Cancelled, false),
            ("two", Cancelled, false),
            ("one", Cancelled, true),
            ("one", Cancelled, false),
            ("two", Cancelled, true),
        ];
        for (at, (client_id, answer, pauses)) in answers.into_iter().enumerate() {
            assert_eq!(note(client_id, answer), pauses, "{at}");
        }
        // A guard's questions are counted for themselves.
        let anew = Site {
            asking: Asking::FreshSignature,
            ..site("three")
        };
        for pauses in [false, false, true] {
            assert_eq!(limit.note_answer(&anew, Cancelled), pauses);
        }
        assert!(!note("three", Cancelled));
    }
}

//! How often one origin may ask for a sign-in.
//!
//! Two limits: a steady rate, and a pause for an origin whose prompts the person keeps cancelling.
//! The second is the way to silence a page that asks again and again: press Cancel three times.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use cardea_assertion::Origin;

use crate::Error;

/// Prompts cancelled one after the other before the origin has to pause.
const CANCELLED_IN_A_ROW_MAX: u32 = 3;
/// How long it has to pause.
const PAUSE: Duration = Duration::from_secs(300);

/// The limits of every enrolled origin. Only enrolled origins get here, so the map stays small.
#[derive(Debug)]
pub(crate) struct RateLimit {
    per_second: f64,
    burst: f64,
    origins: Mutex<HashMap<Origin, Allowance>>,
}

#[derive(Debug)]
struct Allowance {
    tokens: f64,
    counted_at: Instant,
    cancelled_in_a_row: u32,
    paused_until: Option<Instant>,
}

impl RateLimit {
    /// A steady rate; a third of a minute's requests, at least three, may come at once.
    pub(crate) fn new(requests_per_minute: u32) -> Self {
        let per_minute = f64::from(requests_per_minute);
        Self {
            per_second: per_minute / 60.0,
            burst: (per_minute / 3.0).max(3.0),
            origins: Mutex::default(),
        }
    }

    /// Takes one request off the origin's allowance.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub(crate) fn check(&self, origin: &Origin, now: Instant) -> Result<(), Error> {
        let mut origins = lock(&self.origins);
        let allowance = origins.entry(origin.clone()).or_insert_with(|| Allowance {
            tokens: self.burst,
            counted_at: now,
            cancelled_in_a_row: 0,
            paused_until: None,
        });
        if let Some(left) = allowance
            .paused_until
            .and_then(|until| until.checked_duration_since(now))
        {
            return Err(Error::RateLimited {
                retry_after_seconds: left.as_secs() + 1,
            });
        }
        let passed = now
            .saturating_duration_since(allowance.counted_at)
            .as_secs_f64();
        allowance.tokens = (allowance.tokens + passed * self.per_second).min(self.burst);
        allowance.counted_at = now;
        if allowance.tokens < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - allowance.tokens) / self.per_second);
            return Err(Error::RateLimited {
                retry_after_seconds: wait.as_secs() + 1,
            });
        }
        allowance.tokens -= 1.0;
        Ok(())
    }

    /// Ends the pause of an origin that the person has blocked instead: who unblocks it has changed
    /// her mind about the pause, too.
    pub(crate) fn end_pause(&self, origin: &Origin) {
        if let Some(allowance) = lock(&self.origins).get_mut(origin) {
            allowance.paused_until = None;
        }
    }

    /// Notes how the person answered a prompt of this origin; whether that begins a pause.
    pub(crate) fn note_answer(&self, origin: &Origin, answer: Answer, now: Instant) -> bool {
        let mut origins = lock(&self.origins);
        let Some(allowance) = origins.get_mut(origin) else {
            return false;
        };
        match answer {
            Answer::Given => allowance.cancelled_in_a_row = 0,
            Answer::Cancelled => allowance.cancelled_in_a_row += 1,
        }
        let pauses = allowance.cancelled_in_a_row >= CANCELLED_IN_A_ROW_MAX;
        if pauses {
            allowance.cancelled_in_a_row = 0;
            allowance.paused_until = Some(now + PAUSE);
        }
        pauses
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
    fn three_cancelled_prompts_in_a_row_silence_an_origin_for_five_minutes() {
        let (limit, now) = (RateLimit::new(600), Instant::now());
        let page = origin("https://a.example");
        let ask = |answer| {
            let checked = limit.check(&page, now);
            limit.note_answer(&page, answer, now);
            checked.is_ok()
        };
        assert!(ask(Answer::Cancelled) && ask(Answer::Cancelled) && ask(Answer::Given));
        assert!(ask(Answer::Cancelled) && ask(Answer::Cancelled) && ask(Answer::Cancelled));
        assert!(limit.check(&page, now + Duration::from_secs(299)).is_err());
        assert!(limit.check(&page, now + Duration::from_secs(301)).is_ok());
    }
}

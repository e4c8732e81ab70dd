//! Which challenges have been put to the person already: each gets one prompt and one signature.
//!
//! The server takes one answer a challenge, so a second one could only be of use to somebody else.
//! A page that is loaded again fetches a challenge of its own.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::Error;
use crate::challenge_check::AcceptedChallenge;

/// Challenges remembered at a time: one origin at the highest configurable rate, with challenges of
/// the longest lifetime, comes to 6000.
const CHALLENGES_MAX: usize = 8_192;

/// Remembers each challenge for as long as it lives.
#[derive(Debug, Default)]
pub(crate) struct RedeemedChallenges(Mutex<HashMap<ChallengeName, Instant>>);

/// A `jti` is unique to its issuer only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ChallengeName {
    issuer: String,
    jti: String,
}

impl RedeemedChallenges {
    /// Whether a challenge could be used up now; it is not.
    ///
    /// # Errors
    /// As for [`RedeemedChallenges::redeem`].
    pub(crate) fn check(&self, accepted: &AcceptedChallenge, now: Instant) -> Result<(), Error> {
        let mut redeemed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        check_room(&mut redeemed, &ChallengeName::of(accepted), now)
    }

    /// Uses a challenge up.
    ///
    /// # Errors
    /// [`Error::ChallengeRepeated`] when it has been used; [`Error::RateLimited`] when so many live
    /// that one more could not be remembered.
    pub(crate) fn redeem(&self, accepted: &AcceptedChallenge, now: Instant) -> Result<(), Error> {
        self.redeem_until(
            ChallengeName::of(accepted),
            accepted.lifetime.deadline(),
            now,
        )
    }

    fn redeem_until(
        &self,
        name: ChallengeName,
        deadline: Instant,
        now: Instant,
    ) -> Result<(), Error> {
        let mut redeemed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        check_room(&mut redeemed, &name, now)?;
        redeemed.insert(name, deadline);
        Ok(())
    }
}

impl ChallengeName {
    fn of(accepted: &AcceptedChallenge) -> Self {
        Self {
            issuer: accepted.wanted.issuer().to_owned(),
            jti: accepted.wanted.jti().to_owned(),
        }
    }
}

fn check_room(
    redeemed: &mut HashMap<ChallengeName, Instant>,
    name: &ChallengeName,
    now: Instant,
) -> Result<(), Error> {
    redeemed.retain(|_, deadline| *deadline > now);
    if redeemed.contains_key(name) {
        return Err(Error::ChallengeRepeated);
    }
    if redeemed.len() >= CHALLENGES_MAX {
        let next = redeemed.values().min().copied().unwrap_or(now);
        return Err(Error::RateLimited {
            retry_after_seconds: next.duration_since(now).as_secs() + 1,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn name(issuer: &str, jti: usize) -> ChallengeName {
        ChallengeName {
            issuer: issuer.to_owned(),
            jti: jti.to_string(),
        }
    }

    #[test]
    fn a_challenge_is_remembered_until_it_ends() {
        let (redeemed, now) = (RedeemedChallenges::default(), Instant::now());
        let deadline = now + Duration::from_secs(120);
        let redeem = |issuer, now| {
            let outcome = redeemed.redeem_until(name(issuer, 1), deadline, now);
            outcome.map_err(|error| error.code())
        };
        let check = |issuer| {
            let outcome = check_room(&mut redeemed.0.lock().unwrap(), &name(issuer, 1), now);
            outcome.map_err(|error| error.code())
        };
        let repeated = Err("agent.challenge_repeated");
        // A look uses nothing up.
        assert_eq!((check("a"), check("a")), (Ok(()), Ok(())));
        assert_eq!(redeem("a", now), Ok(()));
        assert_eq!(redeem("a", now), repeated);
        assert_eq!(check("a"), repeated);
        // Another issuer may choose the same jti.
        assert_eq!(redeem("b", now), Ok(()));
        assert_eq!(redeem("a", deadline - Duration::from_secs(1)), repeated);
        assert_eq!(redeem("a", deadline), Ok(()));
        assert_eq!(redeemed.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn nothing_is_forgotten_to_make_room() {
        let (redeemed, now) = (RedeemedChallenges::default(), Instant::now());
        let deadline = now + Duration::from_secs(120);
        for jti in 0..CHALLENGES_MAX {
            redeemed
                .redeem_until(name("a", jti), deadline, now)
                .unwrap();
        }
        let one_more = |jti| redeemed.redeem_until(name("a", jti), deadline, now);
        assert_eq!(one_more(0).unwrap_err().code(), "agent.challenge_repeated");
        assert!(matches!(
            one_more(CHALLENGES_MAX),
            Err(Error::RateLimited {
                retry_after_seconds: 121
            })
        ));
    }
}

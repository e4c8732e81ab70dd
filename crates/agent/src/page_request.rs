//! What a page asks for, by whichever way it came: from a challenge to the stream of states.
//!
//! Each way attests the page's origin by itself before it comes here; nothing of the request has
//! been believed otherwise.

use std::sync::Arc;
use std::time::Instant;

use cardea_assertion::Origin;
use tokio::sync::mpsc;
use tracing::Instrument as _;

use crate::Error;
use crate::agent::Agent;
use crate::blocked_sites::Site;
use crate::boot_clock::SinceBoot;
use crate::challenge_check::accept_challenge;
use crate::progress::{Line, Progress};
use crate::sign_in::SignIn;

/// Begins a sign-in for a page of `origin`, and gives the lines that tell of it. Whoever drops them
/// has gone: the prompt is taken away then, and nothing is signed.
///
/// # Errors
/// [`Error::RateLimited`], [`Error::ScreenLocked`], [`Error::Busy`], [`Error::SiteBlocked`], and
/// all reasons why the challenge is not shown to the person.
pub(crate) async fn begin(
    agent: Arc<Agent>,
    origin: Origin,
    challenge: &str,
    arrived: Instant,
) -> Result<mpsc::Receiver<Line>, Error> {
    agent.rate_limit.check(&origin, arrived)?;
    agent.presence.check_screen()?;
    // Before the challenge is looked at: a second request learns at once that it has to wait.
    agent.prompt_slot.check()?;
    let issuers = agent.issuers.now();
    let accepted = accept_challenge(challenge, origin.clone(), &issuers, arrived).await?;
    if let Some(site) = Site::of(&accepted.wanted) {
        agent.blocked_sites.check(&site, SinceBoot::now())?;
    }
    agent.redeemed_challenges.check(&accepted, arrived)?;
    // Only now: a request that is refused must not take a question to the person away.
    let (progress, lines) = Progress::channel();
    let place = agent.prompt_slot.take(&progress).await?;
    agent.redeemed_challenges.redeem(&accepted, arrived)?;
    progress.send(Line::Accepted {
        issuer: accepted.issuer.enrolment.issuer.as_str().to_owned(),
        challenge: accepted.wanted.hash().to_owned(),
    })?;
    let span = tracing::info_span!(
        "sign_in",
        challenge = accepted.wanted.hash().get(..8).unwrap_or_default(),
        origin = origin.as_str(),
    );
    let sign_in = SignIn::new(agent, accepted, progress, place);
    tokio::spawn(sign_in.run().instrument(span));
    Ok(lines)
}

//! One sign-in: a code on this terminal, an answer at the workstation, a look at the token.

use std::time::Duration;

use cardea_jose::random_base64url;
use tokio::time::{Instant, sleep, timeout_at};
use zeroize::Zeroizing;

use crate::Error;
use crate::clock::unix_now;
use crate::config::Config;
use crate::id_token::{self, Expected};
use crate::issuer::{Asked, Issuer, Poll};
use crate::module::Module;

/// What `slow_down` adds to the wait (RFC 8628 section 3.5).
const SLOWER_BY: Duration = Duration::from_secs(5);

/// Tokens that nobody has looked at yet.
struct Answer {
    id_token: Zeroizing<String>,
    access_token: Zeroizing<String>,
}

/// Lets a person in to an account, and says who she is to the issuer.
pub(crate) async fn sign_in(
    config: &Config,
    account: &str,
    module: &Module,
) -> Result<String, Error> {
    // Before anything is shown: an account that is nobody's is asked for by nobody's card.
    let holders = config.holders_of(account)?;
    let issuer = Issuer::discover(config).await?;
    let nonce = random_base64url(32).map_err(|_| Error::RuntimeFailed)?;
    let asked = issuer.ask(&nonce).await?;
    for line in config
        .language
        .instructions(&asked.verification_uri, &asked.user_code)
    {
        module.show(&line);
    }
    let enter = module.wait_for_enter(config.language.prompt());
    let limit = config.time_limit_seconds.min(asked.lifetime_seconds);
    let until = Instant::now() + Duration::from_secs(limit);
    let answered = async {
        // Whoever asked may press Enter early or late; her card's answer is waited for either way.
        let (answer, is_there) = tokio::join!(wait(&issuer, &asked, until), enter);
        if is_there.unwrap_or(false) {
            answer
        } else {
            Err(Error::Abandoned)
        }
    };
    // Some time to press Enter once the card has answered, and no more.
    let answered = timeout_at(until + SLOWER_BY, answered).await;
    let answer = answered.map_err(|_| Error::TimedOut)??;
    let keys = issuer.keys().await?;
    let expected = Expected {
        issuer: &config.issuer,
        client_id: &config.client_id,
        nonce: &nonce,
        acr: config.acr,
        holders,
    };
    let person = id_token::verify(&answer.id_token, &keys, &expected, unix_now());
    issuer.give_back(&answer.access_token).await;
    person
}

/// Asks for the tokens at the pace that the issuer sets, until there is an answer or no time left.
async fn wait(issuer: &Issuer<'_>, asked: &Asked, until: Instant) -> Result<Answer, Error> {
    let mut interval = Duration::from_secs(asked.interval_seconds);
    loop {
        if Instant::now() + interval > until {
            return Err(Error::TimedOut);
        }
        sleep(interval).await;
        match issuer.poll(asked).await {
            Ok(Poll::Tokens {
                id_token,
                access_token,
            }) => {
                return Ok(Answer {
                    id_token,
                    access_token,
                });
            }
            Ok(Poll::SlowDown) => interval += SLOWER_BY,
            // RFC 8628 section 3.5: a connection that failed once is no answer.
            Ok(Poll::Wait) | Err(Error::IssuerUnreachable { .. }) => {}
            Err(error) => return Err(error),
        }
    }
}

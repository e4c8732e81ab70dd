//! One sign-in: a code on this terminal, an answer at the workstation, a look at the token.

use std::time::Duration;

use cardea_jose::random_base64url;
use tokio::time::{Instant, sleep, timeout_at};
use zeroize::Zeroizing;

use crate::Error;
use crate::asker::Asker;
use crate::clock::unix_now;
use crate::config::Config;
use crate::door::Door;
use crate::id_token::{self, Expected};
use crate::issuer::{Asked, Issuer, Poll};
use crate::module::Module;
use crate::place::Place;

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
    door: &Door,
    module: &Module,
) -> Result<String, Error> {
    // Before anything is shown: an account that is nobody's is asked for by nobody's card.
    let holders = config.holders_of(&door.account)?;
    let _place = Place::take(&config.lock_folder, door)?;
    let mut asker = Asker::listen()?;
    let issuer = Issuer::discover(config).await?;
    let nonce = random_base64url(32).map_err(|_| Error::RuntimeFailed)?;
    let asked = issuer.ask(&nonce, door).await?;
    show(config, &asked, module);
    let limit = config.time_limit_seconds.min(asked.lifetime_seconds);
    let until = Instant::now() + Duration::from_secs(limit);
    // She may press Enter early or late; her card's answer is waited for either way.
    let answered = tokio::select! {
        answer = wait(&issuer, &asked, until) => answer,
        () = asker.gone() => Err(Error::Abandoned),
    };
    let answer = match answered {
        Ok(answer) => answer,
        Err(error) => {
            // Nobody waits for it any more: its place at the issuer is free, its code opens
            // nothing.
            issuer.withdraw(&asked).await;
            return Err(error);
        }
    };
    let expected = Expected {
        issuer: &config.issuer,
        client_id: &config.client_id,
        nonce: &nonce,
        acr: config.acr,
        holders,
    };
    // Some time to press Enter once the card has answered, and no more.
    let person = match timeout_at(until + SLOWER_BY, asker.pressed_enter()).await {
        Err(_) => Err(Error::TimedOut),
        Ok(Err(error)) => Err(error),
        Ok(Ok(())) => look(&issuer, &answer, &expected).await,
    };
    issuer.give_back(&answer.access_token).await;
    person
}

/// Asks as for a sign-in, and takes it back: whether the issuer is there and takes this client.
pub(crate) async fn ask_and_withdraw(config: &Config) -> Result<(), Error> {
    let issuer = Issuer::discover(config).await?;
    let nonce = random_base64url(32).map_err(|_| Error::RuntimeFailed)?;
    let account = config.any_account().unwrap_or("nobody").to_owned();
    let door = Door::new(account, "check".to_owned(), String::new());
    let asked = issuer.ask(&nonce, &door).await?;
    issuer.withdraw(&asked).await;
    Ok(())
}

/// Shows what to do at the workstation, and asks for Enter.
fn show(config: &Config, asked: &Asked, module: &Module) {
    for line in config
        .language
        .instructions(&asked.verification_uri, &asked.user_code)
    {
        module.show(&line);
    }
    module.ask_for_enter(config.language.prompt());
}

/// Whom the tokens name.
async fn look(
    issuer: &Issuer<'_>,
    answer: &Answer,
    expected: &Expected<'_>,
) -> Result<String, Error> {
    let keys = issuer.keys().await?;
    id_token::verify(&answer.id_token, &keys, expected, unix_now())
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

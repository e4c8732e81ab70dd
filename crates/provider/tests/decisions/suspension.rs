//! Lost cards: the code that suspends one and can do nothing else, the operator who lifts it, and
//! what its owner is told.

mod by_code;
mod news;
mod operator;
mod own;
mod ways_in;

use cardea_provider::{AccountSession, CardSuspensions, Error, SuspendCode, SuspendedByCode};
use cardea_test_pki::{CardProfile, IssuedCertificate, KeyKind};

use super::world::{PORTAL, World};

/// Another card of the same pharmacist.
fn second_card(world: &World) -> IssuedCertificate {
    issue(world, CardProfile::pharmacist())
}

fn issue(world: &World, profile: CardProfile) -> IssuedCertificate {
    let card = world.pki.issue_card(&profile.with_key(KeyKind::P256));
    card.unwrap().authentication
}

/// The session that was activated last.
async fn session_of(world: &World) -> String {
    world.event("session.activated").await.session_id.unwrap()
}

/// A person at her account page, in the session that was opened last.
async fn account_of(world: &World) -> AccountSession {
    let session = world.event("session.activated").await;
    AccountSession {
        sub: session.sub.unwrap(),
        session_id: session.session_id.unwrap(),
        instance_jkt: world.instance.key.kid().to_owned(),
        card_sha256: String::new(),
        person_name: String::new(),
        form_token: String::new(),
    }
}

/// A login with the world's card, and a new code for it.
async fn code_after_login(world: &World) -> SuspendCode {
    world.log_in(PORTAL, None).await;
    let account = account_of(world).await;
    world
        .provider
        .make_suspend_code(&account)
        .await
        .unwrap()
        .code
}

/// The whole way that a person goes on the page.
async fn suspend(world: &World, code: &SuspendCode) -> Result<SuspendedByCode, Error> {
    let accepted = world.provider.read_suspend_code(code).await?;
    world
        .provider
        .suspend_by_ticket(accepted.ticket.expose())
        .await
}

/// What a login with the world's card is refused with: for the log, and for the browser.
async fn refusal(world: &World) -> (&'static str, &'static str) {
    world.refusal_of(|_| {}).await
}

const SUSPENDED: (&str, &str) = ("provider.card_suspended", "login.card_suspended");

/// The cards in the name of an operator who gives a command.
fn cards(world: &World) -> CardSuspensions {
    CardSuspensions::new(world.records())
}

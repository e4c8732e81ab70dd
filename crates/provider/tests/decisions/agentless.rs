//! Logins without the agent: a card's certificate from a TLS handshake that is taken for granted
//! here, and every refusal of what can be asked beside it.

mod code;
mod refusals;
mod sessions;

use cardea_oauth2_types::AuthorizationParameters;
use cardea_provider::{AgentlessLogin, AgentlessPage, AgentlessVisit, EndedSession, Error, Secret};
use cardea_test_pki::{CardProfile, IssuedCertificate, KeyKind};

use super::world::{Begun, PORTAL, Settings, World, parameters};

/// The portal lets in logins without the agent, the second client does not.
fn settings() -> Settings {
    let mut settings = Settings::refreshing();
    settings.config.agentless = AgentlessLogin::Allowed;
    settings.client(PORTAL).agentless = AgentlessLogin::Allowed;
    settings
}

async fn world() -> World {
    settings().build().await
}

/// A pharmacist's card that is not the world's.
fn another_card(world: &World) -> IssuedCertificate {
    let profile = CardProfile::doctor().with_key(KeyKind::P256);
    world.pki.issue_card(&profile).unwrap().authentication
}

/// What a card's handshake brings.
fn chain(card: &IssuedCertificate) -> Vec<Vec<u8>> {
    let mut chain = vec![card.der.clone()];
    chain.extend(card.chain_der.iter().cloned());
    chain
}

async fn visit(world: &World, begun: &Begun, chain: &[Vec<u8>]) -> Result<AgentlessPage, Error> {
    let visit = AgentlessVisit {
        request_id: &begun.request_id,
        chain_der: chain,
    };
    world.provider.describe_agentless(visit).await
}

async fn confirm(
    world: &World,
    begun: &Begun,
    chain: &[Vec<u8>],
    confirmation: &str,
) -> Result<Secret, Error> {
    let visit = AgentlessVisit {
        request_id: &begun.request_id,
        chain_der: chain,
    };
    let confirmed = world
        .provider
        .confirm_agentless(visit, confirmation, &world.evidence)
        .await;
    confirmed.map(|confirmed| confirmed.code)
}

/// A yes of the world's card on its page.
async fn say_yes(world: &World, begun: &Begun) -> Secret {
    let chain = chain(&world.card);
    let page = visit(world, begun, &chain).await.unwrap();
    confirm(world, begun, &chain, &page.confirmation)
        .await
        .unwrap()
}

async fn bring_back(
    world: &World,
    begun: &Begun,
    session_cookie: Option<&str>,
    code: &Secret,
) -> Result<Vec<EndedSession>, Error> {
    world
        .provider
        .redeem_agentless_code(
            &begun.request_id,
            begun.cookie(),
            session_cookie,
            code.expose(),
        )
        .await
}

/// A whole login; the redirect with its code, and the browser's session cookie.
async fn log_in_with(
    world: &World,
    session_cookie: Option<&str>,
    change: impl FnOnce(&mut AuthorizationParameters),
) -> (String, Secret) {
    let begun = world.begin_with(change).await;
    let code = say_yes(world, &begun).await;
    bring_back(world, &begun, session_cookie, &code)
        .await
        .unwrap();
    let completed = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), session_cookie)
        .await
        .unwrap();
    (completed.response.location(), completed.session_cookie)
}

async fn log_in(world: &World) -> (String, Secret) {
    log_in_with(world, None, |asked| *asked = parameters(PORTAL)).await
}

/// The code of the refusal of a yes in a world that was changed before.
pub(super) async fn refused_yes(change: impl AsyncFnOnce(&World)) -> &'static str {
    let world = world().await;
    change(&world).await;
    let begun = world.begin(PORTAL).await;
    let chain = chain(&world.card);
    let page = visit(&world, &begun, &chain).await.unwrap();
    let refused = confirm(&world, &begun, &chain, &page.confirmation).await;
    refused.unwrap_err().code()
}

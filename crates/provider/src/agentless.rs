//! Agentless login: the browser reaches the card itself, and the card's key answers the TLS
//! handshake of a listener that asks for its certificate (docs/adr/0024, docs/agentless.md).
//!
//! **What the handshake proves.** In TLS 1.2 the card's key signs the whole handshake so far, the
//! server's certificate and its fresh key share included (RFC 5246 section 7.4.8; in TLS 1.3
//! RFC 8446 section 4.4.3). So at this moment, on this connection to *this* server, somebody could
//! use the key of this certificate: it is no replay, and nobody who ends TLS under another name can
//! pass it on. There is no resumption and each connection carries one request, so that the
//! handshake of the confirmed request is a new one.
//!
//! **What it does not prove.** No *origin*: nothing that is signed says which page sent the browser
//! here; what keeps a planted login out is the one-time code that must come back with the login
//! cookie of the browser that began it. No *PIN*: whether it was typed, when, or is held by a
//! driver, nobody states. No *presence*: the card may leave the reader in the next second. And no
//! *wish*: a browser answers with a certificate that was chosen once without asking again, so that
//! arriving means nothing and only the answer on the confirmation page counts. Hence the level
//! `card-unwatched`, which satisfies nothing stronger, and a short session.
//!
//! The handshake takes the place of challenge and signatures; from the certification path on the
//! steps are those of a login with an agent, in their order: path → algorithm → revocation →
//! certificate profile → policy.

mod confirm;
mod confirmation;
mod describe;
mod redeem_code;

pub use confirm::AgentlessConfirmation;
pub use describe::AgentlessPage;

use std::sync::Arc;

use cardea_oauth2_types::Acr;
use cardea_pki::Certificate;
use cardea_storage::Transaction;
use cardea_storage::authorization_request::{self, AuthorizationRequest};
use time::OffsetDateTime;

use crate::authentication::is_id;
use crate::authorization::StoredParameters;
use crate::config::AgentlessLogin;
use crate::event::{Event, EventKind};
use crate::notices::IdentifiedCard;
use crate::{Client, Error, InstancePolicy, Provider};

/// What stands where an agent's instance key would: there is none. It is no thumbprint.
const NO_INSTANCE: &str = "agentless";

/// A browser at the listener that asks for cards' certificates.
#[derive(Clone, Copy)]
pub struct AgentlessVisit<'a> {
    /// The authorization request, from the page's address.
    pub request_id: &'a str,
    /// The certificates that this connection's handshake brought, in DER, the proven one first.
    pub chain_der: &'a [Vec<u8>],
}

/// Whether a login can go without the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentlessOffer {
    /// The provider or the client does not let it in.
    None,
    /// This request asks for a PIN, a fresh proof of the person, or a level that is out of reach.
    Insufficient,
    /// It can.
    Offered,
}

/// A request that may be answered without the agent.
struct Admitted {
    request: AuthorizationRequest,
    parameters: StoredParameters,
    client: Arc<Client>,
}

impl Provider {
    /// Whether agentless logins are let in at all.
    #[must_use]
    pub fn offers_agentless(&self) -> bool {
        self.agentless == AgentlessLogin::Allowed
    }

    /// Whether the provider and a client let in a login without the agent.
    pub(crate) fn admits_agentless(&self, client: &Client) -> bool {
        // Without an agent there is no workstation that a client could know.
        self.offers_agentless()
            && client.agentless == AgentlessLogin::Allowed
            && client.instances == InstancePolicy::Any
    }

    /// What the login page may say about going without the agent.
    pub(crate) fn agentless_offer(
        &self,
        client: &Client,
        parameters: &StoredParameters,
    ) -> AgentlessOffer {
        let reached = Acr::CardUnwatched;
        if !self.admits_agentless(client) {
            AgentlessOffer::None
        } else if parameters.is_fresh_enough(reached) && parameters.acr.is_met_by(reached) {
            AgentlessOffer::Offered
        } else {
            AgentlessOffer::Insufficient
        }
    }

    /// Loads a request and decides whether its answer may come without the agent: before the card
    /// is looked at. The browser's cookie is not here: another host set it.
    async fn admit_agentless(
        &self,
        transaction: &mut Transaction,
        request_id: &str,
        now: OffsetDateTime,
    ) -> Result<Admitted, Error> {
        if !self.offers_agentless() {
            return Err(Error::AgentlessRefused);
        }
        let request = authorization_request::find(transaction, request_id)
            .await?
            .ok_or(Error::AuthorizationRequestUnknown)?;
        check_waiting(&request, now)?;
        let parameters = StoredParameters::read(&request)?;
        // It waits for the person's consent alone.
        if parameters.silent {
            return Err(Error::AuthorizationRequestUnknown);
        }
        let client = self
            .clients
            .find(&request.client_id)
            .ok_or(Error::ClientUnknown)?;
        match self.agentless_offer(&client, &parameters) {
            AgentlessOffer::Offered => Ok(Admitted {
                request,
                parameters,
                client,
            }),
            AgentlessOffer::Insufficient => Err(Error::AgentlessInsufficient),
            AgentlessOffer::None => Err(Error::AgentlessRefused),
        }
    }

    /// Puts a refusal on record when it is about a login of ours; what else arrives is a stranger's
    /// invention, and is noted only.
    async fn record_refused_agentless(
        &self,
        request_id: &str,
        card: Option<IdentifiedCard>,
        error: Error,
        now: OffsetDateTime,
    ) -> Error {
        let kind = EventKind::LoginRefused {
            code: error.code(),
            instance_jkt: None,
            card: None,
        };
        let event = Event::new(kind, now);
        match self.find_client_of(request_id).await {
            Ok(Some(client_id)) => {
                let event = event.of_request(request_id).of_client(&client_id);
                // A refusal that cannot be put on record is our own fault, and says so.
                match self.tie_suspended_use(event, &error).await {
                    Ok(event) => {
                        let recording = self.record_refused_use(event, card.as_ref(), &error);
                        recording.await.err().unwrap_or(error)
                    }
                    Err(unrecorded) => unrecorded,
                }
            }
            Ok(None) => {
                self.note(&event);
                error
            }
            Err(unrecorded) => unrecorded,
        }
    }

    async fn find_client_of(&self, request_id: &str) -> Result<Option<String>, Error> {
        if !is_id(request_id) {
            return Ok(None);
        }
        let mut transaction = self.store.begin_read().await?;
        let found = authorization_request::find(&mut transaction, request_id).await?;
        Ok(found.map(|request| request.client_id))
    }
}

/// Whether a request still waits for its answer.
fn check_waiting(request: &AuthorizationRequest, now: OffsetDateTime) -> Result<(), Error> {
    if request.completed_at.is_some() {
        return Err(Error::AuthorizationRequestCompleted);
    }
    if now >= request.expires_at {
        return Err(Error::AuthorizationRequestExpired);
    }
    Ok(())
}

/// The certificate whose key the handshake proved, and what came along.
fn parse_chain(chain_der: &[Vec<u8>]) -> Result<(Certificate, Vec<Certificate>), Error> {
    let mut chain = chain_der.iter().map(|der| Certificate::parse(der));
    let certificate = chain.next().ok_or(Error::AgentlessCertificateMissing)??;
    Ok((certificate, chain.collect::<Result<_, _>>()?))
}

impl std::fmt::Debug for AgentlessVisit<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AgentlessVisit(redacted)")
    }
}

//! What an operator decides.

use cardea_oauth2_types::Acr;
use cardea_pki::profile::{Profile, ProfilePolicy};
use cardea_pki::{PathPolicy, RevocationPolicy, TrustStore};
use time::Duration;

use crate::client_authentication::AssertionAudience;
use crate::dpop::DpopNonceUse;
use crate::suspension::SuspendCodeOffer;
use crate::{Client, Demand, Issuer, KeptFor, ProtocolProfile};

/// Everything that a provider is built from, apart from keys and storage.
#[derive(Debug)]
pub struct ProviderConfig {
    /// Who we are.
    pub issuer: Issuer,
    /// Which rules of the field all clients are held to.
    pub profile: ProtocolProfile,
    /// Who may ask us.
    pub clients: Vec<Client>,
    /// Which cards we believe, one entry a family of trust anchors; the first that accepts wins.
    pub card_rules: Vec<CardRules>,
    /// How long things last.
    pub lifetimes: Lifetimes,
    /// Which kinds of PIN entry count.
    pub user_verification: UserVerificationPolicy,
    /// What every authorization request must do, and how many may wait.
    pub authorization_rules: AuthorizationRules,
    /// How many silent agents at once are our own fault.
    pub mass_loss: MassLossBounds,
    /// A service for trying things out: it takes test cards alone, and says so in every token and
    /// on every page.
    pub sandbox: bool,
    /// How clients prove themselves and their keys.
    pub proof_rules: ProofRules,
    /// Whether anybody may log in without the agent; each client says so again for itself.
    pub agentless: AgentlessLogin,
}

/// Whether a login without the agent is let in: the browser reaches the card itself, so that nobody
/// states where, with which PIN and for how long (docs/adr/0024).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AgentlessLogin {
    /// The agent or nothing.
    #[default]
    Refused,
    /// The card's key in a TLS handshake is enough, for little and for a short time.
    Allowed,
}

/// What is asked of client assertions and DPoP proofs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProofRules {
    /// Which `aud` a client assertion may have.
    pub assertion_audience: AssertionAudience,
    /// Whether DPoP proofs must carry a nonce of ours.
    pub dpop_nonce: DpopNonceUse,
}

/// When silence is taken for a fault of ours, and ends nobody (docs/adr/0014).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MassLossBounds {
    /// At least so many agents fall silent together …
    pub agents_min: u32,
    /// … and more than this share of the live ones, in percent.
    pub percent: u32,
}

impl Default for MassLossBounds {
    fn default() -> Self {
        Self {
            agents_min: 5,
            percent: 25,
        }
    }
}

/// How certificates that lead to one set of trust anchors are judged.
#[derive(Clone, Debug)]
pub struct CardRules {
    /// A name for logs, such as `igc-sante`.
    pub name: String,
    /// Trust anchors and known intermediates.
    pub trust_store: TrustStore,
    /// Rules of the certification path.
    pub path_policy: PathPolicy,
    /// Rules of revocation evidence.
    pub revocation_policy: RevocationPolicy,
    /// How a professional is read from the certificate.
    pub profile: Profile,
    /// Which cards of the profile are accepted.
    pub profile_policy: ProfilePolicy,
}

/// What every authorization request must do, and how many may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthorizationRules {
    /// Whether every client must push its requests (RFC 9126 section 5).
    pub pushed_authorization_requests: Demand,
    /// Whether every client must sign its requests (RFC 9101 section 10.5).
    pub signed_request_objects: Demand,
    /// Pushed requests of one client that may wait at a time for their browsers.
    pub pushed_requests_of_client_max: u32,
    /// Logins of all clients that may wait at a time for a card.
    pub waiting_logins_max: u32,
    /// Where a person is offered the code that suspends her card.
    pub suspend_code_offer: SuspendCodeOffer,
}

impl Default for AuthorizationRules {
    fn default() -> Self {
        Self {
            pushed_authorization_requests: Demand::Optional,
            signed_request_objects: Demand::Optional,
            // Fifty logins a second, each waiting its 90 seconds.
            pushed_requests_of_client_max: 4500,
            // Some 160 logins a second that nobody ever answers, and some hundred MB.
            waiting_logins_max: 100_000,
            suspend_code_offer: SuspendCodeOffer::default(),
        }
    }
}

/// The weakest user verification that this provider lets in at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserVerificationPolicy {
    /// The PIN must have been typed for this login. The default: a card left in the reader with its
    /// PIN verified would otherwise let anyone at the keyboard in.
    #[default]
    PinNow,
    /// A PIN typed earlier, while the card stayed in the reader, counts too.
    PinCached,
    /// The card alone counts too, such as a contactless one.
    CardAlone,
}

impl UserVerificationPolicy {
    /// The weakest authentication context class that a login may reach under this policy.
    #[must_use]
    pub fn weakest_acr(self) -> Acr {
        match self {
            Self::PinNow => Acr::CardPin,
            Self::PinCached => Acr::CardPinCached,
            Self::CardAlone => Acr::Card,
        }
    }
}

/// How long things last. The defaults are those of the design; see docs/architecture.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// The login page, from the browser's arrival to the code.
    pub authorization_request: Duration,
    /// A pushed request, until its browser arrives (RFC 9126 section 2.2).
    pub pushed_authorization_request: Duration,
    /// A person's yes to a client that asks each person once.
    pub consent: Duration,
    /// A challenge: long enough to find the card and type a PIN.
    pub challenge: Duration,
    /// An authorization code (RFC 6749 section 4.1.2: ten minutes at most).
    pub authorization_code: Duration,
    /// An access token: short, because it is a bearer token.
    pub access_token: Duration,
    /// An ID token: it is read once, right after it was made.
    pub id_token: Duration,
    /// A logout token (OIDC Back-Channel Logout section 2.4: two minutes at most).
    pub logout_token: Duration,
    /// A session whose presence key has not answered yet.
    pub session_pending: Duration,
    /// A session without any use through a client.
    pub session_idle: Duration,
    /// A session, whatever happens.
    pub session_absolute: Duration,
    /// A session without an agent, whatever happens: nobody watches its card.
    pub session_unwatched: Duration,
    /// Between two proofs of an agent.
    pub presence_interval: Duration,
    /// A session whose agent is silent.
    pub presence_grace: Duration,
    /// The same while many agents are silent at once: they have so long to come back.
    pub mass_loss_grace: Duration,
    /// Between two looks at the card of an open session: is it revoked, has it expired?
    pub session_recheck: Duration,
    /// How long a client is tried that cannot be told that a session is over.
    pub logout_retry: Duration,
    /// How long ended records are kept, so that a late replay is told from a guess.
    pub retention: Duration,
    /// How long what is kept for its own sake is kept.
    pub kept_for: KeptFor,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            authorization_request: Duration::minutes(10),
            pushed_authorization_request: Duration::seconds(90),
            consent: Duration::days(365),
            challenge: Duration::seconds(120),
            authorization_code: Duration::seconds(60),
            access_token: Duration::seconds(120),
            id_token: Duration::minutes(5),
            logout_token: Duration::seconds(120),
            session_pending: Duration::seconds(60),
            session_idle: Duration::minutes(30),
            session_absolute: Duration::hours(4),
            session_unwatched: Duration::minutes(15),
            presence_interval: Duration::seconds(10),
            presence_grace: Duration::seconds(30),
            mass_loss_grace: Duration::minutes(15),
            session_recheck: Duration::minutes(15),
            logout_retry: Duration::hours(24),
            retention: Duration::hours(24),
            kept_for: KeptFor::default(),
        }
    }
}

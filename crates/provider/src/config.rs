//! What an operator decides.

use cardea_oauth2_types::Acr;
use cardea_pki::profile::{Profile, ProfilePolicy};
use cardea_pki::{PathPolicy, RevocationPolicy, TrustStore};
use time::Duration;

use crate::{Client, Issuer};

/// Everything that a provider is built from, apart from keys and storage.
#[derive(Debug)]
pub struct ProviderConfig {
    /// Who we are.
    pub issuer: Issuer,
    /// Who may ask us.
    pub clients: Vec<Client>,
    /// Which cards we believe, one entry a family of trust anchors; the first that accepts wins.
    pub card_rules: Vec<CardRules>,
    /// How long things last.
    pub lifetimes: Lifetimes,
    /// Which kinds of PIN entry count.
    pub user_verification: UserVerificationPolicy,
    /// A service for trying things out: it takes test cards alone, and says so in every token and
    /// on every page.
    pub sandbox: bool,
}

/// How certificates that lead to one set of trust anchors are judged.
#[derive(Debug)]
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
    /// A session whose agent is silent.
    pub presence_grace: Duration,
    /// How long ended records are kept, so that a late replay is told from a guess.
    pub retention: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            authorization_request: Duration::minutes(10),
            challenge: Duration::seconds(120),
            authorization_code: Duration::seconds(60),
            access_token: Duration::seconds(120),
            id_token: Duration::minutes(5),
            logout_token: Duration::seconds(120),
            session_pending: Duration::seconds(60),
            session_idle: Duration::minutes(30),
            session_absolute: Duration::hours(4),
            presence_grace: Duration::seconds(30),
            retention: Duration::hours(24),
        }
    }
}

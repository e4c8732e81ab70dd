//! What follows from the profile that the operator chose: one set of rules, which the steps read.
//!
//! Of what a profile demands and what the operator asks for beside it, the stricter counts. What is
//! no demand, such as a word or a lifetime, is the profile's.

mod check_client;

use cardea_jose::Algorithm;
use time::Duration;

use crate::client_authentication::AssertionAudience;
use crate::config::{AuthorizationRules, Lifetimes, ProofRules};
use crate::{AcrWords, Demand};

/// The set of rules that a server follows as a whole; each is a choice of the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolProfile {
    /// OpenID Connect Core 1.0 with the rules of RFC 9700: each client chooses within them.
    #[default]
    Oidc,
    /// FAPI 2.0 Security Profile (final), for every client.
    Fapi2,
    /// What portals expect that were written for Pro Santé Connect.
    Psc,
}

/// How clients may prove themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientProof {
    /// By whichever method they register, public clients by none.
    AsRegistered,
    /// By a key of their own alone: `private_key_jwt` or mutual TLS.
    Key,
}

/// Whether a refresh token is replaced when it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshTokenRotation {
    /// At each use; the old one shown again ends the family (RFC 9700 section 4.14.2).
    EachUse,
    /// Never: every use needs the client's key and the token's (FAPI 2.0 Security Profile section
    /// 5.3.2.1), and an answer that was lost on the way costs nobody the session.
    Never,
}

/// Whether a confidential client may go without PKCE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfidentialClientPkce {
    /// Where its registration says so.
    AsRegistered,
    /// Always: the profile demands a `nonce`, which stops a code that was put into another
    /// browser's hands just as well (RFC 9700 section 2.1.1).
    Optional,
}

/// How a client with a secret may send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretTransport {
    /// As it registered, and in no other way.
    AsRegistered,
    /// In the header or in the form, as Keycloak takes it.
    HeaderOrForm,
}

/// What every client of a server is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfileRules {
    /// Whose rules these are.
    pub profile: ProtocolProfile,
    /// Whether every authorization request must be pushed (RFC 9126).
    pub pushed_authorization_requests: Demand,
    /// Whether every authorization request must be a signed object (RFC 9101).
    pub signed_request_objects: Demand,
    /// Whether a request object must say since when it is good, and be good for an hour at most
    /// counted from then (FAPI 2.0 Message Signing section 5.3.1).
    pub request_object_not_before: Demand,
    /// PKCE.
    pub pkce: Demand,
    /// Whether every access token must be bound to a key of its holder.
    pub sender_constrained_tokens: Demand,
    /// How clients may prove themselves.
    pub client_proof: ClientProof,
    /// What we and our clients may sign with. Cards sign with what they can.
    pub algorithms: &'static [Algorithm],
    /// What we sign with where a client has not chosen.
    pub default_algorithm: Algorithm,
    /// Which `aud` a client assertion may have.
    pub assertion_audience: AssertionAudience,
    /// Whether a refresh token is replaced when it is used.
    pub refresh_token_rotation: RefreshTokenRotation,
    /// How long an authorization code may live.
    pub authorization_code_lifetime_max: Duration,
    /// How long a pushed request may wait for its browser.
    pub pushed_request_lifetime_max: Duration,
    /// Which words `acr` is asked for and told in.
    pub acr_words: AcrWords,
    /// Whether every authorization request must carry `state` and `nonce`.
    pub state_and_nonce: Demand,
    /// Whether a confidential client may go without PKCE.
    pub confidential_client_pkce: ConfidentialClientPkce,
    /// How a client with a secret may send it.
    pub secret_transport: SecretTransport,
    /// Scope values of a client of people that names none.
    pub default_scope: &'static [&'static str],
    /// How long one refresh token serves; none: as long as its family.
    pub refresh_token_lifetime: Option<Duration>,
    /// The one algorithm of ID tokens; none: as the client registers.
    pub id_token_algorithm: Option<Algorithm>,
    /// By which names persons may be known to clients.
    pub pairwise_subjects: Permission,
    /// Whether devices without a browser may ask (RFC 8628).
    pub device_grant: Permission,
}

/// Whether something may be registered, or done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Allowed,
    /// It may not.
    #[default]
    Refused,
}

/// FAPI 2.0 Security Profile section 5.4.1.
const FAPI2_ALGORITHMS: &[Algorithm] = &[Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];

impl ProtocolProfile {
    /// Its name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::Fapi2 => "fapi2",
            Self::Psc => "psc",
        }
    }

    /// What follows from it alone.
    #[must_use]
    pub fn rules(self) -> ProfileRules {
        let open = ProfileRules {
            profile: self,
            pushed_authorization_requests: Demand::Optional,
            signed_request_objects: Demand::Optional,
            request_object_not_before: Demand::Optional,
            pkce: Demand::Optional,
            sender_constrained_tokens: Demand::Optional,
            client_proof: ClientProof::AsRegistered,
            algorithms: &Algorithm::GENERAL,
            default_algorithm: Algorithm::Rs256,
            assertion_audience: AssertionAudience::IssuerOrEndpoint,
            refresh_token_rotation: RefreshTokenRotation::EachUse,
            // RFC 6749 section 4.1.2.
            authorization_code_lifetime_max: Duration::minutes(10),
            pushed_request_lifetime_max: Duration::minutes(10),
            acr_words: AcrWords::Levels,
            state_and_nonce: Demand::Optional,
            confidential_client_pkce: ConfidentialClientPkce::AsRegistered,
            secret_transport: SecretTransport::AsRegistered,
            default_scope: &["openid", "profile", "professional"],
            refresh_token_lifetime: None,
            id_token_algorithm: None,
            pairwise_subjects: Permission::Allowed,
            device_grant: Permission::Allowed,
        };
        match self {
            Self::Oidc => open,
            // docs/psc.md says where each comes from.
            Self::Psc => ProfileRules {
                acr_words: AcrWords::Eidas1,
                state_and_nonce: Demand::Required,
                confidential_client_pkce: ConfidentialClientPkce::Optional,
                secret_transport: SecretTransport::HeaderOrForm,
                default_scope: &["openid", "scope_all"],
                refresh_token_lifetime: Some(Duration::minutes(30)),
                id_token_algorithm: Some(Algorithm::Rs256),
                pairwise_subjects: Permission::Refused,
                // Pro Santé Connect has none, and what its portals send here is for a browser.
                device_grant: Permission::Refused,
                ..open
            },
            // Sections 5.3.2.1 and 5.3.2.2 of the FAPI 2.0 Security Profile.
            Self::Fapi2 => ProfileRules {
                pushed_authorization_requests: Demand::Required,
                request_object_not_before: Demand::Required,
                pkce: Demand::Required,
                sender_constrained_tokens: Demand::Required,
                client_proof: ClientProof::Key,
                algorithms: FAPI2_ALGORITHMS,
                default_algorithm: Algorithm::Es256,
                assertion_audience: AssertionAudience::IssuerAlone,
                refresh_token_rotation: RefreshTokenRotation::Never,
                authorization_code_lifetime_max: Duration::seconds(60),
                // "less than 600 seconds".
                pushed_request_lifetime_max: Duration::seconds(599),
                // Its analysis is of logins whose answer reaches the browser that began them.
                device_grant: Permission::Refused,
                ..open
            },
        }
    }
}

impl ProfileRules {
    /// The same with what the operator asks for beside the profile; of two the stricter counts.
    pub(crate) fn with(self, authorization: &AuthorizationRules, proof: &ProofRules) -> Self {
        Self {
            pushed_authorization_requests: stricter(
                self.pushed_authorization_requests,
                authorization.pushed_authorization_requests,
            ),
            signed_request_objects: stricter(
                self.signed_request_objects,
                authorization.signed_request_objects,
            ),
            assertion_audience: match proof.assertion_audience {
                AssertionAudience::IssuerAlone => AssertionAudience::IssuerAlone,
                AssertionAudience::IssuerOrEndpoint => self.assertion_audience,
            },
            ..self
        }
    }

    /// Cuts lifetimes that the profile does not allow.
    pub(crate) fn bounded(&self, lifetimes: Lifetimes) -> Lifetimes {
        let (code, pushed) = (
            lifetimes.authorization_code,
            lifetimes.pushed_authorization_request,
        );
        Lifetimes {
            authorization_code: code.min(self.authorization_code_lifetime_max),
            pushed_authorization_request: pushed.min(self.pushed_request_lifetime_max),
            ..lifetimes
        }
    }

    /// Whether something may be signed with an algorithm.
    #[must_use]
    pub fn admits(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }
}

fn stricter(one: Demand, other: Demand) -> Demand {
    match (one, other) {
        (Demand::Optional, Demand::Optional) => Demand::Optional,
        (Demand::Required, _) | (_, Demand::Required) => Demand::Required,
    }
}

//! Clients as they are registered (OIDC Dynamic Registration section 2 names the metadata).

mod author;
mod check;
mod event_push;
mod name;
mod operator;
mod page_origin;
mod registration;
mod registry;
mod reload;
mod secret;
mod uri;

use cardea_jose::{Algorithm, JwkSet};
use cardea_oauth2_types::{GrantType, Scope};
use cardea_pki::ExpectedSubject;
use cardea_pki::profile::Profession;

use crate::config::AgentlessLogin;
use crate::instances::InstancePolicy;

pub use author::Author;
pub use event_push::{EventPush, PushAuthorization};
pub(crate) use name::{NameKeys, check_own_name};
pub use operator::Operator;
pub use registration::{
    ClientRegistrations, NewClient, REGISTRATION_BYTES_MAX, RotatedSecret, SECRET_OVERLAP_MAX,
};
pub(crate) use registration::{on_record, secret_of};
pub(crate) use registry::Clients;
pub use reload::{ClientsReload, ConfiguredClientsPlan};
pub use secret::{ClientSecret, RetiringSecret};
pub use uri::{check_redirect_uri, is_public_address};
pub(crate) use uri::{check_resource_uri, host_of};

/// How a client proves itself at the token endpoint (`token_endpoint_auth_method`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// A public client: PKCE alone (RFC 7636).
    None,
    /// `client_secret_basic`: the secret in the `Authorization` header.
    SecretBasic(ClientSecret),
    /// `client_secret_post`: the secret in the body.
    SecretPost(ClientSecret),
    /// `private_key_jwt`: a JWT signed by one of [`Client::jwks`] (RFC 7523 section 2.2).
    PrivateKeyJwt,
    /// `tls_client_auth`: a certificate with this one name, and a path to an anchor for clients
    /// (RFC 8705 section 2.1).
    TlsClientAuth(ExpectedSubject),
    /// `self_signed_tls_client_auth`: a certificate, or a certificate for a key, of
    /// [`Client::jwks`] (RFC 8705 section 2.2).
    SelfSignedTlsClientAuth,
}

/// Whether a client may leave a protection out or must use it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demand {
    /// Honoured where the client uses it.
    #[default]
    Optional,
    /// Refused without it.
    Required,
}

/// Whether clients see one name of a person or each its own (OIDC Core section 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubjectType {
    /// The same `sub` for every public client.
    #[default]
    Public,
    /// A `sub` of the client's sector alone.
    Pairwise,
}

/// Whether the person is asked before her claims go to the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConsentPolicy {
    /// The card's PIN for the named portal is the consent.
    #[default]
    Implicit,
    /// A page asks once for each person and scope, and the answer is remembered.
    Explicit,
}

/// Which cards a client lets in, beyond those that the operator trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardAcceptance {
    /// Card families such as `cps`; empty means all.
    pub families: Vec<String>,
    /// Professions, each a code with its system; empty means all.
    pub professions: Vec<Profession>,
}

/// A registered client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its identifier.
    pub client_id: String,
    /// The name that people see on the login page and in the PIN prompt.
    pub name: String,
    /// Where codes may be sent; compared letter for letter.
    pub redirect_uris: Vec<String>,
    /// Where the browser may go after logout; compared letter for letter.
    pub post_logout_redirect_uris: Vec<String>,
    /// Where logout tokens are posted.
    pub backchannel_logout_uri: Option<String>,
    /// Where it is told of sessions and tokens of its own that end (RFC 8935).
    pub event_push: Option<EventPush>,
    /// How it proves itself.
    pub authentication: ClientAuthentication,
    /// Its public keys, for `private_key_jwt` and for request objects.
    pub jwks: JwkSet,
    /// What it may turn into tokens.
    pub grant_types: Vec<GrantType>,
    /// PKCE; only a confidential client may leave it out.
    pub pkce: Demand,
    /// Pushed authorization requests (RFC 9126 section 6).
    pub pushed_authorization_requests: Demand,
    /// Signed request objects (RFC 9101 section 10.5).
    pub signed_request_object: Demand,
    /// The one algorithm of its request objects; none: whichever fits a key of `jwks`.
    pub request_object_signing_alg: Option<Algorithm>,
    /// DPoP (RFC 9449 section 5.2).
    pub dpop_bound_access_tokens: Demand,
    /// Access tokens bound to the client's certificate (RFC 8705 section 3.4).
    pub certificate_bound_access_tokens: Demand,
    /// How its ID tokens and logout tokens are signed.
    pub id_token_signed_response_alg: Algorithm,
    /// How its userinfo answers are signed; none: plain JSON.
    pub userinfo_signed_response_alg: Option<Algorithm>,
    /// The algorithm of the access tokens that it gets; the profile's default without it.
    pub access_token_signed_response_alg: Option<Algorithm>,
    /// How its authorization responses are signed (JARM); none: only where a request asks for it,
    /// by the profile's default.
    pub authorization_signed_response_alg: Option<Algorithm>,
    /// How introspection answers to it are signed (RFC 9701); none: only where it asks for it, by
    /// the profile's default.
    pub introspection_signed_response_alg: Option<Algorithm>,
    /// Whose `sub` it sees.
    pub subject_type: SubjectType,
    /// The sector of pairwise subjects, a host; none: the host of its redirect URIs.
    pub sector_identifier: Option<String>,
    /// The scope values that it may ask for.
    pub scope: Scope,
    /// The resource servers that it may ask tokens for (RFC 8707), absolute URIs.
    pub resources: Vec<String>,
    /// The resource servers that it is itself: it may introspect tokens made for them.
    pub resource_server_of: Vec<String>,
    /// Whether it may hear of sessions and tokens that end before their time, as far as they were
    /// for the resource servers that it is.
    pub event_stream: bool,
    /// Whether it may report what it answered in front of the resource servers that it is, and stop
    /// sessions by that.
    pub guard: bool,
    /// Whether access tokens for the resource servers that it is say the person's profession.
    pub profession_in_access_tokens: bool,
    /// Whether the person is asked.
    pub consent: ConsentPolicy,
    /// Which cards it lets in.
    pub cards: CardAcceptance,
    /// Whether people may log in to it without the agent, where the provider lets that in at all.
    pub agentless: AgentlessLogin,
    /// Which workstations people may sign in to it from.
    pub instances: InstancePolicy,
    /// The one of the authorities for clients that vouches for it; none: any of them.
    pub certificate_authority: Option<String>,
    /// Who says all this.
    pub registered_by: RegisteredBy,
}

/// Who registered a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RegisteredBy {
    /// An operator, who has looked at it.
    #[default]
    Operator,
    /// It did so itself (RFC 7591), whatever an operator has changed since.
    Itself,
}

impl Client {
    /// A registration with the strict defaults: PKCE, the code grant, RS256, public subjects.
    #[must_use]
    pub fn new(client_id: &str, name: &str, authentication: ClientAuthentication) -> Self {
        Self {
            client_id: client_id.to_owned(),
            name: name.to_owned(),
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            event_push: None,
            authentication,
            jwks: JwkSet::default(),
            grant_types: vec![GrantType::AuthorizationCode],
            pkce: Demand::Required,
            pushed_authorization_requests: Demand::Optional,
            signed_request_object: Demand::Optional,
            request_object_signing_alg: None,
            dpop_bound_access_tokens: Demand::Optional,
            certificate_bound_access_tokens: Demand::Optional,
            id_token_signed_response_alg: Algorithm::Rs256,
            userinfo_signed_response_alg: None,
            access_token_signed_response_alg: None,
            authorization_signed_response_alg: None,
            introspection_signed_response_alg: None,
            subject_type: SubjectType::Public,
            sector_identifier: None,
            scope: Scope::default(),
            resources: Vec::new(),
            resource_server_of: Vec::new(),
            event_stream: false,
            guard: false,
            profession_in_access_tokens: false,
            consent: ConsentPolicy::Implicit,
            cards: CardAcceptance::default(),
            agentless: AgentlessLogin::Refused,
            instances: InstancePolicy::Any,
            certificate_authority: None,
            registered_by: RegisteredBy::Operator,
        }
    }

    /// Whether the client has a secret or a key of its own (RFC 6749 section 2.1).
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        self.authentication != ClientAuthentication::None
    }

    /// Whether the client may use a grant.
    #[must_use]
    pub fn may_use(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }
}

//! Device authorizations (RFC 8628): a host asks, a person answers with her card, the host fetches
//! its tokens once.

mod at_the_door;

use std::net::{IpAddr, Ipv4Addr};

use cardea_jose::{Algorithm, DpopTarget, SigningKey};
use cardea_oauth2_types::{
    AuthorizationParameters, ErrorCode, GrantType, HostAccountParameters, Scope, TokenParameters,
    TokenResponse,
};
use cardea_provider::{
    Client, ClientAuthentication, ConsentAnswer, ConsentPolicy, ConsentedAuthorization, Demand,
    DeviceAuthorization, DeviceRequest, DpopRequest, ProtocolProfile, TokenError,
};
use time::Duration;

use super::world::{Answer, Begun, ISSUER, PORTAL, SECOND, Settings, World, claims_of};

/// A public client on hosts.
const HOST: &str = "host";
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

fn host() -> Client {
    Client {
        grant_types: vec![GrantType::DeviceCode],
        scope: Scope::parse("openid professional").unwrap(),
        ..Client::new(HOST, "Serveur db01", ClientAuthentication::None)
    }
}

fn settings() -> Settings {
    let mut settings = Settings::baseline();
    settings.config.clients.push(host());
    settings
        .client(PORTAL)
        .grant_types
        .push(GrantType::DeviceCode);
    settings
}

async fn world() -> World {
    settings().build().await
}

fn asked() -> AuthorizationParameters {
    AuthorizationParameters {
        scope: Some("openid professional".to_owned()),
        nonce: Some("of the host".to_owned()),
        ..AuthorizationParameters::default()
    }
}

impl World {
    async fn ask(&self, client_id: &str) -> Result<DeviceAuthorization, TokenError> {
        self.ask_with(client_id, &asked(), DpopRequest::default())
            .await
    }

    async fn ask_with(
        &self,
        client_id: &str,
        parameters: &AuthorizationParameters,
        dpop: DpopRequest<'_>,
    ) -> Result<DeviceAuthorization, TokenError> {
        let credentials = Self::credentials(client_id, &mut TokenParameters::default());
        let request = DeviceRequest {
            parameters,
            host_account: &HostAccountParameters::default(),
            remote_source: None,
            dpop,
            address: ADDRESS,
        };
        self.provider.authorize_device(&credentials, request).await
    }

    /// A request of a public client from a network.
    async fn ask_from(&self, network: &str) -> Result<DeviceAuthorization, &'static str> {
        let credentials = Self::credentials(HOST, &mut TokenParameters::default());
        let credentials = credentials.sent_from(network.to_owned());
        let request = DeviceRequest {
            parameters: &asked(),
            host_account: &HostAccountParameters::default(),
            remote_source: None,
            dpop: DpopRequest::default(),
            address: ADDRESS,
        };
        let asking = self.provider.authorize_device(&credentials, request);
        asking.await.map_err(|error| error.code())
    }

    async fn fetch(
        &self,
        client_id: &str,
        device: &DeviceAuthorization,
    ) -> Result<TokenResponse, TokenError> {
        let (credentials, parameters) = fetching(client_id, device.device_code.expose());
        self.issue(&credentials, &parameters).await
    }

    /// The error and the code of a request for tokens that gets none.
    async fn told_to(
        &self,
        client_id: &str,
        device: &DeviceAuthorization,
    ) -> (ErrorCode, &'static str) {
        let refused = self.fetch(client_id, device).await.unwrap_err();
        (refused.error, refused.code())
    }

    async fn type_code(&self, typed: &str) -> Begun {
        let claimed = self.provider.claim_device(typed).await.unwrap();
        Begun {
            request_id: claimed.request_id,
            login_cookie: claimed.login_cookie,
        }
    }

    /// A card's answer, up to the end of the login.
    async fn sign_in(&self, begun: &Begun) -> Result<(String, Answer), &'static str> {
        let answer = self.answer(begun).await;
        self.post(begun, &answer).await.unwrap();
        self.present(&answer.presence_key).await;
        let completing =
            self.provider
                .complete_authorization(&begun.request_id, begun.cookie(), None);
        let completed = completing.await.map_err(|error| error.code())?;
        Ok((completed.response.location(), answer))
    }
}

fn fetching(
    client_id: &str,
    device_code: &str,
) -> (cardea_provider::ClientCredentials, TokenParameters) {
    let mut parameters = TokenParameters {
        grant_type: Some(GrantType::DeviceCode.as_str().to_owned()),
        device_code: Some(device_code.to_owned()),
        ..TokenParameters::default()
    };
    let credentials = World::credentials(client_id, &mut parameters);
    (credentials, parameters)
}

const PENDING: (ErrorCode, &str) = (
    ErrorCode::AuthorizationPending,
    "provider.device_code_pending",
);

#[tokio::test]
async fn a_host_gets_its_tokens_once_when_the_card_has_answered() {
    let world = world().await;
    let device = world.ask(HOST).await.unwrap();
    assert_eq!(device.verification_uri, format!("{ISSUER}/device"));
    assert_eq!(world.told_to(HOST, &device).await, PENDING);

    let begun = world.type_code(&device.user_code.to_lowercase()).await;
    let page = world
        .provider
        .describe_device(&begun.request_id, begun.cookie())
        .await
        .unwrap();
    assert_eq!(page.client_name, "Serveur db01");
    assert_eq!(page.address, "192.0.2.7");
    let challenge = world
        .provider
        .issue_challenge(&begun.request_id, begun.cookie())
        .await
        .unwrap();
    assert_eq!(claims_of(&challenge)["device"], "192.0.2.7");

    let (location, _) = world.sign_in(&begun).await.unwrap();
    assert_eq!(location, format!("{ISSUER}/device/approved"), "no code");
    let tokens = world.fetch(HOST, &device).await.unwrap();
    let claims = claims_of(tokens.id_token.as_deref().unwrap());
    assert_eq!(claims["aud"], HOST);
    assert_eq!(claims["nonce"], "of the host");
    assert_eq!(claims["acr"], "urn:cardea:acr:card-pin");
    let issued = world.event("tokens.issued").await;
    assert!(issued.details.contains("device_code"), "{}", issued.details);
    assert!(world.event("device.approved").await.sub.is_some());

    let again = world.told_to(HOST, &device).await;
    assert_eq!(again, (ErrorCode::InvalidGrant, "provider.code_reused"));
    let access = world.userinfo(&tokens.access_token).await;
    assert_eq!(access.unwrap_err().code(), "provider.access_token_revoked");
}

#[tokio::test]
async fn a_host_that_asks_too_often_is_told_to_slow_down() {
    let world = world().await;
    let device = world.ask(HOST).await.unwrap();
    let hasty = (ErrorCode::SlowDown, "provider.device_code_polled_too_often");
    assert_eq!(world.told_to(HOST, &device).await, PENDING);
    world.pass(Duration::seconds(1));
    assert_eq!(world.told_to(HOST, &device).await, hasty);
    // Five seconds more from now on (RFC 8628 section 3.5).
    world.pass(Duration::seconds(5));
    assert_eq!(world.told_to(HOST, &device).await, hasty);
    world.pass(Duration::seconds(15));
    assert_eq!(world.told_to(HOST, &device).await, PENDING);
}

#[tokio::test]
async fn what_expired_is_over_for_both_sides() {
    let world = world().await;
    let device = world.ask(HOST).await.unwrap();
    let begun = world.type_code(&device.user_code).await;
    world.pass(Duration::minutes(10));
    let expired = (ErrorCode::ExpiredToken, "provider.device_code_expired");
    assert_eq!(world.told_to(HOST, &device).await, expired);
    let typed = world.provider.claim_device(&device.user_code).await;
    let typed = typed.unwrap_err().code();
    assert_eq!(typed, "provider.device_user_code_unknown");
    let page = world
        .provider
        .describe_device(&begun.request_id, begun.cookie());
    assert!(page.await.is_err());
}

#[tokio::test]
async fn a_no_is_told_to_the_host() {
    let world = world().await;
    let device = world.ask(HOST).await.unwrap();
    let begun = world.type_code(&device.user_code).await;
    let cancelled = world
        .provider
        .cancel_login(&begun.request_id, begun.cookie())
        .await
        .unwrap();
    let location = cancelled.response.location();
    assert_eq!(location, format!("{ISSUER}/device/refused"));
    let refused = (ErrorCode::AccessDenied, "provider.device_code_refused");
    assert_eq!(world.told_to(HOST, &device).await, refused);
    world.event("device.refused").await;
    let typed = world.provider.claim_device(&device.user_code).await;
    assert!(typed.is_err(), "answered once");
}

#[tokio::test]
async fn a_host_is_refused_a_scope_beyond_its_registration() {
    let world = world().await;
    let code = "provider.scope_not_allowed";
    for (scope, refused) in [
        ("openid", None),
        ("openid professional", None),
        ("openid admin", Some((ErrorCode::InvalidScope, code))),
        ("openid profile", Some((ErrorCode::InvalidScope, code))),
    ] {
        let parameters = AuthorizationParameters {
            scope: Some(scope.to_owned()),
            ..asked()
        };
        let told = world.ask_with(HOST, &parameters, DpopRequest::default());
        let told = told.await.err();
        let told = told.map(|error| (error.error, error.code()));
        assert_eq!(told, refused, "{scope}");
    }
}

#[tokio::test]
async fn a_no_on_the_consent_page_is_one_too() {
    let mut settings = settings();
    settings.client(HOST).consent = ConsentPolicy::Explicit;
    let world = settings.build().await;
    let device = world.ask(HOST).await.unwrap();
    let begun = world.type_code(&device.user_code).await;
    let asked = world.sign_in(&begun).await.err();
    assert_eq!(asked, Some("provider.consent_required"));
    let (id, cookie) = (begun.request_id.as_str(), begun.cookie());
    let page = world.provider.describe_consent(id, cookie).await.unwrap();
    let answered =
        world
            .provider
            .answer_consent(id, cookie, None, &page.shown, ConsentAnswer::Refuse);
    let ConsentedAuthorization::Refused { response, .. } = answered.await.unwrap() else {
        panic!("it was a no");
    };
    assert_eq!(response.location(), format!("{ISSUER}/device/refused"));
    let (error, _) = world.told_to(HOST, &device).await;
    assert_eq!(error, ErrorCode::AccessDenied);
}

/// RFC 8628 section 5.2: whoever saw the device code is not its client.
#[tokio::test]
async fn another_client_takes_nothing_and_spoils_nothing() {
    let world = world().await;
    let device = world.ask(HOST).await.unwrap();
    let begun = world.type_code(&device.user_code).await;
    world.sign_in(&begun).await.unwrap();
    let (error, code) = world.told_to(PORTAL, &device).await;
    assert_eq!(error, ErrorCode::InvalidGrant);
    assert_eq!(code, "provider.device_code_client_mismatch");
    world.fetch(HOST, &device).await.unwrap();
}

#[tokio::test]
async fn the_browser_in_which_the_code_was_typed_last_counts() {
    let world = world().await;
    let device = world.ask(HOST).await.unwrap();
    let first = world.type_code(&device.user_code).await;
    let last = world.type_code(&device.user_code).await;
    let over = Some("provider.device_authorization_over");
    assert_eq!(world.sign_in(&first).await.err(), over);
    assert_eq!(world.told_to(HOST, &device).await, PENDING);
    world.sign_in(&last).await.unwrap();
    world.fetch(HOST, &device).await.unwrap();
}

#[tokio::test]
async fn a_card_that_left_before_the_host_came_gives_nothing() {
    let world = world().await;
    let device = world.ask(HOST).await.unwrap();
    let begun = world.type_code(&device.user_code).await;
    let (_, answer) = world.sign_in(&begun).await.unwrap();
    world.depart(&answer.presence_key).await;
    let (error, code) = world.told_to(HOST, &device).await;
    assert_eq!(error, ErrorCode::InvalidGrant);
    assert_eq!(code, "provider.code_session_ended");
}

#[tokio::test]
async fn a_key_that_was_shown_at_the_beginning_is_the_one_that_counts() {
    let world = world().await;
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let url = format!("{ISSUER}/device_authorization");
    let target = DpopTarget {
        method: "POST",
        url: &url,
        access_token: None,
    };
    let proof = world.proof(&key, &target);
    let dpop = DpopRequest {
        proof: Some(&proof),
        method: "POST",
        url: &url,
    };
    for (with_key, outcome) in [(true, None), (false, Some("provider.code_key_mismatch"))] {
        let proof = world.proof(&key, &target);
        let dpop = DpopRequest {
            proof: Some(&proof),
            ..dpop
        };
        let device = world.ask_with(HOST, &asked(), dpop).await.unwrap();
        let begun = world.type_code(&device.user_code).await;
        world.sign_in(&begun).await.unwrap();
        let (credentials, parameters) = fetching(HOST, device.device_code.expose());
        let fetched = if with_key {
            world.issue_with(&key, &credentials, &parameters).await
        } else {
            world.issue(&credentials, &parameters).await
        };
        assert_eq!(fetched.err().map(|error| error.code()), outcome);
    }
}

#[tokio::test]
async fn a_host_that_must_show_a_key_gets_nothing_without() {
    let mut settings = settings();
    settings.client(HOST).dpop_bound_access_tokens = Demand::Required;
    let world = settings.build().await;
    let device = world.ask(HOST).await.unwrap();
    let (_, code) = world.told_to(HOST, &device).await;
    assert_eq!(code, "provider.dpop_proof_missing");
}

#[tokio::test]
async fn a_device_asks_for_what_its_client_may_have() {
    let world = world().await;
    type Change = fn(&mut AuthorizationParameters);
    let cases: [(&str, Change, &str); 5] = [
        (HOST, |it| it.scope = None, "provider.scope_openid_missing"),
        (
            HOST,
            |it| it.prompt = Some("none".to_owned()),
            "provider.login_required",
        ),
        (
            HOST,
            |it| it.request = Some("a.b.c".to_owned()),
            "provider.request_object_unsupported",
        ),
        (
            HOST,
            |it| it.client_id = Some(PORTAL.to_owned()),
            "provider.client_unknown",
        ),
        (SECOND, |_| {}, "provider.grant_type_not_allowed"),
    ];
    for (client_id, change, code) in cases {
        let mut parameters = asked();
        change(&mut parameters);
        let asking = world.ask_with(client_id, &parameters, DpopRequest::default());
        assert_eq!(asking.await.unwrap_err().code(), code);
    }
}

/// Attack H9: anybody can speak for a public client.
#[tokio::test]
async fn h9_a_client_has_so_many_devices_and_no_more() {
    let world = world().await;
    let first = world.ask_from("flood").await.unwrap();
    world.pass(Duration::seconds(1));
    let second = world.ask_from("flood").await.unwrap();
    world.pass(Duration::seconds(1));
    for _ in 2..1_000 {
        world.ask_from("flood").await.unwrap();
    }
    let full = "provider.device_authorization_limit_reached";
    assert_eq!(world.ask_from("flood").await.unwrap_err(), full);
    // Who fills every place gives way to a network that has fewer, and to no other.
    let ward = world.ask_from("ward").await.unwrap();
    assert_eq!(world.told_to(HOST, &ward).await, PENDING);
    let gone = world.told_to(HOST, &first).await;
    assert_eq!(gone.1, "provider.device_code_unknown");
    assert_eq!(world.told_to(HOST, &second).await, PENDING);
    assert_eq!(world.ask_from("flood").await.unwrap_err(), full);
    assert_eq!(world.ask(HOST).await.unwrap_err().code(), full);
    world.ask(PORTAL).await.unwrap();
    world.pass(Duration::minutes(10));
    world.ask(HOST).await.unwrap();
}

#[tokio::test]
async fn profiles_without_devices_register_and_let_in_none() {
    for profile in [ProtocolProfile::Fapi2, ProtocolProfile::Psc] {
        assert!(profile.rules().check_client(&host()).is_err());
    }
    assert!(ProtocolProfile::Oidc.rules().check_client(&host()).is_ok());
}

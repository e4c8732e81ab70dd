//! Tokens bound to a client's certificate (RFC 8705 sections 3 and 4, attack F11).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cardea_jose::{Algorithm, SigningKey};
use cardea_oauth2_types::{ErrorCode, GrantType};
use cardea_provider::{
    Client, ClientAuthentication, Demand, DpopRequest, Error, PresentedToken, TokenLookup,
    TokenScheme, UserinfoAnswer,
};
use cardea_test_pki::IssuedCertificate;
use serde_json::json;

use super::super::world::{HeldEvidence, PORTAL, SECOND, Settings, World, claims_of};
use super::{ask, issue, presented, request, service, spec, world_of};

async fn world() -> World {
    let mut settings = Settings::refreshing();
    for client_id in [PORTAL, SECOND] {
        settings.client(client_id).certificate_bound_access_tokens = Demand::Required;
    }
    settings.build().await
}

async fn userinfo(
    world: &World,
    token: &str,
    scheme: TokenScheme,
    certificate: Option<&IssuedCertificate>,
) -> Result<UserinfoAnswer, Error> {
    let certificate = certificate.map(presented);
    let presented = PresentedToken {
        token,
        scheme,
        dpop: DpopRequest::default(),
        certificate: certificate.as_ref(),
    };
    world.provider.userinfo(presented).await
}

#[tokio::test]
async fn f11_a_bound_token_serves_over_its_certificate_alone() {
    let world = world().await;
    let (own, other) = (issue(&spec()), issue(&spec()));
    let (completed, _) = world.log_in(PORTAL, None).await;
    let (credentials, parameters) = World::token_request(PORTAL, &completed.location);
    let credentials = credentials.with_certificate(presented(&own));
    let tokens = world.issue(&credentials, &parameters).await.unwrap();
    // RFC 8705 section 3: by its name it stays a bearer token.
    assert_eq!(tokens.token_type, "Bearer");

    // Section 3.1: the base64url of the digest's 32 bytes, and not of their hexadecimal digits.
    let digest = openssl::sha::sha256(&own.der);
    let claims = claims_of(&tokens.access_token);
    let raw = URL_SAFE_NO_PAD.encode(digest);
    assert_eq!(claims["cnf"], json!({ "x5t#S256": raw }));
    assert_eq!(raw.len(), 43);
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_ne!(claims["cnf"]["x5t#S256"], STANDARD.encode(digits));

    let token = tokens.access_token.as_str();
    let bearer = TokenScheme::Bearer;
    userinfo(&world, token, bearer, Some(&own)).await.unwrap();
    for (scheme, certificate, code) in [
        (
            bearer,
            Some(&other),
            "provider.access_token_certificate_mismatch",
        ),
        (bearer, None, "provider.access_token_certificate_missing"),
        (
            TokenScheme::Dpop,
            Some(&own),
            "provider.access_token_scheme_mismatch",
        ),
    ] {
        let error = userinfo(&world, token, scheme, certificate)
            .await
            .unwrap_err();
        let expected = (ErrorCode::InvalidToken, code);
        assert_eq!((error.oauth_error(), error.code()), expected);
    }
}

#[tokio::test]
async fn introspection_tells_which_certificate_a_token_is_bound_to() {
    let world = world().await;
    let own = issue(&spec());
    let (completed, _) = world.log_in(PORTAL, None).await;
    let (credentials, parameters) = World::token_request(PORTAL, &completed.location);
    let credentials = credentials.with_certificate(presented(&own));
    let tokens = world.issue(&credentials, &parameters).await.unwrap();
    // Without the certificate: whom a token is bound to is the resource server's to compare.
    let (asking, _) = World::token_request(PORTAL, &completed.location);
    let lookup = TokenLookup {
        credentials: &asking,
        token: Some(&tokens.access_token),
    };
    let told = world.provider.introspect(lookup).await.unwrap();
    let told = serde_json::to_value(told).unwrap();
    let expected = json!({ "x5t#S256": presented(&own).x5t_s256() });
    assert_eq!(
        (&told["cnf"], &told["token_type"]),
        (&expected, &json!("Bearer"))
    );
}

#[tokio::test]
async fn no_certificate_and_a_proof_beside_one_leave_the_code_as_it_was() {
    let world = world().await;
    let own = issue(&spec());
    let (completed, _) = world.log_in(PORTAL, None).await;
    let (bare, parameters) = World::token_request(PORTAL, &completed.location);
    let error = world.issue(&bare, &parameters).await.unwrap_err();
    let missing = "provider.certificate_binding_missing";
    assert_eq!(
        (error.error, error.code()),
        (ErrorCode::InvalidRequest, missing)
    );
    let credentials = bare.with_certificate(presented(&own));
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let both = world.issue_with(&key, &credentials, &parameters).await;
    let error = both.unwrap_err();
    let ambiguous = "provider.key_binding_ambiguous";
    assert_eq!(
        (error.error, error.code()),
        (ErrorCode::InvalidRequest, ambiguous)
    );
    world.issue(&credentials, &parameters).await.unwrap();
}

/// RFC 8705 section 4: a public client has nothing else that proves it.
#[tokio::test]
async fn f11_a_public_client_refreshes_with_its_certificate_alone() {
    let world = world().await;
    let (own, other) = (issue(&spec()), issue(&spec()));
    let refresh = async |token: &str, certificate: Option<&IssuedCertificate>| {
        let (mut credentials, parameters) = World::refresh_request(SECOND, token);
        if let Some(certificate) = certificate {
            credentials = credentials.with_certificate(presented(certificate));
        }
        world.issue(&credentials, &parameters).await
    };
    let (completed, _) = world.log_in(SECOND, None).await;
    let (credentials, parameters) = World::token_request(SECOND, &completed.location);
    let credentials = credentials.with_certificate(presented(&own));
    let tokens = world.issue(&credentials, &parameters).await.unwrap();
    let first = tokens.refresh_token.unwrap();
    let error = refresh(&first, None).await.unwrap_err();
    assert_eq!(error.code(), "provider.certificate_binding_missing");
    let second = refresh(&first, Some(&own)).await.unwrap();
    let cnf = &claims_of(&second.access_token)["cnf"];
    assert_eq!(*cnf, json!({ "x5t#S256": presented(&own).x5t_s256() }));

    // In other hands it takes the family with it.
    let second = second.refresh_token.unwrap();
    let error = refresh(&second, Some(&other)).await.unwrap_err();
    assert_eq!(error.code(), "provider.refresh_token_key_mismatch");
    let error = refresh(&second, Some(&own)).await.unwrap_err();
    assert_eq!(error.error, ErrorCode::InvalidGrant);
}

/// A confidential client proves itself at each refresh, and may have renewed its certificate.
#[tokio::test]
async fn a_confidential_client_refreshes_with_a_renewed_certificate() {
    let world = world().await;
    let (old, renewed) = (issue(&spec()), issue(&spec()));
    let (completed, _) = world.log_in(PORTAL, None).await;
    let (credentials, parameters) = World::token_request(PORTAL, &completed.location);
    let credentials = credentials.with_certificate(presented(&old));
    let tokens = world.issue(&credentials, &parameters).await.unwrap();
    let token = tokens.refresh_token.unwrap();
    let (credentials, parameters) = World::refresh_request(PORTAL, &token);
    let credentials = credentials.with_certificate(presented(&renewed));
    let tokens = world.issue(&credentials, &parameters).await.unwrap();
    let cnf = &claims_of(&tokens.access_token)["cnf"];
    assert_eq!(*cnf, json!({ "x5t#S256": presented(&renewed).x5t_s256() }));
}

/// One certificate for both, as FAPI 2.0 services have it.
#[tokio::test]
async fn a_service_is_proven_by_the_certificate_that_its_token_is_bound_to() {
    let subject = cardea_pki::ExpectedSubject::Dns(super::HOST.to_owned());
    let client = Client {
        certificate_bound_access_tokens: Demand::Required,
        ..service(ClientAuthentication::TlsClientAuth(subject))
    };
    let world = world_of(client, HeldEvidence::fresh()).await;
    let own = issue(&spec());
    let tokens = ask(&world, Some(&own)).await.unwrap();
    let cnf = &claims_of(&tokens.access_token)["cnf"];
    assert_eq!(*cnf, json!({ "x5t#S256": presented(&own).x5t_s256() }));
    let (credentials, _) = request(None);
    assert!(!world.provider.carries_proof(&credentials));
}

#[test]
fn a_registration_binds_to_one_thing() {
    let bound = || Client {
        certificate_bound_access_tokens: Demand::Required,
        ..service(ClientAuthentication::TlsClientAuth(
            cardea_pki::ExpectedSubject::Dns(super::HOST.to_owned()),
        ))
    };
    bound().check().unwrap();
    let mut both = bound();
    both.dpop_bound_access_tokens = Demand::Required;
    let mut card = bound();
    card.grant_types.push(GrantType::CardGrant);
    card.scope = cardea_oauth2_types::Scope::parse("openid").unwrap();
    for client in [both, card] {
        let error = client.check().unwrap_err().to_string();
        let key = "tls_client_certificate_bound_access_tokens";
        assert!(error.contains(key), "{error}");
    }
}

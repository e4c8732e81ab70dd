//! Clients that show certificates (RFC 8705): who is proven by them, and what is bound to them.

mod audience;
mod authentication;
mod binding;
mod self_signed;

use std::sync::Arc;

use cardea_oauth2_types::{GrantType, Scope, TokenParameters, TokenResponse};
use cardea_pki::{Certificate, PathPolicy, RevocationPolicy, TrustStore};
use cardea_provider::{
    Client, ClientAuthentication, ClientCertificateRevocation, ClientCertificateRules,
    ClientCredentials, PresentedCertificate, TokenError,
};
use cardea_test_pki::{CertificateSpec, IssuedCertificate, KeyKind, TestPki};

use super::world::{HeldEvidence, Settings, World};

const SERVICE: &str = "service";
const HOST: &str = "service.example.fr";

/// The certificate of an organisation's service.
fn spec() -> CertificateSpec {
    CertificateSpec {
        key: KeyKind::P256,
        ..CertificateSpec::tls_server(HOST, pki().at())
    }
}

fn pki() -> &'static TestPki {
    TestPki::shared().unwrap()
}

fn issue(spec: &CertificateSpec) -> IssuedCertificate {
    pki().issue(spec).unwrap()
}

fn presented(certificate: &IssuedCertificate) -> PresentedCertificate {
    PresentedCertificate::read(std::slice::from_ref(&certificate.der)).unwrap()
}

/// A service that authenticates so.
fn service(authentication: ClientAuthentication) -> Client {
    Client {
        grant_types: vec![GrantType::ClientCredentials],
        scope: Scope::parse("read").unwrap(),
        ..Client::new(SERVICE, "Service", authentication)
    }
}

/// A provider with the service among its clients, that believes the test PKI about clients.
async fn world_of(client: Client, evidence: HeldEvidence) -> World {
    let mut settings = Settings::refreshing();
    settings.config.clients.push(client);
    let world = settings.build().await;
    believe(&world, evidence, true);
    world
}

fn believe(world: &World, evidence: HeldEvidence, checked: bool) {
    let parse = |ders: Vec<Vec<u8>>| -> Vec<Certificate> {
        let parsed = ders.iter().map(|der| Certificate::parse(der).unwrap());
        parsed.collect()
    };
    let rules = ClientCertificateRules {
        name: "mtls:test".to_owned(),
        trust_store: TrustStore::new(parse(pki().anchors_der()), parse(pki().intermediates_der())),
        path_policy: PathPolicy::login(),
        revocation: match checked {
            true => ClientCertificateRevocation::Checked(RevocationPolicy::default()),
            false => ClientCertificateRevocation::Unchecked,
        },
    };
    let provider = &world.provider;
    provider.replace_client_certificate_rules(vec![rules], Arc::new(evidence));
}

/// The service's request for a token of its own.
fn request(certificate: Option<&IssuedCertificate>) -> (ClientCredentials, TokenParameters) {
    let parameters = TokenParameters {
        grant_type: Some("client_credentials".to_owned()),
        client_id: Some(SERVICE.to_owned()),
        ..TokenParameters::default()
    };
    let credentials = ClientCredentials::read(None, &parameters).unwrap();
    let credentials = match certificate {
        Some(certificate) => credentials.with_certificate(presented(certificate)),
        None => credentials,
    };
    (credentials, parameters)
}

async fn ask(
    world: &World,
    certificate: Option<&IssuedCertificate>,
) -> Result<TokenResponse, TokenError> {
    let (credentials, parameters) = request(certificate);
    world.issue(&credentials, &parameters).await
}

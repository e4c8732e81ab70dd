//! `tls_client_auth`: a path to an anchor for clients, and the one name that is registered.

use cardea_oauth2_types::ErrorCode;
use cardea_pki::{ExpectedName, ExpectedSubject};
use cardea_provider::{Client, ClientAuthentication};
use cardea_test_pki::{CountryPki, IssuedCertificate, SubjectAltName, object_identifier as oid};

use super::super::world::HeldEvidence;
use super::{HOST, ask, believe, issue, request, service, spec, world_of};

fn registered(subject: ExpectedSubject) -> Client {
    service(ClientAuthentication::TlsClientAuth(subject))
}

fn by_host() -> Client {
    registered(ExpectedSubject::Dns(HOST.to_owned()))
}

async fn refusal(
    client: Client,
    evidence: HeldEvidence,
    certificate: Option<&IssuedCertificate>,
) -> (ErrorCode, &'static str) {
    let world = world_of(client, evidence).await;
    let error = ask(&world, certificate).await.unwrap_err();
    let (credentials, _) = request(certificate);
    let code = error.code();
    // What only evidence refuses is not seen without it.
    let needs_evidence = ["pki.certificate_revoked", "pki.revocation_unreachable"];
    let proven = world.provider.carries_proof(&credentials);
    assert_eq!(proven, needs_evidence.contains(&code), "{code}");
    (error.error, code)
}

#[tokio::test]
async fn a_certificate_of_the_registered_name_authenticates() {
    let certificate = issue(&spec());
    let world = world_of(by_host(), HeldEvidence::fresh()).await;
    let tokens = ask(&world, Some(&certificate)).await.unwrap();
    assert_eq!(
        (tokens.scope.as_str(), tokens.token_type),
        ("read", "Bearer")
    );
    let (credentials, _) = request(Some(&certificate));
    assert!(world.provider.carries_proof(&credentials));
}

#[tokio::test]
async fn f3_every_other_certificate_is_refused_with_a_code_of_its_own() {
    let at = super::pki().at();
    let fresh = HeldEvidence::fresh;
    let of_client = (
        ErrorCode::InvalidClient,
        "provider.client_certificate_missing",
    );
    assert_eq!(refusal(by_host(), fresh(), None).await, of_client);

    let mut other = spec();
    other.subject_alt_name = Some(SubjectAltName::DnsName("other.example.fr".to_owned()));
    let mut no_purpose = spec();
    no_purpose.extended_key_usage = vec![oid::EKU_SERVER_AUTH];
    for (certificate, code) in [
        (
            issue(&other),
            "provider.client_certificate_subject_mismatch",
        ),
        (issue(&spec().expired(at)), "pki.certificate_expired"),
        (
            issue(&spec().not_yet_valid(at)),
            "pki.certificate_not_yet_valid",
        ),
        (issue(&no_purpose), "pki.extended_key_usage_wrong"),
    ] {
        let refused = refusal(by_host(), fresh(), Some(&certificate)).await;
        assert_eq!(refused, (ErrorCode::InvalidClient, code));
    }

    let stranger = CountryPki::germany(at).unwrap();
    let stranger = stranger.issuing().issue(&spec()).unwrap();
    let refused = refusal(by_host(), fresh(), Some(&stranger)).await;
    assert_eq!(refused, (ErrorCode::InvalidClient, "pki.untrusted_anchor"));
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_where_evidence_is_asked_for() {
    let certificate = issue(&spec());
    let revoking = HeldEvidence::revoking(&certificate);
    let refused = refusal(by_host(), revoking, Some(&certificate)).await;
    assert_eq!(refused.1, "pki.certificate_revoked");
    let refused = refusal(by_host(), HeldEvidence::Unreachable, Some(&certificate)).await;
    assert_eq!(refused.1, "pki.revocation_unreachable");

    let world = world_of(by_host(), HeldEvidence::fresh()).await;
    believe(&world, HeldEvidence::Unreachable, false);
    ask(&world, Some(&certificate)).await.unwrap();
}

const SUBJECT: &str =
    "CN=service.example.fr,OU=1000000000,O=CARDEA-TEST PORTAIL,ST=Paris (75),C=FR";

/// RFC 8705 section 2.1.2: exactly one kind of name counts, and no other of the certificate.
#[tokio::test]
async fn each_kind_of_name_is_compared_by_its_own_rule() {
    let with = |name: SubjectAltName| {
        let mut spec = spec();
        spec.subject_alt_name = Some(name);
        issue(&spec)
    };
    let uri = with(SubjectAltName::Uri(
        "https://service.example.fr/a".to_owned(),
    ));
    let v4 = with(SubjectAltName::IpAddress(vec![192, 0, 2, 1]));
    let email = with(SubjectAltName::Email("service@example.fr".to_owned()));
    let text = |kind: fn(String) -> ExpectedSubject, text: &str| kind(text.to_owned());
    let own = issue(&spec());
    for (subject, certificate, accepted) in [
        (text(ExpectedSubject::Dns, HOST), &own, true),
        (text(ExpectedSubject::Dns, "example.fr"), &own, false),
        (
            text(ExpectedSubject::Uri, "https://service.example.fr/a"),
            &uri,
            true,
        ),
        (
            text(ExpectedSubject::Uri, "https://service.example.fr/"),
            &uri,
            false,
        ),
        (text(ExpectedSubject::Dns, HOST), &uri, false),
        (ExpectedSubject::Ip([192, 0, 2, 1].into()), &v4, true),
        (ExpectedSubject::Ip([192, 0, 2, 2].into()), &v4, false),
        (
            text(ExpectedSubject::Email, "service@example.fr"),
            &email,
            true,
        ),
        (
            text(ExpectedSubject::Email, "Service@example.fr"),
            &email,
            false,
        ),
        (
            text(ExpectedSubject::Dns, "service@example.fr"),
            &email,
            false,
        ),
    ] {
        check(subject, certificate, accepted).await;
    }
}

#[tokio::test]
async fn a_subject_is_compared_attribute_by_attribute() {
    let own = issue(&spec());
    let reversed = SUBJECT.rsplit(',').collect::<Vec<_>>().join(",");
    for (text, accepted) in [
        (SUBJECT, true),
        (&SUBJECT.replace(',', ", "), true),
        (&SUBJECT.replace("CN=", "2.5.4.3="), true),
        (&reversed, false),
        (&SUBJECT.replace(",ST=Paris (75)", ""), false),
        (&SUBJECT.replace("service", "SERVICE"), false),
        (&SUBJECT.replace(",OU=", "+OU="), false),
        ("CN=service.example.fr", false),
    ] {
        let subject = ExpectedSubject::DistinguishedName(ExpectedName::parse(text).unwrap());
        check(subject, &own, accepted).await;
    }
}

async fn check(subject: ExpectedSubject, certificate: &IssuedCertificate, accepted: bool) {
    let name = format!("{subject:?}");
    let world = world_of(registered(subject), HeldEvidence::fresh()).await;
    let outcome = ask(&world, Some(certificate)).await;
    assert_eq!(outcome.is_ok(), accepted, "{name}");
}

/// Without a word of the operator no authority vouches for clients, whoever vouches for cards.
#[tokio::test]
async fn the_authorities_of_cards_vouch_for_no_client() {
    let mut settings = super::Settings::baseline();
    settings.config.clients.push(by_host());
    let world = settings.build().await;
    let error = ask(&world, Some(&issue(&spec()))).await.unwrap_err();
    assert_eq!(error.code(), "pki.untrusted_anchor");
}

/// A certificate proves nothing for a client that registered another way, and another proof
/// nothing for one with a certificate.
#[tokio::test]
async fn f3_only_the_registered_method_counts() {
    use super::super::world::{PORTAL, World};
    use cardea_oauth2_types::TokenParameters;
    use cardea_provider::ClientCredentials;

    let world = world_of(by_host(), HeldEvidence::fresh()).await;
    let mut parameters = TokenParameters {
        grant_type: Some("client_credentials".to_owned()),
        client_id: Some(PORTAL.to_owned()),
        ..TokenParameters::default()
    };
    let certificate = issue(&spec());
    let alone = ClientCredentials::read(None, &parameters).unwrap();
    let alone = alone.with_certificate(super::presented(&certificate));
    let error = world.issue(&alone, &parameters).await.unwrap_err();
    assert_eq!(error.code(), "provider.client_authentication_missing");

    parameters.client_id = Some(super::SERVICE.to_owned());
    parameters.client_secret = Some("a secret that nobody registered".to_owned());
    let with_secret = ClientCredentials::read(None, &parameters).unwrap();
    let with_secret = with_secret.with_certificate(super::presented(&certificate));
    let error = world.issue(&with_secret, &parameters).await.unwrap_err();
    let mismatch = "provider.client_authentication_method_mismatch";
    assert_eq!(error.code(), mismatch);
    let _: &World = &world;
}

//! Good and odd inputs to start from, the same bytes each time.

use super::ocsp_response::NONCE;
use super::signing::{KEY, change_response, without_signature};
use super::world::{self, AT, CARD, PKI};
use cardea_test_pki::hba::HbaProfile;
use cardea_test_pki::piv::PivProfile;
use cardea_test_pki::{
    AuthorityName, CardProfile, CertificateSpec, CrlReason, CrlScope, CrlSpec, IssuedCertificate,
    OcspSigner, OcspSpec, OcspStatus, RevokedEntry, TestPki,
};
use std::fs;
use std::path::Path;
use time::Duration;

/// A name and the bytes.
pub type Seed = (&'static str, Vec<u8>);

/// The environment variable that names the folder for a target's seeds.
pub const FOLDER_VARIABLE: &str = "CARDEA_SEED_FOLDER";

/// Writes seeds into the folder that [`FOLDER_VARIABLE`] names, if it names one.
pub fn write_where_asked(seeds: fn() -> Vec<Seed>) {
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE) else {
        return;
    };
    for (name, bytes) in seeds() {
        fs::write(Path::new(&folder).join(name), bytes).expect("the folder takes files");
    }
}

/// Certificates of cards and of others.
pub fn certificates() -> Vec<Seed> {
    let holders = [
        ("doctor", CardProfile::doctor()),
        ("pharmacist", CardProfile::pharmacist()),
        ("student", CardProfile::student()),
        ("secretary", CardProfile::secretary()),
        ("authorised-staff", CardProfile::authorised_staff()),
    ];
    let mut seeds: Vec<Seed> = holders
        .into_iter()
        .map(|(name, holder)| (name, world::issue(&world::profile(holder), |_| {}).der))
        .collect();
    let doctor = world::profile(CardProfile::doctor());
    let signature = doctor.signature(AT).expect("a good recipe");
    seeds.push(("signature", world::issue_spec(signature).der));
    let mut software = doctor.software(AT).expect("a good recipe");
    software.issuer = AuthorityName::FORT_PERSONNES;
    seeds.push(("software", world::issue_spec(software).der));
    let real = world::issue(&doctor, |spec| spec.certificate_kind = Some(0));
    seeds.push(("production", real.der));
    let german = HbaProfile::physician().authentication(AT);
    seeds.push(("hba", world::issue_spec(german.expect("a good recipe")).der));
    let american = PivProfile::employee().authentication(AT);
    seeds.push((
        "piv",
        world::issue_spec(american.expect("a good recipe")).der,
    ));
    let name = AuthorityName::FORT_PERSONNES;
    let authority = PKI.authority(name).expect("it is there");
    seeds.push(("authority", authority.certificate_der().to_vec()));
    seeds.into_iter().map(unsigned).collect()
}

/// Lists: complete, delta, partitioned, indirect, empty.
pub fn lists() -> Vec<Seed> {
    let name = AuthorityName::FORT_PERSONNES;
    let plain = || CrlSpec::new(name, AT);
    let other = |number: u8, reason| RevokedEntry {
        serial: vec![0x40, number],
        at: AT - Duration::DAY,
        reason,
    };
    let scope = |uri: Option<&str>, indirect| CrlScope {
        uri: uri.map(str::to_owned),
        only_user_certificates: true,
        only_authority_certificates: false,
        indirect,
    };
    let mut others = plain();
    others.revoked = (0..40).map(|number| other(number, None)).collect();
    let mut reasons = plain().revoke(&CARD, AT - Duration::HOUR);
    reasons
        .revoked
        .push(other(1, Some(CrlReason::KeyCompromise)));
    reasons
        .revoked
        .push(other(2, Some(CrlReason::CertificateHold)));
    let mut delta = others.clone();
    delta.delta_base = Some(1);
    delta.number = Some(2);
    delta.revoked.push(RevokedEntry {
        serial: world::SERIAL.to_vec(),
        at: AT,
        reason: Some(CrlReason::RemoveFromCRL),
    });
    let mut partitioned = plain();
    let point = PKI.authority(name).expect("it is there").points().clone();
    partitioned.scope = Some(scope(Some(&point.crl_http), false));
    let mut indirect = others.clone();
    indirect.scope = Some(scope(None, true));
    let specs = [
        ("empty", plain()),
        ("others", others),
        ("revoked", reasons),
        ("delta", delta),
        ("partitioned", partitioned),
        ("indirect", indirect),
    ];
    specs
        .into_iter()
        .map(|(title, spec)| {
            let authority = PKI.authority(name).expect("it is there");
            unsigned((title, authority.crl(&spec).expect("a good recipe")))
        })
        .collect()
}

/// Responses of the authority itself and of its responder.
pub fn responses() -> Vec<Seed> {
    let responder = responder();
    let revoked = OcspStatus::Revoked {
        at: AT - Duration::DAY,
        reason: Some(CrlReason::KeyCompromise),
    };
    let by_issuer = |status| OcspSpec {
        signer: OcspSigner::Issuer,
        ..OcspSpec::new(status, AT)
    };
    let by_responder = |status| OcspSpec {
        signer: OcspSigner::Other(Box::new(responder.clone())),
        nonce: Some(NONCE.to_vec()),
        ..OcspSpec::new(status, AT)
    };
    let specs = [
        ("good", by_issuer(OcspStatus::Good)),
        ("revoked", by_issuer(revoked)),
        ("unknown", by_issuer(OcspStatus::Unknown)),
        ("delegated-good", by_responder(OcspStatus::Good)),
        ("delegated-revoked", by_responder(revoked)),
    ];
    let mut seeds: Vec<Seed> = specs
        .into_iter()
        .map(|(title, spec)| {
            let der = PKI.ocsp_response(&CARD, &spec).expect("a good recipe");
            (
                title,
                change_response(&der, without_signature).expect("a response"),
            )
        })
        .collect();
    seeds.push(("try-later", TestPki::ocsp_try_later().expect("a constant")));
    seeds
}

/// The authority's responder, with the authority's own key, so that one key signs all.
fn responder() -> IssuedCertificate {
    let name = AuthorityName::FORT_PERSONNES;
    let mut spec = CertificateSpec::ocsp_responder(name, AT);
    spec.serial = Some(vec![0x22; 16]);
    let issuer = PKI.authority(name).expect("it is there");
    issuer
        .issue_with_key(&spec, KEY.clone())
        .expect("a good recipe")
}

fn unsigned((name, der): Seed) -> Seed {
    (name, without_signature(&der).expect("a signed structure"))
}

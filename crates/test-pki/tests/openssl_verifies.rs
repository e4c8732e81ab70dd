//! The `openssl` program judges what the test PKI makes: paths, CRLs and OCSP responses.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cardea_test_pki::{
    Authority, AuthorityName, CardProfile, CertificateSpec, CrlSpec, IssuedCertificate, KeyKind,
    OcspSigner, OcspSpec, OcspStatus, PkiSettings, PublicationPoints, PublicationSettings, TestPki,
};
use tempfile::TempDir;

struct Bench {
    folder: TempDir,
    pki: &'static TestPki,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            pki: TestPki::shared().unwrap(),
        }
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn pem_of(&self, name: &str, authorities: &[AuthorityName]) -> PathBuf {
        let pems: String = authorities
            .iter()
            .map(|name| self.pki.authority(*name).unwrap().certificate_pem())
            .collect();
        self.write(name, pems)
    }

    fn verify(&self, leaf: &IssuedCertificate, extra: &[&str]) -> Output {
        self.verify_pem(&leaf.pem(), extra)
    }

    fn verify_pem(&self, leaf: &str, extra: &[&str]) -> Output {
        let anchors = self.pem_of("anchors.pem", AuthorityName::ROOTS);
        let intermediates = self.pem_of("intermediates.pem", AuthorityName::ISSUING);
        let leaf = self.write("leaf.pem", leaf);
        let at = self.pki.at().unix_timestamp().to_string();
        openssl(&["verify", "-x509_strict", "-attime", &at])
            .arg("-CAfile")
            .arg(anchors)
            .arg("-untrusted")
            .arg(intermediates)
            .args(extra)
            .arg(leaf)
            .output()
            .unwrap()
    }

    fn doctor(&self) -> IssuedCertificate {
        let profile = CardProfile::doctor().with_key(KeyKind::P256);
        self.pki.issue_card(&profile).unwrap().authentication
    }
}

fn openssl(arguments: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.args(arguments);
    command
}

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).into_owned()
}

#[test]
fn every_card_family_chains_to_its_root() {
    let bench = Bench::new();
    for profile in [
        CardProfile::doctor(),
        CardProfile::student(),
        CardProfile::secretary(),
        CardProfile::authorised_staff(),
    ] {
        let card = bench
            .pki
            .issue_card(&profile.with_key(KeyKind::P256))
            .unwrap();
        for certificate in [&card.authentication, &card.signature] {
            let output = bench.verify(certificate, &[]);
            assert!(output.status.success(), "{}", said(&output));
        }
        let output = bench.verify(&card.authentication, &["-purpose", "sslclient"]);
        assert!(output.status.success(), "{}", said(&output));
        let output = bench.verify(&card.signature, &["-purpose", "sslclient"]);
        assert!(
            said(&output).contains("unsuitable certificate purpose"),
            "{}",
            said(&output)
        );
    }
}

#[test]
fn each_family_has_its_own_policy() {
    let bench = Bench::new();
    let doctor = bench.doctor();
    let own = [
        "-policy",
        "1.3.6.1.4.1.32473.71.1.1",
        "-explicit_policy",
        "-policy_check",
    ];
    assert!(bench.verify(&doctor, &own).status.success());
    let other = [
        "-policy",
        "1.3.6.1.4.1.32473.71.1.3",
        "-explicit_policy",
        "-policy_check",
    ];
    assert!(said(&bench.verify(&doctor, &other)).contains("no explicit policy"));
}

#[test]
fn odd_variants_fail_for_their_one_reason() {
    let bench = Bench::new();
    let at = bench.pki.at();
    let spec = CardProfile::doctor()
        .with_key(KeyKind::P256)
        .authentication(at)
        .unwrap();
    let expired = bench.pki.issue(&spec.clone().expired(at)).unwrap();
    let future = bench.pki.issue(&spec.clone().not_yet_valid(at)).unwrap();
    let twin = TestPki::fast(at).unwrap();
    let foreign = twin.issue(&spec).unwrap();
    let good = bench.pki.issue(&spec).unwrap();
    let cases = [
        ("expired", expired.pem(), "certificate has expired"),
        (
            "not yet valid",
            future.pem(),
            "certificate is not yet valid",
        ),
        (
            "authority of the same name",
            foreign.pem(),
            "unable to get local issuer certificate",
        ),
    ];
    for (name, pem, expected) in cases {
        let output = bench.verify_pem(&pem, &[]);
        assert!(
            said(&output).contains(expected),
            "{name}: {}",
            said(&output)
        );
    }
    assert!(
        bench.verify(&good, &[]).status.success(),
        "the baseline must be good"
    );
}

#[test]
fn card_of_the_predecessor_pki_has_no_trusted_issuer() {
    let bench = Bench::new();
    let legacy = Authority::legacy_class(4, KeyKind::P256, bench.pki.at()).unwrap();
    let mut spec = CardProfile::doctor()
        .authentication(bench.pki.at())
        .unwrap();
    spec.key = KeyKind::P256;
    let output = bench.verify(&legacy.issue(&spec).unwrap(), &[]);
    let verdict = said(&output);
    assert!(
        verdict.contains("unable to get local issuer certificate"),
        "{verdict}"
    );
}

#[test]
fn authority_below_an_issuing_authority_breaks_the_path_length() {
    let bench = Bench::new();
    let issuing = AuthorityName::FORT_PERSONNES;
    let name = issuing.subject().organizational_unit("BELOW");
    let mut spec = CertificateSpec::authority(issuing, name, bench.pki.at());
    spec.key = KeyKind::P256;
    let points = PublicationPoints::new(issuing, &PublicationSettings::default());
    let below = Authority::from_issued(&bench.pki.issue(&spec).unwrap(), points).unwrap();
    let mut leaf = CardProfile::doctor()
        .authentication(bench.pki.at())
        .unwrap();
    leaf.key = KeyKind::P256;
    let leaf = below.issue(&leaf).unwrap();
    assert_eq!(
        leaf.chain_der.len(),
        2,
        "the lower and the issuing authority"
    );
    let extra = bench.write("below.pem", below.certificate_pem());
    let output = bench.verify(&leaf, &["-untrusted", extra.to_str().unwrap()]);
    assert!(
        said(&output).contains("path length constraint exceeded"),
        "{}",
        said(&output)
    );
}

#[test]
fn crl_of_the_issuer_revokes_and_only_the_listed_certificate() {
    let bench = Bench::new();
    let (revoked, good) = (bench.doctor(), bench.doctor());
    let mut crls = Vec::new();
    for (index, der) in bench
        .pki
        .fresh_crls(&[&revoked])
        .unwrap()
        .iter()
        .enumerate()
    {
        let der = bench.write(&format!("{index}.crl"), der);
        crls.push(bench.folder.path().join(format!("{index}.pem")));
        let out = crls.last().unwrap();
        let mut convert = openssl(&["crl", "-inform", "DER", "-in"]);
        let output = convert.arg(der).arg("-out").arg(out).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
    let mut arguments = vec!["-crl_check_all"];
    for crl in &crls {
        arguments.extend(["-CRLfile", crl.to_str().unwrap()]);
    }
    assert!(said(&bench.verify(&revoked, &arguments)).contains("certificate revoked"));
    let output = bench.verify(&good, &arguments);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn crl_carries_number_key_identifier_and_a_six_day_window() {
    let bench = Bench::new();
    let name = AuthorityName::STANDARD_PERSONNES;
    let mut spec = CrlSpec::new(name, bench.pki.at());
    spec.number = Some(1287);
    assert_eq!(
        (spec.next_update.unwrap() - spec.this_update).whole_days(),
        6
    );
    let der = bench.pki.authority(name).unwrap().crl(&spec).unwrap();
    let path = bench.write("list.crl", der);
    let mut command = openssl(&["crl", "-inform", "DER", "-noout", "-text", "-in"]);
    let text = said(&command.arg(path).output().unwrap());
    for part in [
        "X509v3 CRL Number: \n                1287",
        "Authority Key Identifier",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(text.contains("No Revoked Certificates"), "{text}");
    let root = CrlSpec::new(name.root(), bench.pki.at());
    assert_eq!(
        (root.next_update.unwrap() - root.this_update).whole_days(),
        45
    );
}

fn ocsp_verdict(bench: &Bench, leaf: &IssuedCertificate, response: &[u8]) -> String {
    let issuer = bench.pem_of("issuer.pem", &[leaf.spec.issuer]);
    let anchors = bench.pem_of("anchors.pem", AuthorityName::ROOTS);
    let certificate = bench.write("leaf.pem", leaf.pem());
    let response = bench.write("response.der", response);
    let at = bench.pki.at().unix_timestamp().to_string();
    // The program judges the status times by the real clock only, so its tolerance is made vast.
    let tolerance_seconds = "2000000000";
    let mut command = openssl(&[
        "ocsp",
        "-attime",
        &at,
        "-no_nonce",
        "-validity_period",
        tolerance_seconds,
    ]);
    let path = |option: &str, path: &Path| [option.into(), path.as_os_str().to_owned()];
    command
        .args(path("-issuer", &issuer))
        .args(path("-cert", &certificate))
        .args(path("-respin", &response))
        .args(path("-CAfile", &anchors))
        .args(path("-verify_other", &issuer));
    said(&command.output().unwrap())
}

#[test]
fn ocsp_responses_say_what_they_were_told_to() {
    let bench = Bench::new();
    let leaf = bench.doctor();
    let at = bench.pki.at();
    let cases = [
        (OcspStatus::Good, ": good"),
        (OcspStatus::Revoked { at, reason: None }, ": revoked"),
        (OcspStatus::Unknown, ": unknown"),
    ];
    for (status, expected) in cases {
        for signer in [OcspSigner::Delegated, OcspSigner::Issuer] {
            let spec = OcspSpec {
                signer,
                ..OcspSpec::new(status, at)
            };
            let response = bench.pki.ocsp_response(&leaf, &spec).unwrap();
            let verdict = ocsp_verdict(&bench, &leaf, &response);
            assert!(verdict.contains("Response verify OK"), "{verdict}");
            assert!(verdict.contains(expected), "{verdict}");
        }
    }
}

#[test]
fn ocsp_response_of_a_certificate_without_the_usage_does_not_verify() {
    let bench = Bench::new();
    let (leaf, other) = (bench.doctor(), bench.doctor());
    let mut spec = OcspSpec::new(OcspStatus::Good, bench.pki.at());
    spec.signer = OcspSigner::Other(Box::new(other));
    let response = bench.pki.ocsp_response(&leaf, &spec).unwrap();
    let verdict = ocsp_verdict(&bench, &leaf, &response);
    assert!(verdict.contains("missing ocspsigning usage"), "{verdict}");
}

#[test]
fn an_ocsp_request_is_answered_with_its_own_nonce() {
    let bench = Bench::new();
    let leaf = bench.doctor();
    let issuer = bench.pem_of("issuer.pem", &[leaf.spec.issuer]);
    let certificate = bench.write("leaf.pem", leaf.pem());
    let request = bench.folder.path().join("request.der");
    let output = openssl(&["ocsp", "-issuer"])
        .arg(issuer)
        .arg("-cert")
        .arg(certificate)
        .arg("-reqout")
        .arg(&request)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let request = fs::read(request).unwrap();
    let spec = OcspSpec::new(OcspStatus::Good, bench.pki.at());
    let response = bench
        .pki
        .answer_ocsp_request(&leaf, &request, &spec)
        .unwrap();
    let verdict = ocsp_verdict(&bench, &leaf, &response);
    assert!(verdict.contains(": good"), "{verdict}");
    // The nonce extension holds an OCTET STRING of 16 bytes that must stand in both.
    let marker = [0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2];
    let place = request
        .windows(marker.len())
        .position(|window| window == marker)
        .unwrap();
    let nonce = &request[place..place + marker.len() + 20];
    assert!(response.windows(nonce.len()).any(|window| window == nonce));
}

#[test]
fn faithful_pki_has_the_key_sizes_of_the_model() {
    let settings = PkiSettings::faithful(TestPki::SHARED_AT);
    assert_eq!(settings.authority_key, KeyKind::Rsa4096);
    let settings = PkiSettings {
        authority_key: KeyKind::Rsa2048,
        ..settings
    };
    let pki = TestPki::new(&settings).unwrap();
    let leaf = pki
        .issue_card(&CardProfile::doctor())
        .unwrap()
        .authentication;
    let parsed = openssl::x509::X509::from_der(&leaf.der).unwrap();
    let issuer = pki.authority(AuthorityName::FORT_PERSONNES).unwrap();
    let issuer = openssl::x509::X509::from_der(issuer.certificate_der()).unwrap();
    assert!(parsed.verify(&issuer.public_key().unwrap()).unwrap());
}

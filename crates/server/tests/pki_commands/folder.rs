//! A folder of certificates and lists, and the program run in it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use cardea_test_pki::{CardProfile, IssuedCertificate, KeyKind, TestPki};
use serde_json::Value;
use tempfile::TempDir;

/// The moment at which the shared PKI's cards and lists are fresh.
pub(crate) const AT: &str = "2026-01-15T12:00:00Z";

pub(crate) struct Folder {
    folder: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A folder with `anchors.pem`, `intermediates.pem`, the folder `crls` with fresh lists that
    /// revoke `revoked`, and `leaf.crt`.
    pub(crate) fn with_card(leaf: &IssuedCertificate, revoked: &[&IssuedCertificate]) -> Self {
        let pki = TestPki::shared().unwrap();
        let folder = Self::new();
        folder.write("anchors.pem", &pem(&pki.anchors_der()));
        folder.write("intermediates.pem", &pem(&pki.intermediates_der()));
        fs::create_dir(folder.path().join("crls")).unwrap();
        for (index, crl) in pki.fresh_crls(revoked).unwrap().iter().enumerate() {
            folder.write(&format!("crls/{index}.crl"), crl);
        }
        folder.write("leaf.crt", &leaf.der);
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path().join(name), bytes).unwrap();
    }

    /// Runs `cardea pki` with arguments parted by spaces.
    pub(crate) fn pki(&self, arguments: &str) -> Output {
        let mut command = self.command();
        command.args(arguments.split_whitespace());
        command.output().unwrap()
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardea"));
        command.arg("pki").current_dir(self.path());
        for variable in ["LC_ALL", "LC_MESSAGES", "LANG"] {
            command.env_remove(variable);
        }
        command
    }

    /// Validates `leaf.crt` with `--json` at [`AT`] and more arguments.
    pub(crate) fn validate(&self, more: &str) -> (i32, Value) {
        self.validate_at(AT, more)
    }

    pub(crate) fn validate_at(&self, at: &str, more: &str) -> (i32, Value) {
        let output = self.pki(&format!(
            "validate --json --anchors anchors.pem --intermediates intermediates.pem --at {at} \
             {more} leaf.crt"
        ));
        (output.status.code().unwrap(), one_document(&output))
    }
}

/// The one JSON document of standard output.
pub(crate) fn one_document(output: &Output) -> Value {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(text.ends_with('\n') && text.lines().count() == 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn pem(certificates: &[Vec<u8>]) -> Vec<u8> {
    let pem = |der: &Vec<u8>| {
        let x509 = openssl::x509::X509::from_der(der).unwrap();
        x509.to_pem().unwrap()
    };
    certificates.iter().flat_map(pem).collect()
}

/// A pharmacist's card of the shared PKI, with a key that is made quickly.
pub(crate) fn pharmacist() -> cardea_test_pki::IssuedCard {
    let pki = TestPki::shared().unwrap();
    let profile = CardProfile::pharmacist()
        .with_key(KeyKind::P256)
        .with_card_number("8025000001/2600000001");
    pki.issue_card(&profile).unwrap()
}

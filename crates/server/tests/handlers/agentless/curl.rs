//! curl, with a card's key in a file or in a token behind OpenSSL's pkcs11 engine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use cardea_test_pki::{IssuedCertificate, TestPki};
use openssl::x509::X509;

use super::stage::write;
use crate::test_app::write_private;

const ENGINES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so",
    "/usr/lib/aarch64-linux-gnu/engines-3/pkcs11.so",
];
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "123456";

/// A certificate and where its key is.
pub(super) struct Key {
    certificate: PathBuf,
    key: String,
    in_token: bool,
}

/// What came back; status 0 where there was no HTTP at all.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) trouble: String,
    headers: Vec<(String, String)>,
}

impl Answered {
    pub(super) fn header(&self, name: &str) -> String {
        let mut headers = self.headers.iter();
        let found = headers.find(|(found, _)| found == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// What the page's form carries.
    pub(super) fn confirmation(&self) -> String {
        let marker = "name=\"confirmation\" value=\"";
        let (_, after) = self.body.split_once(marker).unwrap();
        after.split('"').next().unwrap().to_owned()
    }
}

impl Key {
    pub(super) fn in_files(folder: &Path, card: &IssuedCertificate) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("card-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let (certificate, key) = write_certificate(folder, &name, card);
        Self {
            certificate,
            key: key.display().to_string(),
            in_token: false,
        }
    }

    /// Puts the key into a token of its own, and forgets its file.
    pub(super) fn in_token(folder: &Path, card: &IssuedCertificate) -> Self {
        let (certificate, _) = write_certificate(folder, "token-card", card);
        let tokens = folder.join("tokens");
        fs::create_dir(&tokens).unwrap();
        let tokens = tokens.display();
        let config = format!("directories.tokendir = {tokens}\nobjectstore.backend = file\n");
        write(folder, "softhsm2.conf", &config);
        let key = folder.join("token-card.p8");
        fs::write(&key, card.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        let init = [
            "--init-token",
            "--free",
            "--label",
            "card",
            "--so-pin",
            "12345678",
        ];
        softhsm(folder, &init);
        let key_file = key.display().to_string();
        let import = [
            "--import", &key_file, "--token", "card", "--label", "auth", "--id", "20",
        ];
        softhsm(folder, &import);
        fs::remove_file(key).unwrap();
        fs::remove_file(folder.join("token-card.key")).unwrap();
        Self {
            certificate,
            key: format!("pkcs11:token=card;object=auth;type=private;pin-value={PIN}"),
            in_token: true,
        }
    }

    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            "--cert".to_owned(),
            self.certificate.display().to_string(),
            "--key".to_owned(),
            self.key.clone(),
        ];
        if self.in_token {
            let engine = ["--engine", "pkcs11", "--key-type", "ENG"];
            arguments.extend(engine.map(str::to_owned));
        }
        arguments
    }

    /// The files, for programs that read them.
    pub(super) fn files(&self) -> (String, String) {
        (self.certificate.display().to_string(), self.key.clone())
    }
}

/// Writes `NAME.pem`, the chain with it, and `NAME.key`.
pub(super) fn write_certificate(
    folder: &Path,
    name: &str,
    issued: &IssuedCertificate,
) -> (PathBuf, PathBuf) {
    let mut pem = issued.pem();
    for der in &issued.chain_der {
        pem.push_str(&pem_of(der));
    }
    let certificate = folder.join(format!("{name}.pem"));
    fs::write(&certificate, pem).unwrap();
    let key = folder.join(format!("{name}.key"));
    write_private(&key, &issued.key.private_key_to_pem_pkcs8().unwrap());
    (certificate, key)
}

/// Writes what curl trusts.
pub(super) fn write_authorities(folder: &Path, pki: &TestPki) {
    let mut all = pki.anchors_der();
    all.extend(pki.intermediates_der());
    let pem: String = all.iter().map(|der| pem_of(der)).collect();
    write(folder, "authorities.pem", &pem);
}

fn pem_of(der: &[u8]) -> String {
    let certificate = X509::from_der(der).unwrap();
    String::from_utf8(certificate.to_pem().unwrap()).unwrap()
}

fn softhsm(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("softhsm2-util");
    command
        .args(arguments)
        .args(["--pin", PIN])
        .env("SOFTHSM2_CONF", folder.join("softhsm2.conf"));
    let output = command.output().expect("apt-get install softhsm2");
    assert!(output.status.success(), "{output:?}");
}

/// Runs curl, which shows heads and bodies.
pub(super) async fn run(folder: &Path, arguments: Vec<String>, key: Option<&Key>) -> Answered {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--include", "--max-time", "60"]);
    command.args(["--noproxy", "*"]);
    command.args(key.map(Key::arguments).unwrap_or_default());
    command.args(arguments);
    command.stdin(Stdio::null());
    command.env("SOFTHSM2_CONF", folder.join("softhsm2.conf"));
    if key.is_some_and(|key| key.in_token) {
        command.env("OPENSSL_CONF", engine_settings(folder));
    }
    let output = tokio::task::spawn_blocking(move || command.output());
    read(output.await.unwrap().expect("apt-get install curl"))
}

fn engine_settings(folder: &Path) -> String {
    let engine = ENGINES.into_iter().find(|file| Path::new(file).exists());
    let engine = engine.expect("apt-get install libengine-pkcs11-openssl");
    let settings = format!(
        "openssl_conf = init\n[init]\nengines = engines\n[engines]\npkcs11 = pkcs11\n[pkcs11]\n\
         engine_id = pkcs11\ndynamic_path = {engine}\nMODULE_PATH = {SOFTHSM}\ninit = 0\n"
    );
    write(folder, "openssl.cnf", &settings)
}

fn read(output: Output) -> Answered {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let trouble = String::from_utf8_lossy(&output.stderr).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let headers = lines.filter_map(|line| line.split_once(": "));
    Answered {
        status: status.and_then(|status| status.parse().ok()).unwrap_or(0),
        body: body.to_owned(),
        trouble,
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
    }
}

//! A server with a listener for clients with certificates, an authority of theirs, and curl.

use std::fs;
use std::process::Command;

use cardea_jose::Jwk;
use cardea_test_pki::{CertificateSpec, CountryPki, IssuedCertificate, KeyKind};
use openssl::x509::X509;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::FORM;
use crate::program::Program;
use crate::revocation_host::{RevocationHost, now};
use crate::test_app::{Changes, TestApp, write_private};

pub(super) const SERVICE: &str = "service.example.fr";

pub(super) struct Stand {
    /// The same server in this process, where people log in.
    pub(super) app: TestApp,
    pub(super) program: Program,
    /// Whose authorities vouch for clients.
    pub(super) host: RevocationHost,
    pub(super) folder: TempDir,
    /// The origin of the listener.
    pub(super) url: String,
    pub(super) main_url: String,
}

/// What curl was answered.
#[derive(Debug)]
pub(super) struct CurlAnswer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Value,
}

impl CurlAnswer {
    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> String {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.unwrap().1.trim().to_owned()
    }

    /// Status, error and code of an OAuth refusal.
    pub(super) fn refusal(&self) -> (u16, &str, &str) {
        let uri = self.body["error_uri"].as_str().unwrap_or_default();
        let code = uri.rsplit('/').next().unwrap();
        (
            self.status,
            self.body["error"].as_str().unwrap_or_default(),
            code,
        )
    }
}

impl Stand {
    /// A listener with TLS of its own, or with `proxy`'s lines behind one.
    pub(super) async fn open(proxy: &str) -> Self {
        let portal = "name = \"Portail d’essai <&>\"";
        let bound = format!("{portal}\ntls_client_certificate_bound_access_tokens = true");
        Self::open_with("", proxy, vec![(portal, bound)]).await
    }

    /// The same with more lines at the head of the configuration, and other clients.
    pub(super) async fn open_with(
        head: &str,
        proxy: &str,
        clients: Vec<(&'static str, String)>,
    ) -> Self {
        let host = RevocationHost::start().await;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let pem = |ders: Vec<Vec<u8>>| ders.iter().map(|der| pem_of(der)).collect::<String>();
        fs::write(path("anchors.pem"), pem(host.pki.anchors_der())).unwrap();
        fs::write(path("intermediates.pem"), pem(host.pki.intermediates_der())).unwrap();
        let server = host.pki.issue(&spec("localhost")).unwrap();
        write(&folder, "server", &server);
        let alone = CountryPki::germany(now()).unwrap();
        let alone = alone.issuing().issue(&spec("alone.example.fr")).unwrap();
        write(&folder, "alone", &alone);
        let key = X509::from_der(&alone.der).unwrap().public_key().unwrap();
        let keys = json!({ "keys": [Jwk::from_public_key(&key).unwrap()] });
        fs::write(path("alone.jwks"), keys.to_string()).unwrap();

        let address = Program::unused_address().await;
        let port = address.rsplit(':').next().unwrap().to_owned();
        let tls = match proxy {
            "" => format!(
                "[mtls.tls]\ncertificate = \"{}\"\nkey = \"{}\"",
                path("server.pem"),
                path("server.key")
            ),
            proxy => format!("[mtls.proxy]\n{proxy}"),
        };
        // The space keeps the program's own address out of this line.
        let lines = format!(
            "{head}[mtls]\n listen = \"{address}\"\nurl = \"https://localhost:{port}\"\n{tls}\n\
             [[mtls.trust_anchor]]\nname = \"services\"\nanchors = \"{}\"\n\
             intermediates = \"{}\"\n\
             [[client]]\nclient_id = \"service\"\nname = \"Service\"\n\
             token_endpoint_auth_method = \"tls_client_auth\"\n\
             tls_client_auth_san_dns = \"{SERVICE}\"\n\
             grant_types = [\"client_credentials\"]\nscopes = [\"read\"]\n\
             [[client]]\nclient_id = \"alone\"\nname = \"Alone\"\n\
             token_endpoint_auth_method = \"self_signed_tls_client_auth\"\n\
             jwks_file = \"{}\"\n\
             grant_types = [\"client_credentials\"]\nscopes = [\"read\"]\n[keys]",
            path("anchors.pem"),
            path("intermediates.pem"),
            path("alone.jwks"),
        );
        let mut replace = vec![("[keys]", lines)];
        replace.extend(clients);
        let changes = Changes {
            replace,
            issuer: None,
        };
        let app = TestApp::start_with(changes).await;
        let main = Program::unused_address().await;
        let program = Program::start(app.folder(), &main).await;
        let url = match proxy {
            "" => format!("https://localhost:{port}"),
            _ => format!("http://{address}"),
        };
        Self {
            app,
            program,
            host,
            folder,
            url,
            main_url: format!("http://{main}"),
        }
    }

    /// The certificate of a service.
    pub(super) fn spec(&self, host: &str) -> CertificateSpec {
        spec(host)
    }

    /// Has an authority for clients issue a certificate, and writes it for curl. Its responder
    /// answers about the one that is called `own`.
    pub(super) fn issue(&self, name: &str, spec: &CertificateSpec) -> IssuedCertificate {
        let issued = self.host.pki.issue(spec).unwrap();
        write(&self.folder, name, &issued);
        if name == "own" {
            self.host.know(&issued);
        }
        issued
    }

    /// The same by an authority that nobody believes.
    pub(super) fn issue_elsewhere(&self, name: &str, spec: &CertificateSpec) {
        let pki = CountryPki::germany(now()).unwrap();
        write(&self.folder, name, &pki.issuing().issue(spec).unwrap());
    }

    /// Has curl send another certificate behind the first.
    pub(super) fn append(&self, to: &str, other: &str) {
        let first = fs::read_to_string(self.path(&format!("{to}.pem"))).unwrap();
        let second = fs::read_to_string(self.path(&format!("{other}.pem"))).unwrap();
        fs::write(self.path(&format!("{to}.pem")), first + &second).unwrap();
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// A certificate as RFC 9440 writes it.
    pub(super) fn binary(&self, name: &str) -> String {
        let pem = fs::read(self.path(&format!("{name}.pem"))).unwrap();
        let der = X509::from_pem(&pem).unwrap().to_der().unwrap();
        format!(":{}:", openssl::base64::encode_block(&der))
    }

    /// Calls the listener for clients with certificates.
    pub(super) async fn curl(
        &self,
        certificate: Option<&str>,
        path: &str,
        arguments: &[&str],
    ) -> CurlAnswer {
        self.curl_at(&self.url, certificate, path, arguments).await
    }

    /// The same by another origin.
    pub(super) async fn curl_at(
        &self,
        origin: &str,
        certificate: Option<&str>,
        path: &str,
        arguments: &[&str],
    ) -> CurlAnswer {
        let mut all: Vec<String> = arguments.iter().map(|&it| it.to_owned()).collect();
        if let Some(name) = certificate {
            let files = [
                self.path(&format!("{name}.pem")),
                self.path(&format!("{name}.key")),
            ];
            let [certificate, key] = files;
            all.extend(["--cert".to_owned(), certificate, "--key".to_owned(), key]);
        }
        all.extend(["--cacert".to_owned(), self.path("anchors.pem")]);
        curl(all, format!("{origin}{path}")).await
    }

    /// Asks for a token through a proxy at `url`, plainly and while `spoofing` what the proxy says:
    /// whose certificate the proxy saw counts, and nothing else.
    pub(super) async fn check_proxy(&self, url: &str, spoofing: &[&str]) {
        for arguments in [&FORM[..], spoofing] {
            for (certificate, refused) in [
                (Some("own"), None),
                (
                    Some("other"),
                    Some("provider.client_certificate_subject_mismatch"),
                ),
                (Some("stranger"), Some("pki.untrusted_anchor")),
                (None, Some("provider.client_certificate_missing")),
            ] {
                let asked = self.curl_at(url, certificate, "/token", arguments);
                let answer = asked.await;
                match refused {
                    None => assert_eq!(answer.status, 200, "{:?}", answer.body),
                    Some(code) => assert_eq!(answer.refusal(), (401, "invalid_client", code)),
                }
            }
        }
    }

    /// Calls the main listener.
    pub(super) async fn curl_main(&self, path: &str, arguments: &[&str]) -> CurlAnswer {
        let arguments = arguments.iter().map(|&it| it.to_owned());
        curl(arguments.collect(), format!("{}{path}", self.main_url)).await
    }
}

fn spec(host: &str) -> CertificateSpec {
    CertificateSpec {
        key: KeyKind::P256,
        ..CertificateSpec::tls_server(host, now())
    }
}

pub(super) fn pem_of(der: &[u8]) -> String {
    let pem = X509::from_der(der).unwrap().to_pem().unwrap();
    String::from_utf8(pem).unwrap()
}

/// Writes chain and key as programs take them.
pub(super) fn write(folder: &TempDir, name: &str, issued: &IssuedCertificate) {
    let above = issued.chain_der.iter().map(|der| pem_of(der));
    let chain = pem_of(&issued.der) + &above.collect::<String>();
    fs::write(folder.path().join(format!("{name}.pem")), chain).unwrap();
    let key = issued.key.private_key_to_pem_pkcs8().unwrap();
    write_private(&folder.path().join(format!("{name}.key")), &key);
}

async fn curl(arguments: Vec<String>, url: String) -> CurlAnswer {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--include", "--max-time", "60"])
        .args(["--noproxy", "*"])
        .args(arguments)
        .arg(url);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{said}"));
    let status = head.split(' ').nth(1).unwrap();
    CurlAnswer {
        status: status.parse().unwrap(),
        head: head.to_owned(),
        body: serde_json::from_str(body).unwrap_or_default(),
    }
}

//! A token that is bound to a certificate, through a real nginx that ends the TLS connection and
//! passes on which certificate it saw (attack F11): the lines of docs/guard-proxies.md.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::routing::get;
use axum::{Json, Router};
use cardea_jose::{Algorithm, SigningKey, sha256_base64url};
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509NameBuilder};
use serde_json::json;

const PAGE: &str = include_str!("../../../docs/guard-proxies.md");
const AUDIENCE: &str = "https://api.example.fr/";
const HOST: &str = "api.example.fr";

/// A certificate with its key, in files.
struct Identity {
    certificate: PathBuf,
    key: PathBuf,
    der: Vec<u8>,
    pem: String,
}

impl Identity {
    fn new(folder: &Path, name: &str) -> Self {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let key = PKey::private_key_from_der(&key.to_der().unwrap()).unwrap();
        let mut subject = X509NameBuilder::new().unwrap();
        subject.append_entry_by_text("CN", name).unwrap();
        let subject = subject.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder.set_issuer_name(&subject).unwrap();
        let days = |days| Asn1Time::days_from_now(days).unwrap();
        builder.set_not_before(&days(0)).unwrap();
        builder.set_not_after(&days(1)).unwrap();
        builder.set_pubkey(&key).unwrap();
        let mut names = SubjectAlternativeName::new();
        let names = names.dns(HOST).build(&builder.x509v3_context(None, None));
        builder.append_extension(names.unwrap()).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        let made = builder.build();
        let [certificate, key_file] = ["crt", "key"].map(|it| folder.join(format!("{name}.{it}")));
        let pem = made.to_pem().unwrap();
        fs::write(&certificate, &pem).unwrap();
        fs::write(&key_file, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        Self {
            certificate,
            key: key_file,
            der: made.to_der().unwrap(),
            pem: String::from_utf8(pem).unwrap(),
        }
    }

    /// As nginx writes it into a header.
    fn escaped(&self) -> String {
        let escaped = self.pem.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        });
        escaped.collect()
    }
}

/// Ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let sockets = [(); COUNT].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    sockets.map(|it| it.local_addr().unwrap().port())
}

/// An issuer with one key, and a token of it that is bound to a certificate.
async fn issuer(bound_to: &Identity) -> (String, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let keys = json!({"keys": [key.public_jwk()]});
    let document = json!({"issuer": url, "jwks_uri": format!("{url}/jwks")});
    let router = Router::new()
        .route(
            "/.well-known/openid-configuration",
            get(async || Json(document)),
        )
        .route("/jwks", get(async || Json(keys)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    #[expect(clippy::disallowed_methods, reason = "the guard has a real clock, too")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = now.as_secs();
    let claims = json!({
        "iss": url, "sub": "a-person", "aud": AUDIENCE, "client_id": "portal", "exp": now + 590,
        "iat": now, "jti": "a-token", "scope": "records.read", "auth_time": now - 60,
        "acr": "urn:cardea:acr:card-pin", "amr": ["sc", "pin", "hwk", "mfa"], "sid": "a-session",
        "cnf": {"x5t#S256": sha256_base64url(&bound_to.der)},
    });
    let token = key.sign_jwt("at+jwt", &claims).unwrap();
    (url, token)
}

fn start_guard(folder: &Path, issuer: &str, port: u16, front: u16) -> Running {
    let text = format!(
        "[token]\nissuer = \"{issuer}\"\naudience = \"{AUDIENCE}\"\nrevocation = \"expiry_alone\"\n\
         algorithms = [\"ES256\"]\ncertificate_header = \"pem_urlencoded\"\n\n\
         [serve]\nlisten = \"127.0.0.1:{port}\"\nproxies = [\"127.0.0.1\"]\n\
         request_headers = \"original\"\norigins = [\"https://{HOST}:{front}\"]\n"
    );
    let file = folder.join("guard.toml");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let guard = Command::new(env!("CARGO_BIN_EXE_cardea-guard"))
        .args(["serve", "--config"])
        .arg(&file)
        .spawn();
    Running(guard.unwrap())
}

/// The page's lines, with those that ask for a certificate and pass it on.
fn start_nginx(folder: &Path, own: &Identity, [front, guard, api]: [u16; 3]) -> Running {
    let (_, behind) = PAGE.split_once("<!-- nginx of the tests -->").unwrap();
    let block = behind.split("```").nth(1).unwrap();
    let (_, lines) = block.split_once('\n').unwrap();
    let certificate = "        proxy_set_header X-SSL-Client-Cert $ssl_client_escaped_cert;\n";
    assert!(PAGE.contains(certificate.trim()), "the page has this line");
    let lines = lines
        .replace(
            "listen 443 ssl;",
            &format!("listen 127.0.0.1:{front} ssl;\n    ssl_verify_client optional_no_ca;"),
        )
        .replace(
            "/etc/nginx/api-chain.pem",
            &own.certificate.display().to_string(),
        )
        .replace("/etc/nginx/api-key.pem", &own.key.display().to_string())
        .replace("127.0.0.1:8090", &format!("127.0.0.1:{guard}"))
        .replace("127.0.0.1:8081", &format!("127.0.0.1:{api}"))
        .replace(
            "        proxy_set_header X-Original-Method",
            &format!("{certificate}        proxy_set_header X-Original-Method"),
        );
    let path = |name: &str| folder.join(name).display().to_string();
    let kept = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};\n", path(kind)))
        .concat();
    let text = format!(
        "user root;\nmaster_process off;\ndaemon off;\npid {};\nerror_log stderr warn;\n\
         events {{}}\nhttp {{\naccess_log off;\n{kept}{lines}\n\
         server {{ listen 127.0.0.1:{api}; location / {{ return 200 \"a record\"; }} }}\n}}\n",
        path("pid"),
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, text).unwrap();
    let program = ["/usr/sbin/nginx", "/usr/bin/nginx"];
    let program = program.into_iter().find(|it| Path::new(it).exists());
    let nginx = Command::new(program.expect("nginx is missing: apt-get install nginx-light"))
        .args(["-e", "stderr", "-c"])
        .arg(&file)
        .stdout(Stdio::null())
        .spawn();
    Running(nginx.unwrap())
}

/// Asks as a client outside does: status and body.
async fn ask(
    (front, own): (u16, &Identity),
    token: &str,
    shown: Option<&Identity>,
    written: Option<String>,
) -> (String, String) {
    let mut curl = tokio::process::Command::new("curl");
    curl.args(["--silent", "--max-time", "30", "--noproxy", "*"])
        .args(["--resolve", &format!("{HOST}:{front}:127.0.0.1")])
        .arg("--cacert")
        .arg(&own.certificate)
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--header", "Accept: application/json"]);
    if let Some(shown) = shown {
        curl.arg("--cert").arg(&shown.certificate);
        curl.arg("--key").arg(&shown.key);
    }
    if let Some(written) = written {
        curl.args(["--header", &format!("X-SSL-Client-Cert: {written}")]);
    }
    curl.args(["--write-out", "\n%{http_code}"]);
    curl.arg(format!("https://{HOST}:{front}/records/1"));
    let said = curl.output().await;
    let said = said.expect("curl is missing: apt-get install curl");
    let said = String::from_utf8(said.stdout).unwrap();
    let (body, status) = said.rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn f11_a_token_serves_with_its_certificate_alone_and_nobody_writes_the_header() {
    let folder = tempfile::tempdir().unwrap();
    let identity = |name: &str| Identity::new(folder.path(), name);
    let (own, holder, other) = (identity("server"), identity("holder"), identity("other"));
    let (issuer, token) = issuer(&holder).await;
    let [front, guard, api] = free_ports();
    let _guard = start_guard(folder.path(), &issuer, guard, front);
    let _nginx = start_nginx(folder.path(), &own, [front, guard, api]);
    let at = (front, &own);
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let (status, body) = ask(at, &token, Some(&holder), None).await;
        if status == "200" {
            assert_eq!(body, "a record");
            break;
        }
        assert!(Instant::now() < until, "{status} {body}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mismatch = "guard.certificate_mismatch";
    let missing = "guard.certificate_missing";
    for (name, shown, written, code) in [
        ("another certificate", Some(&other), None, mismatch),
        ("no certificate", None, None, missing),
        (
            "a header of one's own",
            None,
            Some(holder.escaped()),
            missing,
        ),
        (
            "the same beside another certificate",
            Some(&other),
            Some(holder.escaped()),
            mismatch,
        ),
    ] {
        let (status, body) = ask(at, &token, shown, written).await;
        assert_eq!(status, "401", "{name}: {body}");
        assert!(body.contains(code), "{name}: {body}");
    }
    // Whatever its holder writes counts for nothing, too.
    let (status, _) = ask(at, &token, Some(&holder), Some(other.escaped())).await;
    assert_eq!(status, "200");
}

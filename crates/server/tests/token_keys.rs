//! Token keys of real processes: where their key-encryption key comes from, a PKCS#11 token that
//! goes away, a process that is killed in the middle of a rotation.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use cardea_jose::{Algorithm, SigningKey, UnverifiedJws};
use cardea_server::command::keys::{ChallengeListRequest, sign_challenge_list};
use cardea_server::config::Issuer;
use cardea_test_pki::{PkiSettings, TestPki};
use serde_json::Value;
use tempfile::TempDir;

#[path = "token_keys/challenge_keys.rs"]
mod challenge_keys;
#[path = "token_keys/lasting.rs"]
mod lasting;

const SECRET: &str = "a-secret-of-a-test-service-that-nobody-guesses";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const OTHER_KEY: &str = "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// A folder with everything that a server needs, and what its `[keys]` says more.
struct Site {
    folder: TempDir,
    issuer: String,
    environment: Vec<(&'static str, PathBuf)>,
}

struct Server<'a> {
    site: &'a Site,
    child: Child,
}

impl Site {
    fn new(keys: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", port.local_addr().unwrap());
        let site = Self {
            folder,
            issuer,
            environment: Vec::new(),
        };
        let write_key = |name: &str| {
            let key = SigningKey::generate(Algorithm::Es256).unwrap();
            let pem = key.to_pem().unwrap();
            site.write(name, std::str::from_utf8(&pem).unwrap())
        };
        sign_challenge_list(&ChallengeListRequest {
            root: write_key("root.pem"),
            issuer: Issuer::try_from(site.issuer.clone()).unwrap(),
            version: 1,
            keys: vec![write_key("challenge-key.pem")],
            out: site.at("list.jws"),
        })
        .unwrap();
        site.write("anchors.pem", &anchors());
        site.configure(keys);
        site
    }

    fn configure(&self, keys: &str) {
        let address = self.issuer.trim_start_matches("http://");
        let text = format!(
            r#"
issuer = "{}"
listen = "{address}"
[database]
url = "sqlite://cardea.sqlite"
[keys]
challenge_key = "challenge-key.pem"
challenge_list = "list.jws"
{keys}
[[trust_anchor]]
name = "test-cards"
anchors = "anchors.pem"
profile = "cps"
test_cards = "require"
[[client]]
client_id = "service"
name = "Service"
grant_types = ["client_credentials"]
secret = "{SECRET}"
"#,
            self.issuer
        );
        self.write("cardea.toml", &text);
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let file = self.at(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardea"));
        command.current_dir(self.folder.path()).args(arguments);
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// A command's exit status and its one document.
    fn keys(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.run(&[&["keys"], arguments, &["--json"]].concat());
        let document = serde_json::from_slice(&output.stdout);
        let document = document.unwrap_or_else(|_| panic!("{output:?}"));
        (output.status.code().unwrap(), document)
    }

    /// Every key's id.
    fn kids(&self) -> Vec<String> {
        let (exit, document) = self.keys(&["list"]);
        assert_eq!(exit, 0, "{document}");
        let keys = document["keys"].as_array().unwrap().iter();
        keys.map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    }

    fn start(&self) -> Server<'_> {
        let log = fs::File::create(self.at("log")).unwrap();
        let child = self
            .command(&["serve"])
            .stdout(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .stdout(log)
            .spawn()
            .unwrap();
        let mut server = Server { site: self, child };
        for _ in 0..1200 {
            if server.get("/healthz").is_some_and(|it| it.0 == 200) {
                return server;
            }
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{}", self.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.at("log")).unwrap()
    }

    /// A start that is refused; what it says.
    fn refused(&self) -> String {
        let output = self.run(&["serve"]);
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn softhsm(&mut self) {
        fs::create_dir(self.at("tokens")).unwrap();
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\n",
            self.at("tokens").display()
        );
        let configuration = self.write("softhsm2.conf", &text);
        self.write("token.pin", "1234\n");
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", "cardea"])
            .args(["--pin", "1234", "--so-pin", "12345678"])
            .env("SOFTHSM2_CONF", &configuration)
            .output()
            .expect("SoftHSM2 is missing; on Debian: apt-get install softhsm2");
        assert!(made.status.success(), "{made:?}");
        self.environment.push(("SOFTHSM2_CONF", configuration));
    }
}

impl Server<'_> {
    fn get(&self, path: &str) -> Option<(u16, String)> {
        curl(&[&format!("{}{path}", self.site.issuer)])
    }

    /// Status and body of a token request.
    fn ask(&self) -> (u16, Value) {
        let user = format!("service:{SECRET}");
        let url = format!("{}/token", self.site.issuer);
        let form = [
            "--user",
            &user,
            "--data",
            "grant_type=client_credentials",
            &url,
        ];
        let (status, body) = curl(&form).unwrap();
        (status, serde_json::from_str(&body).unwrap())
    }

    fn token(&self) -> String {
        let (status, body) = self.ask();
        assert_eq!(status, 200, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// Whether a service's token is one of ours (403: for no person), or not (401).
    fn takes(&self, token: &str) -> bool {
        let bearer = format!("Authorization: Bearer {token}");
        let url = format!("{}/userinfo", self.site.issuer);
        match curl(&["--header", &bearer, &url]).unwrap().0 {
            403 => true,
            401 => false,
            other => panic!("{other}"),
        }
    }

    fn jwks(&self) -> usize {
        let (_, body) = self.get("/jwks").unwrap();
        let set: Value = serde_json::from_str(&body).unwrap();
        set["keys"].as_array().unwrap().len()
    }

    /// `kill -9`.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn curl(arguments: &[&str]) -> Option<(u16, String)> {
    let output = Command::new("curl")
        .args(["--silent", "--noproxy", "*", "--max-time", "30"])
        .args(["--write-out", "\n%{http_code}"])
        .args(arguments)
        .output()
        .expect("curl is missing; on Debian: apt-get install curl");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n')?;
    let status = status.parse().ok().filter(|status| *status != 0)?;
    Some((status, body.to_owned()))
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{what} does not come about");
}

fn softhsm_module() -> &'static str {
    let places = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
    ];
    let found = places.into_iter().find(|place| Path::new(place).exists());
    found.expect("SoftHSM2 is missing; on Debian: apt-get install softhsm2")
}

fn token_config() -> String {
    let module = softhsm_module();
    format!("[keys.pkcs11]\nmodule = \"{module}\"\ntoken = \"cardea\"\npin_file = \"token.pin\"")
}

/// Attack H16: what is lost or wrong stops the start, and no key is made in the place of those that
/// it would open; then the same keys go on.
#[test]
fn h16_a_lost_or_wrong_key_encryption_key_stops_the_start() {
    let site = Site::new("");
    let server = site.start();
    let token = server.token();
    drop(server);
    let kids = site.kids();
    let file = site.at("keys/key-encryption.key");
    let kept = fs::read_to_string(&file).unwrap();
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    fs::remove_file(&file).unwrap();
    let words = site.refused();
    assert!(words.contains("key-encryption key is missing"), "{words}");
    assert!(!file.exists(), "none is made");
    assert_eq!(
        site.keys(&["rotate"]).1["code"],
        "server.key_encryption_key_missing"
    );
    site.write("keys/key-encryption.key", OTHER_KEY);
    let words = site.refused();
    assert!(words.contains("encrypted with the key"), "{words}");
    assert_eq!(
        site.keys(&["rotate"]).1["code"],
        "server.key_encryption_key_wrong"
    );
    site.write("keys/key-encryption.key", "nonsense");
    let words = site.refused();
    assert!(words.contains("is not a key-encryption key"), "{words}");

    assert_eq!(site.kids(), kids, "nothing was made");
    site.write("keys/key-encryption.key", &kept);
    assert!(site.start().takes(&token));
}

/// Each source in turn, over the same keys: the one before is named as the previous one, and
/// `reencrypt` makes it needless.
#[test]
fn the_key_encryption_key_moves_from_one_place_to_another() {
    let mut site = Site::new("");
    site.softhsm();
    let server = site.start();
    let token = server.token();
    drop(server);
    let kids = site.kids();
    site.write("credentials/kek", KEY);
    let credentials = site.at("credentials");
    site.environment
        .push(("CREDENTIALS_DIRECTORY", credentials));
    site.environment
        .push(("CARDEA_TEST_KEK", PathBuf::from(OTHER_KEY)));
    let places = [
        "file = \"keys/key-encryption.key\"",
        "credential = \"kek\"",
        "environment = \"CARDEA_TEST_KEK\"",
        "pkcs11_key = \"kek\"",
    ];
    for (before, after) in places.iter().zip(&places[1..]) {
        let now = format!("encryption = {{ {after} }}");
        let both = format!("{now}\nprevious_encryption = {{ {before} }}");
        site.configure(&format!("{now}\n{}", token_config()));
        let words = site.refused();
        let is_refused = words.contains("encrypted with the key") || words.contains("is missing");
        assert!(is_refused, "{words}");
        site.configure(&format!("{both}\n{}", token_config()));
        assert!(site.start().takes(&token), "{after}: both open");
        let (exit, document) = site.keys(&["reencrypt"]);
        // Four token keys, and the key of the log.
        assert_eq!(
            (exit, &document["reencrypted"]),
            (0, &Value::from(5)),
            "{document}"
        );
        site.configure(&format!("{now}\n{}", token_config()));
        let server = site.start();
        assert!(server.takes(&token), "{after} alone");
        assert_eq!(site.kids(), kids);
        let environment = fs::read(format!("/proc/{}/environ", server.child.id())).unwrap();
        let shown = environment
            .windows(OTHER_KEY.len())
            .any(|it| it == OTHER_KEY.as_bytes());
        assert_eq!(shown, !after.starts_with("environment"), "what /proc shows");
    }
}

/// Attack H16: a node is killed at any moment of a rotation; whoever starts then has whole keys, of
/// each algorithm one that signs, and takes the tokens of before.
#[test]
fn h16_a_rotation_that_is_killed_leaves_whole_keys() {
    let site = Site::new("");
    let server = site.start();
    let mut whole = 0;
    for milliseconds in [3, 10, 30, 60, 120, 200, 300, 500, 900] {
        let before = site.kids();
        let mut rotation = site.command(&["keys", "rotate", "--emergency", "--yes"]);
        let mut rotation = rotation.stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        rotation.kill().unwrap();
        rotation.wait().unwrap();
        let (_, document) = site.keys(&["list"]);
        for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
            let keys = document["keys"].as_array().unwrap().iter();
            let current = keys.filter(|it| it["alg"] == algorithm && it["state"] == "current");
            assert_eq!(current.count(), 1, "{document}");
        }
        // All of it or nothing.
        let after = site.kids();
        let kept = before.iter().filter(|kid| after.contains(kid)).count();
        assert!(kept == 0 || kept == 4, "{before:?} {after:?}");
        whole += usize::from(kept == 4);
    }
    assert!(whole > 0, "none was killed before its end");
    let last = site.kids();
    // The running server follows the last rotation within seconds.
    let mut token = server.token();
    let is_of_last = |token: &str| {
        let header = UnverifiedJws::parse(token, 8192)
            .unwrap()
            .kid()
            .map(str::to_owned);
        header.is_some_and(|kid| last.contains(&kid))
    };
    for _ in 0..600 {
        if is_of_last(&token) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        token = server.token();
    }
    server.kill();
    let server = site.start();
    assert_eq!(server.jwks(), 4);
    assert!(server.takes(&token));
    assert_eq!(site.kids(), last);
}

/// Keys that the token makes and keeps; it goes away under the server and comes back.
#[test]
fn keys_of_a_token_sign_and_a_token_that_is_away_is_waited_for() {
    let mut site = Site::new("");
    site.softhsm();
    // The keys of the database go on until those of the token have been published.
    let server = site.start();
    let token = server.token();
    drop(server);
    site.configure(&format!("store = \"pkcs11\"\n{}", token_config()));
    let server = site.start();
    assert!(server.takes(&token));
    let (_, document) = site.keys(&["list"]);
    let in_token = |it: &&Value| it["place"] == "pkcs11" && it["state"] == "next";
    let keys = document["keys"].as_array().unwrap();
    assert_eq!(keys.iter().filter(in_token).count(), 4, "{document}");
    // In an emergency at once.
    let (exit, document) = site.keys(&["rotate", "--emergency", "--yes"]);
    assert_eq!(exit, 0, "{document}");
    until("the emergency", || !server.takes(&token));
    let token = server.token();
    assert!(server.takes(&token));

    fs::rename(site.at("tokens"), site.at("away")).unwrap();
    fs::create_dir(site.at("tokens")).unwrap();
    until("the refusal", || {
        let (status, body) = server.ask();
        let uri = body["error_uri"].as_str().unwrap_or_default();
        status == 503 && uri.ends_with("/provider.signer_unavailable")
    });
    assert!(server.takes(&token), "what is signed verifies");
    fs::remove_dir(site.at("tokens")).unwrap();
    fs::rename(site.at("away"), site.at("tokens")).unwrap();
    until("the recovery", || server.ask().0 == 200);
    drop(server);
    // The same keys after a restart; none without the token.
    let server = site.start();
    assert!(server.takes(&token));
    assert_eq!(server.ask().0, 200);
    drop(server);
    site.write("token.pin", "9999\n");
    let words = site.refused();
    assert!(words.contains("refuses its PIN"), "{words}");
}

/// Attack H16: the token is away when its keys are in wrong hands. They go at once; nothing signs
/// until the token is back, and then by itself.
#[test]
fn h16_an_emergency_does_not_wait_for_a_token_that_is_away() {
    let mut site = Site::new("");
    site.softhsm();
    site.configure(&format!("store = \"pkcs11\"\n{}", token_config()));
    let server = site.start();
    let token = server.token();
    assert!(server.takes(&token));
    let before = site.kids();

    fs::rename(site.at("tokens"), site.at("away")).unwrap();
    fs::create_dir(site.at("tokens")).unwrap();
    let (exit, document) = site.keys(&["rotate", "--emergency", "--yes", "--kid", "unknown"]);
    assert_eq!(exit, 1, "{document}");
    let (exit, document) = site.keys(&["rotate", "--emergency", "--yes", "--reason", "stolen"]);
    assert_eq!(exit, 3, "{document}");
    assert_eq!(document["cause"]["code"], "server.pkcs11_unavailable");
    let count = |member: &str| document[member].as_array().unwrap().len();
    assert_eq!(count("deleted"), before.len());
    assert_eq!(count("without"), before.len());
    assert!(site.kids().is_empty());
    until("the emergency", || !server.takes(&token));
    let (status, body) = server.ask();
    let uri = body["error_uri"].as_str().unwrap_or_default();
    assert_eq!(status, 503, "{body}");
    assert!(uri.ends_with("/provider.signer_unavailable"), "{body}");
    assert_eq!(server.jwks(), 0);

    fs::remove_dir(site.at("tokens")).unwrap();
    fs::rename(site.at("away"), site.at("tokens")).unwrap();
    until("another key", || server.ask().0 == 200);
    assert!(!server.takes(&token), "what was taken out stays out");
    let after = site.kids();
    assert!(!after.iter().any(|kid| before.contains(kid)));
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server under test uses the same clock"
)]
fn anchors() -> String {
    let settings = PkiSettings::fast(time::OffsetDateTime::now_utc());
    let pki = TestPki::new(&settings).unwrap();
    let pem = |der: Vec<u8>| {
        let certificate = openssl::x509::X509::from_der(&der).unwrap();
        String::from_utf8(certificate.to_pem().unwrap()).unwrap()
    };
    pki.card_anchors_der().into_iter().map(pem).collect()
}

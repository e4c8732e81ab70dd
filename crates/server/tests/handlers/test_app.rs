//! A whole server on a loopback port, with its own test PKI and revocation services.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};

use cardea_jose::{Algorithm, SigningKey};
use cardea_server::app::App;
use cardea_server::command::keys::{ChallengeListRequest, sign_challenge_list};
use cardea_server::config::{Config, DatabaseUrl, Issuer};
use cardea_server::reload::ReloadReport;
use cardea_storage::event::{EventRecord, list_newest};
use cardea_storage::{Store, Transaction};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::revocation_host::RevocationHost;

pub(crate) const CLIENT_ID: &str = "portal";
pub(crate) const CLIENT_SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const REDIRECT_URI: &str = "https://portal.example.test/callback";
pub(crate) const PUBLIC_CLIENT_ID: &str = "native";

pub(crate) struct TestApp {
    pub(crate) issuer: String,
    /// Where the server listens: what the issuer names, or where a proxy would lead.
    base_url: String,
    pub(crate) client: Client,
    pub(crate) host: RevocationHost,
    app: Arc<App>,
    folder: Arc<TempDir>,
}

/// What a test changes about the configuration.
#[derive(Default)]
pub(crate) struct Changes {
    /// Each text is replaced by the other before the file is read.
    pub(crate) replace: Vec<(&'static str, String)>,
    /// Another issuer than the listener's own address, as behind a proxy.
    pub(crate) issuer: Option<&'static str>,
}

impl Changes {
    /// Sets limits on what one address may ask for.
    pub(crate) fn limiting(limits: &str) -> Self {
        Self::replacing("[keys]", &format!("[limits]\n{limits}\n[keys]"))
    }

    /// Another issuer, which leads here through a proxy that ends TLS.
    pub(crate) fn behind_proxy(issuer: &'static str) -> Self {
        Self {
            issuer: Some(issuer),
            ..Self::limiting("client_address = \"x_forwarded_for\"")
        }
    }

    /// Replaces one text of the configuration.
    pub(crate) fn replacing(from: &'static str, to: &str) -> Self {
        Self {
            replace: vec![(from, to.to_owned())],
            issuer: None,
        }
    }
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::start_with(Changes::default()).await
    }

    pub(crate) async fn start_with(changes: Changes) -> Self {
        let host = RevocationHost::start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = changes
            .issuer
            .map_or_else(|| base_url.clone(), str::to_owned);
        let folder = tempfile::tempdir().unwrap();
        let config = write_configuration(&folder, &issuer, &base_url, &host, changes);
        let app = serve_at(listener, &config).await;
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            issuer,
            base_url,
            client,
            host,
            app: Arc::new(app),
            folder: Arc::new(folder),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(self.url(path))
    }

    /// What is answered to a GET of exactly this text, which a client library would tidy up.
    pub(crate) async fn get_raw(&self, target: &str) -> String {
        let address = self.base_url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A POST as the server's own page makes it.
    pub(crate) fn post_json(&self, path: &str, cookie: &str, body: &Value) -> RequestBuilder {
        self.post(path)
            .header("Origin", &self.issuer)
            .header("Cookie", cookie)
            .json(body)
    }

    /// What the server has put on record.
    pub(crate) async fn events(&self) -> Vec<EventRecord> {
        let file = self.folder.path().join("cardea.sqlite");
        let url = format!("sqlite://{}", file.display());
        let store = Store::open(&url).await.unwrap();
        let mut transaction = store.begin_read().await.unwrap();
        let events = list_newest(&mut transaction, 1000).await.unwrap();
        drop(transaction);
        store.close().await;
        events
    }

    /// Where its configuration, keys and database lie.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Has the running server read its configuration anew.
    pub(crate) async fn reload(&self) -> Result<ReloadReport, cardea_server::error::Error> {
        self.app.reload().await
    }

    /// Runs `cardea clients …` beside the running server, and gives its document.
    pub(crate) async fn operate(&self, arguments: &[&str]) -> Value {
        self.operate_on("clients", arguments).await
    }

    /// The same with another command.
    pub(crate) async fn operate_on(&self, noun: &str, arguments: &[&str]) -> Value {
        let output = self.run_command(noun, arguments).await;
        let document = serde_json::from_slice(&output.stdout).unwrap();
        assert!(output.status.success(), "{document}");
        document
    }

    /// What a command answers that refuses, with its exit status.
    pub(crate) async fn refused_operation(
        &self,
        noun: &str,
        arguments: &[&str],
    ) -> (Option<i32>, String) {
        let output = self.run_command(noun, arguments).await;
        let told = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), told)
    }

    async fn run_command(&self, noun: &str, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardea"));
        command
            .arg(noun)
            .args(arguments)
            .arg("--config")
            .arg(self.folder.path().join("cardea.toml"))
            .arg("--json");
        // The server, which runs in this process too, may hold the database for a moment.
        let output = tokio::task::spawn_blocking(move || command.output());
        output.await.unwrap().unwrap()
    }

    /// Serves as another node beside this one, over the same database; gives where it listens.
    pub(crate) async fn serve_beside(&self) -> (App, String) {
        serve(&Config::load(&self.folder.path().join("cardea.toml")).unwrap()).await
    }

    /// Builds another server over the same folder, as the next start would.
    pub(crate) async fn build_again(&self) -> Result<App, cardea_server::error::Error> {
        let config = Config::load(&self.folder.path().join("cardea.toml")).unwrap();
        App::build(&config).await
    }

    /// Works on the database behind the server's back.
    pub(crate) async fn in_database(&self, work: impl AsyncFnOnce(&mut Transaction)) {
        let file = self.folder.path().join("cardea.sqlite");
        let store = Store::open(&format!("sqlite://{}", file.display())).await;
        let store = store.unwrap();
        let mut transaction = store.begin().await.unwrap();
        work(&mut transaction).await;
        transaction.commit().await.unwrap();
        store.close().await;
    }

    /// The same, whichever database the configuration names.
    pub(crate) async fn in_database_of_its_own(&self, work: impl AsyncFnOnce(&mut Transaction)) {
        let config = Config::load(&self.folder.path().join("cardea.toml")).unwrap();
        let url = match &config.database.url {
            DatabaseUrl::Sqlite(file) => format!("sqlite://{}", file.display()),
            DatabaseUrl::Postgres(url) => url.clone(),
            other => panic!("{other:?}"),
        };
        let store = Store::open(&url).await.unwrap();
        let mut transaction = store.begin().await.unwrap();
        work(&mut transaction).await;
        transaction.commit().await.unwrap();
        store.close().await;
    }

    /// How many events of a kind are on record.
    pub(crate) async fn count_events(&self, kind: &str) -> usize {
        let events = self.events().await;
        events.iter().filter(|event| event.kind == kind).count()
    }

    pub(crate) fn stop(&self) {
        self.app.stop();
    }

    /// Another server with the same keys and database, at a port of its own.
    pub(crate) async fn another_node(&self) -> Self {
        let config = Config::load(&self.folder.path().join("cardea.toml")).unwrap();
        let (app, base_url) = serve(&config).await;
        Self {
            issuer: self.issuer.clone(),
            base_url,
            client: self.client.clone(),
            // Neither is used: the configuration names those of the first.
            host: RevocationHost::start().await,
            folder: Arc::new(tempfile::tempdir().unwrap()),
            app: Arc::new(app),
        }
    }

    /// Stops this server: whatever serves its folder at `base_url` is asked from now on.
    pub(crate) fn handed_to(self, base_url: String) -> Self {
        self.app.stop();
        Self { base_url, ..self }
    }

    /// The same, asked at another address: that of one node, or of what leads to several.
    pub(crate) fn at(&self, base_url: String) -> Self {
        Self {
            issuer: self.issuer.clone(),
            base_url,
            client: self.client.clone(),
            host: self.host.clone(),
            app: Arc::clone(&self.app),
            folder: Arc::clone(&self.folder),
        }
    }

    /// Stops this server and starts another over its folder, at another port: the issuer then leads
    /// there as through a proxy.
    pub(crate) async fn restart(self) -> Self {
        self.app.stop();
        let app = Arc::into_inner(self.app);
        app.expect("nobody else asks it").close().await;
        let config = Config::load(&self.folder.path().join("cardea.toml")).unwrap();
        let (app, base_url) = serve(&config).await;
        Self {
            base_url,
            app: Arc::new(app),
            ..self
        }
    }
}

/// Serves at a port of its own.
async fn serve(config: &Config) -> (App, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    (serve_at(listener, config).await, base_url)
}

async fn serve_at(listener: TcpListener, config: &Config) -> App {
    let app = App::build(config).await.unwrap();
    let service = app
        .router()
        .into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    app.start_tasks();
    app
}

/// The value of a header, or nothing.
pub(crate) fn header(response: &Response, name: &str) -> String {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default()
}

/// The code of an RFC 9457 body; checks the form of all of it.
pub(crate) async fn problem_code(response: Response) -> String {
    let status = response.status().as_u16();
    assert_eq!(
        header(&response, "content-type"),
        "application/problem+json"
    );
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    for member in ["type", "title", "detail", "correlation_id"] {
        assert!(!body[member].as_str().unwrap().is_empty(), "{member}");
    }
    body["code"].as_str().unwrap().to_owned()
}

/// RSA keys take long to make, so that all tests of the process share one.
fn rsa_key_pem() -> &'static [u8] {
    static PEM: OnceLock<Vec<u8>> = OnceLock::new();
    PEM.get_or_init(|| {
        SigningKey::generate(Algorithm::Rs256)
            .unwrap()
            .to_pem()
            .unwrap()
            .to_vec()
    })
}

pub(crate) fn write_private(file: &Path, content: &[u8]) {
    fs::write(file, content).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

fn write_configuration(
    folder: &TempDir,
    issuer: &str,
    base_url: &str,
    host: &RevocationHost,
    changes: Changes,
) -> Config {
    let write_key = |name: &str| {
        let file = folder.path().join(name);
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        write_private(&file, &key.to_pem().unwrap());
        file
    };
    fs::create_dir(folder.path().join("keys")).unwrap();
    write_private(&folder.path().join("keys/token-rs256.pem"), rsa_key_pem());
    sign_challenge_list(&ChallengeListRequest {
        root: write_key("root.pem"),
        issuer: Issuer::try_from(issuer.to_owned()).unwrap(),
        version: 1,
        keys: vec![write_key("challenge-key.pem")],
        out: folder.path().join("challenge-keys.jws"),
    })
    .unwrap();
    let write = |name: &str, pem: String| fs::write(folder.path().join(name), pem).unwrap();
    write("anchors.pem", host.anchors_pem());
    write("intermediates.pem", host.intermediates_pem());
    let address = base_url.trim_start_matches("http://");
    let mut text = format!(
        r#"
issuer = "{issuer}"
listen = "{address}"
[keys]
challenge_key = "challenge-key.pem"
challenge_list = "challenge-keys.jws"
[presence]
wait_seconds = 2
[suspension]
offer_code = "account_page"
[[trust_anchor]]
name = "test-cards"
anchors = "anchors.pem"
intermediates = "intermediates.pem"
profile = "cps"
test_cards = "require"
[[client]]
client_id = "{CLIENT_ID}"
name = "Portail d’essai <&>"
redirect_uris = ["{REDIRECT_URI}"]
post_logout_redirect_uris = ["https://portal.example.test/bye"]
backchannel_logout_uri = "{}"
secret = "{CLIENT_SECRET}"
id_token_signed_response_alg = "ES256"
[[client]]
client_id = "{PUBLIC_CLIENT_ID}"
name = "Native"
redirect_uris = ["{REDIRECT_URI}"]
token_endpoint_auth_method = "none"
"#,
        host.logout_uri()
    );
    for (from, to) in changes.replace {
        assert!(text.contains(from), "the configuration has no {from}");
        text = text.replace(from, &to.replace("{issuer}", issuer));
    }
    let file = folder.path().join("cardea.toml");
    fs::write(&file, text).unwrap();
    Config::load(&file).unwrap()
}

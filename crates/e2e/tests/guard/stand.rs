//! The API, two guards before it, and somebody who has signed in with the card.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cardea_e2e::business_software::nonce;
use cardea_e2e::{AuthorizationRequest, PageScript, REDIRECT_URI, Stage};
use cardea_jose::{Algorithm, DpopTarget, SigningKey, parse_base64url, sign_dpop_proof};
use cardea_xtask::system::{self, Options};
use cardea_xtask::workspace;
use reqwest::Response;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::proxy::{Proxy, block};

const SECRET: &str = "a-secret-of-the-guard-that-is-long-enough";
pub(crate) const RESOURCE: &str = "https://records.example.fr/";
const START_LIMIT: Duration = Duration::from_secs(60);
const HEAD_BYTES_MAX: usize = 64 * 1024;

const CLIENTS: &str = "[[client]]\nclient_id = \"guarded-portal\"\nname = \"Portail gardé\"\n\
    redirect_uris = [\"http://127.0.0.1:9/callback\"]\ntoken_endpoint_auth_method = \"none\"\n\
    grant_types = [\"authorization_code\", \"refresh_token\"]\n\
    resources = [\"https://records.example.fr/\"]\nscopes = [\"openid\", \"profile\"]\n\n\
    [[client]]\nclient_id = \"records-guard\"\nname = \"Garde des dossiers\"\n\
    grant_types = [\"client_credentials\"]\n\
    secret = \"a-secret-of-the-guard-that-is-long-enough\"\n\
    resource_server_of = [\"https://records.example.fr/\"]\nevent_stream = true\nguard = true\n\n";

/// Rules beside the page's own.
const RULES: &str = "\n[[serve.rule]]\npath_prefix = \"/never\"\n\
    acr_values = [\"urn:example:never\"]\n\n[[serve.rule]]\npath_prefix = \"/scoped\"\n\
    scope = [\"nobody.has.it\"]\n";

/// Registers the portal and the guard beside the tests' others. Where the file cannot be written,
/// the server does not know them, and the test says so.
pub(crate) fn register(options: &mut Options) {
    let file = options.folder.join("clients.toml");
    let others = fs::read_to_string(&file).unwrap_or_default();
    let _ = fs::write(&file, format!("{others}\n{CLIENTS}"));
    options.clients_file = Some(file);
}

/// An API that tells what it was sent, and a guard for each proxy: each describes requests in
/// headers of its own.
pub(crate) struct Stand {
    api: String,
    guards: Vec<Guard>,
}

struct Guard {
    /// Where its proxy listens.
    proxy: String,
    address: String,
    folder: PathBuf,
    child: Mutex<Child>,
}

impl Stand {
    pub(crate) async fn start(stage: &Stage) -> Result<Self> {
        Self::start_two(stage, "").await
    }

    /// Two guards, with tables beside the page's own.
    pub(crate) async fn start_two(stage: &Stage, tables: &str) -> Result<Self> {
        let guards = vec![
            Guard::start(stage, "original", tables)?,
            Guard::start(stage, "forwarded", tables)?,
        ];
        let api = start_api().await?;
        Ok(Self { api, guards })
    }

    /// One guard, for nginx, with tables beside the page's own.
    pub(crate) async fn start_one(stage: &Stage, tables: &str) -> Result<Self> {
        let guards = vec![Guard::start(stage, "original", tables)?];
        let api = start_api().await?;
        Ok(Self { api, guards })
    }

    pub(crate) fn api(&self) -> String {
        self.api.clone()
    }

    pub(crate) fn nginx_address(&self) -> &str {
        self.guards.first().map_or("", |guard| &guard.proxy)
    }

    pub(crate) fn caddy_address(&self) -> &str {
        self.guards.last().map_or("", |guard| &guard.proxy)
    }

    pub(crate) fn guard_of_nginx(&self) -> String {
        self.guards
            .first()
            .map_or_else(String::new, |guard| guard.address.clone())
    }

    pub(crate) fn guard_of_caddy(&self) -> String {
        self.guards
            .last()
            .map_or_else(String::new, |guard| guard.address.clone())
    }

    /// Waits until both guards let people in.
    pub(crate) async fn wait_until_ready(&self) -> Result<()> {
        self.wait(|said| said.get("ready") == Some(&Value::Bool(true)))
            .await
    }

    /// Waits until both guards hear the event stream.
    pub(crate) async fn wait_until_heard(&self) -> Result<()> {
        self.wait(|said| said.get("event_stream") == Some(&Value::from("heard")))
            .await
    }

    async fn wait(&self, is_right: impl Fn(&Value) -> bool) -> Result<()> {
        for guard in &self.guards {
            let begun = Instant::now();
            loop {
                let said = guard.ready().await.unwrap_or_default();
                if is_right(&said) {
                    break;
                }
                if begun.elapsed() > START_LIMIT {
                    bail!("the guard stays so: {said}\n{}", guard.log());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// Ends them as a power cut does, and starts them again.
    pub(crate) fn kill_guards(&self, stage: &Stage) -> Result<()> {
        for guard in &self.guards {
            let mut child = guard
                .child
                .lock()
                .map_err(|_| anyhow::anyhow!("poisoned"))?;
            child.kill()?;
            child.wait()?;
            *child = Guard::spawn(stage, &guard.folder)?;
        }
        Ok(())
    }

    /// What the first guard says of itself.
    pub(crate) async fn ready(&self) -> Result<Value> {
        self.guards.first().context("no guard")?.ready().await
    }

    /// Ends them as an operator does.
    pub(crate) fn stop_guards(&self) -> Result<()> {
        for guard in &self.guards {
            let mut child = guard
                .child
                .lock()
                .map_err(|_| anyhow::anyhow!("poisoned"))?;
            let id = child.id().to_string();
            Command::new("kill").args(["-TERM", &id]).status()?;
            let status = child.wait()?;
            assert!(status.success(), "{status}");
        }
        Ok(())
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        for guard in &self.guards {
            if std::thread::panicking() {
                eprintln!("{}", guard.log());
            }
            if let Ok(mut child) = guard.child.lock() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// Starts an API that tells what it was sent.
async fn start_api() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let api = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(echo(socket));
        }
    });
    Ok(api)
}

impl Guard {
    fn start(stage: &Stage, headers: &str, tables: &str) -> Result<Self> {
        let system = stage.system();
        let folder = system.folder().join(format!("guard-{headers}"));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("guard.secret"), SECRET)?;
        let loopback = |port: u16| format!("127.0.0.1:{port}");
        let (address, proxy) = (system::unused_port()?, system::unused_port()?);
        let (address, proxy) = (loopback(address), loopback(proxy));
        let issuer = system.addresses().issuer();
        let text = block("the guard of the tests")?
            .replace("https://id.example.fr", &issuer)
            .replace("https://api.example.fr", &format!("http://{proxy}"))
            .replace("127.0.0.1:8090", &address)
            .replace("\"original\"", &format!("{headers:?}"));
        fs::write(
            folder.join("guard.toml"),
            format!("{text}{RULES}\n{tables}"),
        )?;
        let child = Self::spawn(stage, &folder)?;
        Ok(Self {
            proxy,
            address,
            folder,
            child: Mutex::new(child),
        })
    }

    fn spawn(stage: &Stage, folder: &Path) -> Result<Child> {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join("log"))?;
        let mut command = Command::new(workspace::binary("cardea-guard")?);
        command
            .args(["serve", "--config"])
            .arg(folder.join("guard.toml"));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let child = command.spawn().context("can't start the guard")?;
        stage.system().adopt(&child)?;
        Ok(child)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    async fn ready(&self) -> Result<Value> {
        let http = PageScript::http()?;
        let asked = http
            .get(format!("http://{}/readyz", self.address))
            .send()
            .await?;
        Ok(asked.json().await?)
    }
}

/// Answers a request with its own head, as JSON.
async fn echo(mut socket: TcpStream) -> Result<()> {
    let mut bytes = vec![0; HEAD_BYTES_MAX];
    let mut length = 0;
    let head = loop {
        let room = bytes.get_mut(length..).context("no room")?;
        let read = socket.read(room).await?;
        length += read;
        let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            break head.to_owned();
        }
        if read == 0 {
            return Ok(());
        }
    };
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let headers: Vec<_> = headers
        .map(|(name, value)| json!([name.to_ascii_lowercase(), value.trim()]))
        .collect();
    let body = json!({ "headers": headers }).to_string();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(answer.as_bytes()).await?;
    Ok(())
}

/// What came back through a proxy.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn read(response: Response) -> Result<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        Ok(Self {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        })
    }

    /// The guard's code, where it is a refusal of the guard's.
    pub(crate) fn code(&self) -> String {
        let code = self.body.get("code").and_then(Value::as_str);
        code.unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let values = self.headers.get_all(name).iter();
        values.filter_map(|value| value.to_str().ok()).collect()
    }

    pub(crate) fn has_reached_the_api(&self) -> bool {
        self.body.get("headers").is_some()
    }

    /// The values of a header that the API saw.
    pub(crate) fn seen(&self, name: &str) -> Vec<&str> {
        let headers = self.body.get("headers").and_then(Value::as_array);
        let all = headers.into_iter().flatten();
        let named = all.filter(|pair| pair.get(0).and_then(Value::as_str) == Some(name));
        named.filter_map(|pair| pair.get(1)?.as_str()).collect()
    }
}

/// Somebody who has signed in, and whose portal has a token bound to its key.
pub(crate) struct Visitor {
    key: SigningKey,
    pub(crate) access_token: String,
    refresh_token: String,
}

impl Visitor {
    pub(crate) async fn sign_in(stage: &Stage) -> Result<Self> {
        let system = stage.system();
        let request = AuthorizationRequest::new()?
            .with("client_id", Some("guarded-portal"))
            .with("resource", Some(RESOURCE));
        let page = PageScript::open(system, &request).await?;
        let code = page.code(system).await?;
        let key = SigningKey::generate(Algorithm::Es256)?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT_URI),
            ("client_id", "guarded-portal"),
            ("code_verifier", request.verifier()),
            ("resource", RESOURCE),
        ];
        let tokens = ask_for_tokens(stage, &key, &form).await?;
        let text = |name: &str| {
            let token = tokens.get(name).and_then(Value::as_str);
            let token = token.with_context(|| format!("no {name}: {tokens}"));
            token.map(str::to_owned)
        };
        Ok(Self {
            key,
            access_token: text("access_token")?,
            refresh_token: text("refresh_token")?,
        })
    }

    /// What the issuer says when the portal asks for the next tokens.
    pub(crate) async fn refresh(&self, stage: &Stage) -> Result<Value> {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", self.refresh_token.as_str()),
            ("client_id", "guarded-portal"),
            ("resource", RESOURCE),
        ];
        ask_for_tokens(stage, &self.key, &form).await
    }

    /// A claim of the token.
    pub(crate) fn claim(&self, name: &str) -> Result<String> {
        let payload = self.access_token.split('.').nth(1).context("no JWT")?;
        let claims: Value = serde_json::from_slice(&parse_base64url(payload)?)?;
        let value = claims.get(name).and_then(Value::as_str);
        value
            .map(str::to_owned)
            .with_context(|| format!("no {name} in {claims}"))
    }

    /// Token and proof for one request.
    pub(crate) fn headers(&self, proxy: &Proxy, path: &str) -> Result<Vec<(String, String)>> {
        let path = path.split('?').next().unwrap_or_default();
        let url = format!("{}{path}", proxy.url);
        let target = DpopTarget {
            method: "GET",
            url: &url,
            access_token: Some(&self.access_token),
        };
        let proof = sign_dpop_proof(&self.key, &target, now().unix_timestamp(), None)?;
        let authorization = format!("DPoP {}", self.access_token);
        Ok(vec![
            ("authorization".to_owned(), authorization),
            ("dpop".to_owned(), proof),
        ])
    }

    pub(crate) async fn get(&self, proxy: &Proxy, path: &str) -> Result<Answer> {
        self.get_with(proxy, path, &[]).await
    }

    pub(crate) async fn get_with(
        &self,
        proxy: &Proxy,
        path: &str,
        more: &[(&str, &str)],
    ) -> Result<Answer> {
        let own = self.headers(proxy, path)?;
        let mut headers = crate::pairs(&own);
        headers.extend_from_slice(more);
        proxy.send(path, &headers).await
    }
}

async fn ask_for_tokens(stage: &Stage, key: &SigningKey, form: &[(&str, &str)]) -> Result<Value> {
    let (http, system) = (PageScript::http()?, stage.system());
    let endpoint = format!("{}/token", system.addresses().issuer());
    let target = DpopTarget {
        method: "POST",
        url: &endpoint,
        access_token: None,
    };
    let nonce = nonce(&http, system).await?;
    let proof = sign_dpop_proof(key, &target, now().unix_timestamp(), Some(&nonce))?;
    let request = http.post(&endpoint).header("dpop", proof).form(form);
    Ok(request.send().await?.json().await?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server under test goes by the machine's clock"
)]
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

//! Business software without a browser: `cardea-agent sign-in`, and the requests that it then
//! sends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use cardea_xtask::system::{Options, System};
use cardea_xtask::workspace;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

/// The public client of the tests' software.
pub const SOFTWARE_CLIENT: &str = "officine";
/// The confidential client that is the software's API.
pub const API_CLIENT: &str = "officine-api";
/// The API's address; nobody listens there.
pub const API: &str = "https://api.officine.example";

const CLIENTS: &str = "[[client]]\nclient_id = \"officine\"\nname = \"Logiciel d’officine\"\n\
    token_endpoint_auth_method = \"none\"\n\
    grant_types = [\"urn:ietf:params:oauth:grant-type:jwt-bearer\", \"refresh_token\"]\n\
    resources = [\"https://api.officine.example\"]\n\
    scopes = [\"openid\", \"profile\"]\n\n\
    [[client]]\nclient_id = \"officine-api\"\nname = \"API d’officine\"\n\
    grant_types = [\"client_credentials\"]\n\
    secret = \"a-secret-of-the-tests-that-is-long-enough\"\n\
    resource_server_of = [\"https://api.officine.example\"]\n\n";

/// How long the program may take for each of its answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the server is asked, a second apart, until it has heard that a card is gone.
const ANSWERS_MAX: u32 = 20;

/// A running sign-in; ended when dropped.
pub struct BusinessSoftware {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl BusinessSoftware {
    /// Registers the software and its API beside the tests' other clients. Where the file cannot
    /// be written, the server will not know them, and each test says so.
    pub fn register(options: &mut Options) {
        let file = options.folder.join("clients.toml");
        let others = std::fs::read_to_string(&file).unwrap_or_default();
        let _ = std::fs::write(&file, format!("{others}\n{CLIENTS}"));
        options.clients_file = Some(file);
    }

    /// Runs a sign-in to its end, with the agent's own settings or with those that let software in.
    ///
    /// # Errors
    /// When the program can't be run.
    pub fn run(system: &System, allowed: bool, more: &[&str]) -> Result<Output> {
        let mut command = command(system, allowed, more)?;
        Ok(command.stdin(Stdio::null()).output()?)
    }

    /// Starts a sign-in that stays and makes proofs, and waits for its tokens.
    ///
    /// # Errors
    /// When there are none: what the program says instead.
    pub fn sign_in(system: &System, more: &[&str]) -> Result<(Self, Value)> {
        Self::sign_in_within(system, more, &[])
    }

    /// The same in an environment with these variables.
    ///
    /// # Errors
    /// As [`BusinessSoftware::sign_in`].
    pub fn sign_in_within(
        system: &System,
        more: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<(Self, Value)> {
        let mut command = command(system, true, &[&["--json", "--proofs"], more].concat())?;
        Self::sign_in_by(system, command.envs(environment.iter().copied()))
    }

    /// The same by another command, such as that of an agent that was installed otherwise.
    ///
    /// # Errors
    /// As [`BusinessSoftware::sign_in`].
    pub fn sign_in_by(system: &System, command: &mut Command) -> Result<(Self, Value)> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        system.adopt(&child)?;
        let output = child.stdout.take().context("no standard output")?;
        let mut software = Self {
            child,
            output: BufReader::new(output),
        };
        let tokens = software.line()?;
        if tokens.get("access_token").is_none() {
            bail!("no tokens: {tokens}");
        }
        Ok((software, tokens))
    }

    /// A proof for one request, by the key of the tokens.
    ///
    /// # Errors
    /// When the agent makes none.
    pub fn proof(&mut self, asked: &Value) -> Result<String> {
        let input = self
            .child
            .stdin
            .as_mut()
            .context("standard input is closed")?;
        writeln!(input, "{asked}")?;
        input.flush()?;
        let answer = self.line()?;
        let proof = answer.get("dpop").and_then(Value::as_str);
        proof
            .map(str::to_owned)
            .with_context(|| format!("no proof: {answer}"))
    }

    /// Closes standard input: the software needs its tokens no longer.
    pub fn close(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    /// When there is no `kill`.
    pub fn terminate(&self) -> Result<()> {
        self.signal("-TERM")
    }

    /// Sends a signal, named as kill(1) has it.
    ///
    /// # Errors
    /// When there is no `kill`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let id = self.child.id().to_string();
        Command::new("kill").args([name, &id]).status()?;
        Ok(())
    }

    /// Refreshes, with a proof by the key of the tokens.
    ///
    /// # Errors
    /// When there is no proof, or no answer.
    pub async fn refresh(
        &mut self,
        http: &Client,
        system: &System,
        refresh_token: &str,
    ) -> Result<Response> {
        let url = format!("{}/token", system.addresses().issuer());
        let nonce = nonce(http, system).await?;
        let proof = self.proof(&json!({"htm": "POST", "htu": url, "nonce": nonce}))?;
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", SOFTWARE_CLIENT),
            ("refresh_token", refresh_token),
        ];
        let request = http.post(&url).header("dpop", proof).form(&form);
        Ok(request.send().await?)
    }

    /// Waits until the program has ended.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("the sign-in is still running")
    }

    fn line(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.output.by_ref().take(1 << 20).read_line(&mut line)? == 0 {
            bail!("the sign-in has ended: {:?}", self.wait()?);
        }
        serde_json::from_str(&line).with_context(|| format!("no document: {line}"))
    }
}

impl Drop for BusinessSoftware {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(system: &System, allowed: bool, more: &[&str]) -> Result<Command> {
    let settings = if allowed {
        allowing_settings(system)?
    } else {
        system.agent_settings()
    };
    let mut command = Command::new(workspace::binary("cardea-agent")?);
    command.args(["sign-in", "--client", SOFTWARE_CLIENT, "--issuer"]);
    command
        .arg(system.addresses().issuer())
        .arg("--config")
        .arg(settings);
    command.args(more);
    command.env("PCSCLITE_CSOCK_NAME", system.pcscd_socket());
    Ok(command)
}

/// The agent's settings with the section that lets the software in; state and prompt stay the same.
fn allowing_settings(system: &System) -> Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let file = system.folder().join("software-agent.toml");
    let own = std::fs::read_to_string(system.agent_settings())?;
    let more = format!(
        "\n[business_software]\nenabled = true\n\n[[business_software.client]]\n\
         client_id = \"{SOFTWARE_CLIENT}\"\naddresses = [\"{API}/\"]\n"
    );
    std::fs::write(&file, own + &more)?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Userinfo with a token in one scheme, and a proof where there is one.
///
/// # Errors
/// When the server does not answer.
pub async fn userinfo(
    http: &Client,
    system: &System,
    authorization: &str,
    proof: Option<&str>,
) -> Result<Response> {
    let url = format!("{}/userinfo", system.addresses().issuer());
    let mut request = http.get(url).header("authorization", authorization);
    if let Some(proof) = proof {
        request = request.header("dpop", proof);
    }
    Ok(request.send().await?)
}

/// A proof for userinfo with a nonce of the server's.
///
/// # Errors
/// When the server gives no nonce or the agent no proof.
pub async fn userinfo_proof(
    software: &mut BusinessSoftware,
    http: &Client,
    system: &System,
    access_token: &str,
) -> Result<String> {
    let url = format!("{}/userinfo", system.addresses().issuer());
    let nonce = nonce(http, system).await?;
    software.proof(&json!({
        "htm": "GET", "htu": url, "nonce": nonce, "access_token": access_token,
    }))
}

/// Pulls the card, and demands that the program ends with it and its token soon is worth nothing:
/// the program waits for a busy server only so long.
///
/// # Errors
/// When the token lives on, or the program does not end well.
pub async fn leaves_with_the_card(
    mut software: BusinessSoftware,
    http: &Client,
    system: &System,
    access_token: &str,
) -> Result<()> {
    // Each serves once, and nobody makes one when the card has gone.
    let mut proofs = Vec::new();
    for _ in 0..ANSWERS_MAX {
        proofs.push(userinfo_proof(&mut software, http, system, access_token).await?);
    }
    system.card().remove()?;
    let ended = software.wait()?;
    ensure!(ended.success(), "the program: {ended}");
    let scheme = format!("DPoP {access_token}");
    for proof in proofs {
        let answer = userinfo(http, system, &scheme, Some(&proof)).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    bail!("the token outlives its card")
}

/// The server's nonce for proofs (RFC 9449 section 8.2).
///
/// # Errors
/// When it gives none.
pub async fn nonce(http: &Client, system: &System) -> Result<String> {
    let url = format!("{}/userinfo", system.addresses().issuer());
    let answer = http.get(url).send().await?;
    let nonce = answer.headers().get("dpop-nonce");
    let nonce = nonce.with_context(|| format!("no nonce: {}", answer.status()))?;
    Ok(nonce.to_str()?.to_owned())
}

/// Whether the API hears that a token is live (RFC 7662).
///
/// # Errors
/// When the server refuses to say.
pub async fn is_active(http: &Client, system: &System, access_token: &str) -> Result<bool> {
    let url = format!("{}/introspect", system.addresses().issuer());
    let secret = Some("a-secret-of-the-tests-that-is-long-enough");
    let request = http.post(url).basic_auth(API_CLIENT, secret);
    let answer = request.form(&[("token", access_token)]).send().await?;
    let status = answer.status();
    let body: Value = answer.json().await?;
    if status != StatusCode::OK {
        bail!("no introspection: {status} {body}");
    }
    body.get("active")
        .and_then(Value::as_bool)
        .context("no answer")
}

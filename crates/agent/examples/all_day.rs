//! Reads a protected API all day by the card in this workstation's reader.
//!
//! The same as `all_day.py` beside it, for software in Rust, and made to be copied: it needs
//! tokio, reqwest, serde_json and clap, and nothing of Cardea's. It keeps one session with the
//! agent, refreshes the tokens before they expire, says what is going on, survives pulled cards and
//! restarted servers and agents, and asks nobody more often than makes sense.

#![expect(
    clippy::print_stdout,
    reason = "a program at a terminal tells the person what is going on"
)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use reqwest::header::{HeaderValue, WWW_AUTHENTICATE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode, Url};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, sleep, timeout};

/// Reads an address of an API all day by the card in this workstation's reader.
#[derive(Parser)]
struct Settings {
    /// The issuer, as the workstation is enrolled with it.
    #[arg(long)]
    issuer: String,
    /// The client that this software is registered as.
    #[arg(long)]
    client: String,
    /// The API that the tokens are for.
    #[arg(long)]
    resource: String,
    /// The address to read.
    #[arg(long)]
    read: Url,
    /// Seconds from read to read.
    #[arg(long, default_value_t = 10.0)]
    every: f64,
    /// The agent's socket for programs; default: the one in `$XDG_RUNTIME_DIR`.
    #[arg(long)]
    socket: Option<PathBuf>,
}

// snippet:begin agent
/// Why something did not come about.
#[derive(Debug)]
enum Trouble {
    /// The session is over, for the reason of a problem object.
    Over(Value),
    /// The agent does not do what was asked, for the reason of a problem object.
    Refused(Value),
    /// No agent is there, or it has closed the connection.
    AgentGone(String),
    /// A server does not answer, or answers nonsense.
    Server(String),
}

/// A connection to the agent. It carries one session, which ends with it.
struct Agent {
    heard: Lines<BufReader<OwnedReadHalf>>,
    said: OwnedWriteHalf,
}

impl Agent {
    async fn connect(path: &Path) -> Result<Self, Trouble> {
        let gone = |error: std::io::Error| Trouble::AgentGone(error.to_string());
        let (heard, said) = UnixStream::connect(path).await.map_err(gone)?.into_split();
        let heard = BufReader::new(heard).lines();
        Ok(Self { heard, said })
    }

    async fn say(&mut self, message: &Value) -> Result<(), Trouble> {
        let line = format!("{message}\n");
        if let Err(error) = self.said.write_all(line.as_bytes()).await {
            // It may have said why before it closed the connection.
            self.hear(Duration::from_secs(1)).await?;
            return Err(Trouble::AgentGone(error.to_string()));
        }
        Ok(())
    }

    /// The next message; none if none comes in that time.
    async fn hear(&mut self, limit: Duration) -> Result<Option<Value>, Trouble> {
        let gone = |reason: &str| Trouble::AgentGone(reason.to_owned());
        let line = match timeout(limit, self.heard.next_line()).await {
            Err(_) => return Ok(None),
            Ok(Ok(Some(line))) => line,
            Ok(Ok(None)) => return Err(gone("it has closed the connection")),
            Ok(Err(error)) => return Err(gone(&error.to_string())),
        };
        let message: Value = serde_json::from_str(&line).map_err(|_| gone("it talks nonsense"))?;
        match (message.get("ended"), message.get("error")) {
            (Some(problem), _) => Err(Trouble::Over(problem.clone())),
            (None, Some(problem)) => Err(Trouble::Refused(problem.clone())),
            (None, None) => Ok(Some(message)),
        }
    }

    async fn answer(&mut self, limit: Duration) -> Result<Value, Trouble> {
        let late = || Trouble::AgentGone("it does not answer".to_owned());
        self.hear(limit).await?.ok_or_else(late)
    }

    /// Waits until a card is there (`present`) or is there no longer (`absent`).
    async fn wait_for_card(&mut self, wanted: &str) -> Result<(), Trouble> {
        loop {
            self.say(&json!({"wait_for_card": wanted})).await?;
            // The agent answers after an hour in any case.
            let answer = self.answer(Duration::from_secs(2 * 3600)).await?;
            let is_there = answer.get("card").and_then(Value::as_str) == Some("present");
            if is_there == (wanted == "present") {
                return Ok(());
            }
        }
    }
}
// snippet:end agent

// snippet:begin session
/// Tokens, and the requests that they are for.
struct Session<'a> {
    agent: &'a mut Agent,
    settings: &'a Settings,
    http: &'a Client,
    nonces: HashMap<String, String>,
    tokens: Value,
    refresh_at: Instant,
}

impl<'a> Session<'a> {
    async fn open(
        agent: &'a mut Agent,
        settings: &'a Settings,
        http: &'a Client,
    ) -> Result<Self, Trouble> {
        let asked = json!({"sign_in": {
            "issuer": settings.issuer,
            "client_id": settings.client,
            "resources": [settings.resource],
        }});
        agent.say(&asked).await?;
        let tokens = loop {
            let message = agent.answer(Duration::from_secs(300)).await?;
            if let Some(state) = message.get("state").and_then(Value::as_str) {
                tell(words_for(state));
            }
            if let Some(tokens) = message.get("tokens") {
                break tokens.clone();
            }
        };
        let refresh_at = refresh_at(&tokens);
        Ok(Self {
            agent,
            settings,
            http,
            nonces: HashMap::new(),
            tokens,
            refresh_at,
        })
    }

    /// One request to the API, with a token that lives.
    async fn read(&mut self, url: &Url) -> Result<(StatusCode, Vec<u8>), Trouble> {
        if Instant::now() >= self.refresh_at {
            self.refresh().await?;
        }
        let (status, body) = self.request(Method::GET, url, None).await?;
        if status != StatusCode::UNAUTHORIZED {
            return Ok((status, body));
        }
        // It thinks otherwise of the token than this computer's clock does.
        self.refresh().await?;
        self.request(Method::GET, url, None).await
    }

    async fn refresh(&mut self) -> Result<(), Trouble> {
        let nonsense = |error: &dyn std::fmt::Display| Trouble::Server(error.to_string());
        let url = format!("{}/token", self.settings.issuer);
        let url = Url::parse(&url).map_err(|error| nonsense(&error))?;
        let refresh_token = text(&self.tokens, "refresh_token");
        let client = self.settings.client.clone();
        let form = [
            ("grant_type", "refresh_token".to_owned()),
            ("client_id", client),
            ("refresh_token", refresh_token),
        ];
        let (status, body) = self.request(Method::POST, &url, Some(&form)).await?;
        match status {
            StatusCode::OK => {}
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => {
                let title = "La session n’est plus valable.";
                return Err(Trouble::Over(
                    json!({"code": "invalid_grant", "title": title}),
                ));
            }
            status => return Err(nonsense(&format!("the token endpoint answers {status}"))),
        }
        let renewed: Value = serde_json::from_slice(&body).map_err(|error| nonsense(&error))?;
        if let (Value::Object(tokens), Value::Object(renewed)) = (&mut self.tokens, renewed) {
            tokens.extend(renewed);
        }
        self.refresh_at = refresh_at(&self.tokens);
        Ok(())
    }

    /// Sends it with a proof, and once more where the server wants its nonce in the proof.
    async fn request(
        &mut self,
        method: Method,
        url: &Url,
        form: Option<&[(&str, String)]>,
    ) -> Result<(StatusCode, Vec<u8>), Trouble> {
        let origin = url.origin().ascii_serialization();
        let mut nonce_is_new = false;
        loop {
            let known = self.nonces.get(&origin).cloned();
            let mut request = self.http.request(method.clone(), url.clone());
            let mut asked = json!({"htm": method.as_str(), "htu": url.as_str(), "nonce": known});
            if let Some(form) = form {
                request = request.form(form);
            } else {
                let token = text(&self.tokens, "access_token");
                request = request.header("authorization", format!("DPoP {token}"));
                if let Some(asked) = asked.as_object_mut() {
                    asked.insert("access_token".to_owned(), token.into());
                }
            }
            self.agent.say(&json!({"proof": asked})).await?;
            let proof = self.agent.answer(Duration::from_secs(30)).await?;
            let answer = request.header("dpop", text(&proof, "dpop")).send().await;
            let answer = answer.map_err(|error| Trouble::Server(error.to_string()))?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let header = |name| {
                let value = headers.get(name).map(HeaderValue::to_str);
                value.and_then(Result::ok).map(str::to_owned)
            };
            let body = answer.bytes().await;
            let body = body.map_err(|error| Trouble::Server(error.to_string()))?;
            let why = header(WWW_AUTHENTICATE.as_str()).unwrap_or_default()
                + &String::from_utf8_lossy(&body);
            let nonce = header("dpop-nonce").or_else(|| known.clone());
            let again = status.is_client_error() && why.contains("use_dpop_nonce");
            let again = again && nonce != known && !nonce_is_new;
            if let Some(nonce) = nonce {
                self.nonces.insert(origin.clone(), nonce);
            }
            if !again {
                return Ok((status, body.to_vec()));
            }
            nonce_is_new = true;
        }
    }
}

/// Early enough for a clock that goes wrong and an answer that takes its time.
fn refresh_at(tokens: &Value) -> Instant {
    let seconds = tokens.get("expires_in").and_then(Value::as_u64);
    Instant::now() + Duration::from_secs(seconds.unwrap_or(60)) * 2 / 3
}

fn text(document: &Value, member: &str) -> String {
    let text = document.get(member).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}
// snippet:end session

// snippet:begin day
/// From the card's arrival to the end of its session.
async fn work(agent: &mut Agent, settings: &Settings, http: &Client) -> Result<(), Trouble> {
    tell("Insérez votre carte pour travailler.");
    agent.wait_for_card("present").await?;
    let mut session = Session::open(agent, settings, http).await?;
    tell("Vous êtes connecté. Retirez la carte pour terminer.");
    let longer = |pause: Duration| (2 * pause).min(Duration::from_secs(60));
    let every = Duration::from_secs_f64(settings.every.clamp(0.1, 3600.0));
    let mut pause = every;
    loop {
        pause = match session.read(&settings.read).await {
            Ok((status, body)) => {
                tell(&format!("Lu : {}, {} octets.", status.as_u16(), body.len()));
                if status.is_success() {
                    every
                } else {
                    longer(pause)
                }
            }
            // The session lasts through an outage of a server, as long as the agent keeps it.
            Err(Trouble::Server(error)) => {
                tell(&format!(
                    "Le serveur ne répond pas ({error}) ; nouvel essai plus tard."
                ));
                longer(pause)
            }
            Err(trouble) => return Err(trouble),
        };
        // Nothing is said here but the end, which is heard at once.
        session.agent.hear(pause).await?;
    }
}

/// One session after the other, until something is to be set up first.
async fn day(settings: &Settings, socket: &Path, http: &Client) {
    let (mut pause, mut retry_by) = (Duration::from_secs(1), None);
    loop {
        let began = Instant::now();
        match one_session(settings, socket, http, &mut retry_by).await {
            Ok(()) | Err(Trouble::Server(_)) => {}
            Err(Trouble::Over(problem)) => {
                tell(&text(&problem, "title"));
                if text(&problem, "code") == "card.removed" {
                    pause = Duration::from_secs(1);
                }
            }
            Err(Trouble::Refused(problem)) => {
                let (title, code) = (text(&problem, "title"), text(&problem, "code"));
                tell(&format!("{title} {} ({code})", text(&problem, "advice")));
                tell(&format!("Pour l’assistance : {}", text(&problem, "detail")));
                if TO_BE_SET_UP.contains(&code.as_str()) {
                    tell("C’est un réglage à corriger ; relancez ensuite ce logiciel.");
                    return;
                }
                // A person who said no, or whose card is refused, is not asked again by a clock.
                retry_by = match code.as_str() {
                    "agent.grant_refused" => Some(OTHER_CARD),
                    code if NOBODY_WAS_ASKED.contains(&code) => None,
                    _ => Some(SAME_CARD),
                };
                let wait = problem.get("retry_after_seconds").and_then(Value::as_u64);
                pause = pause.max(Duration::from_secs(wait.unwrap_or_default()));
            }
            Err(Trouble::AgentGone(reason)) => {
                tell(&format!(
                    "L’agent Cardea ne répond pas ({reason}) ; nouvel essai plus tard."
                ));
            }
        }
        if began.elapsed() > Duration::from_secs(60) {
            pause = Duration::from_secs(1);
        }
        sleep(pause).await;
        pause = (2 * pause).min(Duration::from_secs(60));
    }
}

async fn one_session(
    settings: &Settings,
    socket: &Path,
    http: &Client,
    retry_by: &mut Option<&str>,
) -> Result<(), Trouble> {
    let mut agent = Agent::connect(socket).await?;
    if let Some(words) = *retry_by {
        tell(words);
        agent.wait_for_card("absent").await?;
        *retry_by = None;
    }
    work(&mut agent, settings, http).await
}
// snippet:end day

/// What no card and no clock mends: somebody sets up the workstation or this software.
const TO_BE_SET_UP: [&str; 5] = [
    "agent.business_software_disabled",
    "agent.client_not_allowed",
    "agent.issuer_unknown",
    "agent.proof_refused",
    "agent.program_request_invalid",
];

const SAME_CARD: &str = "Retirez la carte et remettez-la pour réessayer.";
/// The server says no to this software, or to this card.
const OTHER_CARD: &str = "L’assistance sait quoi corriger ; une autre carte peut aussi servir.";

/// Refusals before any prompt was shown: nobody is bothered by another try.
const NOBODY_WAS_ASKED: [&str; 9] = [
    "agent.busy",
    "agent.rate_limited",
    "agent.screen_locked",
    "agent.too_many_programs",
    "agent.issuer_unreachable",
    "agent.issuer_answer_invalid",
    "agent.challenge_keys_unreachable",
    "card.no_card",
    "card.no_reader",
];

fn words_for(state: &str) -> &'static str {
    match state {
        "insert_card" => "Insérez votre carte.",
        "reader_missing" => "Branchez votre lecteur.",
        "reader_busy" => "Un autre logiciel occupe le lecteur ; un instant…",
        "pin_asked" => "Saisissez le code de la carte dans la fenêtre de Cardea.",
        "pin_on_reader" => "Saisissez le code sur le lecteur.",
        "signing" => "La carte signe…",
        _ => "",
    }
}

/// What a person sees. A program with windows shows it in one.
fn tell(words: &str) {
    if !words.is_empty() {
        println!("{words}");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> reqwest::Result<ExitCode> {
    let settings = Settings::parse();
    let socket = settings.socket.clone().unwrap_or_else(|| {
        let folder = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(PathBuf::new, PathBuf::from);
        folder.join("cardea-agent/programs.sock")
    });
    // A token goes to the address that it is for, and to no other that answers name.
    let http = Client::builder()
        .redirect(Policy::none())
        .timeout(Duration::from_secs(20))
        .build()?;
    day(&settings, &socket, &http).await;
    Ok(ExitCode::FAILURE)
}

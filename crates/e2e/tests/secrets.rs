//! Where PIN, name and tokens are after a login: only where they have to be (attacks D10 and G15).
//!
//! The card has a PIN that stands nowhere else, so that any trace of it is a leak.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use cardea_e2e::{AuthorizationRequest, PageScript, Signed, Stage, exchange_card};
use cardea_xtask::system::{Answer, Card, CardRequest, System};
use reqwest::{StatusCode, header};
use serde_json::{Value, json};

const PIN: &str = "73920416";
/// Typed first: what is not the PIN often almost is.
const WRONG_PIN: &str = "58316247";
const GIVEN_NAME: &str = "Zelmire";
const FAMILY_NAME: &str = "QUATREPONT";
const RPPS: &str = "899700000058";
/// Long enough for the watch over the processes to see every prompt.
const TYPING_MILLISECONDS: u32 = 500;
const WATCH_EVERY: Duration = Duration::from_millis(10);
const SESSION_END_LIMIT: Duration = Duration::from_secs(60);

/// What a whole login gave, and every text that came over HTTP.
struct Login {
    code: String,
    access_token: String,
    id_token: String,
    bodies: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_leaves_no_pin_name_or_token_where_none_belongs() -> Result<()> {
    let stage = Stage::open("secrets").await?;
    let system = stage.system();
    let card = insert_marked_card(system).await?;
    let slowly = |pin: &str| Answer::SlowPin(pin.into(), TYPING_MILLISECONDS);
    system.script_pin_prompt(&[slowly(WRONG_PIN), slowly(PIN)])?;

    let watch = ProcessWatch::start(system.folder());
    let login = log_in_and_out(system, &card).await?;
    watch.stop().assert_no_pin();
    let prompts = system.pin_prompt_log().matches("GETPIN").count();
    assert_eq!(prompts, 2, "the wrong PIN was not asked about");

    for body in &login.bodies {
        assert_free_of("an HTTP body", body.as_bytes(), &pins());
    }
    let files = files_below(system.folder())?;
    assert_pin_stays_home(&files, card.folder())?;
    let tokens = [&login.code, &login.access_token, &login.id_token];
    assert_no_token_is_kept(&files, &tokens.map(String::as_str))?;
    assert_logs_name_nobody(&files, &system.folder().join("logs"))
}

async fn insert_marked_card(system: &System) -> Result<Card> {
    let card = system.card().beside("marked-card");
    card.issue(&CardRequest {
        name: format!("{GIVEN_NAME} {FAMILY_NAME}"),
        rpps: RPPS.into(),
        pin: PIN.into(),
        ..CardRequest::default()
    })?;
    exchange_card(system, &card).await?;
    Ok(card)
}

/// Signs in, reads the identity, pulls the card, and waits until the session is over.
async fn log_in_and_out(system: &System, card: &Card) -> Result<Login> {
    let request = AuthorizationRequest::new()?;
    let page = PageScript::open(system, &request).await?;
    let mut bodies = Vec::new();

    let stream = ask_agent(system, &page, &page.challenge().await?).await?;
    let signed = signed(&stream)?;
    bodies.push(stream);
    let accepted = page.post_signed(&signed).await?.text().await?;
    let code = code_in(&accepted)?;
    bodies.push(accepted);

    let answer = request.redeem(page.client(), system, &code).await?;
    assert_eq!(answer.status(), StatusCode::OK);
    let tokens: Value = answer.json().await?;
    let token = |name: &str| -> Result<String> {
        let text = tokens.get(name).and_then(Value::as_str);
        text.map(str::to_owned)
            .with_context(|| format!("no {name}"))
    };
    let (access_token, id_token) = (token("access_token")?, token("id_token")?);
    let userinfo = format!("{}/userinfo", system.addresses().issuer());
    let ask = || page.client().get(&userinfo).bearer_auth(&access_token);
    let identity = ask().send().await?.text().await?;
    // The search for the name below would be worth nothing if the login did not know it.
    assert!(identity.contains(FAMILY_NAME), "{identity}");
    bodies.push(identity);

    card.remove()?;
    tokio::time::timeout(SESSION_END_LIMIT, async {
        while ask().send().await?.status() != StatusCode::UNAUTHORIZED {
            tokio::time::sleep(WATCH_EVERY).await;
        }
        anyhow::Ok(())
    })
    .await
    .context("the session outlived its card")??;
    Ok(Login {
        code,
        access_token,
        id_token,
        bodies,
    })
}

/// The agent's whole stream.
async fn ask_agent(system: &System, page: &PageScript, challenge: &str) -> Result<String> {
    let address = format!("{}/v1/assertion", system.addresses().agent_url());
    let request = page.client().post(address);
    let answer = request
        .header(header::ORIGIN, system.addresses().issuer())
        .json(&json!({ "challenge": challenge }))
        .send()
        .await?;
    Ok(answer.text().await?)
}

fn signed(stream: &str) -> Result<Signed> {
    assert!(stream.contains("\"pin_incorrect\""), "{stream}");
    let last: Value = serde_json::from_str(stream.lines().last().unwrap_or_default())?;
    let member = |name: &str| -> Result<String> {
        let text = last.get(name).and_then(Value::as_str);
        text.map(str::to_owned)
            .with_context(|| format!("the agent did not sign: {last}"))
    };
    Ok(Signed {
        assertion: member("assertion")?,
        attestation: member("attestation")?,
    })
}

fn code_in(accepted: &str) -> Result<String> {
    let body: Value = serde_json::from_str(accepted)?;
    let target = body.get("redirect_to").and_then(Value::as_str);
    let target = target.with_context(|| format!("refused: {body}"))?;
    let address = url::Url::parse(target)?;
    let code = address.query_pairs().find(|(name, _)| name == "code");
    code.map(|(_, code)| code.into_owned())
        .with_context(|| format!("no code in {address}"))
}

/// The forms in which a PIN could stand somewhere: as it is typed, and as its bytes in hexadecimal.
fn pins() -> Vec<String> {
    let hexadecimal = |pin: &str| pin.bytes().map(|byte| format!("{byte:02x}")).collect();
    [PIN, WRONG_PIN]
        .iter()
        .flat_map(|pin| [(*pin).to_owned(), hexadecimal(pin)])
        .collect()
}

fn holds(content: &[u8], needle: &str) -> bool {
    let needle = needle.as_bytes();
    content
        .windows(needle.len())
        .any(|window| window.eq_ignore_ascii_case(needle))
}

fn assert_free_of(place: &str, content: &[u8], needles: &[String]) {
    for needle in needles {
        assert!(!holds(content, needle), "{place} holds {needle}");
    }
}

/// The card knows its PIN and the script types it; no other file may.
fn assert_pin_stays_home(files: &[PathBuf], card: &Path) -> Result<()> {
    let (mut at_home, mut elsewhere) = (0, 0);
    for file in files {
        let content = read(file)?;
        if file.starts_with(card) || file.ends_with("pinentry-script.jsonl") {
            at_home += usize::from(holds(&content, PIN));
        } else {
            elsewhere += 1;
            assert_free_of(&file.display().to_string(), &content, &pins());
        }
    }
    // The search finds what is there.
    assert!(at_home >= 1 && elsewhere >= 10, "{at_home} {elsewhere}");
    Ok(())
}

/// Whoever copies the database or a log gets nothing that opens a session.
fn assert_no_token_is_kept(files: &[PathBuf], tokens: &[&str]) -> Result<()> {
    let tokens: Vec<String> = tokens.iter().map(|token| (*token).to_owned()).collect();
    for file in files {
        assert_free_of(&file.display().to_string(), &read(file)?, &tokens);
    }
    Ok(())
}

fn assert_logs_name_nobody(files: &[PathBuf], logs: &Path) -> Result<()> {
    let person = [GIVEN_NAME, FAMILY_NAME, RPPS].map(str::to_owned);
    let mut all = Vec::new();
    for file in files.iter().filter(|file| file.starts_with(logs)) {
        let content = read(file)?;
        assert_free_of(&file.display().to_string(), &content, &person);
        all.extend(content);
    }
    // These are the logs of this very login.
    assert!(holds(&all, "the card is accepted") && holds(&all, "\"signed\""));
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("can't read {}", file.display()))
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}

/// Looks at the arguments and environments of the system's processes again and again: those of a
/// prompt are gone a moment later.
struct ProcessWatch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

#[derive(Default)]
struct Seen {
    programs: Vec<String>,
    leaks: Vec<String>,
}

impl ProcessWatch {
    fn start(folder: &Path) -> Self {
        let folder = folder.display().to_string();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut seen = Seen::default();
            while !stopped.load(Ordering::Relaxed) {
                seen.look(&folder);
                std::thread::sleep(WATCH_EVERY);
            }
            seen
        });
        Self { stop, thread }
    }

    fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

impl Seen {
    fn look(&mut self, folder: &str) {
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        for process in processes.map(|entry| entry.path()) {
            // A process may end while it is looked at, and some keep their environment to root.
            let read = |name: &str| std::fs::read(process.join(name)).unwrap_or_default();
            let (arguments, environment) = (read("cmdline"), read("environ"));
            // Every program of the system is given a path in the system's folder.
            if !holds(&arguments, folder) {
                continue;
            }
            let text = String::from_utf8_lossy(&arguments).replace('\0', " ");
            for (place, content) in [("arguments", arguments), ("environment", environment)] {
                if pins().iter().any(|pin| holds(&content, pin)) {
                    self.leaks.push(format!("the {place} of {text}"));
                }
            }
            if !self.programs.contains(&text) {
                self.programs.push(text);
            }
        }
    }

    fn assert_no_pin(&self) {
        assert!(self.leaks.is_empty(), "a PIN is in {:?}", self.leaks);
        // All of them were looked at, the prompt too.
        for part in [
            "cardea serve",
            "cardea-agent run",
            "vcard insert",
            "vcard pinentry",
        ] {
            let seen = self.programs.iter().any(|program| program.contains(part));
            assert!(seen, "{part} is not in {:?}", self.programs);
        }
    }
}

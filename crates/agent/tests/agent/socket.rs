//! What is said over the agent's own socket.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cardea_agent::agent_socket::frame::{Frames, encode};
use cardea_agent::config::{Config, Environment};
use cardea_agent::enrol_command::{self, Desk, Options};
use cardea_agent::{Agent, AgentSocket, Pinentry};
use cardea_assertion::{EnrolmentDocument, Origin};
use cardea_jose::{Algorithm, JwkSet, SigningKey};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::page::course;
use crate::readers::{Readers, pharmacist};
use crate::sign_in::verify;
use crate::workstation::Workstation;

const PATIENCE: Duration = Duration::from_secs(30);

/// Opens the workstation's socket, and gives its path.
pub(crate) fn open(workstation: &Workstation) -> PathBuf {
    let path = workstation.folder.path().join("state/agent.sock");
    let socket = AgentSocket::bind(&path).unwrap();
    tokio::spawn(socket.serve(Arc::clone(&workstation.agent)));
    path
}

/// A program of this user.
struct Caller {
    stream: UnixStream,
    frames: Frames,
}

impl Caller {
    async fn connect(path: &PathBuf) -> Self {
        Self {
            stream: UnixStream::connect(path).await.unwrap(),
            frames: Frames::default(),
        }
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    async fn ask(&mut self, request: &Value) {
        let frame = encode(request.to_string().as_bytes()).unwrap();
        self.write(&frame).await;
    }

    /// The next frame, or nothing at the end.
    async fn next(&mut self) -> Option<Value> {
        let mut bytes = [0; 1024];
        loop {
            if let Some(text) = self.frames.take().unwrap() {
                return Some(serde_json::from_slice(&text).unwrap());
            }
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut bytes));
            match read.await.expect("an answer in time") {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.frames.push(&bytes[..count]),
            }
        }
    }

    /// All frames to the end.
    async fn rest(&mut self) -> Vec<Value> {
        let mut lines = Vec::new();
        while let Some(line) = self.next().await {
            lines.push(line);
        }
        lines
    }
}

fn request(workstation: &Workstation, origin: &str) -> Value {
    let challenge = workstation.issuer.challenge();
    json!({"type": "assertion", "origin": origin, "challenge": challenge})
}

#[tokio::test]
async fn a_sign_in_over_the_socket_is_one_over_the_port() {
    let workstation = Workstation::start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    let mut caller = Caller::connect(&open(&workstation)).await;
    let request = request(&workstation, &workstation.issuer.url);
    caller.ask(&request).await;
    let lines = caller.rest().await;
    assert_eq!(
        course(&lines),
        ["card_found", "pin_asked 3", "signing", "assertion"]
    );
    let challenge = request["challenge"].as_str().unwrap();
    verify(lines.last().unwrap(), &workstation, challenge);
}

#[tokio::test]
async fn enrolled_origins_are_told_and_no_other_is_served() {
    let workstation = Workstation::start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    let path = open(&workstation);
    let mut caller = Caller::connect(&path).await;
    caller.ask(&json!({"type": "origins"})).await;
    let own = &workstation.issuer.url;
    let origins = json!({"type": "origins", "origins": [own]});
    assert_eq!(caller.rest().await, [origins]);

    for origin in ["https://evil.test", "null", "", &format!("{own}/"), "*"] {
        let mut caller = Caller::connect(&path).await;
        caller.ask(&request(&workstation, origin)).await;
        let lines = caller.rest().await;
        assert_eq!(lines.len(), 1, "{origin}");
        assert_eq!(lines[0]["code"], "agent.origin_refused", "{origin}");
    }
    assert_eq!(workstation.person.was_asked("GETPIN"), 0);
}

/// What an issuer hands over.
fn enrolment_document(issuer: &str) -> String {
    let root = SigningKey::generate(Algorithm::Es256).unwrap();
    let document = EnrolmentDocument {
        iss: issuer.to_owned(),
        name: "Portail".to_owned(),
        origins: vec![Origin::parse(issuer).unwrap()],
        roots: JwkSet {
            keys: vec![root.public_jwk().clone()],
        },
        iat: 1,
        log: None,
    };
    document.sign(&root).unwrap()
}

/// A workstation as its package leaves it: no configuration, nothing enrolled.
#[tokio::test]
async fn a_running_agent_takes_up_what_is_enrolled_and_drops_what_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    let environment = Environment {
        locale: Some("en_GB.UTF-8".to_owned()),
        state_home: Some(folder.path().join("state")),
        ..Environment::default()
    };
    let config = Config::load_or_default(&file, &environment).unwrap();
    let path = config.socket.clone();
    let prompt = Pinentry::new("/nonexistent".into(), config.language);
    let agent = Agent::new(config, Readers::none(), prompt).unwrap();
    let socket = AgentSocket::bind(&path).unwrap();
    tokio::spawn(socket.serve(agent));
    let origins = async || {
        let mut caller = Caller::connect(&path).await;
        caller.ask(&json!({"type": "origins"})).await;
        caller.next().await.unwrap()["origins"].clone()
    };
    assert_eq!(origins().await, json!([]));

    let issuer = "https://login.example";
    let handed_over = folder.path().join("enrolment.jws");
    std::fs::write(&handed_over, enrolment_document(issuer)).unwrap();
    let run = async |options| {
        let mut said = Vec::new();
        let desk = Desk {
            config: &file,
            environment: &environment,
            input: &mut &b"yes\n"[..],
            output: &mut said,
        };
        enrol_command::run(&options, desk).await.unwrap();
        String::from_utf8(said).unwrap()
    };
    let said = run(Options {
        source: Some(handed_over.to_str().unwrap().to_owned()),
        ..Options::default()
    });
    let said = said.await;
    assert!(said.contains("running agent has taken"), "{said}");
    assert_eq!(origins().await, json!([issuer]));

    // One file that others can write to, and all stays as it was.
    let pinned = folder.path().join("issuers.d/login.example.toml");
    let set_mode = |mode| {
        std::fs::set_permissions(&pinned, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set_mode(0o666);
    let mut caller = Caller::connect(&path).await;
    caller.ask(&json!({"type": "read_issuers"})).await;
    assert_eq!(caller.next().await.unwrap()["code"], "agent.file_unsafe");
    assert_eq!(origins().await, json!([issuer]));
    set_mode(0o600);

    run(Options {
        remove: Some(issuer.to_owned()),
        ..Options::default()
    })
    .await;
    assert_eq!(origins().await, json!([]));
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_the_connection_ends() {
    let workstation = Workstation::start(&Readers::none(), &[]).await;
    let path = open(&workstation);
    let cases: [(Vec<u8>, &str); 4] = [
        (encode(b"not JSON").unwrap(), "agent.request_invalid"),
        (
            encode(b"{\"type\":\"sign\"}").unwrap(),
            "agent.request_invalid",
        ),
        (vec![0, 0, 0, 0], "agent.frame_invalid"),
        (vec![0xFF, 0xFF, 0xFF, 0xFF], "agent.frame_invalid"),
    ];
    for (bytes, code) in cases {
        let mut caller = Caller::connect(&path).await;
        caller.write(&bytes).await;
        let lines = caller.rest().await;
        assert_eq!(lines[0]["code"], code, "{bytes:?}");
        assert_eq!(lines.len(), 1);
    }
    let mut silent = Caller::connect(&path).await;
    silent.ask(&json!({"type": "abort"})).await;
    assert!(silent.rest().await.is_empty());
}

/// Attack D7: a page that has gone leaves no prompt behind.
#[tokio::test]
async fn closing_or_aborting_takes_the_prompt_away() {
    let workstation = Workstation::start(&Readers::holding(&pharmacist()), &["wait"]).await;
    let path = open(&workstation);
    for abort in [true, false] {
        workstation.person.will_answer(&["wait"]);
        let asked = workstation.person.was_asked("GETPIN");
        let mut caller = Caller::connect(&path).await;
        caller
            .ask(&request(&workstation, &workstation.issuer.url))
            .await;
        while workstation.person.was_asked("GETPIN") == asked {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(state(&path).await, "busy");
        if abort {
            caller.ask(&json!({"type": "abort"})).await;
            assert!(
                caller
                    .rest()
                    .await
                    .iter()
                    .all(|line| line["type"] != "assertion")
            );
        } else {
            drop(caller);
        }
        while state(&path).await != "ready" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn state(path: &PathBuf) -> String {
    let mut caller = Caller::connect(path).await;
    caller.ask(&json!({"type": "status"})).await;
    let answer = caller.next().await.unwrap();
    answer["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn more_connections_than_the_bound_are_closed_unread() {
    let workstation = Workstation::start(&Readers::none(), &[]).await;
    let path = open(&workstation);
    let mut open = Vec::new();
    for _ in 0..32 {
        open.push(Caller::connect(&path).await);
    }
    let mut one_more = Caller::connect(&path).await;
    assert!(one_more.rest().await.is_empty());
    drop(open);
    // The places become free as the ends are noticed.
    loop {
        let mut caller = Caller::connect(&path).await;
        caller.ask(&json!({"type": "origins"})).await;
        if !caller.rest().await.is_empty() {
            return;
        }
    }
}

//! What programs are told over their socket, and what they are refused. The socket's place is that
//! of the agent's own (`src/agent_socket/tests.rs`).

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use cardea_agent::ProgramApi;
use cardea_agent::config::{Config, Environment};
use cardea_assertion::DepartureReason;
use cardea_jose::{DpopProof, DpopTarget};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use crate::readers::{Readers, pharmacist};
use crate::workstation::{Setup, Workstation};

const PATIENCE: Duration = Duration::from_secs(30);
const ANOTHER_USER: u32 = 65534;
const ENABLED: &str = "[business_software]\nenabled = true\n\
     [[business_software.client]]\nclient_id = \"officine\"\n\
     addresses = [\"https://api.example/v1/\"]\n";

/// A workstation whose agent serves programs, and the socket.
async fn start(readers: &Readers, answers: &[&str]) -> (Workstation, PathBuf) {
    start_with(readers, answers, Setup::default()).await
}

async fn start_with(readers: &Readers, answers: &[&str], setup: Setup) -> (Workstation, PathBuf) {
    let setup = Setup {
        more: ENABLED.to_owned(),
        ..setup
    };
    let workstation = Workstation::start_with(readers, answers, setup).await;
    workstation.issuer.offer_grant();
    let api = api(&workstation).unwrap();
    let path = api.path().to_owned();
    tokio::spawn(api.serve(Arc::clone(&workstation.agent)));
    (workstation, path)
}

fn api(workstation: &Workstation) -> Option<ProgramApi> {
    let file = workstation.config_file();
    let text = std::fs::read_to_string(&file).unwrap();
    let config = Config::parse(&text, &file, &Environment::default()).unwrap();
    ProgramApi::of(&config).unwrap()
}

/// A program of this user.
struct Program(BufReader<UnixStream>);

impl Program {
    async fn connect(path: &Path) -> Self {
        Self(BufReader::new(UnixStream::connect(path).await.unwrap()))
    }

    async fn say(&mut self, line: &str) {
        // Whoever is refused is not read to the end.
        let _ = self.0.write_all(format!("{line}\n").as_bytes()).await;
    }

    async fn sign_in(&mut self, workstation: &Workstation) {
        let asked = json!({"issuer": workstation.issuer.url, "client_id": "officine"});
        self.say(&json!({"sign_in": asked}).to_string()).await;
    }

    async fn prove(&mut self, url: &str) -> Value {
        let asked = json!({"proof": {"htm": "GET", "htu": url, "access_token": "a.b.c"}});
        self.say(&asked.to_string()).await;
        self.next().await.unwrap()
    }

    /// The next line, or nothing at the end.
    async fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_line(&mut line));
        match read.await.expect("an answer in time") {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(serde_json::from_str(&line).unwrap()),
        }
    }

    /// The next line that is not a state.
    async fn outcome(&mut self) -> Value {
        loop {
            let line = self.next().await.expect("an outcome");
            if line.get("state").is_none() {
                return line;
            }
        }
    }

    /// The code of the last thing that is said before the end.
    async fn refusal(&mut self) -> String {
        let outcome = self.outcome().await;
        let code = outcome["error"]["code"].as_str();
        let code = code.unwrap_or_else(|| panic!("{outcome}")).to_owned();
        assert_eq!(self.next().await, None, "{code}");
        code
    }
}

/// Attack F10: proofs of possession are made for the connection and the addresses of the session.
#[tokio::test]
async fn a_program_gets_tokens_and_proofs_and_its_session_ends_with_its_connection() {
    let (workstation, path) = start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let mut program = Program::connect(&path).await;
    program.sign_in(&workstation).await;
    let mut states = Vec::new();
    let tokens = loop {
        let line = program.next().await.unwrap();
        match line["state"].as_str() {
            Some(state) => states.push(state.to_owned()),
            None => break line,
        }
    };
    assert_eq!(states, ["card_found", "pin_asked", "signing"]);
    assert_eq!(tokens["tokens"]["access_token"], "a.b.c");
    let url = "https://api.example/v1/patients";
    let answer = program.prove(url).await;
    let target = DpopTarget {
        method: "GET",
        url,
        access_token: Some("a.b.c"),
    };
    let proof = DpopProof::verify(answer["dpop"].as_str().unwrap(), &target).unwrap();
    assert_eq!(proof.jkt(), workstation.issuer.redeemed()[0].proof_jkt);

    // For other addresses there are no proofs, and a second session is another connection's.
    for url in ["https://api.example/v2/", "https://evil.test/v1/patients"] {
        assert_eq!(
            program.prove(url).await["error"]["code"],
            "agent.proof_refused"
        );
    }
    program.sign_in(&workstation).await;
    let answer = program.next().await.unwrap();
    assert_eq!(answer["error"]["code"], "agent.program_request_invalid");
    assert!(program.prove(url).await["dpop"].is_string());

    // Another connection has no proofs of this session.
    let mut other = Program::connect(&path).await;
    let asked = json!({"proof": {"htm": "GET", "htu": url}});
    other.say(&asked.to_string()).await;
    assert_eq!(other.refusal().await, "agent.proof_refused");

    drop(program);
    let departure = workstation.issuer.departure().await;
    assert_eq!(departure.reason(), Some(DepartureReason::AgentStopped));
}

/// The program that is there to be copied says what is to be set up, and bothers nobody for it.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_names_a_wrong_setting_and_asks_for_no_card_on_its_account() {
    let (workstation, path) = start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    let read = "https://api.example/v2/patients";
    for (client, code, detail) in [
        (
            "pharmacie",
            "agent.client_not_allowed",
            "[business_software]",
        ),
        ("officine", "agent.proof_refused", "`addresses`: "),
    ] {
        let mut example = Command::new("python3");
        example.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/all_day.py"));
        example.args(["--issuer", &workstation.issuer.url, "--client", client]);
        example.args(["--resource", "https://api.example", "--read", read]);
        example.arg("--socket").arg(&path);
        let ended = tokio::task::spawn_blocking(move || example.output());
        let ended = tokio::time::timeout(PATIENCE, ended).await;
        let output = ended.expect("it ends").unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(code) && said.contains(detail), "{said}");
        assert!(!said.contains("Retirez la carte et"), "{said}");
    }
}

#[tokio::test]
async fn the_prompt_shows_which_program_asks_and_that_nobody_vouches_for_it() {
    let own = std::env::current_exe().unwrap();
    let own = own.file_name().unwrap().to_str().unwrap();
    for (language, warning, process) in [
        ("fr", "PAS VÉRIFIÉ", "processus"),
        ("en", "NOT VERIFIED", "process"),
    ] {
        let setup = Setup {
            language,
            ..Setup::default()
        };
        let readers = Readers::holding(&pharmacist());
        let (workstation, path) = start_with(&readers, &["pin 1234"], setup).await;
        let mut program = Program::connect(&path).await;
        program.sign_in(&workstation).await;
        assert!(program.outcome().await["tokens"].is_object());
        let person = &workstation.person;
        assert!(person.saw("Logiciel d’officine") && person.saw(warning));
        let process = format!("({process} {})", std::process::id());
        assert!(person.saw(own) && person.saw(&process), "{process}");
    }
}

#[tokio::test]
async fn a_session_ends_when_the_card_leaves_and_the_program_hears_it_at_once() {
    let readers = Readers::holding(&pharmacist());
    let (workstation, path) = start(&readers, &["pin 1234"]).await;
    let mut program = Program::connect(&path).await;
    program.sign_in(&workstation).await;
    assert!(program.outcome().await["tokens"].is_object());
    readers.pull("Reader A");
    let ended = program.next().await.unwrap();
    assert_eq!(ended["ended"]["code"], "card.removed");
    assert_eq!(program.next().await, None);
    let departure = workstation.issuer.departure().await;
    assert_eq!(departure.reason(), Some(DepartureReason::CardRemoved));

    // Waiting for a card asks nobody for anything, and holds nobody up.
    let asked = workstation.person.was_asked("GETPIN");
    let mut waiting = Program::connect(&path).await;
    waiting.say(r#"{"wait_for_card":"absent"}"#).await;
    assert_eq!(waiting.next().await.unwrap()["card"], "absent");
    waiting.say(r#"{"wait_for_card":"present"}"#).await;
    readers.insert("Reader A", &pharmacist());
    assert_eq!(waiting.next().await.unwrap()["card"], "present");
    assert_eq!(workstation.person.was_asked("GETPIN"), asked);
    // The same connection then signs in, and a person is asked anew.
    workstation.issuer.offer_grant();
    waiting.sign_in(&workstation).await;
    assert!(waiting.outcome().await["tokens"].is_object());
    assert_eq!(workstation.person.was_asked("GETPIN"), asked + 1);
}

#[tokio::test]
async fn an_agent_that_ends_tells_its_programs() {
    let (mut workstation, path) = start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    let mut program = Program::connect(&path).await;
    program.sign_in(&workstation).await;
    assert!(program.outcome().await["tokens"].is_object());
    workstation.stop().await;
    let ended = program.next().await.unwrap();
    assert_eq!(ended["ended"]["code"], "agent.session_over");
    assert_eq!(program.next().await, None);
}

#[tokio::test]
async fn a_program_that_goes_takes_its_prompt_and_what_was_granted_with_it() {
    let (workstation, path) = start(&Readers::holding(&pharmacist()), &["wait"]).await;
    let mut program = Program::connect(&path).await;
    program.sign_in(&workstation).await;
    workstation.person.is_asked("GETPIN").await;

    // There is one prompt: whoever else asks meanwhile is told so at once.
    let mut second = Program::connect(&path).await;
    second.sign_in(&workstation).await;
    assert_eq!(second.refusal().await, "agent.busy");

    drop(program);
    workstation.person.will_answer(&["pin 1234"]);
    let mut third = Program::connect(&path).await;
    workstation.issuer.offer_grant();
    third.sign_in(&workstation).await;
    assert!(third.outcome().await["tokens"].is_object());
    // Once without a nonce, once with: the first program's sign-in came to nothing.
    assert_eq!(workstation.issuer.redeemed().len(), 2);
}

#[tokio::test]
async fn programs_are_refused_with_codes_and_nobody_is_asked() {
    let (workstation, path) = start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    let issuer = &workstation.issuer.url;
    let sign_in = |issuer: &str, client: &str| {
        json!({"sign_in": {"issuer": issuer, "client_id": client}}).to_string()
    };
    let long = format!(
        "{{\"sign_in\":{{\"issuer\":\"{}\"}}}}",
        "x".repeat(17 * 1024)
    );
    let endless = "x".repeat(200 * 1024);
    let cases = [
        (sign_in(issuer, "other"), "agent.client_not_allowed"),
        (sign_in(issuer, ""), "agent.client_not_allowed"),
        (
            sign_in("https://other.example", "officine"),
            "agent.issuer_unknown",
        ),
        (
            "GET /v1/status HTTP/1.1".to_owned(),
            "agent.program_request_invalid",
        ),
        (String::new(), "agent.program_request_invalid"),
        (
            "{\"sign\":{\"hash\":\"00\"}}".to_owned(),
            "agent.program_request_invalid",
        ),
        (long, "agent.program_request_invalid"),
        (endless, "agent.program_request_invalid"),
    ];
    for (line, code) in cases {
        let mut program = Program::connect(&path).await;
        program.say(&line).await;
        let shown: String = line.chars().take(60).collect();
        // What is left unread may reset the connection before the refusal is read.
        if line.len() < 16 * 1024 {
            assert_eq!(program.refusal().await, code, "{shown}");
        } else if let Some(told) = program.next().await {
            assert_eq!(told["error"]["code"], code, "{shown}");
        }
    }
    assert_eq!(workstation.person.was_asked("GETPIN"), 0);
    assert!(workstation.issuer.asked().is_empty());
}

/// Attack D7: a program that asks again and again.
#[tokio::test]
async fn programs_that_hammer_are_slowed_d7() {
    let setup = Setup {
        requests_per_minute: 1,
        ..Setup::default()
    };
    let readers = Readers::holding(&pharmacist());
    let (workstation, path) = start_with(&readers, &["pin 1234"], setup).await;
    let mut codes = Vec::new();
    for _ in 0..4 {
        let mut program = Program::connect(&path).await;
        program
            .say(r#"{"sign_in":{"issuer":"https://x.example","client_id":"y"}}"#)
            .await;
        codes.push(program.outcome().await);
    }
    let refused = &codes[3]["error"];
    assert_eq!(codes[2]["error"]["code"], "agent.client_not_allowed");
    assert_eq!(refused["code"], "agent.rate_limited");
    assert!(refused["retry_after_seconds"].as_u64().unwrap() > 0);

    // Three prompts that were cancelled silence programs, whichever connection asks.
    let (workstation, path) = {
        drop(workstation);
        start(&readers, &["cancel"]).await
    };
    for expected in ["agent.prompt_cancelled"; 3]
        .iter()
        .chain(&["agent.rate_limited"])
    {
        workstation.issuer.offer_grant();
        let mut program = Program::connect(&path).await;
        program.sign_in(&workstation).await;
        assert_eq!(program.refusal().await, *expected);
    }
    assert_eq!(workstation.person.was_asked("GETPIN"), 3);
}

#[tokio::test]
async fn connections_and_requests_are_bounded() {
    let (workstation, path) = start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    let mut program = Program::connect(&path).await;
    program.sign_in(&workstation).await;
    assert!(program.outcome().await["tokens"].is_object());
    let mut others = Vec::new();
    for _ in 0..31 {
        let mut other = Program::connect(&path).await;
        other.say(r#"{"wait_for_card":"present"}"#).await;
        assert_eq!(other.next().await.unwrap()["card"], "present");
        others.push(other);
    }
    let mut one_more = Program::connect(&path).await;
    assert_eq!(one_more.refusal().await, "agent.too_many_programs");
    // Those that are there are served.
    let url = "https://api.example/v1/patients";
    assert!(program.prove(url).await["dpop"].is_string());
    others.clear();
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let mut again = Program::connect(&path).await;
        again.say(r#"{"wait_for_card":"present"}"#).await;
        if again.next().await.unwrap()["card"] == "present" {
            break;
        }
        assert!(tokio::time::Instant::now() < until);
    }

    // Proofs as fast as the program can ask: some are made, then it is told to wait.
    let mut refused = None;
    for _ in 0..2000 {
        let answer = program.prove(url).await;
        if answer.get("error").is_some() {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a refusal");
    assert_eq!(refused["error"]["code"], "agent.rate_limited");
}

/// Attack D6: another user's program, where the folder's mode does not keep it out already.
#[tokio::test(flavor = "multi_thread")]
async fn another_users_program_is_closed_unread_d6() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (workstation, path) = start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    let open = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    // What curl hears as this user: the agent answers its own user's HTTP with a refusal.
    let heard = |user: u32| {
        let mut command = Command::new("curl");
        command.args(["--http0.9", "--silent", "--max-time", "20", "--unix-socket"]);
        let command = command.arg(&path).args(["--", "http://agent/"]).uid(user);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let is_open_to_others = || {
        let mut command = Command::new("test");
        command
            .arg("-w")
            .arg(&path)
            .uid(ANOTHER_USER)
            .status()
            .unwrap()
            .success()
    };
    assert!(!is_open_to_others());
    open(workstation.folder.path(), 0o711);
    open(path.parent().unwrap(), 0o711);
    open(&path, 0o666);
    assert!(is_open_to_others());
    assert_eq!(heard(ANOTHER_USER), "");
    let refusal = heard(0);
    assert!(
        refusal.contains("agent.program_request_invalid"),
        "{refusal}"
    );
    // The agent's own user is served by the same socket.
    let mut own = Program::connect(&path).await;
    own.say(r#"{"wait_for_card":"present"}"#).await;
    assert_eq!(own.next().await.unwrap()["card"], "present");
}

#[tokio::test]
async fn there_is_no_socket_unless_the_configuration_lets_programs_in() {
    for more in ["", "[business_software]\nenabled = false\n"] {
        let setup = Setup {
            more: more.to_owned(),
            ..Setup::default()
        };
        let readers = Readers::holding(&pharmacist());
        let workstation = Workstation::start_with(&readers, &[], setup).await;
        assert!(api(&workstation).is_none(), "{more}");
        let path = workstation.folder.path().join("state/programs.sock");
        assert!(!path.exists());
    }
}

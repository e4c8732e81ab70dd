//! The workstation's state in the person's browser, and the end of all her sessions by her own
//! wish: from the page and by the command.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cardea_agent::AgentSocket;
use cardea_agent::config::{Config, Environment};
use cardea_assertion::DepartureReason;
use serde_json::Value;

use crate::issuer::Issuer;
use crate::program::Running;
use crate::readers::{Readers, pharmacist};
use crate::service::{run_in_own_process, wait_until};
use crate::several_cards::{Chooser, another_user_gets, workstation};
use crate::sign_in::verify;
use crate::workstation::{Person, Workstation, enrolment};

fn command(workstation: &Workstation, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardea-agent"));
    command.args(arguments).arg("--config");
    command.arg(workstation.config_file());
    command.env("HOME", workstation.folder.path());
    command.env("PCSCLITE_CSOCK_NAME", "/nowhere");
    command
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("XDG_CONFIG_HOME");
    command
}

/// A workstation whose agent answers programs of its user, with a session that has begun.
async fn signed_in(answers: &[&str]) -> (Workstation, Readers) {
    let readers = Readers::none();
    readers.insert("Reader <A>", &pharmacist());
    let workstation = workstation(&readers, answers).await;
    let environment = Environment::default();
    let config = Config::load(&workstation.config_file(), &environment).unwrap();
    let socket = AgentSocket::of(&config).unwrap();
    tokio::spawn(socket.serve(workstation.agent.clone()));
    sign_in(&workstation).await;
    (workstation, readers)
}

async fn sign_in(workstation: &Workstation) {
    let challenge = workstation.issuer.challenge();
    let lines = workstation.page().sign_in(&challenge).await;
    verify(lines.last().unwrap(), workstation, &challenge);
    workstation.issuer.statement().await;
}

/// The command that shows the page, ended when dropped.
struct Showing(Child);

impl Showing {
    fn start(workstation: &Workstation) -> Self {
        let mut command = command(workstation, &["status", "--page"]);
        Self(command.stdout(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_state_and_ends_all_sessions() {
    let (workstation, _readers) = signed_in(&["pin 1234"]).await;
    let _showing = Showing::start(&workstation);
    let page = Chooser::opened(&workstation).await;
    let shown = page.get().await;
    assert_eq!(shown.status, 200);
    for part in [
        "Insérée",
        "carte dans Reader &lt;A&gt;\u{a0}: CPS",
        "connexion à Portail de démonstration par Émetteur de test, à l’instant",
        "Mettre fin à toutes mes sessions",
        "doctor.reader_service_stopped",
    ] {
        assert!(shown.body.contains(part), "{part} is not in {}", shown.body);
    }
    assert!(!shown.body.contains("<script"));

    // Foreign pages, names that only point here, other users, and guesses get nothing.
    assert_eq!(
        page.post_from("https://evil.example", "end=1").await.status,
        403
    );
    assert_eq!(page.post_from("null", "end=1").await.status, 403);
    let guess = Chooser {
        address: page.address,
        path: "/guess".to_owned(),
    };
    assert_eq!(guess.get().await.status, 404);
    assert_eq!(another_user_gets(&page).await, "");
    assert_eq!(page.post("end=2").await.status, 400);
    assert!(
        workstation
            .issuer
            .is_told_nothing(Duration::from_millis(300))
            .await
    );

    let ended = page.post("end=1").await;
    assert_eq!(ended.status, 303);
    let departure = workstation.issuer.departure().await;
    assert_eq!(departure.reason(), Some(DepartureReason::PersonEnded));
    let shown = page.get().await;
    assert!(
        shown.body.contains("Vos sessions sont terminées"),
        "{}",
        shown.body
    );
    assert!(
        !shown.body.contains("Mettre fin à toutes"),
        "{}",
        shown.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_ends_all_sessions_and_the_next_login_is_untouched() {
    let (workstation, _readers) = signed_in(&["pin 1234", "pin 1234"]).await;
    let sessions = || {
        let output = command(&workstation, &["status", "--json"])
            .output()
            .unwrap();
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        status["sessions"].as_array().unwrap().len()
    };
    assert_eq!(sessions(), 1);
    let ended = command(&workstation, &["end-sessions"]).output().unwrap();
    assert_eq!(
        String::from_utf8(ended.stdout).unwrap(),
        "sessions terminées\u{a0}: 1\n"
    );
    let departure = workstation.issuer.departure().await;
    assert_eq!(departure.reason(), Some(DepartureReason::PersonEnded));
    assert_eq!(sessions(), 0);
    sign_in(&workstation).await;
    assert_eq!(sessions(), 1);
}

/// A program that signed in by itself is no part of the agent, but its session is its person's.
#[test]
fn a_sign_in_program_is_seen_and_ended_with_the_rest() {
    let name = "state_page::a_sign_in_program_is_seen_and_ended_with_the_rest";
    run_in_own_process(name, async |service| {
        let (issuer, folder) = (Issuer::start().await, tempfile::tempdir().unwrap());
        Person::new(folder.path(), &["pin 1234"]);
        issuer.offer_grant();
        let config = folder.path().join("agent.toml");
        let text = format!(
            "port = 0\nloopback = \"off\"\nlanguage = \"fr\"\nstate_dir = \"state\"\n\
             backend = \"pcsc\"\npinentry = \"./pinentry\"\n{}[business_software]\n\
             enabled = true\n[[business_software.client]]\nclient_id = \"officine\"\n",
            enrolment(&issuer)
        );
        std::fs::write(&config, text).unwrap();
        let command = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_cardea-agent"));
            command.args(arguments).arg("--config").arg(&config);
            command.env("HOME", folder.path());
            command
                .env_remove("XDG_RUNTIME_DIR")
                .env_remove("XDG_CONFIG_HOME");
            command
        };
        let _plugged = service.plug(&pharmacist());
        let mut program = command(&["sign-in", "--json", "--client", "officine"]);
        program.args(["--issuer", &issuer.url]);
        program.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program = program.spawn().unwrap();
        let mut tokens = String::new();
        let mut output = BufReader::new(program.stdout.take().unwrap());
        output.read_line(&mut tokens).unwrap();
        assert!(tokens.contains("a.b.c"), "{tokens}");
        issuer.statement().await;

        // The agent starts later than the program.
        let _agent = Running::start(folder.path(), config.to_str().unwrap());
        let sessions = || {
            let output = command(&["status", "--json"]).output().unwrap();
            let status: Value = serde_json::from_slice(&output.stdout).unwrap();
            status["sessions"].as_array().map_or(0, Vec::len)
        };
        wait_until("the agent knows of it", async || sessions() == 1).await;
        let said = command(&["status"]).output().unwrap().stdout;
        let said = String::from_utf8(said).unwrap();
        assert!(
            said.contains("connexion à Logiciel d’officine par"),
            "{said}"
        );
        let ended = command(&["end-sessions"]).output().unwrap();
        let said = String::from_utf8(ended.stdout).unwrap();
        assert_eq!(said, "sessions terminées\u{a0}: 1\n");
        let departure = issuer.departure().await;
        assert_eq!(departure.reason(), Some(DepartureReason::PersonEnded));
        assert!(program.wait().unwrap().success());
        assert_eq!(sessions(), 0);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_there_when_the_agent_is_not() {
    let workstation = workstation(&Readers::none(), &["cancel"]).await;
    let _showing = Showing::start(&workstation);
    let page = Chooser::opened(&workstation).await;
    let shown = page.get().await;
    assert!(
        shown.body.contains("Cardea n’est pas démarré."),
        "{}",
        shown.body
    );
    assert!(
        shown.body.contains("doctor.agent_stopped"),
        "{}",
        shown.body
    );
    let ended = command(&workstation, &["end-sessions"]).output().unwrap();
    assert!(!ended.status.success());
    let told = String::from_utf8(ended.stderr).unwrap();
    for part in [
        "Cardea n’est pas démarré. [agent.not_running",
        "ou lancez\u{a0}: systemctl --user enable --now cardea-agent.service",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    let status = command(&workstation, &["status"]).output().unwrap();
    let told = String::from_utf8(status.stdout).unwrap();
    assert!(told.contains("ou lancez\u{a0}: systemctl --user"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_without_a_browser_is_told_in_the_persons_language() {
    let workstation = workstation(&Readers::none(), &["cancel"]).await;
    let file = workstation.config_file();
    let text = std::fs::read_to_string(&file).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("browser = "));
    let text = lines.collect::<Vec<_>>().join("\n");
    for (language, parts) in [
        (
            "fr",
            ["La page ne peut pas s’ouvrir", "cardea-agent status"],
        ),
        ("en", ["The page cannot be opened", "cardea-agent status"]),
    ] {
        let text = text.replace("language = \"fr\"", &format!("language = \"{language}\""));
        std::fs::write(&file, format!("browser = \"./nowhere\"\n{text}\n")).unwrap();
        let shown = command(&workstation, &["status", "--page"])
            .output()
            .unwrap();
        assert!(!shown.status.success());
        let told = String::from_utf8(shown.stderr).unwrap();
        assert!(told.contains("[agent.page_unavailable: "), "{told}");
        for part in parts {
            assert!(told.contains(part), "{part} is not in {told}");
        }
    }
}

//! The program itself: `cardea-agent run` and `cardea-agent status`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::Value;

use crate::issuer::Issuer;
use crate::workstation::{Person, enrolment};

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardea-agent"));
    // No PC/SC service: the agent must live without one.
    command.env("PCSCLITE_CSOCK_NAME", folder.join("nobody-here"));
    command
        .env("HOME", folder)
        .env_remove("XDG_STATE_HOME")
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("XDG_CONFIG_HOME");
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    program(folder).args(arguments).output().unwrap()
}

fn config(folder: &Path, port: u16, more: &str) -> String {
    let path = folder.join("agent.toml");
    let text = format!(
        "port = {port}\nloopback = \"on\"\nlanguage = \"en\"\nstate_dir = \"state\"\n{more}"
    );
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A running agent, ended when dropped.
pub(crate) struct Running(Child, BufReader<ChildStderr>);

impl Running {
    pub(crate) fn start(folder: &Path, config: &str) -> Self {
        Self::start_in(folder, config, &[])
    }

    /// With more in its environment.
    pub(crate) fn start_in(folder: &Path, config: &str, more: &[(&str, &str)]) -> Self {
        let mut child = program(folder)
            .args(["run", "--config", config])
            .envs(more.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self(child, log)
    }

    fn listening_port(&mut self) -> u16 {
        let line = self.logged("listening");
        let address = line["address"].as_str().unwrap();
        address.strip_prefix("127.0.0.1:").unwrap().parse().unwrap()
    }

    /// Has it stop, and what it logged since.
    pub(crate) fn stopped(mut self) -> Vec<Value> {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let lines = self.1.by_ref().lines().map(Result::unwrap);
        lines
            .map(|line| serde_json::from_str(&line).unwrap())
            .collect()
    }

    /// Waits until the agent's log has this message.
    pub(crate) fn logged(&mut self, message: &str) -> Value {
        self.logged_that(|line| line["message"] == message)
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.0.id()
    }

    /// Waits until the agent's log has such a line.
    pub(crate) fn logged_that(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut line = String::new();
            assert_ne!(self.1.read_line(&mut line).unwrap(), 0, "the agent ended");
            let line: Value = serde_json::from_str(&line).unwrap();
            if is_it(&line) {
                return line;
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_runs_without_a_reader_tells_its_state_and_stops_on_a_signal() {
    let (issuer, folder) = (Issuer::start().await, tempfile::tempdir().unwrap());
    // A prompt program of its own: this machine may have none.
    Person::new(folder.path(), &["cancel"]);
    let more = format!("pinentry = \"./pinentry\"\n{}", enrolment(&issuer));
    let path = config(folder.path(), 0, &more);
    let mut agent = Running::start(folder.path(), &path);
    let port = agent.listening_port();

    let path = config(folder.path(), port, &more);
    let output = run(folder.path(), &["status", "--json", "--config", &path]);
    assert!(output.status.success());
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["running"], true);
    assert_eq!(status["state"], "ready");
    assert_eq!(status["card"], "no_reader");
    assert_eq!(status["issuers"][0], issuer.url);
    // Why no reader is seen is known as soon as the service was looked for.
    let words = loop {
        let output = run(folder.path(), &["status", "--config", &path]);
        let words = String::from_utf8(output.stdout).unwrap();
        if words.contains("readers: ") {
            break words;
        }
    };
    assert!(
        words.contains("the smart-card service is unreachable"),
        "{words}"
    );
    let output = run(folder.path(), &["status", "--json", "--config", &path]);
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    let code = "card.reader_service_unavailable";
    assert_eq!(status["readers_unavailable"], code);

    // A second agent of this user finds the first one's socket and says so.
    let output = run(folder.path(), &["run", "--config", &path]);
    assert!(!output.status.success());
    let told = String::from_utf8(output.stderr).unwrap();
    let socket = folder.path().join("state/agent.sock");
    let socket = socket.display();
    assert!(
        told.contains(&format!("cannot listen on {socket}")),
        "{told}"
    );

    let pid = rustix::process::Pid::from_child(&agent.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(agent.0.wait().unwrap().success());
    let output = run(folder.path(), &["status", "--config", &path]);
    assert!(!output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with(&format!("no agent answers at {socket}")),
        "{text}"
    );
    let next = "start it by: systemctl --user enable --now cardea-agent.service";
    assert!(text.contains(next), "{text}");
}

#[test]
fn a_wrong_configuration_is_told_with_file_key_and_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = config(folder.path(), 0, "listen = \"0.0.0.0\"\n");
    let output = run(folder.path(), &["run", "--config", &path]);
    assert!(!output.status.success());
    let told = String::from_utf8(output.stderr).unwrap();
    for part in [&*path, "line 5, listen", "unknown field `listen`"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_prompt_program_is_told_before_anything_starts() {
    let (issuer, folder) = (Issuer::start().await, tempfile::tempdir().unwrap());
    let file = folder.path().join("not-executable");
    std::fs::write(&file, "").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    for program in ["./nothing", "./not-executable", "cardea-no-such-pinentry"] {
        let more = format!("pinentry = \"{program}\"\n{}", enrolment(&issuer));
        let path = config(folder.path(), 0, &more);
        let mut agent = Running::start(folder.path(), &path);
        let mut told = String::new();
        agent.1.read_line(&mut told).unwrap();
        let name = program.trim_start_matches("./");
        for part in [
            &*path,
            "pinentry:",
            name,
            "pinentry-gtk2",
            "pinentry-curses",
        ] {
            assert!(told.contains(part), "{part} is not in {told}");
        }
        assert!(!agent.0.wait().unwrap().success());
        // The status needs no prompt.
        let output = run(folder.path(), &["status", "--config", &path]);
        assert!(
            String::from_utf8(output.stdout)
                .unwrap()
                .starts_with("no agent")
        );
    }
}

#[test]
fn help_is_there() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["--help"][..],
        &["run", "--help"],
        &["status", "--help"],
        &["sign-in", "--help"],
    ] {
        let output = run(folder.path(), arguments);
        assert!(output.status.success());
        assert!(!output.stdout.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_fails_is_one_document_or_one_sentence_with_its_code() {
    let (issuer, folder) = (Issuer::start().await, tempfile::tempdir().unwrap());
    Person::new(folder.path(), &["cancel"]);
    let more = format!("pinentry = \"./pinentry\"\n{}", enrolment(&issuer));
    let disabled = config(folder.path(), 0, &more);
    let sign_in = |config: &str, issuer: &str, more: &[&str]| {
        let fixed = [
            "sign-in", "--config", config, "--issuer", issuer, "--client", "officine",
        ];
        run(folder.path(), &[&fixed[..], more].concat())
    };
    let code_of = |output: &Output| -> Value {
        assert!(!output.status.success());
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        document["code"].clone()
    };
    let output = sign_in(&disabled, &issuer.url, &["--json"]);
    assert_eq!(code_of(&output), "agent.business_software_disabled");
    let output = sign_in(&disabled, &issuer.url, &[]);
    assert!(output.stdout.is_empty());
    let told = String::from_utf8(output.stderr).unwrap();
    for part in [
        "Programs cannot sign in",
        "agent.business_software_disabled",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }

    let enabled = format!(
        "{more}[business_software]\nenabled = true\n\
         [[business_software.client]]\nclient_id = \"officine\"\n"
    );
    let enabled = config(folder.path(), 0, &enabled);
    let output = sign_in(&enabled, "https://other.example", &["--json", "--once"]);
    assert_eq!(code_of(&output), "agent.issuer_unknown");
    let output = sign_in("/nowhere/agent.toml", &issuer.url, &["--json"]);
    assert_eq!(code_of(&output), "agent.file_unreadable");
    // Proofs need a process that stays.
    let output = sign_in(&enabled, &issuer.url, &["--once", "--proofs"]);
    assert_eq!(output.status.code(), Some(2));
}

/// Attack D10: where a PIN passes through, a crash leaves nothing to read.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_agent_leaves_no_core_dump() {
    use std::os::unix::process::ExitStatusExt as _;
    let (issuer, folder) = (Issuer::start().await, tempfile::tempdir().unwrap());
    Person::new(folder.path(), &["cancel"]);
    let more = format!("pinentry = \"./pinentry\"\n{}", enrolment(&issuer));
    let path = config(folder.path(), 0, &more);
    let mut running = Running::start(folder.path(), &path);
    running.listening_port();
    let process = running.0.id().to_string();
    let unlimited = ["--core=unlimited:unlimited", "--pid", &process];
    // Where the system forbids dumps of everybody, this one is forbidden as well.
    let _ = Command::new("prlimit").args(unlimited).status();
    let crashed = Command::new("kill").args(["-ABRT", &process]).status();
    assert!(crashed.unwrap().success());
    let status = running.0.wait().unwrap();
    assert_eq!(status.signal(), Some(6));
    assert!(!status.core_dumped(), "{status}");
}

/// A shell stands for the agent: it starts a prompt as the agent does, and is killed.
#[test]
fn a_killed_agent_leaves_no_prompt_behind() {
    let folder = tempfile::tempdir().unwrap();
    Person::new(folder.path(), &["wait"]);
    let own = env!("CARGO_BIN_EXE_cardea-agent");
    // What is asked stays open, as on a screen.
    let script = format!(
        "mkfifo requests; sleep 60 >requests & echo $!
         '{own}' prompt $$ ./pinentry <requests >answers.log & echo $!
         wait"
    );
    let mut agent = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(agent.stdout.take().unwrap()).lines();
    let (keeper, prompt) = (
        lines.next().unwrap().unwrap(),
        lines.next().unwrap().unwrap(),
    );
    let runs = |pid: &str| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status
            .lines()
            .any(|line| line.starts_with("State:") && !line.contains('Z'))
    };
    let is_ready = || {
        let said = std::fs::read_to_string(folder.path().join("answers.log")).unwrap_or_default();
        said.contains("OK ready")
    };
    while !is_ready() {
        assert!(runs(&prompt), "the prompt ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    agent.kill().unwrap();
    agent.wait().unwrap();
    while runs(&prompt) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(runs(&keeper), "its other children live on");
    let keeper: i32 = keeper.parse().unwrap();
    let keeper = rustix::process::Pid::from_raw(keeper).unwrap();
    let _ = rustix::process::kill_process(keeper, rustix::process::Signal::TERM);
}

#[test]
fn a_prompt_for_an_agent_that_has_ended_does_not_begin() {
    let folder = tempfile::tempdir().unwrap();
    Person::new(folder.path(), &["ok"]);
    let output = run(folder.path(), &["prompt", "1", "./pinentry"]);
    assert!(!output.status.success());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("the agent that wanted it has ended"),
        "{told}"
    );
}

#[test]
fn the_manual_names_each_command_and_each_of_its_options() {
    let folder = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| {
        let output = run(folder.path(), arguments);
        String::from_utf8(output.stdout).unwrap()
    };
    let indented = |text: &str, by: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix(by));
        let words = lines.filter_map(|line| line.split([' ', ',']).next());
        words.map(str::to_owned).collect()
    };
    let help = said(&["--help"]);
    let listed = help.split_once("Commands:\n").unwrap().1;
    let listed = listed.split_once("\n\n").unwrap().0;
    let commands = indented(listed, "");
    assert!(commands.len() > 8, "{commands:?}");
    for page in [
        include_str!("../../man/cardea-agent.1"),
        include_str!("../../man/fr/cardea-agent.1"),
    ] {
        for command in commands.iter().filter(|it| *it != "help") {
            let mut items = page.split("\n.It Cm ").skip(1);
            let item = items.find(|item| item.split([' ', '\n']).next() == Some(command));
            let item = item.unwrap_or_else(|| panic!("{command} is not in the manual"));
            let item = item.split("\n.El").next().unwrap();
            for option in indented(&said(&[command, "--help"]), "--") {
                // Each command has it: it is named once.
                let place = if option == "config" { page } else { item };
                let is_named = place.contains(&format!("Fl -{option}"));
                assert!(is_named, "{command} --{option} is not in the manual");
            }
        }
    }
}

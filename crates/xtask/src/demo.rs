//! `cargo xtask demo`: the whole system on this machine.

mod announcement;
mod arguments;
mod state_folder;

use std::io::IsTerminal;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::demo::arguments::Arguments;
use crate::demo::state_folder::StateFolder;
use crate::install::{self, Purpose};
use crate::system::{Answer, DEFAULT_PIN, Options, PinPrompt, Scheme, System};
use crate::{output, process, workspace};

/// Installs what is missing, builds, starts everything, and then does what the arguments say.
///
/// # Errors
/// When something can't be installed, built or started, when a part ends by itself, or when the
/// scripted login is refused.
pub fn run(words: &[&str]) -> Result<ExitCode> {
    let arguments = Arguments::parse(words)?;
    arguments.check_files()?;
    install::ensure(Purpose::Demo)?;
    output::step("building");
    workspace::build_programs()?;
    output::step("starting test PKI, card, reader, server, agent and portal");
    let folder = StateFolder::take()?;
    let mut system = System::start(options(&arguments, &folder))?;
    if arguments.attack {
        output::step("letting a robot with a real session loose");
        return attack(&system, arguments.json);
    }
    if arguments.once {
        output::step("signing in");
        sign_in(&system, arguments.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    announce(&system, &arguments);
    stay_up(&mut system)
}

fn options(arguments: &Arguments, folder: &StateFolder) -> Options {
    let pin_prompt = if arguments.answers_itself() {
        PinPrompt::Script(vec![Answer::Pin(DEFAULT_PIN.into())])
    } else {
        PinPrompt::Person {
            terminal: terminal(),
        }
    };
    Options {
        scheme: if arguments.https {
            Scheme::Https
        } else {
            Scheme::Http
        },
        pin_prompt,
        prefer_demo_ports: folder.has_demo_ports(),
        authority_key: "rsa2048".into(),
        clients_file: arguments.clients.clone(),
        business_software: true,
        trusted_file: arguments.trust.clone(),
        pin_policy: arguments.pin_policy,
        ..Options::new(folder.path())
    }
}

fn sign_in(system: &System, json: bool) -> Result<()> {
    let document = system.sign_in_once()?;
    if json {
        output::result(document.trim());
        return Ok(());
    }
    let document: Value =
        serde_json::from_str(&document).context("the login gave no JSON document")?;
    let milliseconds = document.get("elapsed_ms").cloned().unwrap_or_default();
    let userinfo = document.get("userinfo").cloned().unwrap_or_default();
    output::result(&format!("signed in within {milliseconds} ms: {userinfo}"));
    Ok(())
}

/// Shows what the robot got; a failure where nothing has stopped it.
fn attack(system: &System, json: bool) -> Result<ExitCode> {
    let mut command = Command::new(workspace::binary("cardea-demo-portal")?);
    let command = command.arg("attack").arg("--config");
    command.arg(system.portal_settings());
    if json {
        command.arg("--json");
    }
    // What it prints is the result, also where it ends in failure.
    let ended = command.status().context("can't start the robot")?;
    Ok(if ended.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn announce(system: &System, arguments: &Arguments) {
    if arguments.json {
        output::result(&announcement::document(system).to_string());
    }
    let prompt_is_possible =
        arguments.answers_itself() || install::has_display() || terminal().is_some();
    output::note(&announcement::text(
        system,
        arguments.answers_itself(),
        prompt_is_possible,
    ));
}

/// Waits until Ctrl-C or SIGTERM ends this program; the watchdog then ends all the others.
fn stay_up(system: &mut System) -> Result<ExitCode> {
    loop {
        system.check_all_running()?;
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// The device of the terminal that this program was started from.
fn terminal() -> Option<String> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    let mut command = Command::new("tty");
    command.stdin(Stdio::inherit());
    process::capture_with_stdin(&mut command)
        .ok()
        .map(|name| name.trim().to_owned())
}

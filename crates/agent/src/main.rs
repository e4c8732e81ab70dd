//! `cardea-agent`: runs the agent of this workstation's user, shows its state, or signs a program
//! in.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use cardea_agent::business_software::GrantRequest;
use cardea_agent::config::{Config, Environment};
use cardea_agent::screen_lock::ScreenLock;
use cardea_agent::{
    Agent, AgentSocket, Error, Language, LoopbackDoor, Pinentry, ProgramApi, Tray, become_prompt,
    browser_policies_command, browser_setup_command, card_command, config_place, doctor,
    enrol_command, memory, native_host, peer_check, sign_in_command, state_page, status_command,
    unblock_command,
};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// How long a stopping agent takes to tell departures.
const DEPARTURE_LIMIT: Duration = Duration::from_secs(3);
/// Exit status of `browser-policies` where there is nobody to write policies for.
const NOTHING_ENROLLED: u8 = 3;

/// Lets a professional log in to web portals with the smart card in front of them.
#[derive(Parser)]
#[command(name = "cardea-agent", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the agent until it is stopped.
    Run {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Shows whether the agent runs, and whether a card is inserted.
    Status {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
        /// Show it in the browser, with what is to be mended and the end of all sessions.
        #[arg(long, conflicts_with = "json")]
        page: bool,
    },
    /// Ends all sessions that were opened with the card at this workstation.
    EndSessions {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Finds what keeps a card from signing in, says it in words, and offers the fix.
    ///
    /// Exit status 0 when all is well, 1 when something is to be mended, 2 when nothing could be
    /// looked at or said.
    Doctor {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        options: doctor::Options,
    },
    /// Shows the cards in the readers, changes a card's PIN, or unblocks a card.
    Card {
        /// The configuration file.
        #[arg(long, value_name = "FILE", global = true)]
        config: Option<PathBuf>,
        #[command(subcommand)]
        action: card_command::Action,
    },
    /// Lets a site ask for the card again that you have blocked, or whose requests you cancelled.
    Unblock {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The site: its name or identifier as `status` shows them, or the login page's origin,
        /// such as https://login.example. Default: all.
        #[arg(value_name = "SITE")]
        site: Option<String>,
    },
    /// Enrols an issuer: shows who it is and its root keys' fingerprints, and pins them once you
    /// say that they match.
    Enrol {
        /// The configuration file, beside which issuers are kept.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        options: enrol_command::Options,
    },
    /// Tells this user's browsers where Cardea's extension finds the agent.
    BrowserSetup {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        options: browser_setup_command::Options,
    },
    /// Lets the workstation's browsers reach the agent on the enrolled issuers' login pages; for
    /// administrators.
    ///
    /// Exit status 3 when no issuer is enrolled there, so that there is nothing to write.
    BrowserPolicies {
        /// The configuration file. Default: the workstation's.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        options: browser_policies_command::Options,
    },
    /// What browsers start to reach the agent; not for people.
    #[command(hide = true)]
    NativeHost {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// What the browser adds: which extension calls.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        caller: Vec<String>,
    },
    /// Becomes the prompt program, bound to the agent that starts this; not for people.
    #[command(hide = true)]
    Prompt {
        /// The process that starts this.
        agent: u32,
        /// The prompt program.
        program: OsString,
    },
    /// Gets tokens by the card's signature, for business software without a browser.
    ///
    /// Prints the token response and stays, holding the session, until the card leaves the reader,
    /// standard input is closed, or a signal comes; then the tokens are dead. The agent.toml must
    /// let programs do so (section [business_software]). Exit status 0 once tokens were given, 1
    /// when they were not.
    SignIn {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The issuer, exactly as it is enrolled.
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// The client that the software is registered as.
        #[arg(long, value_name = "ID")]
        client: String,
        /// What the tokens are to allow, space-separated. Default: all that the client may have.
        #[arg(long)]
        scope: Option<String>,
        /// A resource server that the tokens are for; may be given several times.
        #[arg(long, value_name = "URL")]
        resource: Vec<String>,
        /// Print one JSON document: the token response, or code, title and detail of the failure.
        #[arg(long)]
        json: bool,
        /// Exit as soon as the response is printed, which ends the session.
        #[arg(long)]
        once: bool,
        /// Answer each line {"htm","htu"[,"nonce"][,"access_token"]} of standard input with a line
        /// {"dpop"} or {"error"}: a proof of possession (RFC 9449) by the key of the tokens, for
        /// the issuer's addresses and those that agent.toml lists for the client.
        #[arg(long, conflicts_with = "once")]
        proofs: bool,
    },
}

fn main() -> ExitCode {
    let CommandLine { command } = CommandLine::parse();
    let outcome = match command {
        Command::Run { config } => run(config),
        Command::Status { config, page, .. } if page => state_page(config),
        Command::Status { config, json, .. } => status(config, json),
        Command::EndSessions { config } => end_sessions(config),
        Command::Doctor { config, options } => return examine(config, options),
        Command::Card { config, action } => card(config, &action),
        Command::Unblock { config, site } => unblock(config, site.as_deref()),
        Command::Enrol { config, options } => enrol(config, &options),
        Command::BrowserSetup { config, options } => load(config).and_then(|config| {
            let (text, is_done) = browser_setup_command::report(&config, &options)?;
            print(&text)?;
            Ok(match is_done {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            })
        }),
        Command::BrowserPolicies { config, options } => {
            browser_policies(config.as_deref(), &options)
        }
        Command::NativeHost { config, caller } => native_host::run(load_as_error(config), &caller)
            .map(|()| ExitCode::SUCCESS)
            .map_err(anyhow::Error::from),
        Command::Prompt { agent, program } => Err(become_prompt(agent, &program).into()),
        Command::SignIn {
            config,
            issuer,
            client,
            scope,
            resource,
            json,
            once,
            proofs,
        } => {
            let request = GrantRequest {
                issuer,
                client_id: client,
                scope,
                resources: resource,
            };
            sign_in(config, &request, (json, once, proofs))
        }
    };
    outcome.unwrap_or_else(|error| {
        let code = error
            .chain()
            .find_map(|cause| cause.downcast_ref::<Error>());
        let code = code.map_or_else(String::new, |error| format!(" ({})", error.code()));
        eprintln!("cardea-agent: {error:#}{code}");
        ExitCode::FAILURE
    })
}

fn run(config: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    start_log("info");
    let config = load(config)?;
    let runtime = guarded_runtime()?;
    runtime.block_on(serve(config))?;
    // A card call or a prompt that hangs must not keep a stopped agent alive.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let prompt = prompt(&config)?;
    let loopback = LoopbackDoor::of(&config);
    let socket = AgentSocket::of(&config)?;
    let programs = ProgramApi::of(&config)?;
    let cards = config.backend.open().map_err(config.blame("backend"))?;
    tracing::info!(issuers = config.enrolments.len(), "starting");
    if config.enrolments.is_empty() {
        tracing::warn!("no issuer is enrolled yet: cardea-agent enrol URL");
    }
    let tray = Tray::of(&config);
    let agent = Agent::new(config, cards, prompt)?;
    tracing::info!(socket = %socket.path().display(), "serving programs of this user");
    let socket = tokio::spawn(socket.serve(agent.clone()));
    let programs = programs.map(|programs| {
        let socket = programs.path().display();
        tracing::info!(%socket, "serving programs that sign in with the card");
        tokio::spawn(programs.serve(agent.clone()))
    });
    let stop = stop_signal()?;
    tokio::spawn(ScreenLock::of_this_session().watch(agent.clone()));
    tokio::spawn(tray.show(agent.clone()));
    loopback
        .serve(agent.clone(), peer_check::of_this_platform(), stop)
        .await?;
    tracing::info!("stopping");
    socket.abort();
    if let Some(programs) = programs {
        programs.abort();
    }
    agent.depart(DEPARTURE_LIMIT).await;
    Ok(())
}

/// The prompt program, which goes with this one.
fn prompt(config: &Config) -> Result<Pinentry, Error> {
    Pinentry::find(config).map(Pinentry::ending_with_this_program)
}

/// Enrols an issuer, shows those that are enrolled, or takes one away.
fn enrol(config: Option<PathBuf>, options: &enrol_command::Options) -> anyhow::Result<ExitCode> {
    let path = config
        .or_else(config_place::default_config_to_enrol_in)
        .context("HOME is not set: name a file with --config")?;
    let environment = Environment::read();
    let language = enrol_command::language(&path, &environment);
    let desk = enrol_command::Desk {
        config: &path,
        environment: &environment,
        input: &mut std::io::stdin().lock(),
        output: &mut std::io::stdout(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(enrol_command::run(options, desk));
    done.map_err(|error| {
        let title = error.title(language);
        anyhow::anyhow!("{title} ({error}) ({})", error.code())
    })?;
    // The browsers' policies follow what everybody at the workstation is enrolled with.
    if path == Path::new(config_place::OF_WORKSTATION) && !options.list {
        let policies = browser_policies_command::Options::default();
        // Where the last issuer went, there is none, as was asked for.
        let (said, _) = browser_policies_command::run(Some(&path), &policies)?;
        print(&said)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn browser_policies(
    config: Option<&Path>,
    options: &browser_policies_command::Options,
) -> anyhow::Result<ExitCode> {
    let (said, is_done) = browser_policies_command::run(config, options)?;
    print(&said)?;
    Ok(if is_done {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOTHING_ENROLLED)
    })
}

/// A sign-in for a program: its own process, with the state and the readers of the agent.
fn sign_in(
    config: Option<PathBuf>,
    request: &GrantRequest,
    (json, once, proofs): (bool, bool, bool),
) -> anyhow::Result<ExitCode> {
    start_log("warn");
    let language = Language::of_locale(Environment::read().locale.as_deref());
    let mut options = sign_in_command::Options {
        json,
        once,
        proofs,
        language,
    };
    let runtime = guarded_runtime()?;
    let outcome = runtime.block_on(async {
        let config = load_as_error(config)?;
        options.language = config.language;
        let prompt = prompt(&config)?;
        let cards = config.backend.open().map_err(config.blame("backend"))?;
        let agent = Agent::new(config, cards, prompt)?;
        let stop = stop_signal().map_err(|_| Error::Internal {
            reason: "signals cannot be waited for",
        })?;
        tokio::spawn(ScreenLock::of_this_session().watch(agent.clone()));
        let outcome = sign_in_command::run(&agent, request, options, stop).await;
        agent.depart(DEPARTURE_LIMIT).await;
        outcome
    });
    // A card call or a prompt that hangs must not keep the program alive.
    runtime.shutdown_background();
    let Err(error) = outcome else {
        return Ok(ExitCode::SUCCESS);
    };
    let words = sign_in_command::failure(&error, options);
    if json {
        print(&format!("{words}\n"))?;
    } else {
        eprintln!("cardea-agent: {words}");
    }
    Ok(ExitCode::FAILURE)
}

/// A card's care: its own process, with the state and the readers of the agent.
fn card(config: Option<PathBuf>, action: &card_command::Action) -> anyhow::Result<ExitCode> {
    start_log("warn");
    let mut language = Language::of_locale(Environment::read().locale.as_deref());
    let runtime = guarded_runtime()?;
    let outcome = runtime.block_on(async {
        let config = load_as_error(config)?;
        language = config.language;
        let stop = stop_signal().map_err(|_| Error::Internal {
            reason: "signals cannot be waited for",
        })?;
        let cards = config.backend.open().map_err(config.blame("backend"))?;
        card_command::run(action, &config, cards, || prompt(&config), stop).await
    });
    // A card call or a prompt that hangs must not keep the program alive.
    runtime.shutdown_background();
    let error = match outcome {
        Ok(text) => {
            print(&text)?;
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => error,
    };
    let words = card_command::failure(&error, language, action.json());
    if action.json() {
        print(&format!("{words}\n"))?;
    } else {
        eprintln!("cardea-agent: {words}");
    }
    Ok(ExitCode::FAILURE)
}

/// A runtime in a process whose memory nobody may look at.
fn guarded_runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    memory::keep_small();
    // No core dump, and no debugger of the same user, may see a PIN that passes through.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .context("core dumps cannot be switched off")?;
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?)
}

/// Resolves when the process is asked to end.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn status(config: Option<PathBuf>, json: bool) -> anyhow::Result<ExitCode> {
    let config = load(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(status_command::ask(&config))?;
    if json {
        print(&format!("{}\n", serde_json::to_string(&report)?))?;
    } else {
        print(&report.words(config.language))?;
    }
    Ok(if report.running {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The workstation's state as a page: its own process, which lasts as long as somebody looks.
fn state_page(named: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    start_log("warn");
    let usual = config_place::default_config();
    let surroundings = doctor::Surroundings::of_this_machine(named.clone(), usual);
    let runtime = guarded_runtime()?;
    let config = load(named)?;
    let language = config.language;
    let shown = runtime.block_on(async {
        let stop = stop_signal()?;
        anyhow::Ok(state_page::show(config, surroundings, stop).await)
    });
    runtime.shutdown_background();
    match shown? {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Ok(say_failure(&error, language)),
    }
}

fn end_sessions(config: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let config = load(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match runtime.block_on(status_command::end_sessions(&config)) {
        Ok(said) => print(&said)?,
        Err(error) => return Ok(say_failure(&error, config.language)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells a person, in her language, what is wrong and what to do.
fn say_failure(error: &Error, language: Language) -> ExitCode {
    eprintln!("cardea-agent: {}", error.words(language));
    ExitCode::FAILURE
}

fn examine(config: Option<PathBuf>, options: doctor::Options) -> ExitCode {
    const UNUSABLE: u8 = 2;
    start_log("error");
    let surroundings =
        doctor::Surroundings::of_this_machine(config, config_place::default_config());
    let Ok(runtime) = guarded_runtime() else {
        return UNUSABLE.into();
    };
    let report = runtime.block_on(doctor::run(options, &surroundings));
    // A call of the smart-card service that hangs must not keep the program alive.
    runtime.shutdown_background();
    let said = match options.json {
        true => format!("{}\n", report.json()),
        false => report.text(),
    };
    match (print(&said), report.is_sound()) {
        (Err(_), _) => UNUSABLE.into(),
        (Ok(()), _) if !report.is_examined() => UNUSABLE.into(),
        (Ok(()), true) => ExitCode::SUCCESS,
        (Ok(()), false) => ExitCode::FAILURE,
    }
}

fn unblock(config: Option<PathBuf>, site: Option<&str>) -> anyhow::Result<ExitCode> {
    let config = load(config)?;
    match unblock_command::run(&config, site) {
        Ok(said) => print(&said)?,
        Err(error) => return Ok(say_failure(&error, config.language)),
    }
    Ok(ExitCode::SUCCESS)
}

fn load(config: Option<PathBuf>) -> anyhow::Result<Config> {
    Ok(load_as_error(config)?)
}

fn load_as_error(config: Option<PathBuf>) -> Result<Config, Error> {
    let missing = || Error::ConfigInvalid {
        path: PathBuf::from("agent.toml"),
        key: "(file)".to_owned(),
        reason: "HOME is not set: name a file with --config".to_owned(),
    };
    let environment = Environment::read();
    match config {
        // A file that somebody names is to be there.
        Some(path) => Config::load(&path, &environment),
        None => Config::load_or_default(
            &config_place::default_config().ok_or_else(missing)?,
            &environment,
        ),
    }
}

/// One JSON document a line on standard error; `CARDEA_LOG` sets the level.
fn start_log(default: &str) {
    use tracing_subscriber::EnvFilter;
    let level = EnvFilter::try_from_env("CARDEA_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_env_filter(level)
        .with_writer(std::io::stderr)
        .init();
}

fn print(text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    std::io::stdout().write_all(text.as_bytes())
}

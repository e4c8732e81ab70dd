//! The configuration file: which issuers this workstation is enrolled with, and how it behaves.
//!
//! `agent.example.toml` beside this crate explains every key.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cardea_assertion::INSTANCE_NAME_BYTES_MAX;
use cardea_jose::{Jwk, JwkSet};

use crate::Error;
use crate::business_software::{AllowedClient, BusinessSoftware};
use crate::enrolment::{Enrolment, IssuerUrl, parse_address, parse_origin};
use crate::language::Language;
use crate::log_memory::KnownLog;
use crate::pin_policy::PinPolicy;
use crate::protected_file::{self, Protection};
use crate::several_users::several_users_can_log_on;

mod backend;
mod instance_key_place;
pub(crate) mod issuer_files;
mod loopback;
mod raw;
mod socket;

pub use backend::Backend;
pub use instance_key_place::{InstanceKeyPlace, TokenName, TokenPlace};
pub use loopback::{Loopback, LoopbackChoice, LoopbackReason, LoopbackState};

/// The configuration, checked.
#[derive(Debug)]
pub struct Config {
    /// The file that all this stands in; errors name it.
    pub file: PathBuf,
    /// The port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// The socket for programs of this user.
    pub socket: PathBuf,
    /// Ids of browser extensions that may come through the native host, besides Cardea's own.
    pub browser_extensions: Vec<String>,
    /// Whether the loopback API is open.
    pub loopback: LoopbackChoice,
    /// The language of prompts and messages.
    pub language: Language,
    /// The prompt program: a path, or a name looked up in `PATH`.
    pub pinentry: PathBuf,
    /// Where the instance key and the key list versions are kept.
    pub state_dir: PathBuf,
    /// Where the instance key lives.
    pub instance_key: InstanceKeyPlace,
    /// What this workstation calls itself to the people who use it.
    pub instance_name: Option<String>,
    /// How cards are reached.
    pub backend: Backend,
    /// The terminal that a textual prompt uses.
    pub terminal: Option<String>,
    /// How long a prompt waits for the person.
    pub prompt_timeout: Duration,
    /// Whether a PIN typed earlier may count for another login.
    pub pin_policy: PinPolicy,
    /// Whether a PIN may count also where no lock of the screen can be noticed.
    pub keep_pin_without_screen_lock: bool,
    /// Tells whether several users can log on to this machine: no PIN is kept then.
    pub several_users: fn() -> bool,
    /// The program that opens a page of the agent's own in the person's browser.
    pub browser: PathBuf,
    /// Requests for an assertion that one origin may make in a minute.
    pub requests_per_minute: u32,
    /// Whether presence ends when the person's screen is locked.
    pub end_at_screen_lock: bool,
    /// The issuers that this workstation is enrolled with.
    pub enrolments: Vec<Enrolment>,
    /// What programs of this user may ask for.
    pub business_software: BusinessSoftware,
    /// Whether the card's state is shown among the desktop's icons.
    pub tray: bool,
}

/// An enrolled issuer, and the file that pins it.
#[derive(Debug)]
pub(crate) struct Enrolled {
    pub(crate) file: PathBuf,
    /// When the issuer signed the document that it was enrolled by, unix seconds.
    pub(crate) signed_at: Option<i64>,
    pub(crate) enrolment: Enrolment,
}

/// What the configuration takes from the environment where a key is absent.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The locale, such as `fr_FR.UTF-8`.
    pub locale: Option<String>,
    /// The user's folder for sockets while they are logged on, such as `/run/user/1000`.
    pub runtime_dir: Option<PathBuf>,
    /// The user's folder for state, such as `~/.local/state`.
    pub state_home: Option<PathBuf>,
    /// The terminal for textual prompts, as gpg-agent(1) has it in `GPG_TTY`.
    pub terminal: Option<String>,
    /// The workstation's own name.
    pub host_name: Option<String>,
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn read() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            locale: ["LC_ALL", "LC_MESSAGES", "LANG"]
                .into_iter()
                .find_map(variable),
            // It becomes part of a line that the prompt's protocol bounds.
            terminal: variable("GPG_TTY").filter(|terminal| terminal.len() <= 128),
            host_name: host_name(),
            runtime_dir: variable("XDG_RUNTIME_DIR")
                .map(PathBuf::from)
                .filter(|path| path.is_absolute()),
            state_home: variable("XDG_STATE_HOME")
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".local/state"))),
        }
    }
}

impl Config {
    /// Reads and checks the file, and the files that it names.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] with file, key and reason; [`Error::FileUnreadable`];
    /// [`Error::FileUnsafe`] when someone else may have written one of the files.
    pub fn load(path: &Path, environment: &Environment) -> Result<Self, Error> {
        let content = protected_file::read(path, Protection::WrittenByOwner)?;
        let text = String::from_utf8(content)
            .map_err(|_| invalid(path, "(file)", "it is not UTF-8 text"))?;
        let issuers = issuer_files::read(path)?;
        Self::parse_with(&text, path, environment, issuers)
    }

    /// The same, and where there is no such file, all as by default: an agent can start before
    /// anything is configured, and get its issuers by `cardea-agent enrol`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_or_default(path: &Path, environment: &Environment) -> Result<Self, Error> {
        let found = std::fs::symlink_metadata(path);
        if !found.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Self::load(path, environment);
        }
        let file = path.display();
        tracing::info!(%file, "there is no configuration file: all is as by default");
        Self::parse_with("", path, environment, issuer_files::read(path)?)
    }

    /// The socket for programs that sign in: beside the agent's own.
    #[must_use]
    pub fn programs_socket(&self) -> PathBuf {
        self.socket.with_file_name("programs.sock")
    }

    /// What is enrolled now, for an agent that runs.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub(crate) fn enrolments(path: &Path) -> Result<Vec<Enrolment>, Error> {
        let enrolled = Self::enrolled(path)?.into_iter();
        let enrolments: Vec<_> = enrolled.map(|it| it.enrolment).collect();
        check_enrolments(&enrolments, path)?;
        Ok(enrolments)
    }

    /// The issuers that are enrolled, each with its file, whether or not the rest of the
    /// configuration is there yet.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub(crate) fn enrolled(path: &Path) -> Result<Vec<Enrolled>, Error> {
        let mut written = Vec::new();
        if path.try_exists().unwrap_or(true) {
            let content = protected_file::read(path, Protection::WrittenByOwner)?;
            let text = String::from_utf8(content)
                .map_err(|_| invalid(path, "(file)", "it is not UTF-8 text"))?;
            let raw: raw::Config = raw::parse(&text, path)?;
            written.extend(raw.issuer.into_iter().map(|it| (path.to_owned(), it)));
        }
        written.extend(issuer_files::read(path)?);
        let enrolled = written.into_iter().map(|(file, issuer)| {
            let folder = file.parent().unwrap_or(Path::new("."));
            let signed_at = issuer.signed_at;
            let enrolment = Self::enrolment(issuer, &file, folder)?;
            Ok(Enrolled {
                file,
                signed_at,
                enrolment,
            })
        });
        enrolled.collect()
    }

    /// Says of a failure which file and key named what failed.
    pub fn blame(&self, key: &'static str) -> impl Fn(Error) -> Error + use<> {
        let path = self.file.clone();
        move |reason| Error::Configured {
            path: path.clone(),
            key,
            reason: Box::new(reason),
        }
    }

    /// Checks the text of a configuration; `path` names it in errors and anchors relative paths.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, path: &Path, environment: &Environment) -> Result<Self, Error> {
        Self::parse_with(text, path, environment, Vec::new())
    }

    fn parse_with(
        text: &str,
        path: &Path,
        environment: &Environment,
        enrolled: Vec<(PathBuf, raw::Issuer)>,
    ) -> Result<Self, Error> {
        let raw: raw::Config = raw::parse(text, path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let written = raw
            .issuer
            .into_iter()
            .map(|issuer| (path.to_owned(), issuer));
        let enrolments = written
            .chain(enrolled)
            .map(|(file, issuer)| {
                Self::enrolment(issuer, &file, file.parent().unwrap_or(Path::new(".")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        check_enrolments(&enrolments, path)?;
        let state_dir = match (raw.state_dir, &environment.state_home) {
            (Some(state_dir), _) => folder.join(state_dir),
            (None, Some(state_home)) => state_home.join("cardea-agent"),
            (None, None) => {
                return Err(invalid(
                    path,
                    "state_dir",
                    "is needed where HOME is not set",
                ));
            }
        };
        Ok(Self {
            file: path.to_owned(),
            port: raw.port,
            socket: socket::path(raw.socket, folder, environment, &state_dir),
            browser_extensions: socket::extensions(raw.browser_extensions, path)?,
            loopback: raw.loopback,
            language: raw.language.resolve(environment.locale.as_deref()),
            pinentry: program(raw.pinentry, folder),
            state_dir,
            instance_key: raw.instance_key.within(folder),
            instance_name: instance_name(raw.instance_name, path)?
                .or_else(|| environment.host_name.clone()),
            terminal: environment.terminal.clone(),
            backend: raw.backend.within(folder),
            prompt_timeout: Duration::from_secs(u64::from(bounded(
                raw.prompt_timeout_seconds,
                10..=300,
                path,
                "prompt_timeout_seconds",
            )?)),
            pin_policy: pin_policy(raw.pin_policy, raw.pin_kept_max_minutes, path)?,
            keep_pin_without_screen_lock: raw.keep_pin_without_screen_lock,
            several_users: several_users_can_log_on,
            browser: program(raw.browser, folder),
            requests_per_minute: bounded(
                raw.requests_per_minute,
                1..=600,
                path,
                "requests_per_minute",
            )?,
            end_at_screen_lock: raw.end_at_screen_lock,
            enrolments,
            business_software: business_software(raw.business_software, path)?,
            tray: raw.tray.enabled,
        })
    }

    fn enrolment(raw: raw::Issuer, path: &Path, folder: &Path) -> Result<Enrolment, Error> {
        let issuer = IssuerUrl::parse(&raw.issuer)
            .map_err(|reason| invalid(path, "issuer.issuer", reason))?;
        let origins = match raw.origins {
            None => vec![issuer.origin()],
            Some(origins) => origins
                .iter()
                .map(|origin| parse_origin(origin))
                .collect::<Result<_, _>>()
                .map_err(|reason| invalid(path, "issuer.origins", reason))?,
        };
        let (key, roots) = match (raw.roots, raw.roots_file) {
            (Some(roots), None) => ("issuer.roots", roots),
            (None, Some(file)) => ("issuer.roots_file", read_roots(&folder.join(file), path)?),
            _ => {
                return Err(invalid(
                    path,
                    "issuer.roots",
                    "give either roots or roots_file",
                ));
            }
        };
        if !(1..=2).contains(&roots.len()) {
            return Err(invalid(path, key, "pin one or two root keys"));
        }
        let ca_pem = raw
            .ca_file
            .map(|file| protected_file::read(&folder.join(file), Protection::WrittenByOwner))
            .transpose()?;
        if let Some(pem) = &ca_pem
            && openssl::x509::X509::stack_from_pem(pem).map_or(true, |found| found.is_empty())
        {
            return Err(invalid(
                path,
                "issuer.ca_file",
                "holds no certificate in PEM",
            ));
        }
        let name = raw.name.unwrap_or_else(|| issuer.host());
        let log = raw.log.as_ref().map(KnownLog::parse).transpose();
        let log = log.map_err(|reason| invalid(path, "issuer.log", reason))?;
        Ok(Enrolment {
            issuer,
            name,
            origins,
            roots,
            ca_pem,
            log,
        })
    }
}

/// A bare name is looked up in PATH; anything else is a path.
fn program(named: PathBuf, folder: &Path) -> PathBuf {
    if named.components().count() > 1 {
        folder.join(named)
    } else {
        named
    }
}

fn pin_policy(
    policy: raw::PinPolicy,
    kept_max_minutes: Option<u32>,
    path: &Path,
) -> Result<PinPolicy, Error> {
    const KEY: &str = "pin_kept_max_minutes";
    match (policy, kept_max_minutes) {
        (raw::PinPolicy::Strict, None) => Ok(PinPolicy::Strict),
        (raw::PinPolicy::Strict, Some(_)) => Err(invalid(
            path,
            KEY,
            "has a meaning with pin_policy = \"pharmacy\" only: strict keeps no PIN",
        )),
        (raw::PinPolicy::Pharmacy, minutes) => {
            let minutes = bounded(minutes.unwrap_or(240), 1..=240, path, KEY)?;
            let kept_max = Duration::from_secs(60 * u64::from(minutes));
            Ok(PinPolicy::Pharmacy { kept_max })
        }
    }
}

fn business_software(raw: raw::BusinessSoftware, path: &Path) -> Result<BusinessSoftware, Error> {
    let mut clients: Vec<AllowedClient> = Vec::new();
    for client in raw.client {
        let key = "business_software.client.client_id";
        if client.client_id.is_empty() {
            return Err(invalid(path, key, "is empty"));
        }
        if clients
            .iter()
            .any(|earlier| earlier.client_id == client.client_id)
        {
            return Err(invalid(path, key, "the same client is listed twice"));
        }
        let key = "business_software.client.addresses";
        let addresses = client.addresses.iter().map(|text| parse_address(text));
        let addresses = addresses
            .collect::<Result<_, _>>()
            .map_err(|reason| invalid(path, key, reason))?;
        clients.push(AllowedClient {
            client_id: client.client_id,
            addresses,
        });
    }
    if raw.enabled && clients.is_empty() {
        let reason = "is missing: name each client that programs may sign in to, in a table each";
        return Err(invalid(path, "business_software.client", reason));
    }
    Ok(BusinessSoftware {
        enabled: raw.enabled,
        clients,
    })
}

/// What this computer is called, where somebody has called it anything.
fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    usable_host_name(&name)
}

fn usable_host_name(name: &str) -> Option<String> {
    let name = name.trim();
    let is_given = !["", "(none)", "localhost", "localhost.localdomain"].contains(&name);
    let is_fit = name.len() <= INSTANCE_NAME_BYTES_MAX && !name.contains(char::is_control);
    (is_given && is_fit).then(|| name.to_owned())
}

fn instance_name(raw: Option<String>, path: &Path) -> Result<Option<String>, Error> {
    let Some(name) = raw else { return Ok(None) };
    if name.trim().is_empty()
        || name.len() > INSTANCE_NAME_BYTES_MAX
        || name.contains(|c: char| c.is_control())
    {
        let reason = format!("must be one line of 1 to {INSTANCE_NAME_BYTES_MAX} bytes");
        return Err(invalid(path, "instance_name", reason));
    }
    Ok(Some(name))
}

fn read_roots(file: &Path, config: &Path) -> Result<Vec<Jwk>, Error> {
    let content = protected_file::read(file, Protection::WrittenByOwner)?;
    let set: JwkSet = serde_json::from_slice(&content).map_err(|error| {
        invalid(
            config,
            "issuer.roots_file",
            format!("is not a JWK Set of public keys: {error}"),
        )
    })?;
    Ok(set.keys)
}

fn check_enrolments(enrolments: &[Enrolment], path: &Path) -> Result<(), Error> {
    for (index, enrolment) in enrolments.iter().enumerate() {
        if enrolment.origins.is_empty() {
            return Err(invalid(
                path,
                "issuer.origins",
                "at least one origin is needed",
            ));
        }
        if enrolments
            .iter()
            .take(index)
            .any(|earlier| earlier.issuer == enrolment.issuer)
        {
            return Err(invalid(
                path,
                "issuer.issuer",
                "the same issuer is enrolled twice",
            ));
        }
    }
    Ok(())
}

fn bounded(
    value: u32,
    allowed: std::ops::RangeInclusive<u32>,
    path: &Path,
    key: &str,
) -> Result<u32, Error> {
    if allowed.contains(&value) {
        return Ok(value);
    }
    Err(invalid(
        path,
        key,
        format!("must be {} to {}", allowed.start(), allowed.end()),
    ))
}

pub(crate) fn invalid(path: &Path, key: &str, reason: impl Into<String>) -> Error {
    Error::ConfigInvalid {
        path: path.to_owned(),
        key: key.to_owned(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests;

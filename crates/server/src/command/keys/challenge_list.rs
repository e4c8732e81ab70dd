//! `cardea keys challenge-list sign|publish`: the list of challenge keys, from the machine with the
//! root key to the server that gives it out.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cardea_assertion::ChallengeKeyList;
use cardea_jose::{Algorithm, Jwk, JwkSet};
use cardea_provider::Clock as _;
use clap::{Args, Subcommand};

use crate::challenge_list::{Expected, read_list};
use crate::clock::SystemClock;
use crate::command::config_file::default_config;
use crate::config::{Config, Issuer};
use crate::error::Error;
use crate::key_file::{check_absent, load_key, unusable, write_public};
use crate::server_keys::load_enrolment;

const JWK_BYTES_MAX: u64 = 16 * 1024;
/// How far a list's number may lie above the one before. Agents refuse a lower one for ever, so
/// that a slip of the pen would leave no numbers for the lists to come.
const JUMP_MAX: u64 = 1000;
/// What every reader of JSON takes as a whole number (RFC 8259 section 6).
const VERSION_MAX: u64 = (1 << 53) - 1;

/// Commands about the list.
#[derive(Debug, Subcommand)]
pub(in crate::command) enum ChallengeListCommand {
    /// Sign a list with a root key, on a machine without network.
    Sign(SignArguments),
    /// Put a signed list in the place of the one that the server gives out.
    Publish(PublishArguments),
}

/// `sign`
#[derive(Debug, Args)]
pub(in crate::command) struct SignArguments {
    /// The root key's file.
    #[arg(long)]
    root: PathBuf,
    /// The issuer, as in the configuration.
    #[arg(long, value_parser = crate::command::parse_issuer)]
    issuer: Issuer,
    /// Higher than that of any list before: agents refuse a lower one.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=VERSION_MAX))]
    version: u64,
    /// The list before, whose version this one follows.
    #[arg(long, value_name = "LIST")]
    previous: Option<PathBuf>,
    /// Let the version lie more than 1000 above the one before (0 without `--previous`).
    #[arg(long)]
    allow_jump: bool,
    /// A challenge key: its public half as `cardea keys new-challenge-key` printed it, or its own
    /// file; may stand several times.
    #[arg(long = "key", required = true)]
    keys: Vec<PathBuf>,
    /// The list's file.
    #[arg(long)]
    out: PathBuf,
}

/// `publish`
#[derive(Debug, Args)]
pub(in crate::command) struct PublishArguments {
    /// The signed list.
    file: PathBuf,
    /// The server's configuration file.
    #[arg(long, default_value_os_t = default_config())]
    config: PathBuf,
    /// The public half of a root key that workstations pin, as `cardea keys new-root` printed it;
    /// may stand twice. Default: those of the enrolment document.
    #[arg(long = "root", value_name = "JWK_FILE")]
    roots: Vec<PathBuf>,
    /// Let the version lie more than 1000 above the published one.
    #[arg(long)]
    allow_jump: bool,
}

/// A list that was published, and the version of the one before.
struct Published {
    list: ChallengeKeyList,
    before: Option<u64>,
}

/// What a new challenge-key list holds.
#[derive(Debug)]
pub struct ChallengeListRequest {
    /// File of the root key that signs it.
    pub root: PathBuf,
    /// Whose challenges the keys sign.
    pub issuer: Issuer,
    /// Higher than that of any list before.
    pub version: u64,
    /// Files of the challenge keys, or of their public halves.
    pub keys: Vec<PathBuf>,
    /// Where the list goes.
    pub out: PathBuf,
}

/// Runs one of the commands.
///
/// # Errors
/// As [`sign`] and [`publish`]; when standard output is closed.
pub(in crate::command) fn run(command: ChallengeListCommand) -> anyhow::Result<()> {
    match command {
        ChallengeListCommand::Sign(arguments) => {
            let (version, before) = (arguments.version, check_arguments(&arguments)?);
            sign(&arguments.into())?;
            say("signed", version, before, None)
        }
        ChallengeListCommand::Publish(arguments) => {
            let Published { list, before } = publish(&arguments)?;
            say(
                "published",
                list.version,
                before,
                Some(list.keys.keys.len()),
            )
        }
    }
}

fn say(done: &str, version: u64, before: Option<u64>, keys: Option<usize>) -> anyhow::Result<()> {
    let keys = keys.map_or_else(String::new, |count| format!(" with {count} keys"));
    let before = match before {
        Some(before) => format!("the one before is version {before}"),
        None => "the one before is not known".to_owned(),
    };
    writeln!(
        std::io::stdout(),
        "{done} version {version}{keys}; {before}"
    )
    .context("standard output is closed")
}

/// What would be regretted, on the machine that knows only the list before; gives its version.
fn check_arguments(arguments: &SignArguments) -> Result<Option<u64>, Error> {
    check_absent(&arguments.out)?;
    let refused = |reason: String| Error::ChallengeListRefused {
        file: arguments.out.clone(),
        reason,
    };
    let before = match &arguments.previous {
        None => None,
        Some(file) => {
            let previous = read_claims(&read_list(file)?);
            let previous = previous
                .filter(|list| list.iss == arguments.issuer.as_str())
                .ok_or_else(|| refused("--previous is no list of this issuer".to_owned()))?;
            Some(previous.version)
        }
    };
    if before.is_some_and(|before| arguments.version <= before) {
        let reason = "its version is not higher than that of the list before";
        return Err(refused(reason.to_owned()));
    }
    check_jump(arguments.version, before, arguments.allow_jump).map_err(refused)?;
    Ok(before)
}

fn check_jump(version: u64, before: Option<u64>, is_allowed: bool) -> Result<(), String> {
    let before = before.unwrap_or(0);
    if version > VERSION_MAX {
        return Err(format!(
            "its version {version} leaves none for the lists to come"
        ));
    }
    if !is_allowed && version.saturating_sub(before) > JUMP_MAX {
        return Err(format!(
            "its version {version} lies more than {JUMP_MAX} above {before}, and agents take no \
             lower one ever after: say --allow-jump if it is meant"
        ));
    }
    Ok(())
}

/// Signs and writes the list.
///
/// # Errors
/// `server.file_unusable`, `server.key_not_private`, `server.key_unusable`.
pub fn sign(request: &ChallengeListRequest) -> Result<(), Error> {
    let root = load_key(&request.root)?;
    let unusable_key = |file: &Path, source| Error::KeyUnusable {
        file: file.to_owned(),
        source,
    };
    let mut keys: Vec<Jwk> = Vec::new();
    for file in &request.keys {
        let key = read_public(file)?;
        if key.thumbprint() == root.kid() {
            let reason = "it is the root key, which signs lists and no challenges";
            return Err(unusable_key(
                file,
                cardea_jose::Error::KeyInvalid { reason },
            ));
        }
        if keys.iter().any(|it| it.thumbprint() == key.thumbprint()) {
            let reason = "the list would hold one key twice";
            return Err(unusable_key(
                file,
                cardea_jose::Error::KeyInvalid { reason },
            ));
        }
        keys.push(key);
    }
    let list = ChallengeKeyList {
        iss: request.issuer.to_string(),
        version: request.version,
        iat: SystemClock.now().unix_timestamp(),
        keys: JwkSet { keys },
    };
    let compact = list.sign(&root).map_err(|source| {
        let source = match source {
            cardea_assertion::Error::Jose(source) => source,
            _ => cardea_jose::Error::ClaimsMalformed,
        };
        unusable_key(&request.root, source)
    })?;
    write_public(&request.out, format!("{compact}\n").as_bytes())
}

/// Checks a list as every agent will, and puts it in the place of the one before in one step.
///
/// # Errors
/// `server.challenge_list_refused`, and those of the configuration and its files.
fn publish(arguments: &PublishArguments) -> Result<Published, Error> {
    let refused = |reason: &str| Error::ChallengeListRefused {
        file: arguments.file.clone(),
        reason: reason.to_owned(),
    };
    let config = Config::load(&arguments.config)?;
    if !arguments.roots.is_empty() && config.keys.enrolment.is_some() {
        return Err(refused(
            "the enrolment document of keys.enrolment says which root keys count: leave --root out",
        ));
    }
    let expected = Expected {
        issuer: config.issuer.clone(),
        challenge_kid: load_key(&config.keys.challenge_key)?.kid().to_owned(),
        roots: enrolled_roots(arguments, &config)?,
    };
    if expected.roots.is_empty() {
        return Err(refused(
            "the configuration has no enrolment document: name the enrolled root keys by --root",
        ));
    }
    let compact = read_list(&arguments.file)?;
    let list = expected.check(&compact).map_err(refused)?;
    let published = &config.keys.challenge_list;
    let mut before = None;
    if published.exists() {
        // Whatever is wrong with the one before, agents may have seen its version.
        let found = read_claims(&read_list(published)?).ok_or_else(|| {
            refused("the published list cannot be read, so that nobody knows its version")
        })?;
        if found.iss != config.issuer.as_str() {
            return Err(refused(&format!(
                "the published list {} is that of another issuer, {}: move it away if this \
                 configuration is the right one",
                published.display(),
                found.iss
            )));
        }
        if list.version <= found.version {
            return Err(refused(&format!(
                "its version {} is not higher than that of the published list, {}",
                list.version, found.version
            )));
        }
        before = Some(found.version);
    }
    check_jump(list.version, before, arguments.allow_jump).map_err(|reason| refused(&reason))?;
    write_public(published, format!("{compact}\n").as_bytes())?;
    Ok(Published { list, before })
}

/// What a list says, whoever signed it.
fn read_claims(compact: &str) -> Option<ChallengeKeyList> {
    let bytes_max = cardea_assertion::CHALLENGE_KEYS_BYTES_MAX;
    let jws = cardea_jose::UnverifiedJws::parse(compact, bytes_max).ok()?;
    jws.unverified_claims().ok()
}

fn enrolled_roots(arguments: &PublishArguments, config: &Config) -> Result<Vec<Jwk>, Error> {
    let named = arguments.roots.iter().map(|file| read_public(file));
    let named = named.collect::<Result<Vec<_>, _>>()?;
    match &config.keys.enrolment {
        Some(file) if named.is_empty() => Ok(load_enrolment(file, &config.issuer)?.1),
        _ => Ok(named),
    }
}

/// The public half of a key: a JWK, which alone goes to the machine with the root key, or the key's
/// own file.
fn read_public(file: &Path) -> Result<Jwk, Error> {
    let unreadable = |source| unusable(file, "the key cannot be read", source);
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    let mut content = Vec::new();
    let mut bounded = std::io::Read::take(opened, JWK_BYTES_MAX);
    std::io::Read::read_to_end(&mut bounded, &mut content).map_err(unreadable)?;
    if !content.trim_ascii_start().starts_with(b"{") {
        zeroize::Zeroize::zeroize(&mut content);
        return Ok(load_key(file)?.public_jwk().clone());
    }
    let refused = |reason| Error::KeyUnusable {
        file: file.to_owned(),
        source: cardea_jose::Error::KeyInvalid { reason },
    };
    let mut jwk: Jwk =
        serde_json::from_slice(&content).map_err(|_| refused("not a public key as JWK"))?;
    jwk.public_key()
        .map_err(|_| refused("not a key that signs"))?;
    if jwk.alg != Some(Algorithm::Es256) {
        return Err(refused("not a key of `cardea keys`: its alg is not ES256"));
    }
    jwk.kid = Some(jwk.thumbprint());
    Ok(jwk)
}

impl From<SignArguments> for ChallengeListRequest {
    fn from(arguments: SignArguments) -> Self {
        Self {
            root: arguments.root,
            issuer: arguments.issuer,
            version: arguments.version,
            keys: arguments.keys,
            out: arguments.out,
        }
    }
}

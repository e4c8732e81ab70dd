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
use crate::config::{Config, Issuer};
use crate::error::Error;
use crate::key_file::{load_key, unusable, write_public};
use crate::server_keys::load_enrolment;

const JWK_BYTES_MAX: u64 = 16 * 1024;

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
    #[arg(long)]
    version: u64,
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
    #[arg(long, default_value = "cardea.toml")]
    config: PathBuf,
    /// The public half of a root key that workstations pin, as `cardea keys new-root` printed it;
    /// may stand twice. Default: those of the enrolment document.
    #[arg(long = "root", value_name = "JWK_FILE")]
    roots: Vec<PathBuf>,
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
        ChallengeListCommand::Sign(arguments) => Ok(sign(&arguments.into())?),
        ChallengeListCommand::Publish(arguments) => {
            let list = publish(&arguments)?;
            let (version, count) = (list.version, list.keys.keys.len());
            writeln!(
                std::io::stdout(),
                "published version {version} with {count} keys"
            )
            .context("standard output is closed")
        }
    }
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
fn publish(arguments: &PublishArguments) -> Result<ChallengeKeyList, Error> {
    let refused = |reason: &str| Error::ChallengeListRefused {
        file: arguments.file.clone(),
        reason: reason.to_owned(),
    };
    let config = Config::load(&arguments.config)?;
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
    if published.exists() {
        // Whatever is wrong with the one before, agents may have seen its version.
        let before = read_list(published)?;
        let version = version_of(&before);
        if version.is_none_or(|before| list.version <= before) {
            return Err(refused(match version {
                Some(_) => "its version is not higher than that of the published list",
                None => "the published list cannot be read, so that nobody knows its version",
            }));
        }
    }
    write_public(published, format!("{compact}\n").as_bytes())?;
    Ok(list)
}

fn version_of(compact: &str) -> Option<u64> {
    let bytes_max = cardea_assertion::CHALLENGE_KEYS_BYTES_MAX;
    let jws = cardea_jose::UnverifiedJws::parse(compact, bytes_max).ok()?;
    let list: ChallengeKeyList = jws.unverified_claims().ok()?;
    Some(list.version)
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

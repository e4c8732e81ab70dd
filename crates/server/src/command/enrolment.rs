//! `cardea keys sign-enrolment` and `show-enrolment`: what workstations enrol by.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use cardea_assertion::{
    ENROLMENT_BYTES_MAX, EnrolledLog, EnrolmentDocument, Origin, UncomparedEnrolment,
};
use cardea_jose::{Jwk, JwkSet};
use cardea_provider::Clock as _;
use cardea_transparency::{SignatureKind, VerifierKey};

use crate::clock::SystemClock;
use crate::config::Issuer;
use crate::key_file::{load_key, write_public};

/// What a new enrolment document says.
#[derive(Debug)]
pub struct Introduction {
    /// File of the root key that signs it.
    pub root: PathBuf,
    /// File of the other root key's public half.
    pub second_root: Option<PathBuf>,
    /// Who introduces itself.
    pub issuer: Issuer,
    /// The name that prompts show.
    pub name: String,
    /// The origins of its login pages; the issuer's own where there is none.
    pub origins: Vec<String>,
    /// Its log, as agents are to know it.
    pub log: Option<EnrolledLog>,
    /// Where the document goes.
    pub out: PathBuf,
}

/// Signs and writes the document, and prints what is to be compared.
///
/// # Errors
/// `server.file_unusable`, `server.key_not_private`, `server.key_unusable`, and what is wrong with
/// the second root, an origin or the name.
pub fn sign(introduction: &Introduction) -> anyhow::Result<()> {
    let root = load_key(&introduction.root)?;
    let mut keys = vec![root.public_jwk().clone()];
    if let Some(file) = &introduction.second_root {
        keys.push(read_jwk(file)?);
    }
    let issuer = introduction.issuer.as_str();
    let mut origins = Vec::new();
    for text in &introduction.origins {
        let parsed = Origin::parse(text);
        origins.push(parsed.with_context(|| format!("--origin {text}"))?);
    }
    if origins.is_empty() {
        origins.push(Origin::of_url(issuer)?);
    }
    let document = EnrolmentDocument {
        iss: issuer.to_owned(),
        name: introduction.name.clone(),
        origins,
        roots: JwkSet { keys },
        iat: SystemClock.now().unix_timestamp(),
        log: introduction.log.clone(),
    };
    document.log.as_ref().map_or(Ok(()), check_log)?;
    let compact = document.sign(&root)?;
    write_public(&introduction.out, format!("{compact}\n").as_bytes())?;
    print(&UncomparedEnrolment::read(&compact)?)?;
    warn_unwatched(document.log.as_ref())
}

/// Says what agents do not find out that enrol by a document without witnesses.
fn warn_unwatched(log: Option<&EnrolledLog>) -> anyhow::Result<()> {
    let what = match log {
        None => {
            "names no log (--log-key) and no witness (--witness-key): agents believe the key that \
             they see first, and whoever has it can show each of them a log of its own"
        }
        Some(log) if log.witnesses.is_empty() => {
            "names no witness (--witness-key): whoever has the log's key can show each agent a log \
             of its own, and one that stands still is told of and not refused"
        }
        Some(_) => return Ok(()),
    };
    let mut output = std::io::stderr();
    writeln!(
        output,
        "cardea: warning: the document {what} (docs/witness.md)"
    )
    .context("the warning could not be printed")
}

/// Whether agents can use what it says of the log.
fn check_log(log: &EnrolledLog) -> anyhow::Result<()> {
    let key = VerifierKey::parse(&log.key).context("--log-key")?;
    ensure!(
        key.kind() == SignatureKind::Ed25519,
        "--log-key: is a witness's key; `cardea ledger key` prints a log's"
    );
    for text in &log.witnesses {
        let key = VerifierKey::parse(text).context("--witness-key")?;
        ensure!(
            key.kind() == SignatureKind::Cosignature,
            "--witness-key: is a log's key; `cardea-witness key show` prints a witness's"
        );
    }
    Ok(())
}

/// Prints what a document says.
///
/// # Errors
/// When it cannot be read, or disagrees with itself.
pub fn show(file: &Path) -> anyhow::Result<()> {
    let text = read_bounded(file)?;
    let read = UncomparedEnrolment::read(&text);
    print(&read.with_context(|| file.display().to_string())?)
}

fn print(read: &UncomparedEnrolment) -> anyhow::Result<()> {
    let document = read.unconfirmed();
    let mut lines = format!(
        "issuer:     {}\nname:       {}\n",
        document.iss, document.name
    );
    for origin in &document.origins {
        lines.push_str(&format!("pages:      {}\n", origin.as_str()));
    }
    if let Some(log) = &document.log {
        lines.push_str(&format!("log:        {}\n", log.key));
        for witness in &log.witnesses {
            lines.push_str(&format!("witness:    {witness}\n"));
        }
        let all = log.witnesses.len();
        if all > 0 {
            let quorum = log.quorum.map_or(all.to_string(), |it| it.to_string());
            lines.push_str(&format!("cosigning:  {quorum} of {all}\n"));
        }
    }
    for (index, fingerprint) in read.fingerprints().iter().enumerate() {
        lines.push_str(&format!("root key {}: {fingerprint}\n", index + 1));
    }
    let mut output = std::io::stdout();
    output
        .write_all(lines.as_bytes())
        .context("the fingerprints could not be printed")
}

fn read_jwk(file: &Path) -> anyhow::Result<Jwk> {
    let text = read_bounded(file)?;
    serde_json::from_str(&text).with_context(|| {
        let file = file.display();
        format!("{file}: is not the public key that `cardea keys new-root` printed")
    })
}

fn read_bounded(file: &Path) -> anyhow::Result<String> {
    let opened = fs::File::open(file).with_context(|| file.display().to_string())?;
    let mut text = String::new();
    let bytes_max = u64::try_from(ENROLMENT_BYTES_MAX).unwrap_or(u64::MAX);
    opened
        .take(bytes_max + 1)
        .read_to_string(&mut text)
        .with_context(|| file.display().to_string())?;
    Ok(text)
}

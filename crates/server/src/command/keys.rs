//! `cardea keys …`: root keys, challenge keys, and the list that binds them.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cardea_assertion::ChallengeKeyList;
use cardea_jose::{Algorithm, JwkSet};

use cardea_provider::Clock as _;

use crate::clock::SystemClock;
use crate::config::Issuer;
use crate::error::Error;
use crate::key_file::{create_key, load_key, write_public};

/// What a new challenge-key list holds.
#[derive(Debug)]
pub struct ChallengeListRequest {
    /// File of the root key that signs it.
    pub root: PathBuf,
    /// Whose challenges the keys sign.
    pub issuer: Issuer,
    /// Higher than that of any list before.
    pub version: u64,
    /// Files of the challenge keys.
    pub keys: Vec<PathBuf>,
    /// Where the list goes.
    pub out: PathBuf,
}

/// Makes a P-256 key and prints its public half as a JWK.
pub(super) fn new_key(out: &Path) -> anyhow::Result<()> {
    let key = create_key(out, Algorithm::Es256)?;
    let jwk = serde_json::to_string(key.public_jwk())?;
    writeln!(std::io::stdout(), "{jwk}").context("the public key could not be printed")
}

/// Signs and writes the list.
///
/// # Errors
/// `server.file_unusable`, `server.key_not_private`, `server.key_unusable`.
pub fn sign_challenge_list(request: &ChallengeListRequest) -> Result<(), Error> {
    let root = load_key(&request.root)?;
    let mut keys = Vec::new();
    for file in &request.keys {
        keys.push(load_key(file)?.public_jwk().clone());
    }
    let list = ChallengeKeyList {
        iss: request.issuer.to_string(),
        version: request.version,
        iat: SystemClock.now().unix_timestamp(),
        keys: JwkSet { keys },
    };
    let compact = list.sign(&root).map_err(|source| Error::KeyUnusable {
        file: request.root.clone(),
        source: match source {
            cardea_assertion::Error::Jose(source) => source,
            _ => cardea_jose::Error::ClaimsMalformed,
        },
    })?;
    write_public(&request.out, format!("{compact}\n").as_bytes())
}

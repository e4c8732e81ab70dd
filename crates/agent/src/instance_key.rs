//! The key that tells this installation of the agent from every other: it countersigns what the
//! agent states. Made at the first start, in a TPM where one was set up for the agent, else in a
//! file that only the agent's user can read.
//!
//! A key that was in a token stays there: when the token is gone, or holds another key, the agent
//! says so and does not start. A new key would be a new workstation to everybody who uses it.

mod token_key;

use std::path::{Path, PathBuf};

use cardea_jose::{Algorithm, Jwk, JwtSigner, SigningKey};
use serde::{Deserialize, Serialize};

use self::token_key::{Absent, TokenKey};
use crate::Error;
use crate::config::{InstanceKeyPlace, TokenName, TokenPlace};
use crate::protected_file::{self, Protection};

/// The file's name in the state folder.
const FILE_NAME: &str = "instance-key.pem";
/// What is remembered of a key in a token.
const TOKEN_FILE_NAME: &str = "instance-key.json";
/// The PIN of the TPM's token, by which an administrator sets it up.
const PIN_FILE_NAME: &str = "instance-key-pin";
/// The label of that token.
const TOKEN_LABEL: &str = "cardea-agent";
/// Where distributions keep the module for TPMs.
const TPM_MODULES: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu/pkcs11/libtpm2_pkcs11.so",
    "/usr/lib/aarch64-linux-gnu/pkcs11/libtpm2_pkcs11.so",
    "/usr/lib64/pkcs11/libtpm2_pkcs11.so",
    "/usr/lib/pkcs11/libtpm2_pkcs11.so",
    "/usr/lib/x86_64-linux-gnu/libtpm2_pkcs11.so.1",
];

/// The instance key, wherever it lives.
pub(crate) struct InstanceKey {
    held: Box<dyn JwtSigner>,
    place: &'static str,
    name: Option<String>,
}

/// What is remembered on disk: enough to know the key again, and to miss it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RememberedToken {
    module: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slot: Option<u64>,
    pin_file: PathBuf,
    kid: String,
}

impl InstanceKey {
    /// Loads the instance key, or makes one at the first start. `name` is what the workstation
    /// calls itself.
    ///
    /// # Errors
    /// [`Error::InstanceKeyUnavailable`] when a token does not answer for its key;
    /// [`Error::FileUnsafe`] when someone else could read a key or PIN: it is not used then;
    /// [`Error::StateUnusable`] when it cannot be written or is damaged.
    pub(crate) fn open(
        place: &InstanceKeyPlace,
        state_dir: &Path,
        name: Option<String>,
    ) -> Result<Self, Error> {
        let remembered = load_remembered(state_dir)?;
        let (held, place): (Box<dyn JwtSigner>, _) = match wanted(place, &remembered, state_dir) {
            Some(token) => {
                let key = open_in_token(token, remembered.as_ref(), state_dir)?;
                (Box::new(key), "pkcs11")
            }
            None => (Box::new(load_or_create(state_dir)?), "file"),
        };
        Ok(Self { held, place, name })
    }

    /// `file` or `pkcs11`.
    pub(crate) fn place(&self) -> &'static str {
        self.place
    }

    /// What the workstation calls itself.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl JwtSigner for InstanceKey {
    fn algorithm(&self) -> Algorithm {
        self.held.algorithm()
    }

    fn public_jwk(&self) -> &Jwk {
        self.held.public_jwk()
    }

    fn sign_message(&self, message: &[u8]) -> Result<Vec<u8>, cardea_jose::Error> {
        self.held.sign_message(message)
    }
}

/// The token that the key is to be in, if it is to be in one.
fn wanted(
    place: &InstanceKeyPlace,
    remembered: &Option<RememberedToken>,
    state_dir: &Path,
) -> Option<TokenPlace> {
    match place {
        InstanceKeyPlace::File => None,
        InstanceKeyPlace::Pkcs11(token) => Some(token.clone()),
        InstanceKeyPlace::Automatic => {
            if let Some(remembered) = remembered {
                return Some(remembered.place());
            }
            // A key that is in use stays what it is: only a first start chooses.
            let pin_file = state_dir.join(PIN_FILE_NAME);
            let is_used = state_dir.join(FILE_NAME).try_exists().unwrap_or(true);
            if is_used || !pin_file.try_exists().unwrap_or(true) {
                return None;
            }
            let mut modules = TPM_MODULES.iter().map(PathBuf::from);
            let module = modules.find(|path| path.exists());
            module.map(|module| TokenPlace {
                module,
                token: TokenName::Label(TOKEN_LABEL.to_owned()),
                pin_file,
            })
        }
    }
}

fn open_in_token(
    place: TokenPlace,
    remembered: Option<&RememberedToken>,
    state_dir: &Path,
) -> Result<TokenKey, Error> {
    if let Some(remembered) = remembered {
        let kid = remembered.kid.as_str();
        return TokenKey::open(place, Absent::Refuse { kid });
    }
    let key = TokenKey::open(place.clone(), Absent::Make)?;
    let kid = key.public_jwk().thumbprint();
    let (token_label, slot) = match place.token {
        TokenName::Label(label) => (Some(label), None),
        TokenName::Slot(slot) => (None, Some(slot)),
    };
    let remembered = RememberedToken {
        module: place.module,
        token_label,
        slot,
        pin_file: place.pin_file,
        kid: kid.clone(),
    };
    let text = serde_json::to_vec(&remembered).map_err(|_| Error::Internal {
        reason: "what is remembered of a token could not be written as JSON",
    })?;
    protected_file::replace(&state_dir.join(TOKEN_FILE_NAME), &text)?;
    tracing::info!(instance = kid, "the instance key lives in a token");
    Ok(key)
}

impl RememberedToken {
    fn place(&self) -> TokenPlace {
        TokenPlace {
            module: self.module.clone(),
            token: match (&self.token_label, self.slot) {
                (None, Some(slot)) => TokenName::Slot(slot),
                (label, _) => TokenName::Label(label.clone().unwrap_or_default()),
            },
            pin_file: self.pin_file.clone(),
        }
    }
}

fn load_remembered(state_dir: &Path) -> Result<Option<RememberedToken>, Error> {
    let path = state_dir.join(TOKEN_FILE_NAME);
    if !path.try_exists().unwrap_or(true) {
        return Ok(None);
    }
    let content = protected_file::read(&path, Protection::ReadByOwner)?;
    let remembered = serde_json::from_slice(&content).map_err(|_| Error::StateUnusable {
        path,
        reason: "it does not say which token holds the instance key".to_owned(),
    })?;
    Ok(Some(remembered))
}

fn load_or_create(state_dir: &Path) -> Result<SigningKey, Error> {
    let path = state_dir.join(FILE_NAME);
    let damaged = |error: cardea_jose::Error| Error::StateUnusable {
        path: path.clone(),
        reason: error.to_string(),
    };
    if !path.try_exists().unwrap_or(true) {
        let key = SigningKey::generate(Algorithm::Es256).map_err(damaged)?;
        let pem = key.to_pem().map_err(damaged)?;
        if protected_file::create_once(&path, &pem)? {
            tracing::info!(instance = key.kid(), "made an instance key");
        }
    }
    let pem = zeroize::Zeroizing::new(protected_file::read(&path, Protection::ReadByOwner)?);
    SigningKey::from_pem(Algorithm::Es256, &pem).map_err(damaged)
}

#[cfg(test)]
mod tests;

//! The profile that `--profile` names, and whom it finds in a validated path.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use cardea_pki::profile::{Profile, ProfilePolicy};
use cardea_pki::{Error as PkiError, ProfessionalIdentity, ValidatedPath};

use super::input_error::InputError;
use crate::config::load_profile;

/// Profiles that are kept; a batch names a few.
const KEPT_MAX: usize = 64;

/// Profiles that were asked for, each read once.
#[derive(Default)]
pub(super) struct Profiles {
    kept: HashMap<(String, PathBuf), Profile>,
}

impl Profiles {
    /// Finds a profile: built in, or a TOML file whose path starts from `folder`.
    pub(super) fn find(&mut self, name: &str, folder: &Path) -> Result<Profile, InputError> {
        let key = (name.to_owned(), folder.to_owned());
        if let Some(profile) = self.kept.get(&key) {
            return Ok(profile.clone());
        }
        let profile = load_profile(name, folder)
            .map_err(|error| InputError::ProfileUnusable(Box::new(error)))?;
        if self.kept.len() >= KEPT_MAX {
            self.kept.clear();
        }
        self.kept.insert(key, profile.clone());
        Ok(profile)
    }
}

/// Reads the identity, of test cards and real ones alike: `identity.test` tells which it is.
pub(super) fn identify(
    profile: &Profile,
    path: &ValidatedPath,
) -> Result<ProfessionalIdentity, PkiError> {
    match profile.identify(path, &ProfilePolicy::production()) {
        Err(PkiError::TestMarkRefused) => profile.identify(path, &ProfilePolicy::sandbox()),
        outcome => outcome,
    }
}

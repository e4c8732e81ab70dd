//! The key that tells this installation of the agent from every other: it countersigns what the
//! agent states. Made at the first start, kept in a file that only the agent's user can read.

use std::path::Path;

use cardea_jose::{Algorithm, SigningKey};

use crate::Error;
use crate::protected_file::{self, Protection};

/// The file's name in the state folder.
const FILE_NAME: &str = "instance-key.pem";

/// Loads the instance key, or makes one at the first start.
///
/// # Errors
/// [`Error::FileUnsafe`] when someone else could read the key: it is not used then;
/// [`Error::StateUnusable`] when it cannot be written or is damaged.
pub(crate) fn load_or_create(state_dir: &Path) -> Result<SigningKey, Error> {
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
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let key = load_or_create(folder.path()).unwrap();
        assert_eq!(load_or_create(folder.path()).unwrap().kid(), key.kid());
        let path = folder.path().join(FILE_NAME);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_damaged_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        load_or_create(folder.path()).unwrap();
        let path = folder.path().join(FILE_NAME);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(
            load_or_create(folder.path()).unwrap_err().code(),
            "agent.file_unsafe"
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "damaged").unwrap();
        assert_eq!(
            load_or_create(folder.path()).unwrap_err().code(),
            "agent.state_unusable"
        );
    }
}

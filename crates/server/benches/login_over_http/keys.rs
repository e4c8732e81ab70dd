//! The challenge key of a server, and the list that names it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cardea_jose::{Algorithm, SigningKey};
use cardea_server::command::keys::{ChallengeListRequest, sign_challenge_list};
use cardea_server::config::Issuer;

use crate::Failure;

pub(crate) fn write_keys(folder: &Path, issuer: &str) -> Result<(), Failure> {
    let write_key = |name: &str| -> Result<_, Failure> {
        let file = folder.join(name);
        let key = SigningKey::generate(Algorithm::Es256)?;
        fs::write(&file, &*key.to_pem()?)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        Ok(file)
    };
    sign_challenge_list(&ChallengeListRequest {
        root: write_key("root.pem")?,
        issuer: Issuer::try_from(issuer.to_owned())?,
        version: 1,
        keys: vec![write_key("challenge-key.pem")?],
        out: folder.join("challenge-keys.jws"),
    })?;
    Ok(())
}

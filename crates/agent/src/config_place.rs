//! Where the configuration is, when nobody names a file: the person's own, else the workstation's.
//!
//! A person who has configured or enrolled anything goes by that alone: two files are never mixed,
//! so that what counts can be read in one place.

use std::path::{Path, PathBuf};

/// The configuration for everybody who works at this workstation, which packages install and an
/// administrator keeps.
pub const OF_WORKSTATION: &str = "/etc/cardea-agent/agent.toml";

/// `$XDG_CONFIG_HOME/cardea/agent.toml`, else `~/.config/cardea/agent.toml`.
fn of_person() -> Option<PathBuf> {
    let home = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")))?;
    Some(home.join("cardea/agent.toml"))
}

/// The configuration that counts for this person; `None` where `HOME` is not set.
#[must_use]
pub fn default_config() -> Option<PathBuf> {
    Some(choose(of_person()?, Path::new(OF_WORKSTATION)))
}

/// The configuration beside which `cardea-agent enrol` keeps issuers: the workstation's for an
/// administrator, each person's own for others.
#[must_use]
pub fn default_config_to_enrol_in() -> Option<PathBuf> {
    let workstation = Path::new(OF_WORKSTATION);
    if rustix::process::geteuid().is_root() && workstation.exists() {
        return Some(workstation.to_owned());
    }
    of_person()
}

fn choose(own: PathBuf, workstation: &Path) -> PathBuf {
    let has_own = own.exists() || crate::config::issuer_files::folder_of(&own).exists();
    if has_own || !workstation.exists() {
        return own;
    }
    workstation.to_owned()
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn the_workstations_counts_until_a_person_has_something_of_her_own() {
        let folder = tempfile::tempdir().unwrap();
        let (own, workstation) = (folder.path().join("own"), folder.path().join("all"));
        std::fs::create_dir_all(&own).unwrap();
        let (own, workstation) = (own.join("agent.toml"), workstation.join("agent.toml"));
        // Neither: whoever looks for the file is told of her own.
        assert_eq!(choose(own.clone(), &workstation), own);
        std::fs::create_dir_all(workstation.parent().unwrap()).unwrap();
        std::fs::write(&workstation, "").unwrap();
        assert_eq!(choose(own.clone(), &workstation), workstation);
        // An issuer that she enrolled is her own.
        std::fs::create_dir(own.with_file_name("issuers.d")).unwrap();
        assert_eq!(choose(own.clone(), &workstation), own);
        std::fs::remove_dir(own.with_file_name("issuers.d")).unwrap();
        std::fs::write(&own, "").unwrap();
        assert_eq!(choose(own.clone(), &workstation), own);
    }
}

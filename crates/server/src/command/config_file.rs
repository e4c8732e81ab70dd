//! Which configuration a command goes by when none is named.

use std::io;
use std::path::{Path, PathBuf};

const HERE: &str = "cardea.toml";
/// Where the Debian package puts it.
const INSTALLED: &str = "/etc/cardea/cardea.toml";

/// `cardea.toml` in the folder that the command runs in; where there is none, the installed one.
pub(super) fn default_config() -> PathBuf {
    choose(Path::new(HERE), Path::new(INSTALLED), Path::try_exists)
}

fn choose(here: &Path, installed: &Path, exists: impl Fn(&Path) -> io::Result<bool>) -> PathBuf {
    // Only the account `cardea` may look into the installed folder: whoever may not learns so from
    // the reading, and not that there is no `cardea.toml` here.
    let is_missing = |path| matches!(exists(path), Ok(false));
    let chosen = if is_missing(here) && !is_missing(installed) {
        installed
    } else {
        here
    };
    chosen.to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};
    use std::path::Path;

    use clap::{Command, CommandFactory};

    use super::{choose, default_config};
    use crate::command::CommandLine;

    #[test]
    fn the_installed_configuration_counts_where_there_is_none_here() {
        let (here, installed) = (Path::new("here"), Path::new("installed"));
        for (has_here, has_installed, chosen) in [
            (Some(true), Some(true), here),
            (Some(true), Some(false), here),
            (Some(false), Some(true), installed),
            (Some(false), Some(false), here),
            // The folder is closed to whoever asks.
            (Some(false), None, installed),
            (None, Some(true), here),
        ] {
            let exists = |path: &Path| {
                let known = if path == here {
                    has_here
                } else {
                    has_installed
                };
                known.ok_or_else(|| Error::from(ErrorKind::PermissionDenied))
            };
            let found = choose(here, installed, exists);
            assert_eq!(found, chosen, "{has_here:?} {has_installed:?}");
        }
    }

    #[test]
    fn every_command_that_reads_a_configuration_finds_it_alike() {
        fn defaults(command: &Command, found: &mut Vec<String>) {
            for argument in command.get_arguments() {
                if argument.get_id() == "config" {
                    let [default] = argument.get_default_values() else {
                        panic!("{} has no one default", command.get_name());
                    };
                    found.push(default.display().to_string());
                }
            }
            for inner in command.get_subcommands() {
                defaults(inner, found);
            }
        }
        let mut found = Vec::new();
        defaults(&CommandLine::command(), &mut found);
        assert!(found.len() > 8, "{found:?}");
        let default = default_config().display().to_string();
        assert!(found.iter().all(|it| *it == default), "{found:?}");
    }
}

//! Whether the configuration can be used, and the prompt program that it names.

use std::path::Path;

use super::Surroundings;
use super::cause::Cause;
use super::finding::Finding;
use crate::config::Config;
use crate::error::with_sources;
use crate::{Error, Pinentry};

/// The configuration. Where the file is no good, the defaults stand in, so that the rest can be
/// looked at: a reader is there or not whatever agent.toml says.
pub(super) fn load(surroundings: &Surroundings) -> (Option<Config>, Option<Finding>) {
    let environment = &surroundings.environment;
    let read = match (&surroundings.named, &surroundings.usual) {
        (Some(named), _) => Config::load(named, environment),
        (None, Some(usual)) => Config::load_or_default(usual, environment),
        (None, None) => Err(Error::ConfigInvalid {
            path: "agent.toml".into(),
            key: "(file)".to_owned(),
            reason: "HOME is not set: name a file with --config".to_owned(),
        }),
    };
    let error = match read {
        Ok(config) => return (Some(config), None),
        Err(error) => error,
    };
    let file = surroundings.named.as_ref().or(surroundings.usual.as_ref());
    let file = file.map_or(Path::new("agent.toml"), |file| file.as_path());
    let defaults = Config::parse("", file, environment).ok();
    (defaults, Some(unusable(&error)))
}

/// A failure that comes from the configuration, in its own words.
pub(super) fn unusable(error: &Error) -> Finding {
    Finding::new(Cause::ConfigurationUnusable).with_technical("reason", &told(error))
}

/// A failure with its causes and its code.
pub(super) fn told(error: &Error) -> String {
    format!("{} ({})", with_sources(error), error.code())
}

/// The program that asks for the PIN.
pub(super) fn prompt(config: &Config) -> Option<Finding> {
    let error = Pinentry::find(config).err()?;
    Some(Finding::new(Cause::PromptMissing).with_technical("reason", &told(&error)))
}

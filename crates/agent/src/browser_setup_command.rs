//! `cardea-agent browser-setup`: tells this user's browsers where the native messaging host is.
//!
//! A browser starts a program without arguments of ours, so a script of two lines in the state
//! folder names the configuration; the manifests point to it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::config::Config;
use crate::native_host::manifest::{Format, HOST_NAME, manifest};
use crate::protected_file;

/// A browser that Cardea knows the folders of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Browser {
    /// Chromium.
    Chromium,
    /// Google Chrome.
    Chrome,
    /// Microsoft Edge.
    Edge,
    /// Firefox.
    Firefox,
}

impl Browser {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Chromium, Self::Chrome, Self::Edge, Self::Firefox];
}

/// What is to be done.
#[derive(Debug, Default, clap::Args)]
pub struct Options {
    /// A browser to set up; may be given several times. Default: each that this user has run.
    #[arg(long = "browser", value_name = "NAME")]
    pub browsers: Vec<Browser>,
    /// A Chromium profile of its own (its --user-data-dir), whose browser looks nowhere else.
    #[arg(long = "profile", value_name = "FOLDER")]
    pub profiles: Vec<PathBuf>,
    /// Take the manifests away instead.
    #[arg(long)]
    pub remove: bool,
}

/// Where browsers look.
#[derive(Clone, Debug)]
pub struct Homes {
    /// The user's home folder.
    pub home: PathBuf,
    /// The user's folder for settings, such as `~/.config`.
    pub config: PathBuf,
    /// This very program.
    pub program: PathBuf,
}

impl Homes {
    /// Those of this process.
    ///
    /// # Errors
    /// [`Error::Internal`] when there are none.
    pub fn read() -> Result<Self, Error> {
        let absolute = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let missing = |reason| Error::Internal { reason };
        let home = absolute("HOME").ok_or(missing("HOME is not set"))?;
        Ok(Self {
            config: absolute("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")),
            home,
            program: std::env::current_exe().map_err(|_| missing("the program has no path"))?,
        })
    }

    /// The folder where the browser looks for manifests.
    pub(crate) fn hosts(&self, browser: Browser) -> PathBuf {
        match browser {
            Browser::Chromium => self.config.join("chromium").join(CHROMIUM_HOSTS),
            Browser::Chrome => self.config.join("google-chrome").join(CHROMIUM_HOSTS),
            Browser::Edge => self.config.join("microsoft-edge").join(CHROMIUM_HOSTS),
            // Also where its profiles stand in the folder for settings, as from version 147 on.
            Browser::Firefox => self.home.join(".mozilla/native-messaging-hosts"),
        }
    }

    /// Whether this user has run the browser: it has left a folder of its own.
    pub(crate) fn was_run(&self, browser: Browser) -> bool {
        let own = self.hosts(browser);
        own.parent().is_some_and(Path::is_dir)
            || (browser == Browser::Firefox && self.config.join("mozilla").is_dir())
    }
}

const CHROMIUM_HOSTS: &str = "NativeMessagingHosts";
const ALL: [Browser; 4] = Browser::ALL;

/// Writes the manifests, or takes them away, and gives the files.
///
/// # Errors
/// [`Error::StateUnusable`] when a file cannot be written.
pub fn run(config: &Config, options: &Options, homes: &Homes) -> Result<Vec<PathBuf>, Error> {
    let asked = |browser: &Browser| match options.browsers.as_slice() {
        [] => options.profiles.is_empty() && homes.was_run(*browser),
        browsers => browsers.contains(browser),
    };
    let of_browsers = ALL.into_iter().filter(asked).map(|browser| {
        let format = match browser {
            Browser::Firefox => Format::Gecko,
            Browser::Chromium | Browser::Chrome | Browser::Edge => Format::Chromium,
        };
        (format, homes.hosts(browser))
    });
    let profiles = options.profiles.iter();
    let of_profiles = profiles.map(|folder| (Format::Chromium, folder.join(CHROMIUM_HOSTS)));
    let places: Vec<_> = of_browsers
        .chain(of_profiles)
        .map(|(format, folder)| (format, folder.join(format!("{HOST_NAME}.json"))))
        .collect();
    let state_dir = absolute(&config.state_dir)?;
    let script = state_dir.join("native-host");
    if !options.remove && !places.is_empty() {
        protected_file::prepare_private_folder(&state_dir)?;
        write(&script, &launcher(&homes.program, &config.file)?, 0o700)?;
    }
    for (format, path) in &places {
        if options.remove {
            remove(path)?;
        } else {
            let manifest = manifest(*format, &script, &config.browser_extensions);
            write(path, &format!("{manifest:#}\n"), 0o600)?;
        }
    }
    // Whoever finds no manifest starts no launcher.
    let hosts = || ALL.map(|browser| homes.hosts(browser).join(format!("{HOST_NAME}.json")));
    if options.remove && !hosts().iter().any(|manifest| manifest.exists()) {
        remove(&script)?;
    }
    Ok(places.into_iter().map(|(_, path)| path).collect())
}

/// Said where nothing could be done.
const NO_BROWSER: &str = "no browser of this account is known here: neither Chromium, Chrome, Edge \
    nor Firefox has left a profile.\n\
    Start the browser once and run this again, or name it: cardea-agent browser-setup --browser \
    firefox\n\
    (or chromium, chrome, edge; --profile FOLDER for a Chromium profile elsewhere).\n";

/// What the command says: a line a file, and whether there was one.
///
/// # Errors
/// As [`run`].
pub fn report(config: &Config, options: &Options) -> Result<(String, bool), Error> {
    let files = run(config, options, &Homes::read()?)?;
    if files.is_empty() {
        return Ok((NO_BROWSER.to_owned(), false));
    }
    let word = if options.remove { "removed" } else { "written" };
    let lines = files
        .iter()
        .map(|file| format!("{word}: {}\n", file.display()));
    Ok((lines.collect(), true))
}

/// The script that a browser starts.
fn launcher(program: &Path, config: &Path) -> Result<String, Error> {
    let config = absolute(config)?;
    Ok(format!(
        "#!/bin/sh\nexec {} native-host --config {} -- \"$@\"\n",
        quoted(program),
        quoted(&config)
    ))
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|error| unusable(path, &error))
}

/// A path as one word of a shell command.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
    }
    protected_file::replace(path, text.as_bytes())?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .map_err(|error| unusable(path, &error))
}

fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unusable(path, &error)),
        _ => Ok(()),
    }
}

fn unusable(path: &Path, error: &std::io::Error) -> Error {
    Error::StateUnusable {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests;

//! Each browser that this person has run: does it know the agent, has it the extension, and where
//! not, may its pages come by the port?

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Surroundings;
use super::agent::RunningAgent;
use super::cause::Cause;
use super::finding::Finding;
use crate::browser_setup_command::{Browser, Homes};
use crate::config::{Config, Loopback};
use crate::display_text::for_display;
use crate::language::Language;
use crate::native_host::manifest::HOST_NAME;
use crate::native_host::{CHROMIUM_ID, GECKO_ID};
use crate::status_command::words::loopback_reason;

mod policy;

use policy::Policy;

/// Most bytes of a browser's file, and most of its profiles.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
const PROFILES_MAX: usize = 64;

/// Looks at each of them. A machine without a browser has nothing wrong with it.
pub(super) fn examine(
    config: &Config,
    surroundings: &Surroundings,
    agent: &RunningAgent,
) -> Vec<Finding> {
    let Some(homes) = &surroundings.homes else {
        return Vec::new();
    };
    let decided = config.loopback.decide(config.several_users);
    let desk = Desk {
        config,
        surroundings,
        homes,
        loopback: agent.loopback.unwrap_or(decided),
    };
    let browsers = Browser::ALL.into_iter().filter(|it| homes.was_run(*it));
    browsers
        .filter_map(|browser| desk.look_at(browser))
        .collect()
}

struct Desk<'a> {
    config: &'a Config,
    surroundings: &'a Surroundings,
    homes: &'a Homes,
    loopback: Loopback,
}

impl Desk<'_> {
    /// The first that is to be mended of one browser.
    fn look_at(&self, browser: Browser) -> Option<Finding> {
        let about = |cause| Finding::new(cause).with("browser", browser.name());
        let policy = Policy::read(browser, &self.surroundings.root);
        if self.has_extension(browser, &policy) {
            let reason = self.host_fault(browser)?;
            return Some(about(Cause::BrowserHostMissing).with_words("reason", reason));
        }
        if !self.loopback.is_on() {
            let reason = |language| loopback_reason(self.loopback.reason, language);
            let words = (reason(Language::French), reason(Language::English));
            return Some(about(Cause::ExtensionMissing).with_words("loopback", words));
        }
        // Firefox asks nobody before a page reaches this computer.
        let folder = browser.policy_folder()?;
        let origins = self.config.enrolments.iter().flat_map(|it| &it.origins);
        let unnamed = origins
            .map(|origin| origin.as_str())
            .find(|origin| !policy.names(origin))?;
        Some(
            about(Cause::PolicyMissing)
                .with("issuer", for_display(unnamed))
                .with("folder", format!("/{folder}")),
        )
    }

    /// What keeps the browser from starting the native messaging host, in French and in English.
    fn host_fault(&self, browser: Browser) -> Option<(String, String)> {
        let name = format!("{HOST_NAME}.json");
        let own = self.homes.hosts(browser).join(&name);
        let shared = browser.shared_hosts().iter();
        let shared = shared.map(|folder| self.surroundings.root.join(folder).join(&name));
        let manifest = shared.chain([own.clone()]).find(|it| it.is_file());
        let Some(manifest) = manifest else {
            let own = own.display();
            return Some((
                format!("le fichier {own} manque."),
                format!("the file {own} is missing."),
            ));
        };
        let shown = manifest.display();
        let content = read(&manifest).and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let program = content.as_ref().and_then(|it| it["path"].as_str());
        match program {
            Some(program) if Path::new(program).is_file() => None,
            _ => Some((
                format!("le fichier {shown} mène à un programme qui n’existe pas."),
                format!("the file {shown} leads to a program that is not there."),
            )),
        }
    }

    /// Whether a profile holds the extension, or policy is to bring it.
    fn has_extension(&self, browser: Browser, policy: &Policy) -> bool {
        let own = match browser {
            Browser::Firefox => GECKO_ID,
            Browser::Chromium | Browser::Chrome | Browser::Edge => CHROMIUM_ID,
        };
        let configured = self.config.browser_extensions.iter().map(String::as_str);
        let ids: Vec<&str> = configured.chain([own]).collect();
        ids.iter().any(|id| policy.installs(id))
            || self
                .profiles(browser)
                .iter()
                .any(|profile| ids.iter().any(|id| holds(profile, browser, id)))
    }

    fn profiles(&self, browser: Browser) -> Vec<PathBuf> {
        let folders = match browser {
            Browser::Firefox => vec![
                self.homes.home.join(".mozilla/firefox"),
                self.homes.config.join("mozilla/firefox"),
            ],
            _ => self
                .homes
                .hosts(browser)
                .parent()
                .map(Path::to_owned)
                .into_iter()
                .collect(),
        };
        let entries = folders
            .into_iter()
            .filter_map(|it| std::fs::read_dir(it).ok());
        let entries = entries.flatten().flatten().map(|entry| entry.path());
        entries
            .filter(|it| it.is_dir())
            .take(PROFILES_MAX)
            .collect()
    }
}

/// Whether a profile has the extension, as the browser notes it.
fn holds(profile: &Path, browser: Browser, id: &str) -> bool {
    if browser == Browser::Firefox {
        let noted = read(&profile.join("extensions.json")).unwrap_or_default();
        return noted.contains(&format!("\"{id}\""))
            || profile.join(format!("extensions/{id}.xpi")).is_file();
    }
    // One that was loaded from a folder stands in the settings alone.
    profile.join("Extensions").join(id).is_dir()
        || ["Secure Preferences", "Preferences"].iter().any(|file| {
            let text = read(&profile.join(file));
            let settings = text.and_then(|it| serde_json::from_str::<Value>(&it).ok());
            settings.is_some_and(|it| {
                let known = it.pointer("/extensions/settings").and_then(|it| it.get(id));
                known.is_some_and(Value::is_object)
            })
        })
}

/// A file's text, up to a bound.
fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

impl Browser {
    /// What people call it.
    fn name(self) -> &'static str {
        match self {
            Self::Chromium => "Chromium",
            Self::Chrome => "Google Chrome",
            Self::Edge => "Microsoft Edge",
            Self::Firefox => "Firefox",
        }
    }

    /// Where the machine's manifests stand, below the root.
    fn shared_hosts(self) -> &'static [&'static str] {
        match self {
            Self::Chromium => &["etc/chromium/native-messaging-hosts"],
            Self::Chrome => &["etc/opt/chrome/native-messaging-hosts"],
            Self::Edge => &["etc/opt/edge/native-messaging-hosts"],
            Self::Firefox => &[
                "usr/lib/mozilla/native-messaging-hosts",
                "usr/lib64/mozilla/native-messaging-hosts",
            ],
        }
    }

    /// Where its enterprise policies stand, below the root; none where no policy is about the port.
    fn policy_folder(self) -> Option<&'static str> {
        match self {
            Self::Chromium => Some("etc/chromium/policies/managed"),
            Self::Chrome => Some("etc/opt/chrome/policies/managed"),
            Self::Edge => Some("etc/opt/edge/policies/managed"),
            Self::Firefox => None,
        }
    }
}

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
use crate::{config_place, protected_program};

mod extension;
mod policy;

use extension::Standing;
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
        let (standing, id) = self.extension(browser, &policy);
        match standing {
            Standing::On => {
                let reason = self.host_fault(browser, id)?;
                return Some(about(Cause::BrowserHostMissing).with_words("reason", reason));
            }
            Standing::Off => {
                return Some(about(Cause::ExtensionOff).with("page", browser.extensions_page()));
            }
            Standing::Missing => {}
        }
        if !self.loopback.is_on() {
            let reason = |language| loopback_reason(self.loopback.reason, language);
            let words = (reason(Language::French), reason(Language::English));
            return Some(about(Cause::ExtensionMissing).with_words("loopback", words));
        }
        // Firefox asks nobody before a page reaches this computer.
        let folder = browser.policy_folder()?;
        let enrolments = self.config.enrolments.iter();
        let mut origins =
            enrolments.flat_map(|it| it.origins.iter().map(move |origin| (it, origin)));
        let (enrolment, unnamed) = origins.find(|(_, origin)| !policy.names(origin.as_str()))?;
        // Policies are written for the issuers that the workstation is enrolled with, not for one
        // person's own.
        let policies = if self.config.file == Path::new(config_place::OF_WORKSTATION) {
            "browser-policies".to_owned()
        } else {
            format!("enrol {}", for_display(enrolment.issuer.as_str()))
        };
        Some(
            about(Cause::PolicyMissing)
                .with("issuer", for_display(unnamed.as_str()))
                .with("policies", policies)
                .with("folder", format!("/{folder}")),
        )
    }

    /// What keeps the browser from starting the native messaging host for this extension, in
    /// French and in English.
    fn host_fault(&self, browser: Browser, id: &str) -> Option<(String, String)> {
        let name = format!("{HOST_NAME}.json");
        let own = self.homes.hosts(browser).join(&name);
        let shared = browser.shared_hosts().iter();
        let shared = shared.map(|folder| self.surroundings.root.join(folder).join(&name));
        // A browser looks at the person's own first, and at no other where there is one.
        let mut manifests = [own.clone()].into_iter().chain(shared);
        let Some(manifest) = manifests.find(|it| it.is_file()) else {
            let own = own.display();
            return Some((
                format!("le fichier {own} manque."),
                format!("the file {own} is missing."),
            ));
        };
        let shown = manifest.display();
        let content = read(&manifest).and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let Some(content) = content else {
            return Some((
                format!("le fichier {shown} est illisible."),
                format!("the file {shown} cannot be read."),
            ));
        };
        let program = content.get("path").and_then(Value::as_str).map(Path::new);
        if !program.is_some_and(|it| it.is_absolute() && protected_program::is_executable(it)) {
            return Some((
                format!("le fichier {shown} ne mène à aucun programme qui puisse être lancé."),
                format!("the file {shown} leads to no program that can be started."),
            ));
        }
        let (key, caller) = match browser {
            Browser::Firefox => ("allowed_extensions", id.to_owned()),
            Browser::Chromium | Browser::Chrome | Browser::Edge => {
                ("allowed_origins", format!("chrome-extension://{id}/"))
            }
        };
        let callers = content.get(key).and_then(Value::as_array);
        let mut callers = callers.into_iter().flatten();
        if callers.any(|it| *it == caller) {
            return None;
        }
        Some((
            format!("le fichier {shown} n’admet pas l’extension installée ({id})."),
            format!("the file {shown} does not admit the extension that is installed ({id})."),
        ))
    }

    /// How the browser has the extension, and which of those that are known: one that policy
    /// forces, else the best that a profile notes, else one that policy is to bring.
    fn extension(&self, browser: Browser, policy: &Policy) -> (Standing, &str) {
        let (own, is_gecko) = match browser {
            Browser::Firefox => (GECKO_ID, true),
            Browser::Chromium | Browser::Chrome | Browser::Edge => (CHROMIUM_ID, false),
        };
        let configured = self.config.browser_extensions.iter().map(String::as_str);
        let ids = [own].into_iter().chain(configured);
        let ids: Vec<&str> = ids.filter(|id| id.contains('@') == is_gecko).collect();
        if let Some(id) = ids.iter().find(|id| policy.forces(id)) {
            return (Standing::On, id);
        }
        let profiles = self.profiles(browser);
        let noted = ids.iter().rev().map(|id| {
            let profiles = profiles.iter();
            let noted = profiles.map(|profile| extension::in_profile(profile, browser, id));
            (noted.max().unwrap_or(Standing::Missing), *id)
        });
        let noted = noted.max_by_key(|(standing, _)| *standing);
        match noted {
            Some((standing, id)) if standing > Standing::Missing => (standing, id),
            _ => match ids.iter().find(|id| policy.installs(id)) {
                Some(id) => (Standing::On, id),
                None => (Standing::Missing, own),
            },
        }
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

    /// Its page of extensions.
    fn extensions_page(self) -> &'static str {
        match self {
            Self::Chromium | Self::Chrome => "chrome://extensions",
            Self::Edge => "edge://extensions",
            Self::Firefox => "about:addons",
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

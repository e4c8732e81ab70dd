//! What the machine's policies say to a browser about Cardea.

use std::path::Path;

use serde_json::Value;

use super::read;
use crate::browser_setup_command::Browser;

/// Most files of policies that are read.
const FILES_MAX: usize = 64;
const FIREFOX: [&str; 2] = [
    "etc/firefox/policies/policies.json",
    "usr/lib/firefox/distribution/policies.json",
];
/// Policies that let pages of the internet reach this computer unasked: the present name and the
/// one before.
const OF_PORT: [&str; 2] = [
    "LocalNetworkAccessAllowedForUrls",
    "LoopbackNetworkAllowedForUrls",
];

/// All policies of one browser, merged.
#[derive(Debug, Default)]
pub(super) struct Policy {
    /// Extensions that it installs.
    installed: Vec<String>,
    /// Those among them that nobody can switch off.
    forced: Vec<String>,
    /// Patterns of pages that may reach this computer.
    allowed: Vec<String>,
}

impl Policy {
    pub(super) fn read(browser: Browser, root: &Path) -> Self {
        let mut policy = Self::default();
        match browser.policy_folder() {
            Some(folder) => {
                let files = std::fs::read_dir(root.join(folder)).into_iter().flatten();
                for file in files.flatten().take(FILES_MAX) {
                    if let Some(content) = parse(&file.path()) {
                        policy.add(&content);
                    }
                }
            }
            None => {
                for content in FIREFOX.iter().filter_map(|file| parse(&root.join(file))) {
                    policy.add(content.get("policies").unwrap_or(&Value::Null));
                }
            }
        }
        policy
    }

    fn add(&mut self, content: &Value) {
        if let Some(settings) = content["ExtensionSettings"].as_object() {
            for (id, it) in settings {
                match it["installation_mode"].as_str() {
                    Some("force_installed") => self.force(id),
                    Some("normal_installed") => self.installed.push(id.clone()),
                    _ => {}
                }
            }
        }
        for forced in strings(&content["ExtensionInstallForcelist"]) {
            // "id" or "id;address".
            self.force(forced.split(';').next().unwrap_or_default());
        }
        for name in OF_PORT {
            self.allowed
                .extend(strings(&content[name]).map(str::to_owned));
        }
    }

    fn force(&mut self, id: &str) {
        self.installed.push(id.to_owned());
        self.forced.push(id.to_owned());
    }

    /// Whether it brings this extension, and keeps it on.
    pub(super) fn forces(&self, id: &str) -> bool {
        self.forced.iter().any(|it| it == id)
    }

    /// Whether it brings this extension.
    pub(super) fn installs(&self, id: &str) -> bool {
        self.installed.iter().any(|it| it == id)
    }

    /// Whether pages of this origin may reach this computer unasked. Only what is written in full,
    /// or is everything, counts: a pattern may mean more than it says.
    pub(super) fn names(&self, origin: &str) -> bool {
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        self.allowed.iter().any(|pattern| {
            let pattern = pattern.trim_end_matches('/');
            pattern == "*" || pattern == origin || pattern == host || is_above(pattern, host)
        })
    }
}

/// `[*.]example.org` is about every host below example.org, and that one too.
fn is_above(pattern: &str, host: &str) -> bool {
    let pattern = pattern.strip_prefix("https://").unwrap_or(pattern);
    let Some(domain) = pattern.strip_prefix("[*.]") else {
        return false;
    };
    host == domain
        || host
            .strip_suffix(domain)
            .is_some_and(|it| it.ends_with('.'))
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

fn parse(path: &Path) -> Option<Value> {
    serde_json::from_str(&read(path)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_that_are_named_may_reach_the_port() {
        let policy = Policy {
            installed: Vec::new(),
            forced: Vec::new(),
            allowed: vec!["https://a.test/".to_owned(), "[*.]b.test".to_owned()],
        };
        for (origin, is_named) in [
            ("https://a.test", true),
            ("https://b.test", true),
            ("https://login.b.test", true),
            ("https://evilb.test", false),
            ("https://a.test:8443", false),
            ("https://c.test", false),
        ] {
            assert_eq!(policy.names(origin), is_named, "{origin}");
        }
    }
}

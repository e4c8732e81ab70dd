//! An agent whose files another user wrote, or could have written, refuses to start (attack D16).
//!
//! It does not update itself: the system's package manager does, which checks signatures.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use cardea_agent::config::{Config, Environment};
use cardea_agent::{Agent, Pinentry};
use cardea_jose::{Algorithm, JwkSet, SigningKey, sha256_base64url};

use crate::readers::Readers;

const ISSUER: &str = "https://login.example";
const ANOTHER_USER: u32 = 4711;
/// What is given the PIN or runs in the agent.
const PROGRAMS: [&str; 3] = ["bin/prompt", "bin/opener", "lib/module.so"];

/// A workstation's files after a first start.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let roots = JwkSet {
            keys: vec![key.public_jwk().clone()],
        };
        files.write("roots.json", &serde_json::to_string(&roots).unwrap());
        let text = format!(
            "port = 0\nlanguage = \"en\"\nstate_dir = \"state\"\n\
             pinentry = \"./bin/prompt\"\nbrowser = \"./bin/opener\"\n\
             backend = {{ pkcs11 = {{ module = \"lib/module.so\" }} }}\n[[issuer]]\n\
             issuer = \"{ISSUER}\"\nroots_file = \"roots.json\"\n"
        );
        files.write("agent.toml", &text);
        for folder in ["bin", "lib"] {
            std::fs::create_dir(files.path(folder)).unwrap();
            set_mode(&files.path(folder), 0o755);
        }
        for program in PROGRAMS {
            files.write(program, "#!/bin/sh\n");
            set_mode(&files.path(program), 0o755);
        }
        assert_eq!(files.start(), None);
        let versions = format!(
            "state/challenge-keys-{}.json",
            sha256_base64url(ISSUER.as_bytes())
        );
        let version = serde_json::json!({"issuer": ISSUER, "version": 3});
        files.write(&versions, &version.to_string());
        assert_eq!(files.start(), None);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        set_mode(&path, 0o600);
    }

    /// The code with which the agent refuses to start.
    fn start(&self) -> Option<&'static str> {
        let config = match Config::load(&self.path("agent.toml"), &Environment::default()) {
            Ok(config) => config,
            Err(error) => return Some(error.code()),
        };
        let started = Pinentry::find(&config).and_then(|prompt| {
            config.backend.open()?;
            Agent::new(config, Readers::none(), prompt)
        });
        started.err().map(|error| error.code())
    }

    /// Everything that the agent has read to start, or runs.
    fn all(&self) -> Vec<PathBuf> {
        let names = ["agent.toml", "roots.json", "state"];
        let state = std::fs::read_dir(self.path("state")).unwrap();
        let kept = state.map(|entry| entry.unwrap().path()).filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.starts_with("instance-key") || name.starts_with("challenge-keys")
        });
        let kept: Vec<PathBuf> = kept.collect();
        assert_eq!(kept.len(), 2, "{kept:?}");
        let programs = ["bin", "lib"].into_iter().chain(PROGRAMS);
        names
            .into_iter()
            .chain(programs)
            .map(|name| self.path(name))
            .chain(kept)
            .collect()
    }
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_file_that_others_can_write_to_stops_the_agent() {
    let files = Files::new();
    for path in files.all() {
        let usual = std::fs::metadata(&path).unwrap().mode() & 0o7777;
        for writable in [0o020, 0o002] {
            set_mode(&path, usual | writable);
            let refused = files.start();
            assert_eq!(refused, Some("agent.file_unsafe"), "{}", path.display());
        }
        set_mode(&path, usual);
        assert_eq!(files.start(), None);
    }
}

/// Only root gives files away, as which the tests run in a container.
#[tokio::test]
async fn a_file_of_another_user_stops_the_agent() {
    let files = Files::new();
    for path in files.all() {
        let own = std::fs::metadata(&path).unwrap().uid();
        if chown(&path, Some(ANOTHER_USER), None).is_ok() {
            let refused = files.start();
            assert_eq!(refused, Some("agent.file_unsafe"), "{}", path.display());
            chown(&path, Some(own), None).unwrap();
        }
        assert_eq!(files.start(), None);
    }
}

/// A file put in the place of another, by a link to one that someone else can change.
#[tokio::test]
async fn a_link_in_the_place_of_a_kept_file_stops_the_agent() {
    let files = Files::new();
    let planted = files.path("planted");
    for path in files.all().into_iter().filter(|path| path.is_file()) {
        let usual = std::fs::metadata(&path).unwrap().mode() & 0o7777;
        std::fs::rename(&path, &planted).unwrap();
        set_mode(&planted, 0o777);
        std::os::unix::fs::symlink(&planted, &path).unwrap();
        let refused = files.start();
        let codes = [Some("agent.file_unsafe"), Some("agent.file_unreadable")];
        assert!(codes.contains(&refused), "{}: {refused:?}", path.display());
        std::fs::remove_file(&path).unwrap();
        set_mode(&planted, usual);
        std::fs::rename(&planted, &path).unwrap();
        assert_eq!(files.start(), None);
    }
}

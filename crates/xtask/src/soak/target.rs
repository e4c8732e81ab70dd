//! The fuzz targets and the commands that build, run and minimise them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{process, workspace};

/// Longest input: long ones only make a fuzzer slow, and the parsers' bounds have tests of their
/// own.
const INPUT_BYTES_MAX: usize = 8192;
/// An input that takes longer is a hang.
const INPUT_SECONDS_MAX: u32 = 10;
/// Memory of the whole fuzzer, the sanitizer's included.
const MEMORY_MEBIBYTES_MAX: u32 = 2048;
/// Longest input that is kept.
const KEPT_INPUT_BYTES_MAX: usize = 2048;
/// Most bytes of one kept corpus.
const KEPT_BYTES_MAX: u64 = 1024 * 1024;

/// One fuzz target.
pub(super) struct Target {
    pub(super) name: &'static str,
    /// Its workspace, relative to the root.
    pub(super) folder: &'static str,
    pub(super) purpose: &'static str,
    /// Public test suites of the same kind, relative to the folder that lies beside the project.
    suites: Option<&'static str>,
}

pub(super) const TARGETS: [Target; 12] = [
    Target {
        name: "certificate",
        folder: "crates/pki/fuzz",
        purpose: "any bytes as a certificate",
        suites: Some("pkits/certs"),
    },
    Target {
        name: "crl",
        folder: "crates/pki/fuzz",
        purpose: "any bytes as a CRL, and any list of an authority as evidence",
        suites: Some("pkits/crls"),
    },
    Target {
        name: "ocsp_response",
        folder: "crates/pki/fuzz",
        purpose: "any bytes as an OCSP response, and any response of an authority as evidence",
        suites: Some("ocsp/responses"),
    },
    Target {
        name: "profile",
        folder: "crates/pki/fuzz",
        purpose: "any certificate of an authority, read by each profile",
        suites: None,
    },
    Target {
        name: "expected_name",
        folder: "crates/pki/fuzz",
        purpose: "any text as the name of a client's certificate",
        suites: None,
    },
    Target {
        name: "card_assertion",
        folder: "crates/assertion/fuzz",
        purpose: "any bytes as a card assertion, and any assertion of a card",
        suites: None,
    },
    Target {
        name: "apdu_responses",
        folder: "crates/card/fuzz",
        purpose: "any answers of a card, from its certificates to its signature",
        suites: None,
    },
    Target {
        name: "challenge",
        folder: "crates/agent/fuzz",
        purpose: "any bytes as a challenge, and any challenge of the issuer",
        suites: None,
    },
    Target {
        name: "loopback_request",
        folder: "crates/agent/fuzz",
        purpose: "any bytes on a connection to the agent's port",
        suites: None,
    },
    Target {
        name: "message_frame",
        folder: "crates/agent/fuzz",
        purpose: "any bytes on the agent's socket or from a browser",
        suites: None,
    },
    Target {
        name: "signed_note",
        folder: "crates/transparency/fuzz",
        purpose: "any bytes as a signed note, a checkpoint, a request to a witness or a log's line",
        suites: None,
    },
    Target {
        name: "tree_proof",
        folder: "crates/transparency/fuzz",
        purpose: "any bytes as a proof about a log's tree",
        suites: None,
    },
];

/// Logs, crashes and grown corpora.
pub(super) fn state_folder() -> PathBuf {
    workspace::root().join("target/soak")
}

/// Builds every target of one workspace. The coverage and the sanitizer are unstable options of a
/// stable compiler, which it takes when told that it builds itself.
pub(super) fn build(folder: &str) -> Command {
    cargo_fuzz("build", folder)
}

fn cargo_fuzz(action: &str, folder: &str) -> Command {
    let mut command = workspace::cargo();
    // The workspaces share a folder: most of what they build is the same.
    command.args([
        "fuzz",
        action,
        "--fuzz-dir",
        folder,
        "--target-dir",
        "target/fuzz",
    ]);
    command.env("RUSTC_BOOTSTRAP", "1");
    command
}

impl Target {
    /// The fuzzer itself, from the seeds, the kept corpus, and what was found before.
    pub(super) fn fuzz(&self, seconds: u32, suites: bool) -> Result<Command> {
        let found = made(&self.found_folder(suites))?;
        let seeds = made(&state_folder().join("seeds").join(self.name))?;
        let crash = made(&state_folder().join("crash").join(self.name))?;
        let mut command = self.libfuzzer();
        command
            .arg(&found)
            .arg(&seeds)
            .arg(made(&self.kept_folder())?);
        if let Some(suites) = self.suites.filter(|_| suites) {
            let folder = workspace::root().join("../shared/data").join(suites);
            if !folder.is_dir() {
                bail!("{} is missing: run without `--suites`", folder.display());
            }
            command.arg(folder);
        }
        command.arg("--");
        command.arg(format!("-max_total_time={seconds}"));
        command.arg(format!("-timeout={INPUT_SECONDS_MAX}"));
        command.arg(format!("-rss_limit_mb={MEMORY_MEBIBYTES_MAX}"));
        command.arg(format!("-max_len={INPUT_BYTES_MAX}"));
        command.arg(format!("-artifact_prefix={}/", crash.display()));
        command.arg("-print_final_stats=1");
        command.env("CARDEA_SEED_FOLDER", seeds);
        Ok(command)
    }

    /// Makes the kept corpus anew out of it and what was found: the smallest set of short inputs
    /// that reaches the same.
    pub(super) fn keep(&self) -> Result<()> {
        let kept = made(&self.kept_folder())?;
        let smallest = state_folder().join("smallest").join(self.name);
        let _ = fs::remove_dir_all(&smallest);
        fs::create_dir_all(&smallest).context("can't make a folder in target/soak")?;
        let mut command = self.libfuzzer();
        command.args([&smallest, &self.found_folder(false), &kept]);
        // Which edges are covered counts here, not how often: that keeps some hundred files.
        command.args(["--", "-set_cover_merge=1", "-use_counters=0"]);
        command.arg(format!("-max_len={KEPT_INPUT_BYTES_MAX}"));
        command.stderr(Stdio::null());
        process::run(&mut command)?;
        let bytes = folder_bytes(&smallest)?;
        if bytes > KEPT_BYTES_MAX {
            bail!(
                "the kept corpus of {} would take {bytes} bytes, more than {KEPT_BYTES_MAX}",
                self.name
            );
        }
        fs::remove_dir_all(&kept).context("can't replace the kept corpus")?;
        fs::create_dir(&kept).context("can't replace the kept corpus")?;
        for entry in fs::read_dir(&smallest).context("can't read target/soak")? {
            let entry = entry.context("can't read target/soak")?;
            fs::copy(entry.path(), kept.join(entry.file_name()))
                .context("can't write the kept corpus")?;
        }
        Ok(())
    }

    fn libfuzzer(&self) -> Command {
        let mut command = cargo_fuzz("run", self.folder);
        command.arg(self.name);
        command
    }

    fn kept_folder(&self) -> PathBuf {
        workspace::root()
            .join(self.folder)
            .join("corpus")
            .join(self.name)
    }

    /// What grew out of other people's files lies apart: none of it may be kept.
    fn found_folder(&self, suites: bool) -> PathBuf {
        let folder = if suites { "found-from-suites" } else { "found" };
        state_folder().join(folder).join(self.name)
    }
}

fn made(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    Ok(folder.to_path_buf())
}

fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut bytes: u64 = 0;
    for entry in fs::read_dir(folder).context("can't read target/soak")? {
        let data = entry.and_then(|entry| entry.metadata());
        bytes = bytes.saturating_add(data.context("can't read target/soak")?.len());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::TARGETS;
    use crate::workspace;

    #[test]
    fn every_target_is_one_of_its_workspace() {
        for target in TARGETS {
            let folder = workspace::root().join(target.folder);
            let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            let name = format!("name = \"{}\"", target.name);
            assert!(manifest.contains(&name), "{}", target.name);
        }
    }
}

//! What our two programs are made of: software bills of materials in CycloneDX.
//!
//! `cargo-cyclonedx` reads the resolved dependencies and writes a document beside each crate; those
//! of the programs that people install go to `target/sbom`, and the others away again. Each is read
//! back: a component without a version or a licence fails, so that no document is made that
//! answers nobody's question. The build server does not run this, since the tool takes minutes to
//! build there; that licences and sources are allowed, `cargo xtask check` says each time.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{cargo_tool, output, process, workspace};

/// The crates of the programs, and the names of their documents.
const PROGRAMS: [(&str, &str); 2] = [("server", "cardea"), ("agent", "cardea-agent")];
/// What the tool calls its documents while they lie beside the crates; `.json` follows.
const BESIDE: &str = "sbom-in-the-making.cdx";
/// Ours come without: the owner chooses their licence.
const OWN: &str = "cardea-";
/// The system that the packages are for.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Writes the documents.
///
/// # Errors
/// When the tool can't be built or fails, or a document lacks what it is for.
pub fn run() -> Result<()> {
    cargo_tool::ensure("cargo-cyclonedx")?;
    let folder = workspace::root().join("target/sbom");
    fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    let made = make(&folder);
    remove_others()?;
    made
}

fn make(folder: &Path) -> Result<()> {
    for (crate_name, program) in PROGRAMS {
        let manifest = workspace::root()
            .join("crates")
            .join(crate_name)
            .join("Cargo.toml");
        let mut tool = workspace::cargo();
        tool.args(["cyclonedx", "--format", "json", "--spec-version", "1.5"]);
        tool.args(["--no-build-deps", "--target", TARGET, "--quiet"]);
        tool.args(["--override-filename", BESIDE, "--manifest-path"]);
        process::run(tool.arg(&manifest))?;
        let text = fs::read_to_string(beside(&manifest))
            .with_context(|| format!("cargo-cyclonedx left nothing beside {crate_name}"))?;
        // Nobody needs to know where it was built.
        let here = format!("file://{}", workspace::root().display());
        let text = text.replace(&here, "file:///cardea");
        let count = check(&text).with_context(|| format!("the document of {program}"))?;
        let document = folder.join(format!("{program}.cdx.json"));
        fs::write(&document, text)
            .with_context(|| format!("can't write {}", document.display()))?;
        output::result(&format!("{}: {count} components", document.display()));
    }
    Ok(())
}

fn beside(manifest: &Path) -> PathBuf {
    manifest.with_file_name(format!("{BESIDE}.json"))
}

/// The tool writes beside every crate of the workspace.
fn remove_others() -> Result<()> {
    let crates = fs::read_dir(workspace::root().join("crates")).context("can't read crates/")?;
    for folder in crates.flatten() {
        let document = beside(&folder.path().join("Cargo.toml"));
        if document.exists() {
            fs::remove_file(&document)
                .with_context(|| format!("can't remove {}", document.display()))?;
        }
    }
    Ok(())
}

/// Whether every component says what it is; gives their number.
fn check(text: &str) -> Result<usize> {
    let document: Value = serde_json::from_str(text).context("is no JSON")?;
    if text_of(&document, "bomFormat") != "CycloneDX" {
        bail!("is no CycloneDX document");
    }
    let Some(components) = document.get("components").and_then(Value::as_array) else {
        bail!("has no components");
    };
    for component in components {
        let name = text_of(component, "name");
        let lacks = |member| text_of(component, member).is_empty();
        let licences = component.get("licenses").and_then(Value::as_array);
        let has_licence = licences.is_some_and(|all| !all.is_empty());
        let is_own = name.starts_with(OWN);
        if lacks("name") || lacks("version") || lacks("purl") || !(has_licence || is_own) {
            bail!("the component {name:?} lacks its version, address or licence");
        }
    }
    if components.is_empty() {
        bail!("has no components");
    }
    Ok(components.len())
}

/// A member's text; empty where it has none.
fn text_of<'a>(object: &'a Value, member: &str) -> &'a str {
    let text = object.get(member).and_then(Value::as_str);
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::check;

    fn document(component: &Value) -> String {
        json!({ "bomFormat": "CycloneDX", "components": [component] }).to_string()
    }

    #[test]
    fn each_component_says_what_it_is() {
        let whole = json!({
            "name": "axum",
            "version": "0.8.6",
            "purl": "pkg:cargo/axum@0.8.6",
            "licenses": [{ "expression": "MIT" }],
        });
        assert_eq!(check(&document(&whole)).unwrap(), 1);
        for member in ["name", "version", "purl", "licenses"] {
            let mut lacking = whole.clone();
            lacking.as_object_mut().unwrap().remove(member);
            assert!(check(&document(&lacking)).is_err(), "{member}");
        }
        assert!(check("{}").is_err());
        assert!(check(&json!({ "bomFormat": "CycloneDX", "components": [] }).to_string()).is_err());
    }

    #[test]
    fn our_own_crates_need_no_licence() {
        let own = json!({
            "name": "cardea-jose",
            "version": "0.1.0",
            "purl": "pkg:cargo/cardea-jose@0.1.0",
        });
        assert_eq!(check(&document(&own)).unwrap(), 1);
    }
}

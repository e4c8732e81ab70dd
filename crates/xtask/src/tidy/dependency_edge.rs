//! Crates depend only on what docs/architecture.md allows, so that no circle can form.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::tidy::Complaint;

const PREFIX: &str = "cardea-";

/// Crate, what it may depend on, and what its tests may use besides (docs/adr/0006).
const ALLOWED: [(&str, &[&str], &[&str]); 21] = [
    ("pki", &[], &["test-pki"]),
    ("jose", &[], &[]),
    ("oauth2-types", &[], &[]),
    ("card", &[], &[]),
    ("transparency", &[], &[]),
    ("test-pki", &[], &[]),
    ("assertion", &["jose"], &[]),
    ("virtual-card", &["card", "test-pki"], &[]),
    ("storage", &["oauth2-types"], &[]),
    ("ledger", &["storage", "transparency"], &[]),
    (
        "provider",
        &[
            "pki",
            "jose",
            "oauth2-types",
            "assertion",
            "storage",
            "ledger",
        ],
        &["test-pki"],
    ),
    ("guard", &["jose", "oauth2-types"], &[]),
    (
        "agent",
        &["card", "assertion", "jose", "oauth2-types", "transparency"],
        &["test-pki", "virtual-card"],
    ),
    ("host-login", &["jose", "oauth2-types"], &[]),
    ("pam", &[], &[]),
    ("power-loss", &[], &[]),
    ("witness", &["transparency"], &[]),
    (
        "server",
        &[
            "provider",
            "storage",
            "ledger",
            "assertion",
            "pki",
            "jose",
            "oauth2-types",
            "transparency",
        ],
        &["test-pki"],
    ),
    ("demo-portal", &["guard"], &[]),
    ("xtask", &[], &[]),
    ("e2e", EVERYTHING, &[]),
];

/// The end-to-end tests may use any crate.
const EVERYTHING: &[&str] = &["*"];

pub(super) fn check(metadata: &str) -> Result<Vec<Complaint>> {
    let metadata: Value = serde_json::from_str(metadata).context("`cargo metadata` is no JSON")?;
    let packages = metadata.get("packages").and_then(Value::as_array);
    let packages = packages.context("`cargo metadata` names no packages")?;
    Ok(packages.iter().flat_map(check_package).collect())
}

fn check_package(package: &Value) -> Vec<Complaint> {
    let name = ours(package).unwrap_or_default();
    let Some((_, normal, tests)) = ALLOWED.iter().find(|(known, ..)| *known == name) else {
        let advice = "this crate is not in the table of tidy/dependency_edge.rs: add it with its \
                      purpose to docs/architecture.md and to the table";
        return vec![complain(name, advice.into())];
    };
    let dependencies = package.get("dependencies").and_then(Value::as_array);
    dependencies
        .into_iter()
        .flatten()
        .filter(|dependency| dependency.get("path").is_some_and(Value::is_string))
        .filter_map(|dependency| {
            let target = ours(dependency)?;
            let for_tests = dependency.get("kind").and_then(Value::as_str) == Some("dev");
            let allowed = normal.contains(&target)
                || *normal == EVERYTHING
                || for_tests && tests.contains(&target);
            (!allowed).then(|| complain(name, advice(name, target, for_tests)))
        })
        .collect()
}

fn advice(name: &str, target: &str, for_tests: bool) -> String {
    let kind = if for_tests { "the tests of " } else { "" };
    format!(
        "{kind}`{name}` may not depend on `{target}`: move the shared part to a lower crate, or \
         write an ADR and add the edge to docs/architecture.md and tidy/dependency_edge.rs"
    )
}

fn ours(entry: &Value) -> Option<&str> {
    entry
        .get("name")
        .and_then(Value::as_str)?
        .strip_prefix(PREFIX)
}

fn complain(name: &str, advice: String) -> Complaint {
    Complaint {
        path: PathBuf::from(format!("crates/{name}/Cargo.toml")),
        line: 0,
        advice,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ALLOWED, check};

    fn complaints(name: &str, dependency: &str, kind: Option<&str>) -> usize {
        let metadata = json!({"packages": [{"name": format!("cardea-{name}"), "dependencies": [
            {"name": format!("cardea-{dependency}"), "kind": kind, "path": "/x"},
            {"name": "serde", "kind": null},
        ]}]});
        check(&metadata.to_string()).unwrap().len()
    }

    #[test]
    fn an_edge_of_the_table_is_accepted_and_another_is_not() {
        assert_eq!(complaints("assertion", "jose", None), 0);
        assert_eq!(complaints("jose", "assertion", None), 1);
        assert_eq!(complaints("agent", "provider", None), 1);
    }

    #[test]
    fn an_edge_for_tests_is_no_edge_for_the_product() {
        assert_eq!(complaints("agent", "virtual-card", Some("dev")), 0);
        assert_eq!(complaints("agent", "virtual-card", None), 1);
        assert_eq!(complaints("e2e", "provider", Some("dev")), 0);
    }

    #[test]
    fn an_unknown_crate_is_refused() {
        assert_eq!(complaints("extra", "jose", None), 1);
    }

    #[test]
    fn the_table_has_no_circle() {
        fn reaches(from: &str, to: &str, depth: usize) -> bool {
            let edges = ALLOWED
                .iter()
                .find(|(name, ..)| *name == from)
                .map(|(_, edges, _)| *edges);
            depth < 20
                && edges
                    .unwrap_or_default()
                    .iter()
                    .any(|next| *next == to || reaches(next, to, depth + 1))
        }
        for (name, ..) in ALLOWED {
            assert!(!reaches(name, name, 0), "{name} depends on itself");
        }
    }
}

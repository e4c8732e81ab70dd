//! One line of a batch: a JSON object, read strictly.
//!
//! A misspelt member must not fall back to a lenient default in silence, so unknown members and
//! members that stand twice are refused. A few names are kept free for the writer's own notes.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use time::OffsetDateTime;

use super::case::{Case, PolicySwitches, Revocation, moment, policies};
use super::input_error::InputError;

/// Most characters of a case's `id`.
const ID_CHARACTERS_MAX: usize = 1000;

/// The line's members. `null` counts as absent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseLine {
    #[expect(
        dead_code,
        reason = "read by `read_id`, which also works on a malformed case"
    )]
    id: Option<IgnoredAny>,
    leaf: PathBuf,
    anchors: Vec<PathBuf>,
    intermediates: Option<Vec<PathBuf>>,
    crls: Option<Vec<PathBuf>>,
    ocsp: Option<Vec<PathBuf>>,
    at: Option<String>,
    initial_policies: Option<Vec<String>>,
    require_explicit_policy: Option<bool>,
    inhibit_policy_mapping: Option<bool>,
    inhibit_any_policy: Option<bool>,
    revocation: Option<Revocation>,
    profile: Option<String>,
    #[expect(dead_code, reason = "the writer's own note")]
    name: Option<IgnoredAny>,
    #[expect(dead_code, reason = "the writer's own note")]
    comment: Option<IgnoredAny>,
    #[expect(dead_code, reason = "the writer's own note")]
    expected: Option<IgnoredAny>,
    #[expect(dead_code, reason = "the writer's own note")]
    tags: Option<IgnoredAny>,
}

/// The `id` of a line, also of one that is malformed otherwise: a text or a number, else null.
pub(super) fn read_id(line: &[u8]) -> Value {
    let id = match serde_json::from_slice(line) {
        Ok(Value::Object(mut members)) => members.remove("id"),
        _ => None,
    };
    match id {
        Some(Value::String(text)) if text.chars().count() <= ID_CHARACTERS_MAX => {
            Value::String(text)
        }
        Some(Value::Number(number)) => Value::Number(number),
        _ => Value::Null,
    }
}

/// Reads a line; its paths start from `folder`.
pub(super) fn read(line: &[u8], folder: &Path, now: OffsetDateTime) -> Result<Case, InputError> {
    let mut parser = serde_json::Deserializer::from_slice(line);
    let read: CaseLine = serde_path_to_error::deserialize(&mut parser)
        .map_err(|error| InputError::case(explain(&error)))?;
    parser
        .end()
        .map_err(|_| InputError::case("something follows the JSON object on its line"))?;
    let resolve = |paths: Vec<PathBuf>| -> Vec<PathBuf> {
        paths.into_iter().map(|path| folder.join(path)).collect()
    };
    let switches = PolicySwitches {
        require_explicit_policy: read.require_explicit_policy.unwrap_or_default(),
        inhibit_policy_mapping: read.inhibit_policy_mapping.unwrap_or_default(),
        inhibit_any_policy: read.inhibit_any_policy.unwrap_or_default(),
    };
    Ok(Case {
        leaf: folder.join(read.leaf),
        anchors: resolve(read.anchors),
        intermediates: resolve(read.intermediates.unwrap_or_default()),
        crls: resolve(read.crls.unwrap_or_default()),
        ocsp: resolve(read.ocsp.unwrap_or_default()),
        at: moment(read.at.as_deref(), now)?,
        policies: policies(&read.initial_policies.unwrap_or_default(), switches)?,
        revocation: read.revocation.unwrap_or_default(),
        profile: read.profile.map(|name| (name, folder.to_owned())),
    })
}

/// The member and what is wrong with it.
fn explain(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let member = error.path().to_string();
    let reason = error.inner().to_string();
    if member == "." {
        format!("not a case: {reason}")
    } else {
        format!("{member}: {reason}")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};
    use time::OffsetDateTime;

    use super::{Revocation, read, read_id};

    #[test]
    fn all_but_leaf_and_anchors_may_be_missing_or_null() {
        for line in [
            r#"{"leaf":"a.pem","anchors":["/r.pem"]}"#,
            r#"{"leaf":"a.pem","anchors":["/r.pem"],"at":null,"crls":null,"profile":null,
                "revocation":null,"id":null,"initial_policies":null,"inhibit_any_policy":null}"#,
            r#"{"leaf":"a.pem","anchors":["/r.pem"],"expected":"valid","comment":7,"tags":[]}"#,
        ] {
            let case = read(
                line.as_bytes(),
                Path::new("/cases"),
                OffsetDateTime::UNIX_EPOCH,
            );
            let case = case.unwrap();
            assert_eq!(case.leaf, Path::new("/cases/a.pem"));
            assert_eq!(case.anchors, [Path::new("/r.pem")]);
            assert_eq!(case.revocation, Revocation::Hard);
            assert_eq!(case.at, OffsetDateTime::UNIX_EPOCH);
        }
    }

    #[test]
    fn a_case_is_read_strictly() {
        for (name, line) in [
            ("no JSON", "leaf"),
            ("no object", "[]"),
            ("nothing", "null"),
            ("no leaf", r#"{"anchors":["a"]}"#),
            ("no anchors", r#"{"leaf":"a"}"#),
            (
                "misspelt",
                r#"{"leaf":"a","anchors":[],"inhibit_any_polcy":true}"#,
            ),
            ("twice", r#"{"leaf":"a","anchors":[],"leaf":"b"}"#),
            (
                "type",
                r#"{"leaf":"a","anchors":[],"inhibit_any_policy":"yes"}"#,
            ),
            ("word", r#"{"leaf":"a","anchors":[],"revocation":"soft"}"#),
            ("time", r#"{"leaf":"a","anchors":[],"at":"today"}"#),
            (
                "policy",
                r#"{"leaf":"a","anchors":[],"initial_policies":["x"]}"#,
            ),
            ("more", r#"{"leaf":"a","anchors":[]} {}"#),
        ] {
            let error = read(line.as_bytes(), Path::new(""), OffsetDateTime::UNIX_EPOCH);
            assert_eq!(error.unwrap_err().code(), "server.case_malformed", "{name}");
        }
    }

    #[test]
    fn the_id_survives_a_malformed_case() {
        for (line, id) in [
            (r#"{"id":"4.1.1","leaf":7}"#, json!("4.1.1")),
            (r#"{"id":12,"whatever":[]}"#, json!(12)),
            (r#"{"id":["a"]}"#, Value::Null),
            (r#"{"id":"4.1.1""#, Value::Null),
            ("", Value::Null),
        ] {
            assert_eq!(read_id(line.as_bytes()), id, "{line}");
        }
    }
}

//! One line of a batch: a JSON object, read strictly.
//!
//! A misspelt member must not fall back to a lenient default in silence: a name that is close to
//! one of ours is refused, as is a member that stands twice. Other names are the writer's own; they
//! are ignored, and given back so that somebody can be told.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::case::{Case, PolicySwitches, Revocation, moment, policies};
use super::input_error::InputError;
use super::unknown_member::{UnknownMembers, meant};

/// Most characters of a case's `id`.
const ID_CHARACTERS_MAX: usize = 1000;

/// Members that change a verdict. A name close to one of them is a misspelling.
const MEMBERS: [&str; 12] = [
    "leaf",
    "anchors",
    "intermediates",
    "crls",
    "ocsp",
    "at",
    "initial_policies",
    "require_explicit_policy",
    "inhibit_policy_mapping",
    "inhibit_any_policy",
    "revocation",
    "profile",
];
/// Members that change nothing; nobody is told of them. The first is read by [`read_id`].
const NOTES: [&str; 5] = ["id", "name", "comment", "expected", "tags"];

/// The line's members. `null` counts as absent.
#[derive(Deserialize)]
struct CaseLine {
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
    #[serde(flatten)]
    others: UnknownMembers,
}

/// A case, and the names of its members that were ignored.
#[derive(Debug)]
pub(super) struct ReadCase {
    pub(super) case: Case,
    pub(super) ignored: Vec<String>,
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
pub(super) fn read(
    line: &[u8],
    folder: &Path,
    now: OffsetDateTime,
) -> Result<ReadCase, InputError> {
    let mut parser = serde_json::Deserializer::from_slice(line);
    let read: CaseLine = serde_path_to_error::deserialize(&mut parser)
        .map_err(|error| InputError::case(explain(&error)))?;
    parser
        .end()
        .map_err(|_| InputError::case("something follows the JSON object on its line"))?;
    let ignored = read.others.without(&NOTES);
    for name in &ignored {
        if let Some(meant) = meant(name, &MEMBERS) {
            let reason = format!("unknown member {name:?}; did you mean {meant:?}?");
            return Err(InputError::case(reason));
        }
    }
    let resolve = |paths: Vec<PathBuf>| -> Vec<PathBuf> {
        paths.into_iter().map(|path| folder.join(path)).collect()
    };
    let switches = PolicySwitches {
        require_explicit_policy: read.require_explicit_policy.unwrap_or_default(),
        inhibit_policy_mapping: read.inhibit_policy_mapping.unwrap_or_default(),
        inhibit_any_policy: read.inhibit_any_policy.unwrap_or_default(),
    };
    let case = Case {
        leaf: folder.join(read.leaf),
        anchors: resolve(read.anchors),
        intermediates: resolve(read.intermediates.unwrap_or_default()),
        crls: resolve(read.crls.unwrap_or_default()),
        ocsp: resolve(read.ocsp.unwrap_or_default()),
        at: moment(read.at.as_deref(), now)?,
        policies: policies(&read.initial_policies.unwrap_or_default(), switches)?,
        revocation: read.revocation.unwrap_or_default(),
        profile: read.profile.map(|name| (name, folder.to_owned())),
    };
    Ok(ReadCase { case, ignored })
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
            assert!(case.ignored.is_empty(), "{line}");
            let case = case.case;
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
            ("case", r#"{"leaf":"a","anchors":[],"Crls":[]}"#),
            (
                "dashes",
                r#"{"leaf":"a","anchors":[],"initial-policies":[]}"#,
            ),
            ("twice", r#"{"leaf":"a","anchors":[],"leaf":"b"}"#),
            (
                "a stranger twice",
                r#"{"leaf":"a","anchors":[],"source":1,"source":2}"#,
            ),
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
    fn a_member_that_is_nothing_of_ours_is_given_back() {
        let line = r#"{"leaf":"a","source":{"leaf":1},"anchors":[],"tags":[],"date":7,"id":1}"#;
        let read = read(line.as_bytes(), Path::new(""), OffsetDateTime::UNIX_EPOCH).unwrap();
        assert_eq!(read.ignored, ["source", "date"]);
        let misspelt = r#"{"leaf":"a","anchors":[],"inhibitAnyPolcy":true}"#;
        let error = super::read(
            misspelt.as_bytes(),
            Path::new(""),
            OffsetDateTime::UNIX_EPOCH,
        );
        let text = error.unwrap_err().to_string();
        assert!(
            text.contains("did you mean \"inhibit_any_policy\""),
            "{text}"
        );
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

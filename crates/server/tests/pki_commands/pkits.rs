//! The whole of NIST PKITS 1.0.1 through one batch: verdicts and policy sets.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::folder::Folder;

/// Cases whose path is valid by PKITS and refused here, with the code: their keys are DSA, which
/// is no algorithm of today (FIPS 186-5).
const EXCEPTIONS: [(&str, &str); 2] = [
    ("4.1.4", "pki.signature_algorithm_refused"),
    ("4.1.5", "pki.certificate_malformed"),
];
const CASES: usize = 249;

/// A folder of third-party data beside the project's own folder.
pub(crate) fn shared_data(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join("../shared/data").join(name);
    assert!(
        folder.is_dir(),
        "the test data is missing: put it into {}",
        folder.display()
    );
    folder
}

fn line(number: usize, test: &Value) -> Value {
    let policy = &test["policy"];
    let mut intermediates = test["intermediates"].as_array().unwrap().clone();
    intermediates.extend(test["extra_certs"].as_array().unwrap().clone());
    json!({
        "id": number,
        "leaf": test["leaf"],
        "anchors": [test["trust_anchor"]],
        "intermediates": intermediates,
        "crls": test["crls"],
        "at": test["validation_time"],
        "initial_policies": policy["initial_policy_set"],
        "require_explicit_policy": policy["initial_explicit_policy"],
        "inhibit_policy_mapping": policy["initial_policy_mapping_inhibit"],
        "inhibit_any_policy": policy["initial_inhibit_any_policy"],
    })
}

fn set(values: &Value) -> BTreeSet<String> {
    let values = values.as_array().into_iter().flatten();
    values.map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// What is wrong with an answer, if anything.
fn difference(test: &Value, answer: &Value) -> Option<String> {
    let id = test["id"].as_str().unwrap();
    let exception = EXCEPTIONS.iter().find(|(exception, _)| *exception == id);
    let expected = test["expected"] == "valid" && exception.is_none();
    let code = answer["code"].as_str();
    let policies = &test["expected_user_constrained_policy_set"];
    let right = answer["valid"] == expected
        && (!expected || set(&answer["policies"]) == set(policies))
        && exception.is_none_or(|(_, expected)| code == Some(expected))
        && (expected || code.is_some_and(|code| code.starts_with("pki.")));
    let name = &test["name"];
    (!right).then(|| {
        format!(
            "{id} {name} expected {} {policies}: {answer}",
            test["expected"]
        )
    })
}

#[test]
fn every_case_has_its_expected_verdict_and_policies() {
    let data = shared_data("pkits");
    let index = std::fs::read(data.join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let tests = index["tests"].as_array().unwrap();
    assert_eq!(tests.len(), CASES);
    let lines = tests.iter().enumerate();
    let lines: String = lines
        .map(|(number, test)| format!("{}\n", line(number, test)))
        .collect();
    let mut child = Folder::new()
        .command()
        .current_dir(&data)
        .args(["validate", "--batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), CASES);
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer["id"], number);
    }
    let differences: Vec<String> = tests
        .iter()
        .zip(&answers)
        .filter_map(|(test, answer)| difference(test, answer))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

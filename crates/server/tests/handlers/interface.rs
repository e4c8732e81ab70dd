//! The OpenAPI document, tried on the running program by schemathesis, which others wrote.

use std::path::Path;
use std::process::Command;

use crate::operations::Watched;
use crate::test_app::header;

const HINT: &str = "schemathesis is not installed; `cargo xtask install --for test` installs it";
/// Every check that speaks about the server and not about what a description may leave open.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,unsupported_method";

#[tokio::test(flavor = "multi_thread")]
async fn the_server_does_what_its_document_says() {
    let limits = "[limits]\nrefusals_per_address_and_minute = 1000000\n\
                  challenges_per_address_and_minute = 1000000";
    let admin = "[admin]\nenabled = true\n[[admin.operator]]\nsubject_id = \"899700000029\"\n\
                 subject_id_type = \"rpps\"\nname = \"Operator\"";
    let watched = Watched::start("", &format!("{limits}\n{admin}")).await;
    let document = watched.app.get("/openapi.json").send().await.unwrap();
    assert_eq!(document.status(), 200);
    assert_eq!(header(&document, "content-type"), "application/json");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openapi.json");
    std::fs::write(&file, document.text().await.unwrap()).unwrap();
    let program =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/clients/schemathesis/bin/st");
    let mut tried = Command::new(program);
    tried
        .current_dir(folder.path())
        .arg("run")
        .arg(&file)
        .args(["--url", &watched.app.url("")])
        .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing"])
        .args([
            "--seed",
            "20261130",
            "--max-examples",
            "20",
            "--workers",
            "2",
        ])
        .args([
            "--request-timeout",
            "30",
            "--no-color",
            "--continue-on-failure",
        ])
        .args(["--warnings", "off", "--suppress-health-check", "all"])
        .args(["--header", &format!("Origin: {}", watched.app.issuer)])
        .env(
            "HYPOTHESIS_STORAGE_DIRECTORY",
            folder.path().join("hypothesis"),
        );
    let output = tokio::task::spawn_blocking(move || tried.output().expect(HINT));
    let output = output.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let log = String::from_utf8(watched.program.log()).unwrap();
    for route in ["/login/{id}/assertion", "/admin/clients/{client_id}"] {
        assert!(log.contains(&format!("\"route\":\"{route}\"")), "{route}");
    }
}

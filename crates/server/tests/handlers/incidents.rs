//! Incidents through the admin API and by command, and the incident report with what the log says.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, SqlitePool};

use crate::account_stops::{changes, nurse, stopped};
use crate::admin::Operator;
use crate::ledger::signed;
use crate::test_app::{TestApp, header};

async fn tamper(app: &TestApp, statement: &str) {
    let file = app.folder().join("cardea.sqlite");
    let pool = SqlitePool::connect(&format!("sqlite://{}", file.display())).await;
    let pool = pool.unwrap();
    let statement = AssertSqlSafe(statement.to_owned());
    let done = sqlx::query(statement).execute(&pool).await.unwrap();
    assert!(done.rows_affected() > 0);
    pool.close().await;
}

/// What a reader takes out of a file; `pdftotext` is of poppler-utils.
fn text_of(file: &str) -> String {
    let output = Command::new("pdftotext")
        .args(["-layout", "-enc", "UTF-8", file, "-"])
        .output()
        .expect("pdftotext is missing: apt install poppler-utils");
    assert!(output.status.success() && output.stderr.is_empty());
    String::from_utf8(output.stdout).unwrap()
}

/// What an authority reads, by the clocks of the pages; words for programs stay in the files for
/// programs.
fn is_in_words(text: &str) {
    for part in [
        "Rapport d’incident : dossiers de patients consultés",
        "[À COMPLÉTER]",
        "Conformes au journal",
        "dossiers",
        "Europe/Paris",
        "1er janvier 2020 à 01:00",
        "Consultation",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for word in [
        "look_up",
        "stop_account",
        "verified",
        "login.accepted",
        "session.activated",
        "UTC",
    ] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_by_command_has_totals_files_and_what_the_log_says() {
    let app = TestApp::start_with(changes()).await;
    stopped(&app, &nurse(&app)).await;
    signed(&app).await;
    let listed = app.operate_on("incident", &["list"]).await;
    let incident = &listed["incidents"][0];
    assert_eq!(incident["kind"], "guard_stop", "{listed}");
    let sub = incident["sub"].as_str().unwrap();
    let folder = app.folder().to_owned();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (csv, pdf) = (path("report.csv"), path("report.pdf"));
    let from = ["--from", "2020-01-01T00:00:00Z"];
    let mut arguments = vec!["report", "--person", sub, "--csv", &csv, "--pdf", &pdf];
    arguments.extend(from);
    let report = app.operate_on("incident", &arguments).await;
    let totals = &report["totals"];
    assert_eq!(totals["patients"], 2, "{report}");
    assert_eq!(
        (&totals["look_ups"], &totals["stopped"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(report["log"]["look_ups"]["verified"], 3, "{report}");
    let lines = std::fs::read_to_string(&csv).unwrap();
    assert!(
        lines.starts_with("proof,occurred_at,person,patient,"),
        "{lines}"
    );
    assert_eq!(lines.matches("\r\n").count(), 4, "{lines}");
    assert!(lines.contains(",verified,"), "{lines}");
    let text = text_of(&pdf);
    is_in_words(&text);
    // A file that is there is not written over, and a person is found by her number.
    let (status, refused) = app.refused_operation("incident", &arguments).await;
    assert_eq!(status, Some(2), "{refused}");
    let unknown = ["report", "--subject-id", "rpps:1"];
    let (_, refused) = app.refused_operation("incident", &unknown).await;
    assert!(
        refused.contains("provider.incident_person_unknown"),
        "{refused}"
    );
    let (_, refused) = app.refused_operation("incident", &["report"]).await;
    assert!(
        refused.contains("provider.incident_scope_missing"),
        "{refused}"
    );
    for slip in [
        ["report", "--person", "somebody else"].as_slice(),
        &["open", "--person", "somebody else", "--words", "x"],
        &["open", "--session", "nothing", "--words", "x"],
    ] {
        let (_, refused) = app.refused_operation("incident", slip).await;
        let code = "provider.incident_name_unknown";
        assert!(refused.contains(code), "{refused}");
    }
    let verified = app.operate_on("ledger", &["verify"]).await;
    assert_eq!(verified["look_ups"], 3, "{verified}");
    assert_eq!(app.count_events("incident.reported").await, 1);
    who_writes_into_the_database_is_found_out(&app, sub).await;
}

async fn who_writes_into_the_database_is_found_out(app: &TestApp, sub: &str) {
    tamper(
        app,
        "UPDATE guard_report SET answer = 'slow' WHERE answer = 'stop_account'",
    )
    .await;
    let (status, found) = app
        .refused_operation("incident", &["report", "--person", sub])
        .await;
    assert_eq!(status, Some(1));
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["log"]["look_ups"]["changed"], 1, "{found}");
    let (status, found) = app.refused_operation("ledger", &["verify"]).await;
    assert_eq!(status, Some(1));
    assert!(found.contains("server.look_up_changed"), "{found}");
    tamper(app, "DELETE FROM guard_report WHERE answer = 'slow'").await;
    let (_, found) = app.refused_operation("ledger", &["verify"]).await;
    assert!(found.contains("server.look_up_removed"), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn incidents_are_worked_on_through_the_admin_api() {
    let app = TestApp::start_with(changes()).await;
    stopped(&app, &nurse(&app)).await;
    let operator = Operator::sign_in(&app).await;
    let (status, listed) = operator.told(Method::GET, "/admin/incidents", None).await;
    assert_eq!(status, 200, "{listed}");
    let incident = &listed["incidents"][0];
    let id = incident["id"].as_str().unwrap().to_owned();
    let path = |step: &str| format!("/admin/incidents/{id}{step}");
    let words = || Some(json!({"words": "rappelée"}));
    for (step, body, state) in [
        ("/take", None, "in_work"),
        ("/notes", words(), "in_work"),
        ("/close", Some(json!({"reason": "un remplaçant"})), "closed"),
    ] {
        let (status, case) = operator.told(Method::POST, &path(step), body).await;
        assert_eq!(
            (status, &case["incident"]["state"]),
            (200, &json!(state)),
            "{case}"
        );
    }
    let (status, case) = operator.told(Method::GET, &path(""), None).await;
    assert_eq!(
        (status, &case["notes"][0]["words"]),
        (200, &json!("rappelée"))
    );
    let closed = Some(json!({"reason": "again"}));
    for (path, body, status, code) in [
        (path("/close"), closed, 409, "provider.incident_closed"),
        (
            path("/notes"),
            Some(json!({"words": ""})),
            400,
            "provider.incident_words_invalid",
        ),
        (
            "/admin/incidents/no/take".to_owned(),
            None,
            404,
            "provider.incident_unknown",
        ),
        (
            "/admin/incidents/report".to_owned(),
            Some(json!({})),
            400,
            "provider.incident_scope_missing",
        ),
    ] {
        let (told, refused) = operator.told(Method::POST, &path, body).await;
        assert_eq!((told, &refused["code"]), (status, &json!(code)), "{path}");
    }
    let (status, new) = operator
        .told(Method::POST, "/admin/incidents", words())
        .await;
    assert_eq!(status, 201, "{new}");
    let sub = incident["sub"].as_str().unwrap();
    reports_come_in_every_form(&operator, sub).await;
    // Attack H14: nobody else does.
    let nobody = app.get("/admin/incidents").send().await.unwrap();
    assert_eq!(nobody.status(), 401);
}

async fn reports_come_in_every_form(operator: &Operator<'_>, sub: &str) {
    let asked = |form: &str| Some(json!({"sub": sub, "form": form, "language": "en"}));
    let report = "/admin/incidents/report";
    let (status, found) = operator.told(Method::POST, report, asked("json")).await;
    assert_eq!(
        (status, &found["totals"]["patients"]),
        (200, &json!(2)),
        "{found}"
    );
    let csv = operator.ask(Method::POST, report, asked("csv")).await;
    assert!(header(&csv, "content-type").starts_with("text/csv"));
    let lines = csv.text().await.unwrap();
    assert_eq!(lines.matches("\r\n").count(), 4, "{lines}");
    let pdf = operator.ask(Method::POST, report, asked("pdf")).await;
    assert_eq!(header(&pdf, "content-type"), "application/pdf");
    assert!(pdf.bytes().await.unwrap().starts_with(b"%PDF-1."));
}

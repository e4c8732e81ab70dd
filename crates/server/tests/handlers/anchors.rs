//! Running servers follow the trust anchors: those of their files at a reload, and those that an
//! operator adds and takes away.

use std::fs;
use std::process::Command;
use std::time::Duration;

use cardea_test_pki::{AuthorityName, PkiSettings, TestPki};
use serde_json::Value;
use tokio::time::Instant;

use crate::card::Card;
use crate::relying_party::{Request, SignedIn, sign_in};
use crate::revocation_host::now;
use crate::test_app::{TestApp, problem_code};

/// Operators are promised less; the rest is for a busy machine.
const KNOWN_WITHIN: Duration = Duration::from_secs(60);

/// The root of another country's cards.
fn foreign_root() -> String {
    let pki = TestPki::new(&PkiSettings::fast(now())).unwrap();
    let name = AuthorityName::all().find(|it| it.is_root()).unwrap();
    pki.authority(name).unwrap().certificate_pem()
}

/// A server whose files trust nobody's cards, for the moment.
async fn trusting_nobody() -> TestApp {
    let app = TestApp::start().await;
    fs::write(app.folder().join("anchors.pem"), foreign_root()).unwrap();
    let report = app.reload().await.unwrap();
    assert!(report.replaced.contains(&"trust_anchors"), "{report:?}");
    app
}

/// The roots that the test cards lead to, each in a file of its own.
fn root_files(app: &TestApp) -> Vec<String> {
    let pem = app.host.anchors_pem();
    let mut files = Vec::new();
    for (index, certificate) in pem.split_inclusive("-----END CERTIFICATE-----").enumerate() {
        if !certificate.contains("BEGIN") {
            continue;
        }
        let file = app.folder().join(format!("root-{index}.pem"));
        fs::write(&file, certificate).unwrap();
        files.push(file.display().to_string());
    }
    files
}

/// What a login with the card is told: nothing where it is let in.
pub(crate) async fn refused(app: &TestApp, card: &Card) -> Option<String> {
    let login = Request::new().begin(app).await;
    let challenge = login.challenge(app).await;
    let body = card.answer(app, &challenge);
    let mut connection = card.connect(app).await;
    let posted = login.post_assertion(app, &body);
    // A card that is refused is never asked for its presence.
    let response = connection.proving_until(app, card, posted).await;
    if response.status() == 200 {
        return None;
    }
    Some(problem_code(response).await)
}

/// Waits until `node` lets cards of `app`'s country in.
async fn until_accepted(app: &TestApp, node: &TestApp) -> SignedIn {
    let begun = Instant::now();
    loop {
        if refused(node, &Card::pharmacist(app)).await.is_none() {
            return sign_in(node, &Request::new(), &Card::pharmacist(app)).await;
        }
        assert!(begun.elapsed() < KNOWN_WITHIN, "not accepted in time");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_added_anchor_lets_its_cards_in_and_its_removal_ends_their_sessions() {
    let app = trusting_nobody().await;
    assert!(refused(&app, &Card::pharmacist(&app)).await.is_some());
    let mut fingerprints = Vec::new();
    for file in root_files(&app) {
        let added = app.operate_on("anchors", &["add", &file, "--yes"]).await;
        let added = &added["added"];
        assert_eq!(added["trust_anchor"], "test-cards");
        assert_eq!(added["source"], "database");
        fingerprints.push(added["sha256"].as_str().unwrap().to_owned());
    }
    let mut signed_in = until_accepted(&app, &app).await;
    // The next start knows them as well.
    app.build_again().await.unwrap().close().await;

    let listed = app.operate_on("anchors", &["list"]).await;
    let listed = listed["anchors"].as_array().unwrap();
    let of_source = |source: &str| listed.iter().filter(|it| it["source"] == source).count();
    assert_eq!(of_source("database"), fingerprints.len());
    assert!(of_source("file") > 1);
    for fingerprint in &fingerprints {
        app.operate_on("anchors", &["remove", fingerprint]).await;
    }
    let begun = Instant::now();
    let ended = loop {
        let frame = signed_in.connection.next().await;
        match frame {
            Some(frame) if frame["state"] == "ended" => break frame,
            Some(_) => assert!(begun.elapsed() < KNOWN_WITHIN, "not ended in time"),
            None => break Value::Null,
        }
    };
    assert!(
        ended.is_null() || ended["reason"] == "card_not_accepted",
        "{ended}"
    );
    assert!(refused(&app, &Card::pharmacist(&app)).await.is_some());
    let events = app.events().await;
    let count = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
    assert_eq!(count("trust_anchor.added"), fingerprints.len());
    assert_eq!(count("trust_anchor.removed"), fingerprints.len());
    let reasons = events.iter().filter(|event| event.kind == "session.ended");
    let mut reasons = reasons.filter_map(|event| event.code.as_deref());
    assert!(reasons.any(|reason| reason == "card_not_accepted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_of_anchors_takes_all_or_nothing() {
    let app = trusting_nobody().await;
    let card = Card::pharmacist(&app);
    assert!(refused(&app, &card).await.is_some());
    // Half a file.
    let file = app.folder().join("anchors.pem");
    let good = app.host.anchors_pem();
    fs::write(&file, &good[..good.len() / 2]).unwrap();
    let report = app.reload().await.unwrap();
    let kept = report.kept.iter().find(|kept| kept.kind == "trust_anchors");
    assert_eq!(kept.unwrap().code, "server.trust_anchor_unusable");
    assert!(report.replaced.contains(&"clients"), "{report:?}");
    assert!(refused(&app, &card).await.is_some());
    fs::write(&file, good).unwrap();
    app.reload().await.unwrap();
    sign_in(&app, &Request::new(), &Card::pharmacist(&app)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_follows_an_added_anchor() {
    let app = trusting_nobody().await;
    let other = app.another_node().await;
    for file in root_files(&app) {
        app.operate_on("anchors", &["add", &file, "--yes"]).await;
    }
    until_accepted(&app, &other).await;
    until_accepted(&app, &app).await;
    other.stop();
}

/// As people see it: in capitals, with colons.
fn openssl_fingerprint(file: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(["x509", "-noout", "-fingerprint", "-sha256", "-in", file]);
    let output = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let (_, fingerprint) = output.trim().split_once('=').unwrap();
    assert_eq!(fingerprint.len(), 95, "{output}");
    fingerprint.to_owned()
}

/// Exit status and code of `cardea anchors …` that is refused.
async fn command(app: &TestApp, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardea"));
    command.arg("anchors").args(arguments);
    command
        .arg("--config")
        .arg(app.folder().join("cardea.toml"));
    command.arg("--json");
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let code = document["code"].as_str().unwrap_or_default().to_owned();
    (output.status.code().unwrap(), code)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_anchor_is_refused_by_command() {
    let app = TestApp::start().await;
    let write = |name: &str, content: &[u8]| {
        let file = app.folder().join(name);
        fs::write(&file, content).unwrap();
        file.display().to_string()
    };
    let card = write(
        "card.der",
        &Card::pharmacist(&app).issued.authentication.der,
    );
    let past = now() - time::Duration::days(365 * 45);
    let old = TestPki::new(&PkiSettings::fast(past)).unwrap();
    let name = AuthorityName::all().find(|it| it.is_root()).unwrap();
    let old = write(
        "old.pem",
        old.authority(name).unwrap().certificate_pem().as_bytes(),
    );
    let nothing = write("nothing.pem", b"nothing");
    let several = write("several.pem", app.host.anchors_pem().as_bytes());
    let own = root_files(&app).remove(0);
    let foreign = write("foreign.pem", foreign_root().as_bytes());
    let (of_own, of_foreign) = (openssl_fingerprint(&own), openssl_fingerprint(&foreign));
    for (arguments, exit, code) in [
        (vec!["add", &card, "--yes"], 1, "pki.issuer_not_authority"),
        (vec!["add", &old, "--yes"], 1, "pki.certificate_expired"),
        (vec!["add", &own, "--yes"], 1, "provider.anchor_exists"),
        (vec!["add", &nothing, "--yes"], 2, "server.anchor_unusable"),
        (vec!["add", &several, "--yes"], 2, "server.anchor_unusable"),
        (
            vec!["add", "/no/such/file", "--yes"],
            2,
            "server.anchor_unusable",
        ),
        (
            vec!["add", &foreign, "--yes", "--to", "other"],
            1,
            "provider.anchor_rules_unknown",
        ),
        // Nobody has looked whose it is, or it is another one's.
        (vec!["add", &foreign], 1, "server.confirmation_missing"),
        (
            vec!["add", &foreign, "--sha256", &of_own],
            1,
            "server.anchor_fingerprint_mismatch",
        ),
        (vec!["add", &foreign, "--sha256", &of_foreign], 0, ""),
        (vec!["add", &foreign, "--yes"], 1, "provider.anchor_exists"),
        (vec!["remove", &of_foreign], 0, ""),
        (vec!["remove", "00:11"], 1, "provider.anchor_unknown"),
    ] {
        let told = command(&app, &arguments).await;
        assert_eq!(told, (exit, code.to_owned()), "{arguments:?}");
    }
    // One of a file is named with its file.
    let listed = app.operate_on("anchors", &["list"]).await;
    let listed = listed["anchors"].as_array().unwrap();
    let configured = listed.iter().find(|it| it["source"] == "file").unwrap();
    let sha256 = configured["sha256"].as_str().unwrap();
    let told = command(&app, &["remove", sha256]).await;
    assert_eq!(told, (1, "server.anchor_configured".to_owned()));
}

//! A backup that is restored when the newer log is gone for good.

use std::fs;

use serde_json::Value;

use crate::ledger::{log_in, signed};
use crate::restored::{run, stop};
use crate::test_app::TestApp;

/// A lost disk: the newer log is gone for good with its database and with what the node had signed
/// last, and a backup is all that is left. Nobody knows any more how far it had been signed.
#[tokio::test(flavor = "multi_thread")]
async fn h14_a_backup_after_a_lost_disk_is_explained_by_a_signed_record() {
    let app = TestApp::start().await;
    log_in(&app).await;
    signed(&app).await;
    let made = run(&app, &["backup", "--out", "whole.backup"]).await;
    assert!(made.status.success(), "{made:?}");
    log_in(&app).await;
    let lost = signed(&app).await;
    let out = app.folder().join("exported");
    let out = out.to_str().unwrap();
    app.operate_on("ledger", &["export", "--out", out]).await;
    stop(&app);
    let files = fs::read_dir(app.folder()).unwrap().map(|it| it.unwrap());
    for file in files {
        let name = file.file_name().to_string_lossy().into_owned();
        if name.starts_with("cardea.sqlite") {
            fs::remove_file(file.path()).unwrap();
        }
    }
    let restore = ["restore", "whole.backup", "--config", "stopped.toml"];
    let unsaid = run(&app, &restore).await;
    let told = String::from_utf8_lossy(&unsaid.stdout).into_owned();
    assert!(unsaid.status.success(), "{unsaid:?}");
    assert!(told.contains("restore again with --log-lost"), "{told}");
    let checkpoint = format!("{out}/checkpoint");
    let with = ["verify", "--checkpoint", checkpoint.as_str()];
    let (status, found) = app.refused_operation("ledger", &with).await;
    assert_eq!(status, Some(1), "{found}");
    assert!(found.contains("ledger.truncated"), "{found}");

    let both = ["--replace", "--log-lost", "--signed-last", &checkpoint];
    let refused = run(&app, &[&restore[..], &both].concat()).await;
    assert!(!refused.status.success(), "one or the other");
    let said = ["--replace", "--log-lost", "--reason", "the disk is lost"];
    let restored = run(&app, &[&restore[..], &said].concat()).await;
    let told = String::from_utf8_lossy(&restored.stdout).into_owned();
    assert!(restored.status.success(), "{restored:?}");
    assert!(told.contains("It explains every checkpoint of "), "{told}");
    let sound = app.operate_on("ledger", &with).await;
    let explained = &sound["explained_by"];
    assert_eq!(explained["size_before"], Value::Null);
    assert_eq!(explained["why"], "the disk is lost");
    assert!(explained["size_after"].as_u64() < lost["signed"].as_u64());
    let later = [with.as_slice(), &["--seen-at", "2999-01-01T00:00:00Z"]].concat();
    let (status, found) = app.refused_operation("ledger", &later).await;
    assert_eq!(
        (status, found.contains("ledger.truncated")),
        (Some(1), true)
    );
    // It goes on, and is explained still.
    let app = app.restart().await;
    log_in(&app).await;
    signed(&app).await;
    app.operate_on("ledger", &with).await;
}

//! A disk that does not take what was committed (attack H16): nothing is said to be on record, and
//! the server ends with an error, so that whoever watches over it starts it again.

use std::time::Duration;

use tokio::time::sleep;

use crate::program::Program;
use crate::relying_party::Request;
use crate::test_app::TestApp;

#[tokio::test]
async fn h16_a_failed_flush_ends_the_server_with_an_error() {
    let address = Program::unused_address().await;
    let app = TestApp::start()
        .await
        .handed_to(format!("http://{address}"));
    let folder = app.folder().to_owned();
    let mut program = Program::start(&folder, &address).await;
    let healthy = app.get("/healthz").send().await.unwrap();
    assert_eq!(healthy.status(), 200);
    // To the server it is as a disk that fails: what it commits from here on is nowhere.
    std::fs::remove_file(folder.join("cardea.sqlite-wal")).unwrap();
    // Its event waits for a flush, whoever else does.
    let _ = Request::new().send(&app).await;
    let said = |line: &&str| line.contains("could not be flushed: stopping");
    let log = || String::from_utf8(program.log()).unwrap();
    for _ in 0..3_000 {
        if log().lines().any(|line| said(&line)) {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    for path in ["/healthz", "/readyz"] {
        let answer = app.get(path).send().await.unwrap();
        assert_eq!(answer.status(), 503, "{path}");
    }
    let again = Request::new().send(&app).await;
    assert_eq!(again.status(), 503, "what may come with the next fails too");
    assert!(!program.ended().await, "it ends with an error");
    let log = String::from_utf8(program.log()).unwrap();
    let line = log.lines().find(said).unwrap();
    assert!(
        line.contains("\"ERROR\"") && line.contains("storage.flush_failed"),
        "{line}"
    );
    assert_eq!(log.lines().filter(said).count(), 1);
}

//! A disk that is full in the midst of the work (attack H16): the real program may not let a file
//! grow any further, and answers 503 until it may.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::card::Card;
use crate::program::Program;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{TestApp, header};

/// What the database may grow by.
const ROOM_BYTES: u64 = 1024 * 1024;
/// The unit of `ulimit -f` (POSIX).
const BLOCK_BYTES: u64 = 512;

struct Confined(Child);

impl Confined {
    /// Starts the program, which may write no file beyond `bytes`; its log goes nowhere.
    async fn start(folder: &Path, address: &str, bytes: u64) -> Self {
        let config = std::fs::read_to_string(folder.join("cardea.toml")).unwrap();
        let elsewhere = |line: &str| match line.starts_with("listen = ") {
            true => format!("listen = \"{address}\"\n"),
            false => format!("{line}\n"),
        };
        let file = folder.join("confined.toml");
        std::fs::write(&file, config.lines().map(elsewhere).collect::<String>()).unwrap();
        // Ignored, the signal of a file that is too large leaves the error alone.
        let script = "trap '' XFSZ; ulimit -f \"$1\"; exec \"$2\" serve --config \"$3\"";
        let blocks = (bytes / BLOCK_BYTES).to_string();
        let child = Command::new("sh")
            .args(["-c", script, "sh", &blocks, env!("CARGO_BIN_EXE_cardea")])
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut confined = Self(child);
        for _ in 0..600 {
            if TcpStream::connect(address).await.is_ok() {
                return confined;
            }
            assert!(confined.0.try_wait().unwrap().is_none(), "it has ended");
            sleep(Duration::from_millis(50)).await;
        }
        panic!("it does not listen");
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn bytes_of(folder: &Path, name: &str) -> u64 {
    std::fs::metadata(folder.join(name)).map_or(0, |file| file.len())
}

async fn count(folder: &Path, query: &'static str) -> usize {
    let options = SqliteConnectOptions::new().filename(folder.join("cardea.sqlite"));
    let database = SqlitePool::connect_with(options).await.unwrap();
    let count: i64 = sqlx::query_scalar(query)
        .fetch_one(&database)
        .await
        .unwrap();
    database.close().await;
    usize::try_from(count).unwrap()
}

#[tokio::test]
async fn h16_a_full_disk_refuses_logins_and_tokens_and_spoils_nothing() {
    let address = Program::unused_address().await;
    let app = TestApp::start()
        .await
        .handed_to(format!("http://{address}"));
    let folder = app.folder().to_owned();
    let largest = bytes_of(&folder, "cardea.sqlite").max(bytes_of(&folder, "cardea.sqlite-wal"));
    let confined = Confined::start(&folder, &address, largest + ROOM_BYTES).await;
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &Card::pharmacist(&app)).await;

    let (mut began, mut refused) = (1, None);
    // One address may not begin many more in a minute.
    for _ in 0..500 {
        let response = Request::new().send(&app).await;
        if response.status() != 303 {
            refused = Some(response);
            break;
        }
        // What is refused once the client is known is told to the portal.
        if !header(&response, "location").contains("error=temporarily_unavailable") {
            began += 1;
        }
    }
    let refused = refused.expect("the disk is full");
    assert_eq!(refused.status(), 503, "after {began} logins");
    assert_ne!(header(&refused, "retry-after"), "");
    assert_eq!(header(&refused, "set-cookie"), "");
    let no_tokens = request.redeem(&app, &signed_in.code).await;
    assert_eq!(no_tokens.status(), 503);
    assert!(!no_tokens.text().await.unwrap().contains("access_token"));
    assert_eq!(app.get("/jwks").send().await.unwrap().status(), 200);

    let requests = "SELECT COUNT(*) FROM authorization_request";
    let events = "SELECT COUNT(*) FROM event WHERE kind = 'authorization.begun'";
    let grants = "SELECT COUNT(*) FROM access_grant";
    assert_eq!(count(&folder, requests).await, began);
    assert_eq!(count(&folder, events).await, began);
    assert_eq!(count(&folder, grants).await, 0);

    drop(confined);
    let _with_room = Program::start(&folder, &address).await;
    assert_eq!(Request::new().send(&app).await.status(), 303);
    let tokens = request.redeem(&app, &signed_in.code).await;
    let status = tokens.status();
    assert_eq!(status, 200, "the code was not spent by the full disk");
    assert_eq!(count(&folder, grants).await, 1);
}

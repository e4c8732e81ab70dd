//! Callers that hang up before they are answered: what was decided is in the log as well.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::program::Program;
use crate::test_app::TestApp;

const CALLERS: u64 = 20;

/// Hangs up so long after the request: before it is taken up, while it is decided, or later.
async fn ask_and_hang_up(address: &str, after: Duration) {
    let body = "grant_type=authorization_code&code=never";
    // Two proofs of a client are none, whoever it is.
    let request = format!(
        "POST /token HTTP/1.1\r\nHost: {address}\r\nAuthorization: Basic eDp5\r\n\
         Authorization: Basic eDp5\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(after).await;
}

/// Lines of the log with each of `words`.
fn lines(program: &Program, words: [&str; 2]) -> usize {
    let log = String::from_utf8(program.log()).unwrap();
    let has_all = |line: &&str| words.iter().all(|word| line.contains(word));
    log.lines().filter(has_all).count()
}

#[tokio::test]
async fn who_hangs_up_is_in_the_log_all_the_same() {
    let address = Program::unused_address().await;
    let app = TestApp::start()
        .await
        .handed_to(format!("http://{address}"));
    let program = Program::start(app.folder(), &address).await;
    // The last one has the patience that a busy machine asks for.
    for milliseconds in (0..CALLERS).chain([100, 1_000, 3_000]) {
        ask_and_hang_up(&address, Duration::from_millis(milliseconds)).await;
    }
    // Who hangs up before the request is taken up has asked nothing; of what was decided, both the
    // decision and the answer that nobody took are in the log.
    let (mut stored, mut decided, mut answered) = (0, 0, 0);
    for _ in 0..600 {
        decided = lines(&program, ["token.refused", "decided"]);
        answered = lines(&program, ["\"/token\"", "\"refused\""]);
        stored = app.count_events("token.refused").await;
        if stored > 0 && (decided, answered) == (stored, stored) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(stored > 0, "the last one waited long enough");
    assert_eq!((decided, answered), (stored, stored));
}

//! The native messaging host as a browser starts it: `cardea-agent native-host`.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use cardea_agent::agent_socket::frame::{Frames, encode};
use cardea_agent::native_host::{CHROMIUM_ID, GECKO_ID};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::page::course;
use crate::readers::{Readers, pharmacist};
use crate::sign_in::verify;
use crate::socket::open;
use crate::workstation::{Workstation, enrolment};

const PATIENCE: Duration = Duration::from_secs(30);
/// Debian's `nobody`.
const ANOTHER_USER: u32 = 65534;

/// Writes the workstation's configuration where the host reads it.
fn config(workstation: &Workstation, more: &str) -> PathBuf {
    let path = workstation.folder.path().join("agent.toml");
    let text = format!(
        "state_dir = \"state\"\n{more}\n{}",
        enrolment(&workstation.issuer)
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn host(config: &Path, caller: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardea-agent"));
    command.args(["native-host", "--config"]).arg(config);
    command.arg("--").args(caller);
    command
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("XDG_STATE_HOME");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Starts the host, says `request`, and reads its answers to their end.
async fn ask(mut host: Command, request: &Value) -> (Vec<Value>, bool) {
    let mut child = host.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let frame = encode(request.to_string().as_bytes()).unwrap();
    // A host that refuses its caller may have ended already.
    let _ = input.write_all(&frame).await;
    let mut bytes = Vec::new();
    let mut output = child.stdout.take().unwrap();
    let read = tokio::time::timeout(PATIENCE, output.read_to_end(&mut bytes));
    read.await.expect("the host ends").unwrap();
    let mut frames = Frames::default();
    frames.push(&bytes);
    let mut answers = Vec::new();
    while let Some(text) = frames.take().unwrap() {
        answers.push(serde_json::from_slice(&text).unwrap());
    }
    (answers, child.wait().await.unwrap().success())
}

fn own() -> String {
    format!("chrome-extension://{CHROMIUM_ID}/")
}

fn unavailable(code: &str) -> Vec<Value> {
    vec![json!({"type": "unavailable", "code": code})]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_goes_through_the_host_for_both_browsers() {
    let workstation = Workstation::start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    open(&workstation);
    let config = config(&workstation, "");
    for caller in [&[&*own()][..], &["/a/cardea.agent.json", GECKO_ID]] {
        let challenge = workstation.issuer.challenge();
        let origin = &workstation.issuer.url;
        let request = json!({"type": "assertion", "origin": origin, "challenge": challenge});
        let (lines, success) = ask(host(&config, caller), &request).await;
        let steps = ["card_found", "pin_asked 3", "signing", "assertion"];
        assert_eq!(course(&lines), steps);
        verify(lines.last().unwrap(), &workstation, &challenge);
        assert!(success);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_extension_gets_nothing() {
    let workstation = Workstation::start(&Readers::none(), &[]).await;
    open(&workstation);
    let config = config(&workstation, "");
    let foreign = "chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba/";
    let other = ["/a/cardea.agent.json", "other@evil.test"];
    for caller in [&[foreign][..], &other, &[]] {
        let (answers, success) = ask(host(&config, caller), &json!({"type": "origins"})).await;
        assert_eq!(
            answers,
            unavailable("agent.extension_refused"),
            "{caller:?}"
        );
        assert!(!success);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_extension_is_served_but_not_with_the_persons_own_requests() {
    let workstation = Workstation::start(&Readers::none(), &[]).await;
    open(&workstation);
    let more = "browser_extensions = [\"ponmlkjihgfedcbaponmlkjihgfedcba\"]";
    let config = config(&workstation, more);
    let caller = ["chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba/"];
    let (answers, _) = ask(host(&config, &caller), &json!({"type": "origins"})).await;
    assert_eq!(answers[0]["origins"], json!([workstation.issuer.url]));
    let (answers, _) = ask(host(&config, &caller), &json!({"type": "status"})).await;
    assert_eq!(answers, unavailable("agent.request_invalid"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_does_not_run_is_told_apart() {
    let workstation = Workstation::start(&Readers::none(), &[]).await;
    let config = config(&workstation, "");
    let (answers, success) = ask(host(&config, &[&own()]), &json!({"type": "origins"})).await;
    assert_eq!(answers, unavailable("extension.agent_not_running"));
    assert!(!success);
}

/// The agent is stopped or killed while it asks: the page learns that it may come back.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_goes_while_it_asks_is_told_as_one_that_does_not_run() {
    let workstation = Workstation::start(&Readers::none(), &[]).await;
    let config = config(&workstation, "");
    let state = workstation.folder.path().join("state");
    let listener = tokio::net::UnixListener::bind(state.join("agent.sock")).unwrap();
    let line = json!({"type": "state", "state": "pin_asked"});
    for sent in [
        encode(line.to_string().as_bytes()).unwrap(),
        // In the middle of a line.
        vec![9, 0, 0, 0, b'{'],
    ] {
        let request = json!({"type": "assertion", "origin": "https://a.test", "challenge": "c"});
        let own = own();
        let asking = ask(host(&config, &[&own]), &request);
        let goes = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0_u8; 16];
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(&sent).await.unwrap();
        };
        let ((answers, success), ()) = tokio::join!(asking, goes);
        let last = answers.last().unwrap();
        assert_eq!(last["code"], "extension.agent_not_running", "{answers:?}");
        assert!(!success);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_ends_with_the_browser() {
    let workstation = Workstation::start(&Readers::holding(&pharmacist()), &["wait"]).await;
    open(&workstation);
    let config = config(&workstation, "");
    let mut child = host(&config, &[&own()]).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let challenge = workstation.issuer.challenge();
    let origin = &workstation.issuer.url;
    let request = json!({"type": "assertion", "origin": origin, "challenge": challenge});
    let frame = encode(request.to_string().as_bytes()).unwrap();
    input.write_all(&frame).await.unwrap();
    workstation.person.is_asked("GETPIN").await;
    drop(input);
    let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
    assert!(ended.expect("the host ends").unwrap().success());
}

/// Attack D6: whoever starts the host as another user reaches no agent but that user's own.
#[tokio::test(flavor = "multi_thread")]
async fn another_users_host_does_not_reach_this_agent_d6() {
    let workstation = Workstation::start(&Readers::none(), &[]).await;
    let socket = open(&workstation);
    let folder = tempfile::tempdir().unwrap();
    // Only root can become another user; the tests run as root.
    if chown(folder.path(), Some(ANOTHER_USER), Some(ANOTHER_USER)).is_err() {
        return;
    }
    // As open as a careless administrator could make it: the socket's own folder still holds.
    let everybody = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(workstation.folder.path(), everybody).unwrap();
    let path = folder.path().join("agent.toml");
    let text = format!(
        "state_dir = \"state\"\nsocket = {:?}\n{}",
        socket.to_str().unwrap(),
        enrolment(&workstation.issuer)
    );
    std::fs::write(&path, text).unwrap();
    chown(&path, Some(ANOTHER_USER), Some(ANOTHER_USER)).unwrap();
    let as_another = |config: &Path| {
        let mut host = host(config, &[&own()]);
        host.as_std_mut().uid(ANOTHER_USER).gid(ANOTHER_USER);
        host
    };
    let origins = json!({"type": "origins"});
    let (answers, _) = ask(as_another(&path), &origins).await;
    assert_eq!(answers, unavailable("agent.file_unsafe"));
    // With the settings of this user, it does not even learn where the socket is.
    let (answers, _) = ask(as_another(&config(&workstation, "")), &origins).await;
    assert_eq!(answers, unavailable("agent.file_unreadable"));
    // A folder that lets everybody in stops the host as well, on either side.
    std::fs::set_permissions(
        socket.parent().unwrap(),
        std::fs::Permissions::from_mode(0o777),
    )
    .unwrap();
    let (answers, _) = ask(as_another(&path), &origins).await;
    assert_eq!(answers, unavailable("agent.file_unsafe"));
}

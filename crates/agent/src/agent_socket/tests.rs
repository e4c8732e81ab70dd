//! The socket's place, and who may come (attack D6); what is said over it stands in
//! `tests/agent/socket.rs`.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::*;

fn own_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(folder.path(), private).unwrap();
    folder
}

fn code_of(path: &Path) -> &'static str {
    AgentSocket::bind(path).unwrap_err().code()
}

#[tokio::test]
async fn folder_and_socket_are_their_users_alone_d6() {
    let folder = own_folder();
    let path = folder.path().join("a/agent.sock");
    let socket = AgentSocket::bind(&path).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    drop(socket);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_folder_that_others_enter_or_own_is_refused_d6() {
    let folder = own_folder();
    let open = folder.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(code_of(&open.join("agent.sock")), "agent.file_unsafe");
    let found = connect(&open.join("agent.sock")).await.unwrap_err();
    assert_eq!(found.code(), "agent.file_unsafe");

    let private = folder.path().join("private");
    std::fs::create_dir(&private).unwrap();
    std::fs::set_permissions(&private, std::fs::Permissions::from_mode(0o700)).unwrap();
    symlink(&private, folder.path().join("link")).unwrap();
    let link = folder.path().join("link/agent.sock");
    assert_eq!(code_of(&link), "agent.file_unsafe");
    assert_eq!(
        connect(&link).await.unwrap_err().code(),
        "agent.file_unsafe"
    );

    // Giving a folder away is only possible as root, as which the test machine runs.
    if std::os::unix::fs::chown(&private, Some(4711), None).is_ok() {
        let path = private.join("agent.sock");
        assert_eq!(code_of(&path), "agent.file_unsafe");
        assert_eq!(
            connect(&path).await.unwrap_err().code(),
            "agent.file_unsafe"
        );
    }
}

/// Nobody is told to close a folder for all, and no folder is made where it may be a slip.
#[tokio::test]
async fn a_folder_is_made_only_below_an_own_one_d6() {
    let folder = own_folder();
    let missing = folder.path().join("a/b/agent.sock");
    let error = AgentSocket::bind(&missing).unwrap_err();
    assert_eq!(error.code(), "agent.socket_unavailable");
    assert!(!folder.path().join("a").exists());

    let shared = folder.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    for mode in [0o1777, 0o755] {
        std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(mode)).unwrap();
        let below = shared.join("agent/agent.sock");
        assert_eq!(code_of(&below), "agent.socket_unavailable", "{mode:o}");
        assert!(!shared.join("agent").exists());
        let error = AgentSocket::bind(&shared.join("agent.sock")).unwrap_err();
        let words = error.to_string();
        assert!(words.contains("a folder of its own"), "{words}");
        assert!(!words.contains("0700"), "{words}");
    }
}

#[test]
fn a_socket_that_cannot_be_is_told_with_file_and_key() {
    let folder = own_folder();
    let file = folder.path().join("agent.toml");
    let environment = crate::config::Environment::default();
    let text = "socket = \"a/b/agent.sock\"\nstate_dir = \"state\"\n";
    let config = Config::parse(text, &file, &environment).unwrap();
    let error = AgentSocket::of(&config).unwrap_err();
    assert_eq!(error.code(), "agent.socket_unavailable");
    let words = error.to_string();
    let begin = format!("{}: socket: ", file.display());
    assert!(
        words.starts_with(&begin) && words.contains("0700"),
        "{words}"
    );
}

#[tokio::test]
async fn what_a_dead_agent_left_is_replaced_and_nothing_else() {
    let folder = own_folder();
    let path = folder.path().join("agent.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    assert_eq!(
        connect(&path).await.unwrap_err().code(),
        "agent.not_running"
    );
    let socket = AgentSocket::bind(&path).unwrap();
    connect(&path).await.unwrap();
    assert_eq!(code_of(&path), "agent.socket_unavailable", "a second agent");
    drop(socket);
    assert_eq!(
        connect(&path).await.unwrap_err().code(),
        "agent.not_running"
    );

    std::fs::write(&path, "somebody's file").unwrap();
    assert_eq!(code_of(&path), "agent.file_unsafe", "a file");
    assert!(path.exists(), "what is refused stays");
    std::fs::remove_file(&path).unwrap();
    symlink("/nowhere", &path).unwrap();
    assert_eq!(code_of(&path), "agent.file_unsafe", "a link");
    std::fs::remove_file(&path).unwrap();
    if let Ok(foreign) = std::os::unix::net::UnixListener::bind(&path)
        && std::os::unix::fs::chown(&path, Some(4711), None).is_ok()
    {
        drop(foreign);
        assert_eq!(code_of(&path), "agent.file_unsafe", "another user's socket");
    }
}

#[tokio::test]
async fn a_path_longer_than_a_socket_address_serves_as_well() {
    let folder = own_folder();
    let path = folder.path().join("a".repeat(120)).join("agent.sock");
    let _socket = AgentSocket::bind(&path).unwrap();
    connect(&path).await.unwrap();
}

#[tokio::test]
async fn each_end_looks_whose_the_other_is_d6() {
    let folder = own_folder();
    let path = folder.path().join("agent.sock");
    let socket = AgentSocket::bind(&path).unwrap();
    let own = rustix::process::geteuid().as_raw();
    let stream = connect(&path).await.unwrap();
    assert!(check_peer(&stream, own).is_ok());
    let (accepted, _) = socket.0.listener.accept().await.unwrap();
    for end in [&stream, &accepted] {
        let refused = check_peer(end, own + 1).unwrap_err();
        assert_eq!(refused.code(), "agent.peer_refused");
    }
}

//! What lasts beyond one node and one database: keys that others made or cannot open, files that
//! were taken in, lists that were given out.

use cardea_jose::Algorithm;

use super::*;

/// Nodes that start together make one key-encryption key in the token.
#[test]
fn one_key_encryption_key_is_made_in_the_token() {
    let encryption = "encryption = { pkcs11_key = \"kek\" }\n";
    let mut site = Site::new(&format!("{encryption}{}", token_config()));
    site.softhsm();
    site.kids();
    let commands: Vec<_> = (0..4)
        .map(|_| {
            let mut command = site.command(&["keys", "rotate", "--json"]);
            command.stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut made = 0;
    for command in commands {
        let output = command.wait_with_output().unwrap();
        match output.status.code() {
            Some(0) => made += 1,
            // Another one has begun a rotation.
            Some(1) => {}
            _ => panic!("{output:?}"),
        }
    }
    assert!(made > 0);
    let server = site.start();
    assert!(server.takes(&server.token()));
}

/// Attack H16: a node that lacks a new key-encryption key publishes what others sign with, says
/// that it is not ready, and signs with none of its own.
#[test]
fn h16_a_key_that_does_not_open_here_is_published_all_the_same() {
    let site = Site::new("");
    let server = site.start();
    let token = server.token();
    let before = server.jwks();
    assert_eq!(server.get("/readyz").unwrap().0, 200);
    site.configure(
        "encryption = { file = \"keys/new.key\" }\n\
         previous_encryption = { file = \"keys/key-encryption.key\" }",
    );
    let current = site.kids();
    assert_eq!(site.keys(&["rotate"]).0, 0);
    until("the next keys", || server.jwks() == 2 * before);
    until("the readiness", || server.get("/readyz").unwrap().0 == 503);
    assert!(server.takes(&token));
    server.token();
    let log = site.log();
    assert!(log.contains("server.token_keys_not_followed"), "{log}");
    assert!(log.contains("server.key_encryption_key_wrong"), "{log}");
    // The next ones sign from now on, elsewhere.
    let kids: Vec<_> = current.iter().flat_map(|kid| ["--kid", kid]).collect();
    let arguments = [&["rotate", "--emergency", "--yes"], kids.as_slice()].concat();
    assert_eq!(site.keys(&arguments).0, 0);
    until("the emergency", || !server.takes(&token));
    assert_eq!(server.jwks(), before);
    assert_eq!(server.ask().0, 503);
    drop(server);
    let server = site.start();
    assert!(server.takes(&server.token()));
    assert_eq!(server.get("/readyz").unwrap().0, 200);
}

/// Attack G9: a key that was taken out does not come back with another database.
#[test]
fn g9_files_of_keys_are_taken_in_once_whatever_the_database() {
    let site = Site::new("");
    let key = SigningKey::generate(Algorithm::Rs256).unwrap();
    let pem = key.to_pem().unwrap();
    let pem = std::str::from_utf8(&pem).unwrap();
    let file = site.write("keys/token-rs256.pem", pem);
    drop(site.start());
    assert!(site.kids().iter().any(|kid| kid == key.kid()));
    assert!(!file.exists() && site.at("keys/token-rs256.pem.imported").exists());
    assert!(site.log().contains(".imported"), "{}", site.log());
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(site.at(&format!("cardea.sqlite{ending}")));
    }
    drop(site.start());
    assert!(!site.kids().iter().any(|kid| kid == key.kid()));
    // Nor where a node with files comes to a database that has keys.
    site.write("keys/token-rs256.pem", pem);
    drop(site.start());
    assert!(!file.exists());
    assert!(!site.kids().iter().any(|kid| kid == key.kid()));
}

/// Agents that have seen a list refuse an older one, so no node starts with one.
#[test]
fn a_list_that_is_older_than_one_given_out_stops_the_start() {
    let site = Site::new("");
    let sign = |version| {
        sign_challenge_list(&ChallengeListRequest {
            root: site.at("root.pem"),
            issuer: Issuer::try_from(site.issuer.clone()).unwrap(),
            version,
            keys: vec![site.at("challenge-key.pem")],
            out: site.at("list.jws"),
        })
        .unwrap();
    };
    let server = site.start();
    // The next one is given out without a restart, and remembered as well.
    sign(3);
    until("the list", || {
        site.log()
            .contains("another challenge-key list is given out")
    });
    sign(2);
    until("its refusal", || {
        site.log().contains("server.challenge_list_refused")
    });
    drop(server);
    let words = site.refused();
    assert!(words.contains("version 3 was given out"), "{words}");
    sign(3);
    drop(site.start());
    sign(4);
    drop(site.start());
}

/// Attack H16: nobody else reads keys out of a server's memory, and none is written to a disk.
#[test]
fn h16_a_server_leaves_no_core_dump() {
    let site = Site::new("");
    let server = site.start();
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.child.id())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let words: Vec<_> = core.unwrap().split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"]);
}

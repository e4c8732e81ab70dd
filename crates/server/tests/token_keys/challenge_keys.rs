//! The ceremony of the challenge keys, with the real program on both sides.

use std::fs;
use std::process::Output;

use cardea_assertion::verify_challenge_keys;
use cardea_jose::{Algorithm, SigningKey};

use super::{Site, until};

fn said(output: &Output) -> (bool, String) {
    let words = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    (output.status.success(), words.concat())
}

/// What is on the machine without network, and the command on the server.
struct Ceremony<'a>(&'a Site);

impl Ceremony<'_> {
    fn prepare(&self) {
        for name in ["second", "stranger", "next"] {
            let file = format!("{name}.pem");
            let output = self.0.run(&["keys", "new-root", "--out", &file]);
            let public = String::from_utf8_lossy(&output.stdout).into_owned();
            self.0.write(&format!("{name}.jwk"), &public);
        }
        for name in ["challenge-key", "root"] {
            let pem = fs::read(self.0.at(&format!("{name}.pem"))).unwrap();
            let key = SigningKey::from_pem(Algorithm::Es256, &pem).unwrap();
            let public = serde_json::to_string(key.public_jwk()).unwrap();
            self.0.write(&format!("{name}.jwk"), &public);
        }
    }

    fn sign(&self, root: &str, version: &str, issuer: &str, keys: &[&str]) {
        let (signed, words) = self.try_to_sign(root, version, issuer, keys, &["--allow-jump"]);
        assert!(signed, "{words}");
    }

    /// Whether it was signed, and what was said.
    fn try_to_sign(
        &self,
        root: &str,
        version: &str,
        issuer: &str,
        keys: &[&str],
        more: &[&str],
    ) -> (bool, String) {
        let _ = fs::remove_file(self.0.at("new.jws"));
        let mut arguments = vec!["keys", "challenge-list", "sign", "--root", root];
        arguments.extend(["--version", version, "--issuer", issuer, "--out", "new.jws"]);
        keys.iter().for_each(|key| arguments.extend(["--key", key]));
        arguments.extend(more);
        said(&self.0.run(&arguments))
    }

    /// Whether it was published, and what was said.
    fn publish(&self, roots: &[&str]) -> (bool, String) {
        self.publish_with(roots, &[])
    }

    fn publish_with(&self, roots: &[&str], more: &[&str]) -> (bool, String) {
        let mut arguments = vec!["keys", "challenge-list", "publish", "new.jws"];
        roots.iter().for_each(|it| arguments.extend(["--root", it]));
        arguments.extend(more);
        said(&self.0.run(&arguments))
    }

    /// As an agent that has seen a version and pins both roots.
    fn agent_takes(&self, compact: &str, version_seen: u64) -> usize {
        let root = |name: &str| {
            serde_json::from_str(&fs::read_to_string(self.0.at(name)).unwrap()).unwrap()
        };
        let roots = [root("root.jwk"), root("second.jwk")];
        let list = verify_challenge_keys(compact, &roots, &self.0.issuer, version_seen);
        list.unwrap().keys.keys.len()
    }
}

/// The ceremony of the challenge keys: what agents would refuse is not published; what is published
/// a running server gives out without a restart.
#[test]
fn a_challenge_list_is_published_as_agents_will_take_it() {
    const OTHER: &str = "https://other.example.fr";
    let site = Site::new("");
    let ceremony = Ceremony(&site);
    ceremony.prepare();
    let server = site.start();
    let given = || server.get("/.well-known/cardea-challenge-keys").unwrap().1;
    let first = given();
    assert_eq!(ceremony.agent_takes(&first, 0), 1);
    let (both, ours) = (["root.jwk", "second.jwk"], site.issuer.as_str());
    let (current, next) = ("challenge-key.jwk", "next.jwk");
    for (root, version, issuer, key, roots, reason) in [
        ("root.pem", "1", ours, current, &both[..], "not higher"),
        ("root.pem", "2", OTHER, current, &both, "another issuer"),
        ("root.pem", "2", ours, next, &both, "does not list"),
        ("stranger.pem", "2", ours, current, &both, "enrolled root"),
        ("root.pem", "2", ours, current, &[], "--root"),
    ] {
        ceremony.sign(root, version, issuer, &[key]);
        let (published, words) = ceremony.publish(roots);
        assert!(!published && words.contains(reason), "{reason}: {words}");
    }
    assert_eq!(given(), first);
    ceremony.sign("second.pem", "2", ours, &[current, next]);
    let (published, words) = ceremony.publish(&both);
    assert!(published, "{words}");
    let versions = "published version 2 with 2 keys; the one before is version 1";
    assert!(words.contains(versions), "{words}");
    let second = fs::read_to_string(site.at("new.jws")).unwrap();
    until("the new list", || given() == second.trim());
    assert_eq!(ceremony.agent_takes(&given(), 1), 2);
    // Not back, by whatever way.
    fs::write(site.at("list.jws"), &first).unwrap();
    until("the refusal", || {
        site.log().contains("server.challenge_list_refused")
    });
    assert_eq!(given(), second.trim());
}

/// The steps of an emergency as docs/keys.md has them: the key goes without a moment at which a
/// node would not start.
#[test]
fn in_an_emergency_the_old_challenge_key_goes_in_one_step() {
    let site = Site::new("");
    let ceremony = Ceremony(&site);
    ceremony.prepare();
    let server = site.start();
    let given = |server: &super::Server<'_>| {
        let answer = server.get("/.well-known/cardea-challenge-keys");
        answer.unwrap().1
    };
    let first = given(&server);
    let both = ["root.jwk", "second.jwk"];
    let arguments = ["--out", "fresh.pem", "--public-out", "fresh.jwk"];
    let made = site.run(&[&["keys", "new-challenge-key"][..], &arguments].concat());
    assert!(made.status.success() && made.stdout.is_empty(), "{made:?}");
    ceremony.sign("root.pem", "2", &site.issuer, &["fresh.jwk"]);
    // Before cardea.toml names the key, the list would leave the node without one.
    let (published, words) = ceremony.publish(&both);
    assert!(!published && words.contains("does not list"), "{words}");
    let text = fs::read_to_string(site.at("cardea.toml")).unwrap();
    site.write(
        "cardea.toml",
        &text.replace("challenge-key.pem", "fresh.pem"),
    );
    assert!(
        site.refused().contains("does not list"),
        "a restart too early"
    );
    let (published, words) = ceremony.publish(&both);
    assert!(published, "{words}");
    until("the refusal", || {
        site.log().contains("server.challenge_list_refused")
    });
    assert_eq!(given(&server), first, "the running one goes on");
    drop(server);
    let server = site.start();
    let list = given(&server);
    assert_eq!(list, fs::read_to_string(site.at("new.jws")).unwrap().trim());
    assert_eq!(ceremony.agent_takes(&list, 1), 1);
}

/// Agents go by a high version for ever: a slip of the pen is refused on both sides.
#[test]
fn versions_that_leave_none_for_later_are_refused() {
    let site = Site::new("");
    let ceremony = Ceremony(&site);
    ceremony.prepare();
    let (both, ours) = (["root.jwk", "second.jwk"], site.issuer.as_str());
    let keys = ["challenge-key.jwk"];
    let list = ["--previous", "list.jws"];
    for (version, more, reason) in [
        ("0", &[][..], "0 is not in"),
        ("18446744073709551615", &["--allow-jump"], "is not in"),
        ("9007199254740992", &["--allow-jump"], "is not in"),
        ("1001", &[], "--allow-jump"),
        ("1002", &list, "--allow-jump"),
        ("1", &list, "not higher"),
    ] {
        let (signed, words) = ceremony.try_to_sign("root.pem", version, ours, &keys, more);
        assert!(!signed && words.contains(reason), "{version}: {words}");
    }
    let (signed, words) = ceremony.try_to_sign("root.pem", "1001", ours, &keys, &list);
    let versions = "signed version 1001; the one before is version 1";
    assert!(signed && words.contains(versions), "{words}");
    ceremony.sign("root.pem", "1002", ours, &keys);
    let (published, words) = ceremony.publish(&both);
    assert!(!published && words.contains("--allow-jump"), "{words}");
    assert!(words.contains("[server.challenge_list_refused]"), "{words}");
    let (published, words) = ceremony.publish_with(&both, &["--allow-jump"]);
    assert!(published, "{words}");
    let (published, words) = ceremony.publish(&both);
    assert!(!published && words.contains("not higher"), "{words}");
}

/// What is easily done wrong at the table of the ceremony.
#[test]
fn a_list_replaces_no_other_file_and_holds_no_root_key() {
    const OTHER: &str = "https://other.example.fr";
    let site = Site::new("");
    let ceremony = Ceremony(&site);
    ceremony.prepare();
    let (both, ours) = (["root.jwk", "second.jwk"], site.issuer.as_str());
    let (signed, words) = ceremony.try_to_sign("root.pem", "2", ours, &["root.jwk"], &[]);
    assert!(!signed && words.contains("it is the root key"), "{words}");
    ceremony.sign("root.pem", "2", ours, &["challenge-key.jwk"]);
    let mut arguments = vec!["keys", "challenge-list", "sign", "--root", "root.pem"];
    arguments.extend([
        "--issuer",
        ours,
        "--version",
        "3",
        "--key",
        "challenge-key.jwk",
    ]);
    arguments.extend(["--out", "new.jws"]);
    let (signed, words) = said(&site.run(&arguments));
    assert!(!signed && words.contains("[server.file_exists]"), "{words}");
    // The published list is another issuer's.
    let (list, ours_signed) = (site.at("list.jws"), fs::read(site.at("new.jws")).unwrap());
    ceremony.sign("root.pem", "1", OTHER, &["challenge-key.jwk"]);
    fs::rename(site.at("new.jws"), &list).unwrap();
    fs::write(site.at("new.jws"), &ours_signed).unwrap();
    let (published, words) = ceremony.publish(&both);
    assert!(!published && words.contains(OTHER), "{words}");
    fs::remove_file(&list).unwrap();
    // The enrolment document says which roots count.
    let mut arguments = vec!["keys", "sign-enrolment", "--root", "root.pem"];
    arguments.extend(["--second-root", "second.jwk", "--issuer", ours]);
    arguments.extend(["--name", "Portail", "--out", "enrolment.jws"]);
    let (made, words) = said(&site.run(&arguments));
    assert!(made, "{words}");
    site.configure("enrolment = \"enrolment.jws\"");
    let (published, words) = ceremony.publish(&["stranger.jwk"]);
    assert!(!published && words.contains("leave --root out"), "{words}");
    let (published, words) = ceremony.publish(&[]);
    assert!(published && words.contains("is not known"), "{words}");
    // A public half comes again, and over no other file.
    let (shown, words) = said(&site.run(&["keys", "public", "second.pem"]));
    let before = fs::read_to_string(site.at("second.jwk")).unwrap();
    assert!(shown && words == before, "{words}");
    let again = ["keys", "public", "second.pem", "--public-out", "root.jwk"];
    let (written, words) = said(&site.run(&again));
    assert!(
        !written && words.contains("[server.file_exists]"),
        "{words}"
    );
}

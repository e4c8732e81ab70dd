use std::fs;

use serde_json::Value;

use super::*;

/// A root folder whose workstation is enrolled with one issuer, which has pages at two places.
fn root() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("etc/cardea-agent");
    fs::create_dir_all(&folder).unwrap();
    let key = cardea_jose::SigningKey::generate(cardea_jose::Algorithm::Es256).unwrap();
    let jwk = serde_json::to_value(key.public_jwk()).unwrap();
    let text = format!(
        "[[issuer]]\nissuer = \"https://login.test\"\n\
         origins = [\"https://login.test\", \"https://pages.test:8443\"]\n\
         roots = [ {{ kty = \"EC\", crv = \"P-256\", x = {}, y = {} }} ]\n",
        jwk["x"], jwk["y"]
    );
    fs::write(folder.join("agent.toml"), text).unwrap();
    root
}

fn options(root: &tempfile::TempDir, remove: bool) -> Options {
    Options {
        remove,
        root: root.path().to_owned(),
    }
}

fn file(root: &tempfile::TempDir, folder: &str) -> PathBuf {
    root.path().join(folder).join("10-cardea-agent.json")
}

#[test]
fn browsers_may_reach_the_agent_on_enrolled_pages_and_the_extension_no_others() {
    let root = root();
    let (said, is_done) = run(None, &options(&root, false)).unwrap();
    assert!(is_done);
    assert_eq!(said.lines().count(), 3, "{said}");
    for folder in FOLDERS {
        let text = fs::read_to_string(file(&root, folder)).unwrap();
        let policies: Value = serde_json::from_str(&text).unwrap();
        let origins = json!(["https://login.test", "https://pages.test:8443"]);
        assert_eq!(policies["LocalNetworkAccessAllowedForUrls"], origins);
        assert_eq!(policies["LoopbackNetworkAllowedForUrls"], origins);
        let extension = &policies["ExtensionSettings"][CHROMIUM_ID];
        assert_eq!(extension["runtime_blocked_hosts"], json!(["*://*"]));
        let hosts = json!(["https://login.test", "https://pages.test"]);
        assert_eq!(extension["runtime_allowed_hosts"], hosts);
        let mode = fs::metadata(file(&root, folder))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o644);
    }
}

#[test]
fn what_an_administrator_wrote_stays_when_the_policies_go() {
    let root = root();
    let others = root.path().join(FOLDERS[0]).join("policies.json");
    fs::create_dir_all(others.parent().unwrap()).unwrap();
    fs::write(&others, "{}").unwrap();
    run(None, &options(&root, false)).unwrap();
    let (said, is_done) = run(None, &options(&root, true)).unwrap();
    assert!(is_done);
    assert_eq!(said.lines().count(), 3);
    assert!(others.exists());
    assert!(!file(&root, FOLDERS[0]).exists());
    // Folders that were made for the file go with it, and those of the system stay.
    assert!(!root.path().join("etc/opt/edge/policies").exists());
    assert!(root.path().join("etc/opt/edge").exists());
    let again = run(None, &options(&root, true)).unwrap();
    assert_eq!(again, (String::new(), true));
}

#[test]
fn a_workstation_without_issuers_has_no_policies() {
    let root = root();
    run(None, &options(&root, false)).unwrap();
    fs::write(root.path().join("etc/cardea-agent/agent.toml"), "").unwrap();
    let (said, is_done) = run(None, &options(&root, false)).unwrap();
    assert!(said.contains("no issuer is enrolled"), "{said}");
    assert!(said.contains("sudo cardea-agent enrol https://"), "{said}");
    assert!(!is_done);
    assert!(FOLDERS.iter().all(|folder| !file(&root, folder).exists()));
}

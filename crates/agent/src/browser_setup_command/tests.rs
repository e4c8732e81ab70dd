use serde_json::Value;

use super::*;
use crate::config::Environment;
use crate::native_host::{CHROMIUM_ID, GECKO_ID};

struct Desk {
    folder: tempfile::TempDir,
    config: Config,
    homes: Homes,
}

fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let key = cardea_jose::SigningKey::generate(cardea_jose::Algorithm::Es256).unwrap();
    let jwk = serde_json::to_value(key.public_jwk()).unwrap();
    let text = format!(
        "state_dir = \"state\"\nbrowser_extensions = [\"ours@clinic.example\"]\n\
         [[issuer]]\nissuer = \"https://a.test\"\n\
         roots = [ {{ kty = \"EC\", crv = \"P-256\", x = {}, y = {} }} ]\n",
        jwk["x"], jwk["y"]
    );
    let path = folder.path().join("it's agent.toml");
    let config = Config::parse(&text, &path, &Environment::default()).unwrap();
    let homes = Homes {
        home: folder.path().to_owned(),
        config: folder.path().join("settings"),
        program: "/usr/bin/cardea-agent".into(),
    };
    Desk {
        folder,
        config,
        homes,
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn each_browser_finds_the_host_in_its_own_place_and_form() {
    let desk = desk();
    let options = Options {
        browsers: ALL.to_vec(),
        profiles: vec![desk.folder.path().join("profile")],
        remove: false,
    };
    let written = run(&desk.config, &options, &desk.homes).unwrap();
    let places = [
        "settings/chromium/NativeMessagingHosts",
        "settings/google-chrome/NativeMessagingHosts",
        "settings/microsoft-edge/NativeMessagingHosts",
        ".mozilla/native-messaging-hosts",
        "profile/NativeMessagingHosts",
    ];
    let places = places.map(|place| desk.folder.path().join(place).join("cardea.agent.json"));
    assert_eq!(written, places);
    let chromium = read(&places[0]);
    let script = desk.folder.path().join("state/native-host");
    assert_eq!(chromium["path"], script.to_str().unwrap());
    let own = format!("chrome-extension://{CHROMIUM_ID}/");
    assert_eq!(chromium["allowed_origins"], serde_json::json!([own]));
    let firefox = read(&places[3]);
    let ids = serde_json::json!(["ours@clinic.example", GECKO_ID]);
    assert_eq!(firefox["allowed_extensions"], ids);
    let launcher = std::fs::read_to_string(script).unwrap();
    assert!(launcher.contains(r"'/usr/bin/cardea-agent' native-host --config '"));
    assert!(launcher.contains(r"it'\''s agent.toml' -- "));

    let options = Options {
        remove: true,
        ..options
    };
    run(&desk.config, &options, &desk.homes).unwrap();
    assert!(places.iter().all(|place| !place.exists()));
    assert!(!desk.folder.path().join("state/native-host").exists());
}

/// The browsers that stay need the launcher.
#[test]
fn the_launcher_goes_with_the_last_browser() {
    let desk = desk();
    let options = |browsers: &[Browser], remove| Options {
        browsers: browsers.to_vec(),
        profiles: Vec::new(),
        remove,
    };
    let both = [Browser::Chromium, Browser::Firefox];
    run(&desk.config, &options(&both, false), &desk.homes).unwrap();
    let script = desk.folder.path().join("state/native-host");
    run(&desk.config, &options(&both[..1], true), &desk.homes).unwrap();
    assert!(script.exists());
    run(&desk.config, &options(&both[1..], true), &desk.homes).unwrap();
    assert!(!script.exists());
}

#[test]
fn without_a_choice_the_browsers_that_were_run_are_set_up() {
    let desk = desk();
    let options = Options::default();
    assert!(run(&desk.config, &options, &desk.homes).unwrap().is_empty());
    std::fs::create_dir_all(desk.homes.config.join("chromium")).unwrap();
    std::fs::create_dir_all(desk.homes.config.join("mozilla")).unwrap();
    let written = run(&desk.config, &options, &desk.homes).unwrap();
    assert_eq!(written.len(), 2);
    assert!(written[0].starts_with(desk.homes.config.join("chromium")));
    assert!(written[1].starts_with(desk.homes.home.join(".mozilla")));
}

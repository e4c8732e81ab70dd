//! Browsers of a person: the file that leads to the agent, the extension, the policies.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cardea_agent::browser_setup_command::Homes;
use cardea_agent::config::Environment;
use cardea_agent::doctor::{self, Cause, Surroundings};
use cardea_agent::native_host::{CHROMIUM_ID, GECKO_ID};
use serde_json::json;

use super::{Desk, first, has, write};
use crate::service::run_in_own_process;
use crate::workstation::enrolment;

mod real;

const CHROMIUM: &str = ".config/chromium";

fn extension(home: &Path) {
    let settings = json!({"extensions": {"settings": {CHROMIUM_ID: {"location": 4}}}});
    let file = home.join(CHROMIUM).join("Default/Secure Preferences");
    write(&file, &settings.to_string());
}

#[test]
fn a_browser_that_does_not_find_the_agent_is_mended_on_demand() {
    let name = "doctor::browsers::a_browser_that_does_not_find_the_agent_is_mended_on_demand";
    run_in_own_process(name, async |_service| {
        let desk = Desk::set().await;
        let _agent = desk.agent();
        extension(desk.folder.path());
        let report = desk.examined();
        assert_eq!(first(&report), "doctor.browser_host_missing", "{report}");
        assert_eq!(report["findings"][0]["fixable"], true);

        let mut command = desk.doctor();
        let mended = super::examined(command.arg("--fix"));
        assert_eq!(mended["fixed"], json!(["doctor.browser_host_missing"]));
        assert!(!has(&mended, "doctor.browser_host_missing"), "{mended}");
        assert_eq!(mended["sound"], true, "{mended}");

        // So is one that admits another extension alone, which the browser would turn ours away by.
        let home = desk.folder.path();
        let manifest = home
            .join(CHROMIUM)
            .join("NativeMessagingHosts/cardea.agent.json");
        let good = std::fs::read_to_string(&manifest).unwrap();
        let other = "a".repeat(32);
        write(&manifest, &good.replace(CHROMIUM_ID, &other));
        let report = desk.examined();
        assert_eq!(first(&report), "doctor.browser_host_missing", "{report}");
        assert!(super::detail(&report).contains(CHROMIUM_ID), "{report}");
        write(&manifest, &good);
        assert_eq!(desk.examined()["sound"], true);

        // A file that leads to nothing that can be started is as good as none.
        let script = home.join("state/native-host");
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(first(&desk.examined()), "doctor.browser_host_missing");
        std::fs::remove_file(script).unwrap();
        assert_eq!(first(&desk.examined()), "doctor.browser_host_missing");
    });
}

#[test]
fn a_browser_without_the_extension_is_named_where_the_port_is_shut() {
    let name = "doctor::browsers::a_browser_without_the_extension_is_named_where_the_port_is_shut";
    run_in_own_process(name, async |_service| {
        let desk = Desk::set().await;
        let _agent = desk.agent();
        let home = desk.folder.path();
        std::fs::create_dir_all(home.join(CHROMIUM).join("Default")).unwrap();
        let report = desk.examined();
        assert_eq!(first(&report), "doctor.extension_missing", "{report}");
        extension(home);
        assert!(!has(&desk.examined(), "doctor.extension_missing"));

        let profile = home.join(".mozilla/firefox/a.default");
        std::fs::create_dir_all(&profile).unwrap();
        let report = desk.examined();
        assert!(has(&report, "doctor.extension_missing"), "{report}");
        let noted = json!({"addons": [{"id": GECKO_ID, "active": true}]}).to_string();
        write(&profile.join("extensions.json"), &noted);
        assert!(!has(&desk.examined(), "doctor.extension_missing"));
    });
}

/// The machine's policies are those of a folder that stands for `/`.
#[test]
fn a_policy_that_does_not_name_the_issuer_is_named_where_the_port_is_open() {
    let name =
        "doctor::browsers::a_policy_that_does_not_name_the_issuer_is_named_where_the_port_is_open";
    run_in_own_process(name, async |_service| {
        let desk = Desk::set().await;
        desk.configure(0, "on", &enrolment(&desk.issuer));
        let mut agent = desk.agent();
        agent.logged("listening");
        let home = desk.folder.path();
        std::fs::create_dir_all(home.join(CHROMIUM).join("Default")).unwrap();
        let root = tempfile::tempdir().unwrap();
        let surroundings = Surroundings {
            named: Some(desk.config()),
            usual: None,
            environment: Environment::default(),
            homes: Some(Homes {
                home: home.to_owned(),
                config: home.join(".config"),
                program: env!("CARGO_BIN_EXE_cardea-agent").into(),
            }),
            root: root.path().to_owned(),
        };
        let report = doctor::examine(&surroundings).await;
        assert_eq!(report.findings()[0].cause(), Cause::PolicyMissing);
        // With a configuration of her own, browser-policies would find nothing to write.
        let command = report.findings()[0].command().unwrap();
        let enrol = format!("sudo cardea-agent enrol {}", desk.issuer.url);
        assert_eq!(command, enrol);
        // It is a warning: she can sign in.
        let text = report.text();
        assert!(
            text.starts_with("Nothing keeps you from signing in."),
            "{text}"
        );

        let file = root
            .path()
            .join("etc/chromium/policies/managed/10-cardea-agent.json");
        let policies = |origin: &str| json!({"LocalNetworkAccessAllowedForUrls": [origin]});
        write(&file, &policies("https://another.example").to_string());
        let report = doctor::examine(&surroundings).await;
        assert_eq!(report.findings()[0].cause(), Cause::PolicyMissing);
        write(&file, &policies(&desk.issuer.url).to_string());
        let report = doctor::examine(&surroundings).await;
        assert!(report.is_sound(), "{}", report.text());

        // Where policy brings the extension, the way by the port is nobody's.
        let forced =
            json!({"ExtensionInstallForcelist": [format!("{CHROMIUM_ID};https://x.example")]});
        write(&file, &forced.to_string());
        let report = doctor::examine(&surroundings).await;
        assert_eq!(report.findings()[0].cause(), Cause::BrowserHostMissing);
    });
}

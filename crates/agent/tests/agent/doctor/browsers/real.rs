//! The notes of browsers that really ran: the extension is put in and switched off by the browser
//! itself.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use cardea_agent::native_host::{CHROMIUM_ID, GECKO_ID};
use serde_json::{Value, json};

use super::CHROMIUM;
use crate::doctor::{Desk, first, has, write};
use crate::service::{run_in_own_process, wait_until};

const EXTENSION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/extension");

/// A Chromium that runs, with its own folder, and is told what to do through its pipe.
struct Chromium {
    program: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    count: u64,
}

impl Chromium {
    fn run(folder: &Path) -> Self {
        // It takes orders at descriptor 3 and answers at 4.
        let script = "exec chromium \"$@\" 3<&0 4>&1 1>/dev/null";
        let mut program = Command::new("sh")
            .args(["-c", script, "chromium", "--headless=new", "--no-sandbox"])
            .args(["--disable-gpu", "--no-first-run", "--remote-debugging-pipe"])
            .arg("--enable-unsafe-extension-debugging")
            .arg(format!("--user-data-dir={}", folder.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            orders: program.stdin.take().unwrap(),
            answers: BufReader::new(program.stdout.take().unwrap()),
            program,
            count: 0,
        }
    }

    fn order(&mut self, method: &str, parameters: Value, session: Option<&str>) -> Value {
        self.count += 1;
        let mut order = json!({"id": self.count, "method": method, "params": parameters});
        if let Some(session) = session {
            order["sessionId"] = session.into();
        }
        self.orders
            .write_all(format!("{order}\0").as_bytes())
            .unwrap();
        loop {
            let mut said = Vec::new();
            let count = self.answers.read_until(0, &mut said).unwrap();
            let missing = "Chromium does not run: apt-get install chromium";
            assert!(count > 0, "{missing}");
            said.pop();
            let mut said: Value = serde_json::from_slice(&said).unwrap();
            if said["id"] == self.count {
                assert!(said["error"].is_null(), "{method}: {said}");
                return said["result"].take();
            }
        }
    }

    /// What a person does on the page of extensions.
    fn on_extensions_page(&mut self, script: &str) -> Value {
        let page = json!({"url": "chrome://extensions/"});
        let page = self.order("Target.createTarget", page, None);
        let attach = json!({"targetId": page["targetId"], "flatten": true});
        let session = self.order("Target.attachToTarget", attach, None);
        let session = session["sessionId"].as_str();
        let evaluate = json!({
            "expression": script, "awaitPromise": true, "returnByValue": true,
        });
        let done = self.order("Runtime.evaluate", evaluate, session);
        assert!(done["exceptionDetails"].is_null(), "{done}");
        done["result"]["value"].clone()
    }

    /// Its notes are complete once it has ended.
    fn close(mut self) {
        self.order("Browser.close", json!({}), None);
        self.program.wait().unwrap();
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[test]
fn an_extension_that_chromium_has_switched_off_is_named() {
    let name = "doctor::browsers::real::an_extension_that_chromium_has_switched_off_is_named";
    run_in_own_process(name, async |_service| {
        let desk = Desk::set().await;
        let _agent = desk.agent();
        let folder = desk.folder.path().join(CHROMIUM);
        let mut chromium = Chromium::run(&folder);
        let path = json!({"path": EXTENSION});
        let loaded = chromium.order("Extensions.loadUnpacked", path, None);
        assert_eq!(loaded["id"], CHROMIUM_ID);
        chromium.close();
        // With the extension on, all that is wrong is that the browser does not find the agent.
        let mended = crate::doctor::examined(desk.doctor().arg("--fix"));
        assert_eq!(mended["fixed"], json!(["doctor.browser_host_missing"]));
        assert_eq!(mended["sound"], true, "{mended}");

        let mut chromium = Chromium::run(&folder);
        let path = json!({"path": EXTENSION});
        chromium.order("Extensions.loadUnpacked", path, None);
        let off = format!(
            "(async () => {{ const info = () => \
             chrome.developerPrivate.getExtensionInfo('{CHROMIUM_ID}'); \
             for (;;) {{ try {{ await info(); break; }} catch {{ \
             await new Promise(it => setTimeout(it, 100)); }} }} \
             await chrome.management.setEnabled('{CHROMIUM_ID}', false); \
             return (await info()).state; }})()"
        );
        assert_eq!(chromium.on_extensions_page(&off), "DISABLED");
        chromium.close();
        let report = desk.examined();
        assert_eq!(first(&report), "doctor.extension_off", "{report}");
        assert_eq!(report["sound"], false);
        let fix = report["findings"][0]["fix"].as_str().unwrap();
        assert!(fix.contains("chrome://extensions"), "{fix}");
    });
}

/// Firefox takes what lies in a profile's folder as it starts; whether it is on, its settings say.
#[test]
fn an_extension_that_firefox_does_not_run_is_named() {
    let name = "doctor::browsers::real::an_extension_that_firefox_does_not_run_is_named";
    run_in_own_process(name, async |_service| {
        let desk = Desk::set().await;
        let _agent = desk.agent();
        for (is_on, scopes) in [(true, 0), (false, 15)] {
            let profile = desk.folder.path().join(".mozilla/firefox/a.default");
            let _ = std::fs::remove_dir_all(&profile);
            let settings = format!(
                "user_pref('xpinstall.signatures.required', false);\n\
                 user_pref('extensions.autoDisableScopes', {scopes});\n\
                 user_pref('extensions.startupScanScopes', 15);\n"
            );
            write(&profile.join("user.js"), &settings);
            let package = profile.join("extensions").join(format!("{GECKO_ID}.xpi"));
            std::fs::create_dir_all(package.parent().unwrap()).unwrap();
            let mut pack = Command::new("python3");
            pack.args(["-m", "zipfile", "-c"]).arg(&package).arg("./");
            assert!(pack.current_dir(EXTENSION).status().unwrap().success());
            let mut firefox = Command::new("firefox-esr")
                .args(["--headless", "--no-remote", "--profile"])
                .arg(&profile)
                .env("HOME", desk.folder.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("Firefox is missing: apt-get install firefox-esr");
            let noted = profile.join("extensions.json");
            // One that it has just found is off at first.
            wait_until("Firefox has noted the extension", async || {
                let text = std::fs::read_to_string(&noted).unwrap_or_default();
                let noted: Value = serde_json::from_str(&text).unwrap_or_default();
                let mut addons = noted["addons"].as_array().into_iter().flatten();
                addons.any(|it| it["id"] == GECKO_ID && it["active"] == is_on)
            })
            .await;
            let _ = firefox.kill();
            let _ = firefox.wait();
            let report = desk.examined();
            assert_eq!(has(&report, "doctor.extension_off"), !is_on, "{report}");
            assert_eq!(
                has(&report, "doctor.browser_host_missing"),
                is_on,
                "{report}"
            );
        }
    });
}

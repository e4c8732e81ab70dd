//! The main way from the page to the agent: the browser extension and its native messaging host.

#![expect(
    clippy::indexing_slicing,
    reason = "a member that is not there fails the test"
)]

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cardea_e2e::{Browser, Firefox, FramingSite, Stage};
use cardea_xtask::install;
use cardea_xtask::system::{Answer, DEFAULT_PIN, Options, Part, PinPrompt};
use serde_json::{Value, json};

/// How long the extension may take to learn the enrolled origins; a loaded machine is slow.
const REGISTRATION: Duration = Duration::from_secs(60);

/// Greets the extension as the login page does and gives its first word, or `null` for silence.
const GREET: &str = "const done = arguments[arguments.length - 1];
    const { port1, port2 } = new MessageChannel();
    setTimeout(() => done(null), 1000);
    port1.onmessage = ({ data }) => done(data);
    window.postMessage({ cardea: 'connect', version: 1 }, location.origin, [port2]);";

/// Greets it, asks for an assertion, and gives the answer.
const ASK: &str = "const done = arguments[arguments.length - 1];
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => data.type === 'hello'
        ? port1.postMessage({ type: 'assertion', challenge: 'none' })
        : done(data);
    window.postMessage({ cardea: 'connect', version: 1 }, location.origin, [port2]);";

async fn stage(name: &str) -> Result<Stage> {
    Stage::open_with(name, |options| options.agent_loopback = false).await
}

/// Opens the issuer's pages until the content script answers there.
async fn wait_for_extension(browser: &Browser, issuer: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        browser.goto(&format!("{issuer}/errors/agent.busy")).await?;
        let hello = browser.run_async(GREET).await?;
        if hello.get("type") == Some(&Value::from("hello")) {
            return Ok(());
        }
        anyhow::ensure!(
            begun.elapsed() < REGISTRATION,
            "the extension does not answer on the issuer's pages"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_login_goes_over_the_extension_without_a_port() -> Result<()> {
    let stage = stage("extension").await?;
    let addresses = stage.system().addresses();
    let (portal, issuer) = (addresses.portal_url(), addresses.issuer());
    let port = addresses.agent_port();
    assert!(!cardea_xtask::system::is_listened_on(port));
    let browser = Browser::open_with_extension(stage.system()).await?;
    wait_for_extension(&browser, &issuer).await?;

    browser.press_sign_in(&portal, "fr").await?;
    let greeting = browser.wait_for("#greeting").await?;
    assert_eq!(greeting, "Bonjour Camille DURAND, pharmacien");
    // The portal's own page is of another origin: nothing listens there.
    assert_eq!(browser.run_async(GREET).await?, Value::Null);
    let prompts = stage.system().pin_prompt_log();
    assert_eq!(prompts.matches("GETPIN").count(), 1);
    stage.system().card().remove()?;
    browser.wait_for("#ended").await?;
    browser.close().await
}

/// What `cardea-agent status` says of a member, once it is `wanted`.
async fn wait_for_agent_state(stage: &Stage, wanted: &str) -> Result<()> {
    let program = cardea_xtask::workspace::binary("cardea-agent")?;
    let begun = Instant::now();
    loop {
        let mut command = std::process::Command::new(&program);
        command.args(["status", "--json", "--config"]);
        let output = command.arg(stage.system().agent_settings()).output()?;
        let status: Value = serde_json::from_slice(&output.stdout)?;
        if status["state"] == wanted {
            return Ok(());
        }
        anyhow::ensure!(
            begun.elapsed() < REGISTRATION,
            "{wanted} does not come: {status}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Attack D7: a tab that goes elsewhere leaves no prompt behind, and a cancelled one leads back.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_goes_takes_its_prompt_with_it_d7() -> Result<()> {
    let stage = Stage::open_with("extension-leave", |options| {
        options.agent_loopback = false;
        // Longer than any wait below: only the page's going ends this prompt.
        let late = Answer::SlowPin(DEFAULT_PIN.into(), 600_000);
        options.pin_prompt = PinPrompt::Script(vec![late]);
    })
    .await?;
    let (portal, issuer) = {
        let addresses = stage.system().addresses();
        (addresses.portal_url(), addresses.issuer())
    };
    let browser = Browser::open_with_extension(stage.system()).await?;
    wait_for_extension(&browser, &issuer).await?;
    browser.press_sign_in(&portal, "fr").await?;
    browser.wait_for_login_state("pin_asked").await?;
    wait_for_agent_state(&stage, "busy").await?;
    browser.goto(&portal).await?;
    wait_for_agent_state(&stage, "ready").await?;

    stage.system().script_pin_prompt(&[Answer::Cancel])?;
    browser.press_sign_in(&portal, "fr").await?;
    let begun = Instant::now();
    while !browser.address().await?.contains("access_denied") {
        anyhow::ensure!(begun.elapsed() < REGISTRATION, "the page stays");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    browser.close().await
}

/// The programs that some process started, as `ps` names them.
fn children_of(process: u32) -> Result<Vec<String>> {
    let parent = process.to_string();
    let output = std::process::Command::new("ps")
        .args(["-o", "pid=", "--ppid", &parent])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

/// A stopped or killed agent takes its prompt along, and the page goes on with the next one.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_waits_for_an_agent_that_ends_while_it_asks() -> Result<()> {
    let late = || Answer::SlowPin(DEFAULT_PIN.into(), 600_000);
    let mut stage = Stage::open_with("extension-agent-ends", |options| {
        options.agent_loopback = false;
        options.pin_prompt = PinPrompt::Script(vec![late()]);
    })
    .await?;
    let addresses = stage.system().addresses();
    let (portal, issuer) = (addresses.portal_url(), addresses.issuer());
    let browser = Browser::open_with_extension(stage.system()).await?;
    wait_for_extension(&browser, &issuer).await?;
    browser.press_sign_in(&portal, "fr").await?;
    for signal in ["-TERM", "-KILL"] {
        browser.wait_for_login_state("pin_asked").await?;
        let agent = stage.system().process_of(Part::Agent).context("no agent")?;
        let begun = Instant::now();
        let prompts = loop {
            let prompts = children_of(agent)?;
            if !prompts.is_empty() {
                break prompts;
            }
            anyhow::ensure!(begun.elapsed() < REGISTRATION, "no prompt comes");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let process = agent.to_string();
        let mut kill = std::process::Command::new("kill");
        anyhow::ensure!(kill.args([signal, &process]).status()?.success());
        stage.system_mut().stop_part(Part::Agent)?;
        browser.wait_for_login_state("agent_not_running").await?;
        let remain = |pid: &String| std::path::Path::new("/proc").join(pid).join("exe").exists();
        while prompts.iter().any(remain) {
            anyhow::ensure!(begun.elapsed() < REGISTRATION, "a prompt lives on");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if signal == "-KILL" {
            let pin = Answer::Pin(DEFAULT_PIN.into());
            stage.system().script_pin_prompt(&[pin])?;
        }
        stage.system_mut().start_part(Part::Agent)?;
    }
    browser.wait_for("#greeting").await?;
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_signs_in_over_the_extension_as_well() -> Result<()> {
    let stage = stage("extension-firefox").await?;
    let addresses = stage.system().addresses();
    let (portal, issuer) = (addresses.portal_url(), addresses.issuer());
    let mut firefox = Firefox::open_with_extension(stage.system()).await?;
    let begun = Instant::now();
    loop {
        firefox.goto(&format!("{issuer}/errors/agent.busy")).await?;
        if firefox.run_async(GREET).await?["type"] == "hello" {
            break;
        }
        anyhow::ensure!(begun.elapsed() < REGISTRATION, "the extension stays silent");
    }
    firefox.goto(&format!("{portal}/language/en")).await?;
    firefox.click("#sign-in").await?;
    let greeting = firefox.wait_for("#greeting").await?;
    assert_eq!(greeting, "Hello Camille DURAND, pharmacist");
    // Firefox matches no ports: the script runs in the portal's page, too, and the agent refuses.
    let told = firefox.run_async(ASK).await?;
    assert_eq!(told["code"], "agent.origin_refused", "{told}");
    firefox.close().await
}

/// Whether somebody has connected to a port where nobody answers.
fn was_asked(port: &TcpListener) -> Result<bool> {
    match port.accept() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A squatter at the agent's port.
fn squat(stage: &Stage) -> Result<TcpListener> {
    let port = stage.system().addresses().agent_port();
    let squatter = TcpListener::bind(("127.0.0.1", port))?;
    squatter.set_nonblocking(true)?;
    Ok(squatter)
}

async fn picture(browser: &Browser, state: &str, words: &str) -> Result<()> {
    browser.wait_for_login_state(state).await?;
    let text = browser.text("#panel").await?;
    assert!(text.contains(words), "{state} says: {text}");
    browser.check_accessible(state).await?;
    browser.screenshot(&format!("extension-{state}")).await?;
    Ok(())
}

/// Attack D6: where the extension is, a squatter is not asked, whatever the extension lacks. With
/// an agent and a card of his own he could sign this browser in as himself.
#[tokio::test(flavor = "multi_thread")]
async fn a_squatter_gets_nothing_where_the_extension_has_spoken_d6() -> Result<()> {
    let mut stage = stage("extension-squatter").await?;
    let portal = stage.system().addresses().portal_url();
    let browser = Browser::open_with_extension(stage.system()).await?;
    browser.reduce_motion().await?;
    wait_for_extension(&browser, &stage.system().addresses().issuer()).await?;
    let squatter = squat(&stage)?;

    let manifest = stage.system().browser_profile();
    let manifest = manifest.join("NativeMessagingHosts/cardea.agent.json");
    let aside = manifest.with_extension("aside");
    std::fs::rename(&manifest, &aside)?;
    browser.press_sign_in(&portal, "fr").await?;
    picture(&browser, "host_missing", "cardea-agent browser-setup").await?;
    std::fs::rename(&aside, &manifest)?;

    stage.system_mut().stop_part(Part::Agent)?;
    browser.press_sign_in(&portal, "fr").await?;
    picture(&browser, "agent_not_running", "Démarrez l’agent Cardea").await?;
    // The page that waits finds the agent by the extension, and goes on.
    stage.system_mut().start_part(Part::Agent)?;
    browser.wait_for("#greeting").await?;
    assert!(!was_asked(&squatter)?);
    browser.close().await
}

/// Another user can slow a machine down, too: what began at the port ends when the extension
/// speaks.
#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_speaks_late_takes_the_page_from_the_port_d6() -> Result<()> {
    let mut stage = stage("extension-late").await?;
    let portal = stage.system().addresses().portal_url();
    stage.system_mut().stop_part(Part::Agent)?;
    let squatter = squat(&stage)?;
    let browser = Browser::open().await?;
    browser.run_in_each_page(LATE).await?;
    browser.press_sign_in(&portal, "fr").await?;
    // The squatter keeps the page waiting: only the extension's word leads on.
    browser.wait_for_login_state("agent_not_running").await?;
    assert!(was_asked(&squatter)?);
    browser.close().await
}

/// An extension on a slow machine, as the page sees it.
const LATE: &str = "addEventListener('message', ({ data, ports: [port] }) => {
    if (data?.cardea !== 'connect') return;
    const gone = { type: 'unavailable', code: 'extension.agent_not_running' };
    port.onmessage = ({ data }) => data.type === 'assertion' && port.postMessage(gone);
    setTimeout(() => port.postMessage({ type: 'hello', version: 1 }), 1500);
  });";

/// Attacks D1 and D3: whoever is no page of an enrolled origin in a tab's own window gets nothing.
#[tokio::test(flavor = "multi_thread")]
async fn frames_sandboxes_and_other_origins_get_nothing_d1_d3() -> Result<()> {
    let site = FramingSite::start().await?;
    let origin = site.origin();
    let without_port = |options: &mut Options| options.agent_loopback = false;
    let stage = Stage::open_prepared("extension-frames", without_port, move |system| {
        let settings = std::fs::read_to_string(system.agent_settings())?;
        let issuer = system.addresses().issuer();
        let origins = format!("[[issuer]]\norigins = [\"{issuer}\", \"{origin}\"]\n");
        let settings = settings.replacen("[[issuer]]\n", &origins, 1);
        Ok(std::fs::write(system.agent_settings(), settings)?)
    })
    .await?;
    let browser = Browser::open_with_extension(stage.system()).await?;
    wait_for_extension(&browser, &stage.system().addresses().issuer()).await?;

    let heard = "return [window, ...Array.from(frames)]
        .map((view) => view.document.documentElement.dataset.heard ?? null);";
    browser.goto(&format!("{}/frame", site.origin())).await?;
    browser.wait_for("html[data-heard]").await?;
    assert_eq!(browser.run(heard).await?, json!(["hello", null]));
    let sandboxed = format!("{}/sandbox", site.origin());
    for page in [sandboxed, site.other_origin()] {
        browser.goto(&page).await?;
        assert_eq!(browser.run_async(GREET).await?, Value::Null, "{page}");
    }
    assert_eq!(stage.system().pin_prompt_log(), "");
    browser.close().await
}

/// Attack D6: an extension that is not Cardea's spawns the host, even with a manifest of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_extension_is_refused_by_browser_and_host_d6() -> Result<()> {
    let stage = stage("extension-foreign").await?;
    let system = stage.system();
    let folder = system.folder().join("foreign");
    std::fs::create_dir_all(&folder)?;
    let manifest = json!({
        "manifest_version": 3,
        "name": "Foreign",
        "version": "1",
        "key": FOREIGN_KEY,
        "background": { "service_worker": "background.js" },
        "permissions": ["nativeMessaging"],
        "content_scripts": [{ "matches": ["http://127.0.0.1/*"], "js": ["content.js"] }],
    });
    for (name, content) in [
        ("manifest.json", &*manifest.to_string()),
        ("background.js", FOREIGN_BACKGROUND),
        ("content.js", FOREIGN_CONTENT),
    ] {
        std::fs::write(folder.join(name), content)?;
    }
    let browser = Browser::open_with_extension_at(&folder, &system.browser_profile()).await?;
    let page = format!("{}/errors/agent.busy", system.addresses().issuer());
    browser.goto(&page).await?;
    browser.wait_for("html[data-answer]").await?;
    let answer = "return document.documentElement.dataset.answer";
    let told = browser.run(answer).await?.to_string();
    assert!(told.contains("forbidden"), "{told}");

    let manifest = system
        .browser_profile()
        .join("NativeMessagingHosts/cardea.agent.json");
    let text = std::fs::read_to_string(&manifest)?;
    let mut document: Value = serde_json::from_str(&text)?;
    document["allowed_origins"] = json!([format!("chrome-extension://{FOREIGN_ID}/")]);
    std::fs::write(&manifest, document.to_string())?;
    browser.goto(&page).await?;
    browser.wait_for("html[data-answer]").await?;
    let told = browser.run(answer).await?;
    let told: Value = serde_json::from_str(told.as_str().context("no answer")?)?;
    let refused = json!({ "type": "unavailable", "code": "agent.extension_refused" });
    assert_eq!(told, refused);
    browser.close().await
}

/// What `key` in the manifest below makes of it.
const FOREIGN_ID: &str = "fcffifacgfcjhnfpoclombpkjbhbcldp";
const FOREIGN_KEY: &str = concat!(
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0AV+vWPnVw9nUSXa2aeL4qrca8LasF8oNYLVraSTVglz",
    "GxxgntIznUpOQkscpo0FG5qNGXBmvb/J8iOSVJV6GFGFnnErXEk6DyFPDUzgWJwSH8wmnYGS1FAb17o31Gl1Dkx9",
    "SCKeGEjoRoJNd3/sxFTeYxHqbQj5FEFlaHaCEJrLmyPBrBF3ts/wK5H4oL9B1PSgCTbj6XHMyYhxcIcHdgQ3mRBH",
    "tS5Y3rCObG2oQb5OgmjuNEWOkP6xH4ezhZtxcuVKMdAt2MTWuitzVQJneJJr/vlTyQL88zTT7VqGQWbg+QdXBn1U",
    "WBnxk2Lyd6HDrQgKRuQogAjhZ1Ds9s4O3QIDAQAB"
);
const FOREIGN_BACKGROUND: &str =
    "chrome.runtime.onMessage.addListener((message, sender, answer) => {
    const host = chrome.runtime.connectNative('cardea.agent');
    host.onMessage.addListener((line) => answer(JSON.stringify(line)));
    host.onDisconnect.addListener(() => answer(chrome.runtime.lastError.message));
    host.postMessage({ type: 'origins' });
    return true;
});";
const FOREIGN_CONTENT: &str = "chrome.runtime.sendMessage('ask').then((answer) => {
    document.documentElement.dataset.answer = answer;
});";

#[test]
fn the_extensions_scripts_pass_their_own_tests() -> Result<()> {
    let tests = cardea_xtask::workspace::root().join("crates/agent/tests/extension");
    let mut command = std::process::Command::new(install::node_program()?);
    command.arg("--test").current_dir(tests);
    let output = command.output().context("can't start Node.js")?;
    let told = String::from_utf8_lossy(&output.stdout);
    anyhow::ensure!(output.status.success(), "{told}");
    // Without a test it would succeed as well.
    anyhow::ensure!(!told.contains("pass 0\n"), "{told}");
    Ok(())
}

//! Another use of a person's card is told to her agent at once, and her word that it was not she
//! ends what was opened: a card in a real reader, real agents, a real server, a real browser.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cardea_e2e::business_software::{BusinessSoftware, SOFTWARE_CLIENT};
use cardea_e2e::{AuthorizationRequest, Browser, PageScript, SCREENS, Stage};
use cardea_xtask::system::{Answer, System};
use cardea_xtask::workspace;
use serde_json::Value;

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// A client whose professions hers is none of.
const CLOSED_CLIENT: &str = "laboratoire";
const CLOSED: &str = "[[client]]\nclient_id = \"laboratoire\"\nname = \"Logiciel de laboratoire\"\n\
    token_endpoint_auth_method = \"none\"\n\
    grant_types = [\"urn:ietf:params:oauth:grant-type:jwt-bearer\"]\n\
    scopes = [\"openid\"]\n\
    cards = { professions = [{ code = \"10\", system = \"TRE_G15\" }] }\n\n";
const PIN: &str = "1234";

/// A second workstation on this machine: an agent of its own at the same reader.
struct Elsewhere {
    settings: PathBuf,
}

impl Elsewhere {
    fn set_up(system: &System) -> Result<Self> {
        let folder = system.folder().join("elsewhere");
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        let program = folder.join("pinentry");
        let text = format!(
            "#!/bin/sh\necho 'OK ready'\nwhile read -r line; do\n  case \"$line\" in\n    \
             GETPIN*) printf 'D {PIN}\\nOK\\n' ;;\n    BYE*) echo OK; exit ;;\n    \
             *) echo OK ;;\n  esac\ndone\n"
        );
        fs::write(&program, text)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700))?;
        let own = fs::read_to_string(system.agent_settings())?;
        let changed = own.lines().map(|line| {
            let quoted = |name: &str| format!("{:?}", folder.join(name).display().to_string());
            match line.split(" = ").next() {
                Some("state_dir") => format!("state_dir = {}", quoted("state")),
                Some("socket") => format!("socket = {}", quoted("agent.sock")),
                Some("pinentry") => format!("pinentry = {}", quoted("pinentry")),
                _ => line.to_owned(),
            }
        });
        let mut text = "instance_name = \"Poste du couloir\"\n".to_owned();
        for line in changed {
            text.push_str(&line);
            text.push('\n');
        }
        text.push_str("\n[business_software]\nenabled = true\n");
        for client in [SOFTWARE_CLIENT, CLOSED_CLIENT] {
            text.push_str(&format!(
                "\n[[business_software.client]]\nclient_id = \"{client}\"\n\
                 addresses = [\"https://api.officine.example/\"]\n"
            ));
        }
        let settings = folder.join("agent.toml");
        fs::write(&settings, text)?;
        fs::set_permissions(&settings, fs::Permissions::from_mode(0o600))?;
        Ok(Self { settings })
    }

    fn command(&self, system: &System, client: &str) -> Result<Command> {
        let mut command = Command::new(workspace::binary("cardea-agent")?);
        command.args(["sign-in", "--client", client, "--json", "--issuer"]);
        command.arg(system.addresses().issuer());
        command.arg("--config").arg(&self.settings);
        command.env("PCSCLITE_CSOCK_NAME", system.pcscd_socket());
        Ok(command)
    }

    /// A sign-in that holds its session.
    fn sign_in(&self, system: &System) -> Result<BusinessSoftware> {
        let mut command = self.command(system, SOFTWARE_CLIENT)?;
        let (program, _) = BusinessSoftware::sign_in_by(system, command.arg("--proofs"))?;
        Ok(program)
    }

    /// One that is refused.
    fn is_refused(&self, system: &System) -> Result<()> {
        let mut command = self.command(system, CLOSED_CLIENT)?;
        let output = command.stdin(Stdio::null()).output()?;
        ensure!(!output.status.success(), "{output:?}");
        Ok(())
    }
}

/// How often the agent's person was shown something with these words.
fn shown(system: &System, words: &str) -> usize {
    system.pin_prompt_log().matches(words).count()
}

async fn until(what: &str, condition: impl Fn() -> bool) -> Result<()> {
    let begun = Instant::now();
    while !condition() {
        ensure!(begun.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn sign_in_here(system: &System) -> Result<()> {
    let page = PageScript::open(system, &AuthorizationRequest::new()?).await?;
    page.sign_in(system).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_use_is_told_at_once_and_not_she_ends_it() -> Result<()> {
    let stage = Stage::open_with("notices", |options| {
        BusinessSoftware::register(options);
        let file = options.folder.join("clients.toml");
        let others = fs::read_to_string(&file).unwrap_or_default();
        let _ = fs::write(&file, format!("{others}\n{CLOSED}"));
    })
    .await?;
    let system = stage.system();
    system.script_pin_prompt(&[Answer::Pin(PIN.to_owned()), Answer::Decline])?;
    let elsewhere = Elsewhere::set_up(system)?;
    sign_in_here(system).await?;
    // Her card is refused elsewhere: the agent here says so.
    elsewhere.is_refused(system)?;
    until("the refused use", || shown(system, "Poste du couloir") == 1).await?;
    ensure!(
        shown(system, "vient d’être refusée") == 1,
        "{}",
        system.pin_prompt_log()
    );
    // It is used elsewhere for the first time: said too, before this session ends for it.
    let there = elsewhere.sign_in(system)?;
    until("the first use", || shown(system, "jamais servi") == 1).await?;

    let browser = Browser::open().await?;
    browser.reduce_motion().await?;
    not_she_on_the_way(system, &browser).await?;
    drop(there);
    not_she_at_her_account(system, &browser).await?;
    browser.close().await
}

/// At her next login a page asks about each; of the refused use she says that it was not she.
async fn not_she_on_the_way(system: &System, browser: &Browser) -> Result<()> {
    let portal = system.addresses().portal_url();
    browser.press_sign_in(&portal, "fr").await?;
    browser
        .wait_for("form[action^=\"/new-workstations/\"]")
        .await?;
    browser.click("button[type=\"submit\"]:not([name])").await?;
    browser.wait_for("form[action^=\"/refused-uses/\"]").await?;
    look_at(browser, "refused-uses").await?;
    browser.click("button[value=\"not_me\"]").await?;
    let reported = browser.wait_for("main").await?;
    ensure!(reported.contains("C’est signalé"), "{reported}");
    look_at(browser, "refused-uses-denied").await?;
    browser.click("a.action").await
}

/// A session of her software here: she says of its line that it was not she.
async fn not_she_at_her_account(system: &System, browser: &Browser) -> Result<()> {
    let (mut software, tokens) = BusinessSoftware::sign_in(system, &["--scope", "openid"])?;
    let refresh = tokens.get("refresh_token").and_then(Value::as_str);
    let refresh = refresh.context("no refresh token")?.to_owned();
    let issuer = system.addresses().issuer();
    browser.goto(&format!("{issuer}/account?lang=fr")).await?;
    browser.press_start_if_asked().await?;
    browser.wait_for("main.account").await?;
    let pressed = "const forms = [...document.querySelectorAll('form[action^=\"/account/not-me\"]')];\
        const own = forms.filter(it => it.closest('li').textContent.includes('officine'));\
        if (own.length) own[0].querySelector('button').click(); return own.length;";
    let lines = browser.run(pressed).await?;
    ensure!(
        lines.as_u64().is_some_and(|it| it > 0),
        "no line to deny: {lines}"
    );
    let reported = browser.wait_for("button[value=\"end_this\"]").await;
    reported.context("no answer to what she said")?;
    // What the answer says is true as soon as it is there.
    // The agent that holds the key has gone with the session, or its refresh is refused.
    let http = PageScript::http()?;
    if let Ok(answer) = software.refresh(&http, system, &refresh).await {
        ensure!(answer.status().is_client_error(), "{}", answer.status());
    }
    look_at(browser, "not-me").await?;
    browser.goto(&format!("{issuer}/account?lang=fr")).await?;
    browser.wait_for("main.account").await?;
    Ok(())
}

async fn look_at(browser: &Browser, name: &str) -> Result<()> {
    for (screen, shape) in SCREENS.iter().zip(["wide", "phone"]) {
        browser.resize(*screen).await?;
        browser.check_accessible(&format!("{name} {shape}")).await?;
        browser.screenshot(&format!("page-{name}-{shape}")).await?;
    }
    browser.resize(SCREENS[0]).await?;
    Ok(())
}

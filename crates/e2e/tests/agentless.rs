//! A login without the agent in a real browser, which reaches the card's key through its own NSS
//! database, with pictures of what the person is asked in `target/screenshots`.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cardea_e2e::{Browser, Stage};
use cardea_xtask::system::{Part, Scheme, System};
use serde_json::{Value, json};

/// In both languages: the link, the question, a no that leads back, a yes that leads to the portal,
/// the session that does not end when the card is pulled, and the sign-out.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_without_the_agent_and_out_again() -> Result<()> {
    let port = free_port()?;
    let mut stage = Stage::open_prepared(
        "agentless",
        |options| options.scheme = Scheme::Https,
        move |system| allow_agentless(system, port),
    )
    .await?;
    stage.system_mut().stop_part(Part::Agent)?;
    let folder = stage.system().folder().to_owned();
    let (home, profile) = (folder.join("home"), folder.join("profile"));
    make_home(stage.system(), &home)?;
    make_profile(&profile, port)?;
    let browser = Browser::open_at_home(&home, &profile).await?;
    let portal = stage.system().addresses().portal_url();
    for (language, question, warning, greeting, stays) in [
        (
            "fr",
            "Vous vous connectez à",
            "ne vous déconnectera PAS",
            "Bonjour",
            "retirer votre carte ne ferme pas votre session",
        ),
        (
            "en",
            "You are signing in to",
            "will NOT sign you out",
            "Hello",
            "taking your card out does not end your session",
        ),
    ] {
        browser.press_sign_in(&portal, language).await?;
        browser.wait_for("#agentless a").await?;
        browser
            .screenshot(&format!("agentless-offered-{language}"))
            .await?;
        browser.click("#agentless a").await?;
        let asked = browser.wait_for("h1").await?;
        ensure!(asked.starts_with(question), "{asked}");
        ensure!(asked.contains("Assurance santé de l’Amandier"), "{asked}");
        let text = browser.text("main").await?;
        ensure!(
            text.contains("Camille DURAND") || text.contains("CAMILLE DURAND"),
            "{text}"
        );
        ensure!(text.contains(warning), "{text}");
        browser
            .screenshot(&format!("agentless-question-{language}"))
            .await?;
        // No, and back again.
        browser.click("button[value=no]").await?;
        browser.click("#agentless a").await?;
        browser.click("button[value=yes]").await?;
        let greeted = browser.wait_for("#greeting").await?;
        ensure!(greeted.starts_with(greeting), "{greeted}");
        let said = browser.text("main").await?;
        ensure!(said.contains(stays), "{said}");
        browser
            .screenshot(&format!("agentless-signed-in-{language}"))
            .await?;
        browser.click("#sign-out").await?;
        browser.wait_for("#sign-in").await?;
    }
    let cookies = browser.cookies().await?;
    ensure!(!cookies.contains("agentless"), "{cookies}");
    browser.close().await?;
    ensure_on_record(stage.system())
}

/// Turns the way on at the server and for the demo's portal.
fn allow_agentless(system: &System, port: u16) -> Result<()> {
    let file = system.server_settings();
    let text = std::fs::read_to_string(&file)?;
    let portal = text
        .lines()
        .find(|line| line.starts_with("client_id = "))
        .context("the demo has a portal")?
        .to_owned();
    let text = text.replacen(&portal, &format!("{portal}\nagentless = true"), 1);
    let agentless = format!(
        "\n[agentless]\nenabled = true\nlisten = \"127.0.0.1:{port}\"\n\
         url = \"https://localhost:{port}\"\n"
    );
    Ok(std::fs::write(file, text + &agentless)?)
}

/// A home folder whose NSS database holds the card's certificate and key, as a card's PKCS#11
/// module in it would.
fn make_home(system: &System, home: &Path) -> Result<()> {
    let database = home.join(".pki/nssdb");
    std::fs::create_dir_all(&database)?;
    let database = format!("sql:{}", database.display());
    let card = system.card().folder();
    let container = home.join("card.p12");
    run(Command::new("certutil").args(["-N", "--empty-password", "-d", &database]))?;
    run(Command::new("openssl")
        .args([
            "pkcs12",
            "-export",
            "-passout",
            "pass:card",
            "-name",
            "card",
        ])
        .arg("-in")
        .arg(card.join("authentication.pem"))
        .arg("-inkey")
        .arg(card.join("authentication.key"))
        .arg("-out")
        .arg(&container))?;
    run(Command::new("pk12util")
        .args(["-W", "card", "-d", &database, "-i"])
        .arg(container))
}

/// A profile in which the person's choice of a certificate is made already: a dialog would wait for
/// ever where there is no screen. Administrators do the same by `AutoSelectCertificateForUrls`.
fn make_profile(profile: &Path, port: u16) -> Result<()> {
    let address = format!("https://localhost:{port},*");
    let chosen = json!({ address: { "setting": { "filters": [{}] } } });
    let preferences: Value = json!({
        "profile": { "content_settings": { "exceptions": { "auto_select_certificate": chosen } } }
    });
    let folder = profile.join("Default");
    std::fs::create_dir_all(&folder)?;
    Ok(std::fs::write(
        folder.join("Preferences"),
        preferences.to_string(),
    )?)
}

fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let hint = format!("{name} is missing: run `cargo xtask test`, or install libnss3-tools");
    let output = command.output().context(hint)?;
    ensure!(output.status.success(), "{name}: {output:?}");
    Ok(())
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// The log tells each acceptance and names nobody.
fn ensure_on_record(system: &System) -> Result<()> {
    let log = system.log_of(Part::Server);
    let accepted = log.matches("agentless_login.accepted").count();
    ensure!(accepted == 2, "{accepted} are on record");
    ensure!(!log.contains("DURAND"), "the log names a person");
    ensure!(!log.contains("code="), "the log has a code");
    Ok(())
}

//! The way from the page to the agent over loopback: what the browser allows (Local Network
//! Access), who else may be at the agent's port, and what pages of other sites get there.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cardea_e2e::{AuthorizationRequest, Browser, SCREENS, Stage};
use cardea_xtask::system::Part;
use serde_json::{Value, json};

mod local_network {
    pub(super) mod foreign_page;
    pub(super) mod squatter;
}

use local_network::foreign_page::ForeignPage;
use local_network::squatter::{Answers, Squatter};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The permission that counts for loopback addresses.
const PERMISSION: &str = "loopback-network";

/// Keeps the name of each state that the login page has been in.
const REMEMBER_STATES: &str = "addEventListener('DOMContentLoaded', () => {
    const login = document.getElementById('login');
    if (!login) return;
    window.states = [];
    new MutationObserver(() => window.states.push(login.dataset.state))
      .observe(login, { attributeFilter: ['data-state'] });
  });";

/// A browser to which the server is a site on the internet.
async fn open_browser(stage: &Stage) -> Result<Browser> {
    let issuer = stage.system().addresses().issuer();
    let server = issuer.split_once("://").context("no address")?.1;
    let public = format!("--ip-address-space-overrides={server}=public");
    let browser = Browser::open_with_arguments(&[&public]).await?;
    browser.run_in_each_page(REMEMBER_STATES).await?;
    browser.reduce_motion().await?;
    Ok(browser)
}

async fn begin(browser: &Browser, stage: &Stage, language: &str) -> Result<()> {
    let request = AuthorizationRequest::new()?.with("ui_locales", Some(language));
    let address = request.address(stage.system())?;
    browser.goto(address.as_str()).await?;
    browser.press_start_if_asked().await
}

async fn states(browser: &Browser) -> Result<Vec<String>> {
    let states = browser.run("return window.states").await?;
    let states = states.as_array().context("no states")?;
    Ok(states
        .iter()
        .filter_map(|state| state.as_str().map(str::to_owned))
        .collect())
}

async fn picture(browser: &Browser, state: &str, language: &str, words: &str) -> Result<()> {
    browser.wait_for_login_state(state).await?;
    let text = browser.text("#panel").await?;
    assert!(text.contains(words), "{state} in {language} says: {text}");
    for (screen, shape) in SCREENS.iter().zip(["wide", "phone"]) {
        browser.resize(*screen).await?;
        browser
            .check_accessible(&format!("{state} {language} {shape}"))
            .await?;
        browser
            .screenshot(&format!("reach-{state}-{language}-{shape}"))
            .await?;
    }
    browser.resize(SCREENS[0]).await
}

/// With a real agent: denied, then allowed, then absent, and each time the page says which.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_denies_is_told_from_an_agent_that_is_absent() -> Result<()> {
    let mut stage = Stage::open("local-network").await?;
    let issuer = stage.system().addresses().issuer();
    let portal = stage.system().addresses().portal_url();
    let browser = open_browser(&stage).await?;

    // Chromium without a head answers its own question with no. The page said before what was
    // going to be asked.
    begin(&browser, &stage, "fr").await?;
    picture(&browser, "network_denied", "fr", "Votre navigateur bloque").await?;
    let seen = states(&browser).await?;
    let asked = seen.iter().position(|state| state == "network_prompt");
    let denied = seen.iter().position(|state| state == "network_denied");
    assert!(asked.is_some() && asked < denied, "{seen:?}");

    // Denied for good, as by the person's press: nothing is asked again.
    browser
        .set_permission(PERMISSION, "denied", &issuer)
        .await?;
    begin(&browser, &stage, "en").await?;
    picture(&browser, "network_denied", "en", "Your browser blocks").await?;
    let seen = states(&browser).await?;
    assert!(!seen.contains(&"network_prompt".to_owned()), "{seen:?}");

    // Allowed in the browser's settings: the page that waits goes on by itself, to the PIN and on.
    browser.press_sign_in(&portal, "fr").await?;
    browser.wait_for_login_state("network_denied").await?;
    browser
        .set_permission(PERMISSION, "granted", &issuer)
        .await?;
    browser.wait_for("#greeting").await?;

    // Allowed, and nobody there.
    stage.system_mut().stop_part(Part::Agent)?;
    begin(&browser, &stage, "fr").await?;
    picture(&browser, "agent_missing", "fr", "ne répond pas").await?;
    // Not asked yet, and nobody there: a browser asks only when something answers.
    browser
        .set_permission(PERMISSION, "prompt", &issuer)
        .await?;
    begin(&browser, &stage, "en").await?;
    picture(&browser, "agent_missing", "en", "does not answer").await?;
    browser.close().await
}

/// Attack D6, from the page's side: whatever answers at the agent's port is not taken for the
/// agent unless it names this enrolment and this challenge, first and in what the card signed.
#[tokio::test(flavor = "multi_thread")]
async fn a_squatted_port_is_told_from_the_agent() -> Result<()> {
    let mut stage = Stage::open("squatted-port").await?;
    stage.system_mut().stop_part(Part::Agent)?;
    let agent_url = stage.system().addresses().agent_url();
    let issuer = stage.system().addresses().issuer();
    let squatter = Squatter::at(&agent_url, &issuer).await?;
    let browser = Browser::open().await?;
    browser.reduce_motion().await?;
    let cases = [
        (Answers::WithoutLeave, "not_for_this_site", "ne connaît pas"),
        (Answers::AnotherPage, "other_program", "Un autre programme"),
        (
            Answers::AnotherProblem,
            "other_program",
            "Un autre programme",
        ),
        (Answers::StatesAtOnce, "other_program", "Un autre programme"),
        (
            Answers::AnotherChallenge,
            "other_program",
            "Un autre programme",
        ),
        (
            Answers::ForeignOrigin,
            "other_program",
            "Un autre programme",
        ),
    ];
    for (answers, state, words) in cases {
        squatter.answer(answers);
        begin(&browser, &stage, "fr").await?;
        browser.wait_for_login_state(state).await?;
        let text = browser.text("#panel").await?;
        assert!(text.contains(words), "{answers:?}: {text}");
    }
    picture(
        &browser,
        "other_program",
        "fr",
        "Ne saisissez votre code nulle part",
    )
    .await?;
    squatter.answer(Answers::WithoutLeave);
    begin(&browser, &stage, "en").await?;
    picture(
        &browser,
        "not_for_this_site",
        "en",
        "does not know this site",
    )
    .await?;
    squatter.answer(Answers::AnotherPage);
    begin(&browser, &stage, "en").await?;
    picture(&browser, "other_program", "en", "Type your PIN nowhere").await?;
    // States and lines that this page does not know change nothing, and advice is text.
    squatter.answer(Answers::LaterVersion);
    begin(&browser, &stage, "fr").await?;
    picture(&browser, "reader_held", "fr", "Fermez <b>lgpi</b>.").await?;
    // The squatter goes, and the agent has its place again.
    drop(squatter);
    stage.system_mut().start_part(Part::Agent)?;
    let portal = stage.system().addresses().portal_url();
    browser.press_sign_in(&portal, "fr").await?;
    browser.wait_for("#greeting").await?;
    browser.close().await
}

/// Attack D17 in a real browser: the login page does not come up in a frame, so that nobody can be
/// led to press its button through another page.
#[tokio::test(flavor = "multi_thread")]
async fn the_login_page_does_not_come_up_in_a_frame() -> Result<()> {
    let stage = Stage::open("framed-login").await?;
    let page = ForeignPage::serve(&stage.system().addresses().agent_url()).await?;
    let browser =
        Browser::open_with_arguments(&["--host-resolver-rules=MAP evil.test 127.0.0.1"]).await?;
    let login = AuthorizationRequest::new()?.address(stage.system())?;
    // By itself it is a login page, in this browser too.
    browser.goto(login.as_str()).await?;
    browser.wait_for("#login").await?;
    browser.goto(&page.address()).await?;
    let framed = format!(
        "const done = arguments[arguments.length - 1];
         const frame = document.createElement('iframe');
         frame.onload = () => done(true);
         frame.src = {};
         document.body.append(frame);",
        Value::from(login.as_str())
    );
    browser.run_async(&framed).await?;
    browser.enter_frame("iframe").await?;
    // What the browser shows in the place of a page that it refused to put there.
    let shown = browser.run("return location.protocol").await?;
    assert_eq!(shown, "chrome-error:");
    browser.close().await
}

/// The codes in the agent's log, once so many origins were refused.
async fn refusals_at_the_agent(stage: &Stage, least: usize) -> Result<Vec<String>> {
    let begun = Instant::now();
    loop {
        let log = stage.system().log_of(Part::Agent);
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let codes: Vec<String> = lines
            .filter_map(|line: Value| Some(line.get("code")?.as_str()?.to_owned()))
            .collect();
        let refused = |code: &&String| *code == "agent.origin_refused";
        if codes.iter().filter(refused).count() >= least {
            return Ok(codes);
        }
        ensure!(begun.elapsed() < PATIENCE, "{codes:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Attacks D1, D2 and D3 in a real browser: a page of evil.test tries each way it has to reach the
/// agent. All are refused by their origin or host, none reads an answer, the card and the person
/// learn of none.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_gets_nothing_from_the_agent() -> Result<()> {
    let stage = Stage::open("foreign-page").await?;
    let agent_url = stage.system().addresses().agent_url();
    let page = ForeignPage::serve(&agent_url).await?;
    let browser =
        Browser::open_with_arguments(&["--host-resolver-rules=MAP evil.test 127.0.0.1"]).await?;
    browser.goto(&page.address()).await?;
    browser.wait_for("#loaded").await?;
    let outcomes = browser
        .run_async("const done = arguments[arguments.length - 1]; window.attack().then(done)")
        .await?;
    let refused = json!({
        "fetch": "failed",
        "fetch with a challenge": "failed",
        "fetch without reading": "opaque",
        "preflight from the internet": "failed",
        "image": "failed",
        "script": "failed",
        "web socket": "failed",
        "sandboxed frame": "failed",
    });
    assert_eq!(outcomes, refused);
    // A form leads the whole window to the agent's refusal.
    browser
        .run("document.getElementById('form').submit()")
        .await?;
    let is_there = |address: &str| address.starts_with(&agent_url);
    browser.wait_for_address(is_there).await?;
    let shown = browser.wait_for("body").await?;
    assert!(shown.contains("agent.origin_refused"), "{shown}");
    // DNS rebinding: the page's own name has come to point at the agent, so that it may read all.
    let port = agent_url.rsplit(':').next().context("no port")?;
    let rebound = format!("http://evil.test:{port}/v1/status");
    browser.goto(&rebound).await?;
    let read = "const done = arguments[arguments.length - 1];
         fetch('/v1/status').then((it) => it.json()).then((it) => done(it.code))";
    assert_eq!(browser.run_async(read).await?, "agent.host_refused");
    // What the agent saw of it: refusals and nothing else.
    let codes = refusals_at_the_agent(&stage, 7).await?;
    // Where no screen can lock, the agent says so when it starts.
    let all = [
        "agent.origin_refused",
        "agent.host_refused",
        "agent.screen_lock_unwatched",
    ];
    assert!(codes.iter().all(|code| all.contains(&&**code)), "{codes:?}");
    browser.close().await
}

//! Logins and sessions that somebody plants in another person's browser (attacks E17 and E18).

use anyhow::{Context, Result};
use cardea_e2e::{AuthorizationRequest, Browser, PageScript, Stage};
use cardea_xtask::system::{Scheme, System};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, header};
use url::Url;

/// Where a page of our own origin has no login of its own.
const OWN_PAGE: &str = "/errors/provider.login_required";
const SESSION: &str = "__Host-cardea-session";

/// Somebody's own client, which trusts the system's authority.
fn http(system: &System) -> Result<Client> {
    let mut client = Client::builder()
        .cookie_store(true)
        .redirect(Policy::none())
        .no_proxy();
    if let Some(file) = system.ca_file() {
        let authority = Certificate::from_pem(&std::fs::read(file)?)?;
        client = client.add_root_certificate(authority);
    }
    Ok(client.build()?)
}

/// Begins a login, and gives its page.
async fn begin(system: &System, http: &Client) -> Result<Url> {
    let address = AuthorizationRequest::new()?.address(system)?;
    let answer = http.get(address.clone()).send().await?;
    let location = answer.headers().get(header::LOCATION);
    Ok(address.join(location.context("no login page")?.to_str()?)?)
}

/// What an answer that may show no page says: its code or its error.
async fn silently(system: &System, cookie: &str) -> Result<String> {
    let request = AuthorizationRequest::new()?.with("prompt", Some("none"));
    let ask = http(system)?.get(request.address(system)?);
    let answer = ask.header(header::COOKIE, cookie).send().await?;
    let location = answer.headers().get(header::LOCATION);
    outcome(location.context("no answer")?.to_str()?)
}

async fn silently_in(browser: &Browser, system: &System) -> Result<String> {
    let request = AuthorizationRequest::new()?.with("prompt", Some("none"));
    browser.goto(request.address(system)?.as_str()).await?;
    outcome(&browser.address().await?)
}

fn outcome(address: &str) -> Result<String> {
    let address = Url::parse(address)?;
    let named = |name: &str| address.query_pairs().find(|(key, _)| key == name);
    let error = named("error").map(|(_, error)| error.into_owned());
    let code = named("code").map(|_| "code".to_owned());
    error
        .or(code)
        .with_context(|| format!("neither: {address}"))
}

fn prompts(system: &System) -> usize {
    system.pin_prompt_log().matches("GETPIN").count()
}

fn session_in(cookies: &str) -> Option<&str> {
    let pairs = cookies.split("; ").filter_map(|pair| pair.split_once('='));
    let mut found = pairs.filter(|(name, _)| *name == SESSION);
    found.next().map(|(_, value)| value)
}

/// Attack E17: the victim follows a link to a login that the attacker began.
#[tokio::test(flavor = "multi_thread")]
async fn e17_a_login_of_another_browser_asks_nobody_for_a_card() -> Result<()> {
    let stage = Stage::open("planted-login").await?;
    let system = stage.system();
    let page = begin(system, &http(system)?).await?;
    let browser = Browser::open().await?;
    browser.goto(page.as_str()).await?;
    let text = browser.wait_for("main").await?;
    assert!(text.contains("login.other_browser"), "{text}");
    assert!(browser.text("#login").await.is_err(), "{text}");
    assert!(!browser.cookies().await?.contains("cardea-session"));
    assert_eq!(prompts(system), 0, "the agent was asked");

    // A page of another origin posts what its own script knows: refused for where it comes from.
    let target = format!("{}/challenge", page.as_str());
    browser.goto("data:text/html,<title>evil</title>").await?;
    let form = format!(
        "const form = document.createElement('form'); form.method = 'post'; \
         form.action = '{target}'; document.body.append(form); form.submit()"
    );
    browser.run(&form).await?;
    browser.wait_for("body").await?;
    assert_eq!(prompts(system), 0);
    browser.close().await
}

/// Attacks E17 and E18 over TLS: the attacker's running session, and a value known to him.
#[tokio::test(flavor = "multi_thread")]
async fn e17_e18_a_planted_session_is_neither_used_nor_kept() -> Result<()> {
    let stage = Stage::open_with("planted-session", |options| options.scheme = Scheme::Https);
    let stage = stage.await?;
    let system = stage.system();

    // The attacker signs in with a card of his own, and his session is as good as any.
    let attacker = http(system)?;
    let page = begin(system, &attacker).await?;
    let page = PageScript::at(system, attacker, page);
    let signed = page.sign(system, &page.challenge().await?).await?;
    let accepted = page.post_signed(&signed).await?;
    let cookies = accepted.headers().get_all(header::SET_COOKIE).iter();
    let cookies: Vec<_> = cookies.filter_map(|it| it.to_str().ok()).collect();
    let joined = cookies.iter().filter_map(|it| it.split(';').next());
    let joined = joined.collect::<Vec<_>>().join("; ");
    let his = session_in(&joined).context("no session")?.to_owned();
    assert_eq!(silently(system, &format!("{SESSION}={his}")).await?, "code");

    // What a neighbour of the host can plant has no prefix: it is nobody's.
    let browser = Browser::open().await?;
    let issuer = system.addresses().issuer();
    browser.goto(&format!("{issuer}{OWN_PAGE}")).await?;
    for path in ["/", "/authorize", "/login"] {
        let plant = format!("document.cookie = 'cardea-session={his}; path={path}; secure'");
        browser.run(&plant).await?;
    }
    assert!(browser.cookies().await?.contains(&his), "it is planted");
    assert_eq!(silently_in(&browser, system).await?, "login_required");

    // A value of the attacker's under the very name, from before the login, is worth nothing after.
    browser.goto(&format!("{issuer}{OWN_PAGE}")).await?;
    let plant = format!("document.cookie = '{SESSION}=planted; path=/; secure'");
    browser.run(&plant).await?;
    assert_eq!(session_in(&browser.cookies().await?), Some("planted"));
    let address = AuthorizationRequest::new()?.address(system)?;
    browser.goto(address.as_str()).await?;
    browser.press_start_if_asked().await?;
    while !browser.address().await?.contains("code=") {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let cookies = browser.cookies().await?;
    let hers = session_in(&cookies).context("no session")?.to_owned();
    assert!(hers != "planted" && hers != his);
    assert_eq!(cookies.matches(SESSION).count(), 1, "{cookies}");
    let planted = format!("{SESSION}=planted");
    assert_eq!(silently(system, &planted).await?, "login_required");
    assert_eq!(silently_in(&browser, system).await?, "code");
    browser.close().await
}

//! A ward's shared workstation: two practitioners in turn with one browser profile. Neither ever
//! sees the other's portals, name or session.

use std::fs;

use anyhow::{Context, Result};
use cardea_e2e::{
    AuthorizationRequest, Browser, CLIENTS, PageScript, RunningPortal, SecondPortal, Stage,
    wait_for_card,
};
use cardea_xtask::system::{Answer, Card, CardRequest, DEFAULT_PIN, Part};
use reqwest::header;
use serde_json::Value;
use url::Url;

/// Farther back than the first page that the nurse opened.
const HISTORY_STEPS: u32 = 20;

/// A ward with both cards, and two portals.
struct Ward {
    stage: Stage,
    second: RunningPortal,
    nurse: Card,
    physician: Card,
}

impl Ward {
    async fn open(name: &str) -> Result<Self> {
        let second = SecondPortal::choose()?;
        let stage = Stage::open_with(name, |options| {
            let clients = options.folder.join("clients.toml");
            let written = fs::write(&clients, format!("{CLIENTS}{}", second.client()));
            assert!(written.is_ok(), "the clients cannot be written");
        })
        .await?;
        let second = second.start(stage.system())?;
        let issue = |folder: &str, name: &str, profession: &str, rpps: &str| {
            let card = stage.system().card().beside(folder);
            let request = CardRequest {
                name: name.into(),
                profession: profession.into(),
                rpps: rpps.into(),
                key: "p256".into(),
                ..CardRequest::default()
            };
            card.issue(&request).map(|()| card)
        };
        let nurse = issue("nurse", "Alix MOREAU", "60", "899700000066")?;
        let physician = issue("physician", "Yves BERTIN", "10", "899700000074")?;
        stage.system().card().remove()?;
        wait_for_card(stage.system(), "absent").await?;
        Ok(Self {
            stage,
            second,
            nurse,
            physician,
        })
    }

    fn portal(&self) -> String {
        self.stage.system().addresses().portal_url()
    }

    fn issuer(&self) -> String {
        self.stage.system().addresses().issuer()
    }

    /// Signs the browser in to the tests' client and gives the ID token.
    async fn sign_in_to_client(&self, browser: &Browser) -> Result<String> {
        let request = AuthorizationRequest::new()?;
        let system = self.stage.system();
        browser.goto(request.address(system)?.as_str()).await?;
        let code = loop {
            let address = Url::parse(&browser.address().await?)?;
            if let Some((_, code)) = address.query_pairs().find(|(name, _)| name == "code") {
                break code.into_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        let tokens = request.redeem(&PageScript::http()?, system, &code).await?;
        let tokens: Value = tokens.json().await?;
        let id_token = tokens.get("id_token").and_then(Value::as_str);
        id_token.map(str::to_owned).context("no ID token")
    }

    /// What the server answers the browser that may show no page: the error.
    async fn silently(&self, browser: &Browser, hint: Option<&str>) -> Result<String> {
        let request = AuthorizationRequest::new()?
            .with("prompt", Some("none"))
            .with("id_token_hint", hint);
        let address = request.address(self.stage.system())?;
        browser.goto(address.as_str()).await?;
        error_in(&browser.address().await?)
    }
}

fn error_in(address: &str) -> Result<String> {
    let address = Url::parse(address)?;
    let error = address.query_pairs().find(|(name, _)| name == "error");
    Ok(error
        .map(|(_, error)| error.into_owned())
        .unwrap_or_default())
}

/// Demands that nothing of the page, seen or not, names the nurse.
async fn nothing_of_the_nurse(browser: &Browser, place: &str) -> Result<()> {
    let page = browser
        .run("return document.title + document.documentElement.outerHTML")
        .await?;
    let page = page.as_str().context("no page")?;
    for word in ["Alix", "MOREAU", "infirmi"] {
        assert!(!page.contains(word), "{place} shows {word}");
    }
    Ok(())
}

/// Attack H5 too: the cookies of the one before, kept by somebody, open nothing.
async fn old_cookies_are_dead(ward: &Ward, cookies: &str) -> Result<()> {
    let http = PageScript::http()?;
    let portal = http.get(ward.portal()).header(header::COOKIE, cookies);
    let page = portal.send().await?.text().await?;
    assert!(page.contains("sign-in") && !page.contains("MOREAU"));
    let request = AuthorizationRequest::new()?.with("prompt", Some("none"));
    let address = request.address(ward.stage.system())?;
    let answer = http
        .get(address)
        .header(header::COOKIE, cookies)
        .send()
        .await?;
    let location = answer.headers().get(header::LOCATION);
    let location = location.context("no answer")?.to_str()?;
    assert_eq!(error_in(location)?, "login_required");
    Ok(())
}

/// Signing out names nobody, and her token signs nobody out.
async fn signing_out_names_nobody(
    ward: &Ward,
    browser: &Browser,
    her_id_token: &str,
) -> Result<()> {
    let logout = format!("{}/logout", ward.issuer());
    for address in [
        logout.clone(),
        format!("{logout}?id_token_hint={her_id_token}"),
    ] {
        browser.goto(&address).await?;
        let text = browser.text("main").await?;
        assert!(!text.contains("BERTIN"), "{text}");
        nothing_of_the_nurse(browser, "the logout page").await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_practitioners_in_turn_never_see_each_other() -> Result<()> {
    let ward = Ward::open("kiosk").await?;
    let browser = Browser::open().await?;

    // The nurse works at two portals, and takes her card along.
    ward.nurse.insert()?;
    browser.press_sign_in(&ward.portal(), "fr").await?;
    assert_eq!(
        browser.wait_for("#greeting").await?,
        "Bonjour Alix MOREAU, infirmier"
    );
    let her_id_token = ward.sign_in_to_client(&browser).await?;
    browser.goto(&ward.portal()).await?;
    browser.wait_for("#greeting").await?;
    let her_cookies = browser.cookies().await?;
    assert!(her_cookies.contains("cardea-session=") && her_cookies.contains("portal-session="));
    ward.nurse.remove()?;
    browser.wait_for("#ended").await?;
    nothing_of_the_nurse(&browser, "the page after the card").await?;
    old_cookies_are_dead(&ward, &her_cookies).await?;

    // The browser keeps no page of hers, and nobody is signed in silently any more.
    browser.back().await?;
    nothing_of_the_nurse(&browser, "the page before").await?;
    assert_eq!(ward.silently(&browser, None).await?, "login_required");

    // The physician comes to the same portal and to another one.
    ward.physician.insert()?;
    browser.press_sign_in(&ward.portal(), "fr").await?;
    assert_eq!(
        browser.wait_for("#greeting").await?,
        "Bonjour Yves BERTIN, médecin"
    );
    nothing_of_the_nurse(&browser, "the same portal").await?;
    browser.press_sign_in(ward.second.url(), "fr").await?;
    assert_eq!(
        browser.wait_for("#greeting").await?,
        "Bonjour Yves BERTIN, médecin"
    );
    nothing_of_the_nurse(&browser, "another portal").await?;

    // The portal that only she used is not his, and her token does not speak for him.
    assert_eq!(ward.silently(&browser, None).await?, "login_required");
    let hinted = ward.silently(&browser, Some(&her_id_token)).await?;
    assert_eq!(hinted, "login_required");
    let asked = AuthorizationRequest::new()?.with("id_token_hint", Some(&her_id_token));
    let address = asked.address(ward.stage.system())?;
    browser.goto(address.as_str()).await?;
    browser.wait_for("#login[data-code]").await?;
    nothing_of_the_nurse(&browser, "a login that was meant for her").await?;
    old_cookies_are_dead(&ward, &her_cookies).await?;

    signing_out_names_nobody(&ward, &browser, &her_id_token).await?;
    browser.goto(&ward.portal()).await?;
    browser.wait_for("#greeting").await?;

    // However far he goes back, none of her pages comes up again.
    for step in 0..HISTORY_STEPS {
        browser.back().await?;
        nothing_of_the_nurse(&browser, &format!("{step} pages back")).await?;
    }
    browser.close().await
}

/// Her card is still in a second reader: his all the same ends what the browser held for her, and
/// her portal hears of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_card_takes_the_browser_over_from_a_session_that_still_lives() -> Result<()> {
    let ward = Ward::open("kiosk-late").await?;
    let browser = Browser::open().await?;
    ward.nurse.insert()?;
    browser.press_sign_in(&ward.portal(), "fr").await?;
    browser.wait_for("#greeting").await?;
    let her_cookies = browser.cookies().await?;

    // The agent asks which of the two cards is meant, and he says: not hers.
    let system = ward.stage.system();
    let pin = Answer::Pin(DEFAULT_PIN.into());
    system.script_pin_prompt(&[Answer::Decline, Answer::Confirm, pin])?;
    ward.physician
        .in_second_reader(system.addresses())
        .insert()?;
    browser.press_sign_in(ward.second.url(), "fr").await?;
    assert_eq!(
        browser.wait_for("#greeting").await?,
        "Bonjour Yves BERTIN, médecin"
    );
    let log = ward.stage.system().log_of(Part::Server);
    assert!(log.contains("browser_taken_over"), "{log}");
    browser.goto(&ward.portal()).await?;
    browser.wait_for("#sign-in").await?;
    nothing_of_the_nurse(&browser, "her portal").await?;
    old_cookies_are_dead(&ward, &her_cookies).await?;
    // He is the only one whom this browser lets in, also at the portal that she used.
    assert_eq!(ward.silently(&browser, None).await?, "login_required");
    ward.nurse.remove()?;
    browser.press_sign_in(&ward.portal(), "fr").await?;
    assert_eq!(
        browser.wait_for("#greeting").await?,
        "Bonjour Yves BERTIN, médecin"
    );
    browser.close().await
}

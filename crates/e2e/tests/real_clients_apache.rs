//! A folder behind `mod_auth_openidc` in Apache's web server.

use std::time::{Duration, Instant};

use anyhow::Result;
use cardea_e2e::{Apache, Browser, Stage, exchange_card, register};
use cardea_xtask::system::{self, Scheme};

const SECRET: &str = "a-secret-of-the-apache-portal";

/// How soon after the card the protected page must be gone.
const LOGOUT_TIMEOUT: Duration = Duration::from_secs(60);

async fn open(name: &str, scheme: Scheme) -> Result<(Stage, Apache, String)> {
    let port = system::unused_port()?;
    let url = format!("http://127.0.0.1:{port}");
    let mut registered = Ok(());
    let stage = Stage::open_with(name, |options| {
        options.scheme = scheme;
        registered = register(options, &[("http://127.0.0.1:8000", &url)], SECRET, None);
    });
    let stage = stage.await?;
    registered?;
    let apache = Apache::start(stage.system(), "apache-portal", SECRET, port)?;
    Ok((stage, apache, url))
}

#[tokio::test(flavor = "multi_thread")]
async fn apache_shows_its_page_to_a_card_and_no_longer_when_the_card_has_left() -> Result<()> {
    let (stage, apache, url) = open("apache", Scheme::Http).await?;
    let browser = Browser::open().await?;
    browser.goto(&url).await?;
    browser.click("#sign-in").await?;
    assert_eq!(browser.wait_for("#greeting").await?, "Camille DURAND");
    // The page stays there without the server being asked again.
    browser.goto(&format!("{url}/card/")).await?;
    browser.wait_for("#greeting").await?;
    browser.goto(&format!("{url}/card/pharmacy/")).await?;
    assert_eq!(browser.wait_for("#pharmacy").await?, "DURAND");

    stage.system().card().remove()?;
    let pulled = Instant::now();
    loop {
        browser.goto(&format!("{url}/card/")).await?;
        if browser.text("#greeting").await.is_err() {
            break;
        }
        let waited = pulled.elapsed();
        assert!(waited < LOGOUT_TIMEOUT, "still there: {}", apache.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    eprintln!("Apache's page left {:?} after the card", pulled.elapsed());
    // The server asks for a card again.
    browser.wait_for("#login").await?;
    assert!(
        browser
            .address()
            .await?
            .starts_with(&stage.system().addresses().issuer())
    );
    browser.close().await
}

/// The code 21 is a pharmacist's in one system and a student's in the other.
#[tokio::test(flavor = "multi_thread")]
async fn apache_shows_the_pharmacists_page_to_no_student_of_pharmacy() -> Result<()> {
    let (stage, apache, url) = open("apache-student", Scheme::Http).await?;
    let card = stage.system().card();
    card.issue_all("deck")?;
    let student = card.beside("deck/cpf-21-pharmacien-en-formation");
    exchange_card(stage.system(), &student).await?;
    let browser = Browser::open().await?;
    browser.goto(&url).await?;
    browser.click("#sign-in").await?;
    browser.wait_for("#greeting").await?;
    browser.goto(&format!("{url}/card/pharmacy/")).await?;
    let refused = browser.text("body").await?;
    assert!(browser.text("#pharmacy").await.is_err(), "{}", apache.log());
    assert!(refused.contains("Unauthorized"), "{refused}");
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn apache_signs_out_at_the_server_over_tls() -> Result<()> {
    let (stage, _apache, url) = open("apache-tls", Scheme::Https).await?;
    let browser = Browser::open().await?;
    browser.goto(&url).await?;
    browser.click("#sign-in").await?;
    browser.wait_for("#greeting").await?;
    browser.click("#sign-out").await?;
    browser.wait_for("#sign-in").await?;
    let prompts = || stage.system().pin_prompt_log().matches("GETPIN").count();
    assert_eq!(prompts(), 1);
    browser.click("#sign-in").await?;
    browser.wait_for("#greeting").await?;
    assert_eq!(prompts(), 2);
    browser.close().await
}

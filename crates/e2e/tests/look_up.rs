//! The demo portal's look-ups behind the guard, as a pharmacist meets them: a few are let through,
//! a rush is asked about, her card's signature helps once, and who goes on all the same is stopped
//! and told why, in both languages, with pictures in `target/screenshots`.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use cardea_e2e::{Browser, SCREENS, Stage};
use serde_json::{Value, json};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Twenty patients each: enough for all of them, and for each answer's steps.
const PRESSES_MAX: usize = 60;
/// A token lives so long in one of the tests, and is believed for five seconds more.
const TOKEN_SECONDS: u64 = 5;
const NARROW: (u32, u32) = (320, 640);

const ASKED: &str = "guard.step_up_required";
const SLOW: &str = "guard.slow_down";
const SESSION_STOPPED: &str = "guard.session_stopped";
const ACCOUNT_STOPPED: &str = "guard.account_stopped";

/// The portal's look-up page in front of her.
struct Desk<'a> {
    stage: &'a Stage,
    browser: &'a Browser,
    portal: String,
}

impl<'a> Desk<'a> {
    /// She signs in, and finds the page.
    async fn open(stage: &'a Stage, browser: &'a Browser) -> Result<Self> {
        let portal = stage.system().addresses().portal_url();
        browser.reduce_motion().await?;
        browser.press_sign_in(&portal, "fr").await?;
        browser.wait_for("#greeting").await?;
        browser.click("#patients").await?;
        browser.wait_for("#budget").await?;
        let desk = Self {
            stage,
            browser,
            portal,
        };
        // The guard may not have the issuer's keys yet.
        let begun = Instant::now();
        while desk.search("Alix Abricot").await? == "guard.not_ready" {
            ensure!(begun.elapsed() < PATIENCE, "the guard is never ready");
        }
        Ok(desk)
    }

    /// Presses something of the page, and gives the code of what was withheld on the next one.
    async fn press(&self, selector: &str) -> Result<String> {
        let browser = self.browser;
        browser.run("document.body.dataset.before = ''").await?;
        browser.click(selector).await?;
        // A question between two pages may be answered by neither.
        let is_new = "return document.querySelector('body:not([data-before]) #budget') !== null";
        let begun = Instant::now();
        while browser.run(is_new).await.ok() != Some(json!(true)) {
            ensure!(begun.elapsed() < PATIENCE, "{selector} leads nowhere");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let code = "const it = document.getElementById('code'); return it && it.textContent";
        let code = browser.run(code).await?;
        Ok(code.as_str().unwrap_or_default().to_owned())
    }

    async fn search(&self, name: &str) -> Result<String> {
        let name = Value::from(name);
        self.browser
            .run(&format!("document.getElementById('name').value = {name}"))
            .await?;
        self.press("form[role=search] button").await
    }

    /// Looks up twenty in a row, again and again, until the guard says this; gives what it said
    /// before.
    async fn hurry_until(&self, code: &str) -> Result<Vec<String>> {
        let mut said = Vec::new();
        for _ in 0..PRESSES_MAX {
            let now = self.press("#walk").await?;
            if now == code {
                return Ok(said);
            }
            if !now.is_empty() {
                said.push(now);
            }
        }
        bail!("{code} never comes: {said:?}")
    }

    /// The same page in another language.
    async fn switch(&self, language: &str) -> Result<()> {
        let portal = &self.portal;
        self.browser
            .goto(&format!("{portal}/language/{language}"))
            .await?;
        self.browser.click("#patients").await?;
        self.browser.wait_for("#budget").await?;
        Ok(())
    }

    /// Follows the button; her card signs, and she is back at the page.
    async fn sign(&self) -> Result<()> {
        let before = self.prompts();
        // A signature of the second in which she was asked may be older than the question.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        self.browser.click("#sign").await?;
        let begun = Instant::now();
        let back = format!("{}/patients", self.portal);
        while self.browser.address().await? != back {
            // No page is there between two of them.
            let waits = "const it = document.querySelector('#login[data-state~=start] button');
                 it && it.click()";
            let _ = self.browser.run(waits).await;
            if begun.elapsed() > PATIENCE {
                let page = self.browser.text("body").await?;
                bail!("she does not come back: {page}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.browser.wait_for("#budget").await?;
        assert_eq!(self.prompts(), before + 1, "her PIN is asked for once");
        Ok(())
    }

    /// Ends the session, as the page advises, and begins another.
    async fn sign_in_again(&self) -> Result<()> {
        self.browser.click("#leave").await?;
        self.browser.click("#sign-in").await?;
        self.browser.wait_for("#greeting").await?;
        self.browser.click("#patients").await?;
        self.browser.wait_for("#budget").await?;
        Ok(())
    }

    fn prompts(&self) -> usize {
        let shown = self.stage.system().pin_prompt_log();
        shown.matches("GETPIN").count()
    }

    /// Different patients so far, as the page says.
    async fn seen(&self) -> Result<u32> {
        Ok(self.browser.text("#seen").await?.parse()?)
    }

    /// What is withheld, in both languages: these words are on the page, and it can be read on each
    /// screen. French is last, and stays.
    async fn look_at_each(&self, name: &str, code: &str, words: &Words) -> Result<()> {
        for (language, words) in [("en", words.english), ("fr", words.french)] {
            self.switch(language).await?;
            assert_eq!(self.press("#walk").await?, code, "{name} {language}");
            let said = self.browser.text("[role=alert]").await?;
            for word in words {
                ensure!(said.contains(word), "{word}: {said}");
            }
            look_at(self.browser, &format!("{name}-{language}"), language).await?;
        }
        Ok(())
    }
}

struct Words {
    english: &'static [&'static str],
    french: &'static [&'static str],
}

/// Looks at the page that is open on each screen, and takes its pictures.
async fn look_at(browser: &Browser, name: &str, language: &str) -> Result<()> {
    let lang = browser.run("return document.documentElement.lang").await?;
    assert_eq!(lang, language, "{name}");
    for (screen, shape) in SCREENS.iter().zip(["wide", "phone"]) {
        browser.resize(*screen).await?;
        browser.check_accessible(&format!("{name} {shape}")).await?;
        browser
            .screenshot(&format!("look-up-{name}-{shape}"))
            .await?;
    }
    browser.resize(NARROW).await?;
    browser.check_fits(name).await?;
    browser.resize(SCREENS[0]).await
}

/// A few patients, as at the counter.
async fn look_up_a_few(desk: &Desk<'_>) -> Result<()> {
    for name in ["Alix Abricot", "lou saule", "Camille Houx", "If Yaël"] {
        assert_eq!(desk.search(name).await?, "", "{name}");
        let found = desk.browser.text(".found").await?.to_lowercase();
        let mut words = name.split(' ');
        let is_there = words.all(|word| found.contains(&word.to_lowercase()));
        ensure!(is_there, "{name}: {found}");
    }
    let seen = desk.seen().await?;
    assert!((8..=12).contains(&seen), "{seen}");
    look_at(desk.browser, "found-fr", "fr").await?;
    // The same one again is nothing new.
    assert_eq!(desk.search("Abricot Alix").await?, "");
    assert_eq!(desk.seen().await?, seen);
    assert_eq!(desk.search("Nobody").await?, "");
    let page = desk.browser.text("main").await?;
    ensure!(page.contains("Aucun patient de ce nom"), "{page}");
    look_at(desk.browser, "none-fr", "fr").await
}

/// She is in a hurry, is asked, and her card lets her go on, so far and no further.
async fn be_asked_and_sign(desk: &Desk<'_>) -> Result<()> {
    // Whole families, one after the other: each search names thirty patients.
    let mut said = String::new();
    for family in ["Abricot", "Bouleau", "Cerisier"] {
        if said.is_empty() {
            said = desk.search(family).await?;
        }
    }
    assert_eq!(said, ASKED);
    let words = Words {
        english: &[
            "Confirm that it is you",
            "without their card",
            "with my card",
        ],
        french: &[
            "Confirmez que c’est bien vous",
            "sans leur carte",
            "avec ma carte",
        ],
    };
    desk.look_at_each("asked", ASKED, &words).await?;
    let before = desk.seen().await?;
    // She may look no one up meanwhile, nor those whom she has seen.
    assert_eq!(desk.search("Alix Abricot").await?, ASKED);
    desk.sign().await?;
    let said = desk.search("Océane Mélèze").await?;
    ensure!(said.is_empty(), "{}", desk.browser.text("main").await?);
    assert_eq!(desk.hurry_until(ASKED).await?, Vec::<String>::new());
    let more = desk.seen().await? - before;
    assert!((1..=60).contains(&more), "{before} before, {more} after");
    Ok(())
}

/// She does not answer, and goes on: the session is stopped, and what the page advises helps.
async fn be_stopped_and_sign_in_again(desk: &Desk<'_>) -> Result<()> {
    let said = desk.hurry_until(SLOW).await?;
    assert!(said.iter().all(|it| it == ASKED), "{said:?}");
    look_at(desk.browser, "slow-fr", "fr").await?;
    let said = desk.hurry_until(SESSION_STOPPED).await?;
    assert!(said.iter().all(|it| it == SLOW), "{said:?}");
    let words = Words {
        english: &[
            "look-ups are stopped",
            "sign in again with your card",
            "once more",
        ],
        french: &[
            "consultations sont arrêtées",
            "reconnectez-vous avec votre carte",
            "une fois",
        ],
    };
    desk.look_at_each("session-stopped", SESSION_STOPPED, &words)
        .await?;
    desk.sign_in_again().await?;
    assert_eq!(desk.search("Gaël Noyer").await?, ASKED);
    desk.sign().await?;
    assert_eq!(desk.search("Gaël Noyer").await?, "");
    Ok(())
}

/// A robot would go on all the same: in the end nobody's card helps.
async fn be_stopped_for_good(desk: &Desk<'_>) -> Result<()> {
    desk.hurry_until(SESSION_STOPPED).await?;
    desk.sign_in_again().await?;
    let said = desk.hurry_until(ACCOUNT_STOPPED).await?;
    assert_eq!(said.first().map(String::as_str), Some(ASKED), "{said:?}");
    let words = Words {
        english: &[
            "is suspended",
            "Call the operator",
            "help desk",
            ACCOUNT_STOPPED,
        ],
        french: &[
            "est suspendu",
            "Appelez l'exploitant",
            "l’assistance",
            ACCOUNT_STOPPED,
        ],
    };
    desk.look_at_each("account-stopped", ACCOUNT_STOPPED, &words)
        .await?;
    let button = "return document.getElementById('sign') !== null";
    assert_eq!(desk.browser.run(button).await?, json!(false));
    // Signing in again changes nothing, as the page says.
    desk.browser
        .goto(&format!("{}/login?fresh=1", desk.portal))
        .await?;
    desk.browser.press_start_if_asked().await?;
    desk.browser.wait_for("#budget").await?;
    assert_eq!(desk.search("Alix Abricot").await?, ACCOUNT_STOPPED);
    let seen = desk.seen().await?;
    let signed = desk.prompts();
    assert!(
        seen <= 250,
        "{seen} patients of 500, and {signed} signatures"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pharmacist_in_a_hurry_is_asked_stopped_and_told_why_in_both_languages() -> Result<()> {
    let stage = Stage::open("look-up").await?;
    let browser = Browser::open().await?;
    let desk = Desk::open(&stage, &browser).await?;
    look_up_a_few(&desk).await?;
    be_asked_and_sign(&desk).await?;
    be_stopped_and_sign_in_again(&desk).await?;
    be_stopped_for_good(&desk).await?;
    // The rest of the portal is open to her.
    browser.goto(&desk.portal).await?;
    browser.wait_for("#greeting").await?;
    browser.close().await
}

/// An access token lives two minutes at most, a day at the counter longer.
#[tokio::test(flavor = "multi_thread")]
async fn look_ups_go_on_when_a_token_is_used_up_and_end_with_the_card() -> Result<()> {
    let prepare = |system: &cardea_xtask::system::System| {
        let file = system.server_settings();
        let text = std::fs::read_to_string(&file)?;
        let short = format!("{text}\n[session]\naccess_token_seconds = {TOKEN_SECONDS}\n");
        std::fs::write(&file, short)?;
        Ok(())
    };
    let stage = Stage::open_prepared("look-up-renewed", |_| {}, prepare).await?;
    let browser = Browser::open().await?;
    let desk = Desk::open(&stage, &browser).await?;
    for name in ["Lou Saule", "Camille Houx"] {
        tokio::time::sleep(Duration::from_secs(TOKEN_SECONDS + 7)).await;
        assert_eq!(desk.search(name).await?, "", "{name}");
    }
    assert_eq!(desk.prompts(), 1, "nobody asks her for a token's sake");
    stage.system().card().remove()?;
    browser.wait_for("#ended").await?;
    browser.goto(&format!("{}/patients", desk.portal)).await?;
    browser.wait_for("#sign-in").await?;
    browser.close().await
}

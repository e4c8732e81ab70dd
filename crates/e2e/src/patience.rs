//! Waiting for what a page shows, and pressing it, while the page changes or makes way for another.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fantoccini::Locator;
use fantoccini::error::{CmdError, ErrorStatus};
use serde_json::Value;

use crate::browser::Browser;
use crate::stage;

/// How long a page may take to show what a test waits for; a loaded machine is slow.
const WAIT: Duration = Duration::from_secs(60);

/// How often a page is looked at meanwhile.
const PAUSE: Duration = Duration::from_millis(20);

/// How long a page may stay that a press is to lead away from.
const LEAVING: Duration = Duration::from_secs(2);

/// How often it is looked whether something moves still.
const STILL_LOOKS_MAX: u32 = 100;

/// How often something is pressed that has just moved.
const CLICK_TRIES: u32 = 100;

/// What the login page is about: its states, or a word of our own.
const LOGIN_STATE: &str = "if (document.readyState !== 'complete') return 'loading';
    return document.getElementById('login')?.dataset.state ?? 'elsewhere';";

impl Browser {
    /// Presses the login page's own button, which it shows where no press of a person led to it.
    /// Where one did, the page may be on its way to the next one already.
    ///
    /// # Errors
    /// When the page does not come.
    pub async fn press_start_if_asked(&self) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < WAIT {
            // While a page is being left there is none to ask.
            if let Ok(Value::String(state)) = self.run(LOGIN_STATE).await {
                match state.as_str() {
                    "loading" => {}
                    "elsewhere" if begun.elapsed() < LEAVING => {}
                    "start" => return self.click("#panel button").await,
                    _ => return Ok(()),
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.fail("the login page", WAIT).await
    }

    /// Presses what the CSS selector names, as soon as it is there.
    ///
    /// # Errors
    /// When it does not come, or can't be pressed.
    pub async fn click(&self, selector: &str) -> Result<()> {
        self.wait_for(selector).await?;
        let mut tries_left = CLICK_TRIES;
        loop {
            let pressed = self.press(selector).await;
            if !pressed.as_ref().is_err_and(is_moving) || tries_left == 0 {
                return pressed.with_context(|| format!("can't press {selector}"));
            }
            tries_left -= 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Presses it where it stays: what moves away under the pointer is missed without a word.
    async fn press(&self, selector: &str) -> Result<(), CmdError> {
        let element = self.client().find(Locator::Css(selector)).await?;
        let mut place = element.rectangle().await?;
        for _ in 0..STILL_LOOKS_MAX {
            tokio::time::sleep(PAUSE).await;
            let next = element.rectangle().await?;
            if next == place {
                break;
            }
            place = next;
        }
        element.click().await
    }

    /// Waits until the page has what the CSS selector names, and gives its text.
    ///
    /// # Errors
    /// When it does not come in time; the message has the page's address and text.
    pub async fn wait_for(&self, selector: &str) -> Result<String> {
        self.wait_within(selector, WAIT).await
    }

    /// As [`Browser::wait_for`], with a limit of its own.
    ///
    /// # Errors
    /// As for [`Browser::wait_for`].
    pub async fn wait_within(&self, selector: &str, limit: Duration) -> Result<String> {
        let begun = Instant::now();
        loop {
            // While a page is being left, the driver has other words for what is not there.
            if let Ok(element) = self.client().find(Locator::Css(selector)).await {
                let text = match element.text().await {
                    Ok(text) => text,
                    // What made way for the next at once has come all the same.
                    Err(_) => self.text(selector).await.unwrap_or_default(),
                };
                return Ok(text);
            }
            if begun.elapsed() > limit {
                return self.fail(selector, limit).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until the login page is in a state (`data-state` of its main element).
    ///
    /// # Errors
    /// When the state does not come in time.
    pub async fn wait_for_login_state(&self, state: &str) -> Result<String> {
        self.wait_for(&format!("#login[data-state~=\"{state}\"]"))
            .await
    }

    /// Waits until the window shows an address that `is_wanted`, and gives it.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn wait_for_address(&self, is_wanted: impl Fn(&str) -> bool) -> Result<String> {
        let begun = Instant::now();
        loop {
            let address = self.address().await?;
            if is_wanted(&address) {
                return Ok(address);
            }
            if begun.elapsed() > WAIT {
                return self.fail("the address", WAIT).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn fail<T>(&self, lacking: &str, limit: Duration) -> Result<T> {
        let address = self.address().await.unwrap_or_default();
        let text = self.text("body").await.unwrap_or_default();
        stage::note_failure();
        bail!("{lacking} did not come within {limit:?} on {address}:\n{text}")
    }
}

/// Whether nothing was pressed because a panel has just made way for another.
fn is_moving(error: &CmdError) -> bool {
    let CmdError::Standard(answer) = error else {
        return false;
    };
    matches!(
        answer.error,
        ErrorStatus::ElementClickIntercepted
            | ErrorStatus::ElementNotInteractable
            | ErrorStatus::NoSuchElement
            | ErrorStatus::StaleElementReference
    )
}

//! What WebDriver does not offer and Chromium's own protocol does: screen sizes, a browser without
//! scripts, and what was requested from whom.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use fantoccini::wd::WebDriverCompatibleCommand;
use reqwest::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

use crate::browser::Browser;

/// A command of chromedriver beside WebDriver's.
#[derive(Debug)]
struct DriverCommand {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for DriverCommand {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/{}", self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

impl Browser {
    async fn devtools(&self, command: &str, parameters: Value) -> Result<Value> {
        let asked = DriverCommand {
            path: "goog/cdp/execute",
            body: json!({ "cmd": command, "params": parameters }),
        };
        let answer = self.client().issue_cmd(asked).await;
        answer.with_context(|| format!("{command} failed"))
    }

    /// Gives the page a screen of this size in CSS pixels.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn resize(&self, (width, height): (u32, u32)) -> Result<()> {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        let command = "Emulation.setDeviceMetricsOverride";
        self.devtools(command, metrics).await.map(drop)
    }

    /// Lets pages run scripts, or none.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn allow_scripts(&self, allowed: bool) -> Result<()> {
        let command = "Emulation.setScriptExecutionDisabled";
        let parameters = json!({ "value": !allowed });
        self.devtools(command, parameters).await.map(drop)
    }

    /// Asks pages to keep still (`prefers-reduced-motion`).
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn reduce_motion(&self) -> Result<()> {
        let feature = json!({"name": "prefers-reduced-motion", "value": "reduce"});
        let parameters = json!({ "features": [feature] });
        let command = "Emulation.setEmulatedMedia";
        self.devtools(command, parameters).await.map(drop)
    }

    /// Keeps the browser from loading what the pattern names (`*` stands for anything).
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn block(&self, pattern: &str) -> Result<()> {
        self.devtools("Network.enable", json!({})).await?;
        let parameters = json!({ "urls": [pattern] });
        self.devtools("Network.setBlockedURLs", parameters)
            .await
            .map(drop)
    }

    /// Answers for the person whether pages of an origin may do something: `granted`, `denied` or
    /// `prompt`, which asks again.
    ///
    /// # Errors
    /// When the browser does not know the permission.
    pub async fn set_permission(&self, name: &str, setting: &str, origin: &str) -> Result<()> {
        let permission = json!({ "name": name });
        let parameters = json!({ "permission": permission, "setting": setting, "origin": origin });
        let command = "Browser.setPermission";
        self.devtools(command, parameters).await.map(drop)
    }

    /// Runs a script in each page before the page's own.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn run_in_each_page(&self, script: &str) -> Result<()> {
        let command = "Page.addScriptToEvaluateOnNewDocument";
        let parameters = json!({ "source": script });
        self.devtools(command, parameters).await.map(drop)
    }

    /// Every cookie of the browser, of whatever host, as one `Cookie` header.
    ///
    /// # Errors
    /// When the browser does not say.
    pub async fn cookies(&self) -> Result<String> {
        let answer = self.devtools("Network.getAllCookies", json!({})).await?;
        let cookies = answer
            .get("cookies")
            .and_then(Value::as_array)
            .context("no cookies")?;
        let word = |cookie: &Value, name: &str| {
            cookie
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let pairs = cookies
            .iter()
            .map(|cookie| format!("{}={}", word(cookie, "name"), word(cookie, "value")));
        Ok(pairs.collect::<Vec<_>>().join("; "))
    }

    /// The origins that pages have sent requests to since this was last asked.
    ///
    /// # Errors
    /// When the browser does not say.
    pub async fn requested_origins(&self) -> Result<BTreeSet<String>> {
        let asked = DriverCommand {
            path: "se/log",
            body: json!({ "type": "performance" }),
        };
        let entries = self.client().issue_cmd(asked).await?;
        let entries = entries.as_array().context("the log is no list")?;
        let mut origins = BTreeSet::new();
        for entry in entries {
            let message = entry.get("message").and_then(Value::as_str);
            let message: Value = serde_json::from_str(message.unwrap_or_default())?;
            let word = |path: &str| message.pointer(path).and_then(Value::as_str);
            if word("/message/method") != Some("Network.requestWillBeSent") {
                continue;
            }
            let address = word("/message/params/request/url");
            let address = Url::parse(address.unwrap_or_default())?;
            origins.insert(address.origin().ascii_serialization());
        }
        Ok(origins)
    }
}

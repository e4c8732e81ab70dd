//! Headless Firefox, driven through Marionette: the protocol that geckodriver translates WebDriver
//! to, without geckodriver, which nobody packages for every system.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use cardea_xtask::system::{System, extension_folder, set_up_firefox};
use cardea_xtask::{install, process};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::process_group;

/// How long Firefox may take to start, and a page to show what a test waits for.
const WAIT: Duration = Duration::from_secs(60);
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// No look at the network or at the person's habits; any free port.
const SETTINGS: &str = "user_pref(\"marionette.port\", 0);
user_pref(\"datareporting.policy.dataSubmissionEnabled\", false);
user_pref(\"app.normandy.enabled\", false);
user_pref(\"browser.shell.checkDefaultBrowser\", false);
user_pref(\"network.captive-portal-service.enabled\", false);
user_pref(\"network.connectivity-service.enabled\", false);
";

/// One Firefox with one window.
pub struct Firefox {
    stream: BufReader<TcpStream>,
    process: Child,
    commands: u32,
}

impl Firefox {
    /// Starts Firefox in a home folder inside the system's, where its host's manifest stands.
    ///
    /// # Errors
    /// When it is not installed (the message says how to install it), or does not start.
    pub async fn open_with_extension(system: &System) -> Result<Self> {
        let home = system.folder().join("firefox");
        set_up_firefox(system.folder(), &home)?;
        let mut firefox = Self::open_by(&Self::program()?, &home).await?;
        let addon = json!({ "path": extension_folder(), "temporary": true });
        firefox.command("Addon:Install", addon).await?;
        Ok(firefox)
    }

    /// This machine's Firefox.
    ///
    /// # Errors
    /// When it is not installed; the message says how to install it.
    pub fn program() -> Result<PathBuf> {
        ["firefox-esr", "firefox"]
            .iter()
            .find_map(|name| process::find_program(name))
            .with_context(|| install::hint("Firefox"))
    }

    /// Starts Firefox by this program, with nothing but what it finds itself. Its profile is the
    /// folder `profile` of `home`.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn open_by(program: &Path, home: &Path) -> Result<Self> {
        let profile = home.join("profile");
        std::fs::create_dir_all(&profile).context("can't make Firefox's profile")?;
        std::fs::write(profile.join("user.js"), SETTINGS).context("can't write settings")?;
        let mut command = std::process::Command::new(program);
        command
            .args(["--headless", "--marionette", "--no-remote", "--profile"])
            .arg(&profile)
            .arg("about:blank")
            .env("HOME", home)
            .env_remove("XDG_CONFIG_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        let mut process = Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .context("can't start Firefox")?;
        let stream = connect(&mut process, &profile).await?;
        let mut firefox = Self {
            stream: BufReader::new(stream),
            process,
            commands: 0,
        };
        // It says first what it speaks.
        firefox.read().await?;
        firefox
            .command("WebDriver:NewSession", json!({ "capabilities": {} }))
            .await?;
        Ok(firefox)
    }

    /// Opens an address.
    ///
    /// # Errors
    /// When the page can't be loaded.
    pub async fn goto(&mut self, address: &str) -> Result<()> {
        let parameters = json!({ "url": address });
        self.command("WebDriver:Navigate", parameters)
            .await
            .map(drop)
    }

    /// Runs a script in the page and gives what it returns.
    ///
    /// # Errors
    /// When the script fails.
    pub async fn run(&mut self, script: &str) -> Result<Value> {
        let parameters = json!({ "script": script, "args": [], "sandbox": null });
        self.command("WebDriver:ExecuteScript", parameters).await
    }

    /// Runs a script that answers through the last of its arguments, and gives that answer.
    ///
    /// # Errors
    /// When the script fails or does not answer.
    pub async fn run_async(&mut self, script: &str) -> Result<Value> {
        let parameters = json!({ "script": script, "args": [], "sandbox": null });
        self.command("WebDriver:ExecuteAsyncScript", parameters)
            .await
    }

    /// Presses what the CSS selector names, as soon as it is there.
    ///
    /// # Errors
    /// When it does not come, or can't be pressed.
    pub async fn click(&mut self, selector: &str) -> Result<()> {
        self.wait_for(selector).await?;
        let found = json!({ "using": "css selector", "value": selector });
        let element = self.command("WebDriver:FindElement", found).await?;
        let id = element
            .as_object()
            .and_then(|members| members.values().next());
        let parameters = json!({ "id": id });
        self.command("WebDriver:ElementClick", parameters)
            .await
            .map(drop)
    }

    /// Waits until the page has what the CSS selector names, and gives its text.
    ///
    /// # Errors
    /// When it does not come in time; the message has the page's text.
    pub async fn wait_for(&mut self, selector: &str) -> Result<String> {
        let selector = Value::from(selector);
        let script = format!("return document.querySelector({selector})?.innerText ?? null");
        let begun = Instant::now();
        while begun.elapsed() < WAIT {
            // While a page is being left there is none to ask.
            if let Ok(Value::String(text)) = self.run(&script).await {
                return Ok(text);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let page = self.run("return document.body.innerText").await;
        bail!("{selector} did not come within {WAIT:?}: {page:?}")
    }

    /// Ends Firefox.
    ///
    /// # Errors
    /// When it can't be ended.
    pub async fn close(mut self) -> Result<()> {
        self.process.kill().await.context("Firefox does not end")
    }

    /// One command and what it gives: `[0, id, name, parameters]`, then `[1, id, error, result]`.
    async fn command(&mut self, name: &str, parameters: Value) -> Result<Value> {
        self.commands += 1;
        let text = json!([0, self.commands, name, parameters]).to_string();
        let frame = format!("{}:{text}", text.len());
        let stream = self.stream.get_mut();
        stream
            .write_all(frame.as_bytes())
            .await
            .with_context(|| format!("can't ask Firefox for {name}"))?;
        let answer = self.read().await?;
        let error = answer.get(2).cloned().unwrap_or_default();
        ensure!(error.is_null(), "Firefox refuses {name}: {error}");
        let result = answer.get(3).cloned().unwrap_or_default();
        Ok(result.get("value").cloned().unwrap_or(result))
    }

    /// One message: its length in digits, a colon, its JSON.
    async fn read(&mut self) -> Result<Value> {
        let mut length = 0_usize;
        loop {
            let byte = self.stream.read_u8().await.context("Firefox has gone")?;
            match byte {
                b':' => break,
                b'0'..=b'9' => length = length * 10 + usize::from(byte - b'0'),
                _ => bail!("Firefox does not speak Marionette"),
            }
            ensure!(length <= ANSWER_BYTES_MAX, "Firefox says too much");
        }
        let mut text = vec![0; length];
        self.stream
            .read_exact(&mut text)
            .await
            .context("Firefox has gone")?;
        serde_json::from_slice(&text).context("Firefox answers no JSON")
    }
}

impl Drop for Firefox {
    /// Its helpers are in its process group and outlast it otherwise.
    fn drop(&mut self) {
        process_group::kill(self.process.id());
    }
}

/// Connects to the port that Firefox writes into its profile once it listens.
async fn connect(process: &mut Child, profile: &Path) -> Result<TcpStream> {
    let begun = Instant::now();
    while begun.elapsed() < WAIT {
        if let Some(status) = process.try_wait().context("can't look for Firefox")? {
            bail!("Firefox ended while starting ({status})");
        }
        let port = std::fs::read_to_string(profile.join("MarionetteActivePort"));
        let port = port.ok().and_then(|text| text.trim().parse::<u16>().ok());
        if let Some(port) = port
            && let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await
        {
            return Ok(stream);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("Firefox does not listen within {WAIT:?}")
}

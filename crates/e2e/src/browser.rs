//! Headless Chromium, driven through chromedriver.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use cardea_xtask::system::{System, extension_folder};
use cardea_xtask::{install, process, workspace};
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::process_group;

/// How often chromedriver may lose the race for its port.
const DRIVER_STARTS_MAX: u32 = 5;

const CHROMIUM: [&str; 8] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// One Chromium with one window.
pub struct Browser {
    client: Client,
    driver: Child,
}

impl Browser {
    /// Starts chromedriver on a free port, and Chromium through it.
    ///
    /// # Errors
    /// When one of them is not installed (the message says how to install it) or does not start.
    pub async fn open() -> Result<Self> {
        Self::open_with(json!({}), &[], None).await
    }

    /// The same, with more arguments for Chromium.
    ///
    /// # Errors
    /// As for [`Browser::open`].
    pub async fn open_with_arguments(more: &[&str]) -> Result<Self> {
        Self::open_with(json!({}), more, None).await
    }

    /// The same, with every request written down for [`Browser::requested_origins`].
    ///
    /// # Errors
    /// As for [`Browser::open`].
    pub async fn open_recording() -> Result<Self> {
        Self::open_with(json!({ "performance": "ALL" }), &[], None).await
    }

    /// With Cardea's extension, in the system's own profile, where it finds the agent.
    ///
    /// # Errors
    /// As for [`Browser::open`].
    pub async fn open_with_extension(system: &System) -> Result<Self> {
        Self::open_with_extension_at(&extension_folder(), &system.browser_profile()).await
    }

    /// With the extension of a folder, in the given profile.
    ///
    /// # Errors
    /// As for [`Browser::open`].
    pub async fn open_with_extension_at(extension: &Path, profile: &Path) -> Result<Self> {
        let extension = extension.display();
        let more = [
            format!("--user-data-dir={}", profile.display()),
            format!("--load-extension={extension}"),
            format!("--disable-extensions-except={extension}"),
        ];
        let more: Vec<_> = more.iter().map(String::as_str).collect();
        Self::open_with(json!({}), &more, None).await
    }

    /// In a home folder of its own, whose NSS database holds certificates with keys, and with a
    /// profile that says which of them goes where.
    ///
    /// # Errors
    /// As for [`Browser::open`].
    pub async fn open_at_home(home: &Path, profile: &Path) -> Result<Self> {
        let profile = format!("--user-data-dir={}", profile.display());
        Self::open_with(json!({}), &[&profile], Some(home)).await
    }

    /// Through a program that starts Chromium with the arguments that it is given.
    ///
    /// # Errors
    /// As for [`Browser::open`].
    pub async fn open_by(program: &Path, more: &[&str]) -> Result<Self> {
        Self::open_program(program, json!({}), more, None).await
    }

    async fn open_with(logs: Value, more: &[&str], home: Option<&Path>) -> Result<Self> {
        let chromium = ["chromium", "chromium-browser", "google-chrome"]
            .iter()
            .find_map(|name| process::find_program(name))
            .with_context(|| install::hint("Chromium"))?;
        Self::open_program(&chromium, logs, more, home).await
    }

    async fn open_program(
        chromium: &Path,
        logs: Value,
        more: &[&str],
        home: Option<&Path>,
    ) -> Result<Self> {
        let driver = process::find_program("chromedriver");
        let driver = driver.with_context(|| install::hint("chromedriver"))?;
        let (driver, port) = start_driver(&driver, home).await?;
        let mut arguments: Vec<&str> = CHROMIUM.to_vec();
        arguments.extend(["--window-size=1100,820", "--lang=fr"]);
        arguments.extend(more);
        let capabilities = json!({
            "browserName": "chrome",
            // For the tests on TLS: their CA is the demo's own.
            "acceptInsecureCerts": true,
            "goog:loggingPrefs": logs,
            "goog:chromeOptions": { "binary": chromium, "args": arguments },
        });
        let Value::Object(capabilities) = capabilities else {
            anyhow::bail!("the browser's settings are no object");
        };
        let client = ClientBuilder::native()
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .context("Chromium does not start")?;
        Ok(Self { client, driver })
    }

    /// Opens an address.
    ///
    /// # Errors
    /// When the page can't be loaded.
    pub async fn goto(&self, address: &str) -> Result<()> {
        self.client
            .goto(address)
            .await
            .with_context(|| format!("can't open {address}"))
    }

    /// Opens the portal in a language and presses "Sign in with my card".
    ///
    /// # Errors
    /// When the pages are not as expected.
    pub async fn press_sign_in(&self, portal: &str, language: &str) -> Result<()> {
        self.goto(&format!("{portal}/language/{language}")).await?;
        self.click("#sign-in").await
    }

    /// The visible text of what the CSS selector names.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn text(&self, selector: &str) -> Result<String> {
        let element = self.client.find(Locator::Css(selector)).await?;
        Ok(element.text().await?)
    }

    /// The address that the window shows.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn address(&self) -> Result<String> {
        Ok(self.client.current_url().await?.to_string())
    }

    /// Runs a script in the page and gives what it returns.
    ///
    /// # Errors
    /// When the script fails.
    pub async fn run(&self, script: &str) -> Result<Value> {
        Ok(self.client.execute(script, Vec::new()).await?)
    }

    /// Runs a script that answers through the last of its arguments, and gives that answer.
    ///
    /// # Errors
    /// When the script fails or does not answer.
    pub async fn run_async(&self, script: &str) -> Result<Value> {
        Ok(self.client.execute_async(script, Vec::new()).await?)
    }

    /// Presses a key wherever the focus is; WebDriver has characters for keys without one.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn press_key(&self, key: char) -> Result<()> {
        let keys = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value: key })
            .then(KeyAction::Up { value: key });
        Ok(self.client.perform_actions(keys).await?)
    }

    /// Looks into a frame of the page from now on.
    ///
    /// # Errors
    /// When there is no such frame.
    pub async fn enter_frame(&self, selector: &str) -> Result<()> {
        let frame = self.client.find(Locator::Css(selector)).await?;
        Ok(frame.enter_frame().await?)
    }

    /// Goes back, as with the browser's button.
    ///
    /// # Errors
    /// When there is nowhere to go back to.
    pub async fn back(&self) -> Result<()> {
        Ok(self.client.back().await?)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Saves what the window shows to `target/screenshots/NAME.png`.
    ///
    /// # Errors
    /// When the picture can't be taken or written.
    pub async fn screenshot(&self, name: &str) -> Result<PathBuf> {
        // Let fonts and transitions settle, so that pictures of two runs can be compared.
        tokio::time::sleep(Duration::from_millis(250)).await;
        let picture = self
            .client
            .screenshot()
            .await
            .context("can't take a screenshot")?;
        let folder = workspace::root().join("target/screenshots");
        std::fs::create_dir_all(&folder).context("can't make the folder for screenshots")?;
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, picture).context("can't write a screenshot")?;
        Ok(path)
    }

    /// Ends Chromium and chromedriver.
    ///
    /// # Errors
    /// When they can't be ended.
    pub async fn close(mut self) -> Result<()> {
        self.client
            .clone()
            .close()
            .await
            .context("Chromium does not end")?;
        self.driver
            .kill()
            .await
            .context("chromedriver does not end")
    }
}

impl Drop for Browser {
    /// After a failed test nobody has called `close`: Chromium is in chromedriver's process group.
    fn drop(&mut self) {
        process_group::kill(self.driver.id());
    }
}

/// Starts chromedriver on a free port.
///
/// With `--port=0` it takes a free IPv4 port, then the same IPv6 port, and ends if that one has
/// been taken meanwhile: then it is started again.
async fn start_driver(program: &Path, home: Option<&Path>) -> Result<(Child, u16)> {
    for _ in 0..DRIVER_STARTS_MAX {
        if let Some(started) = try_start_driver(program, home).await? {
            return Ok(started);
        }
    }
    anyhow::bail!("chromedriver ended {DRIVER_STARTS_MAX} times without naming its port")
}

/// Starts it in a process group of its own and reads its port from its first words.
async fn try_start_driver(program: &Path, home: Option<&Path>) -> Result<Option<(Child, u16)>> {
    let mut command = std::process::Command::new(program);
    command
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    if let Some(home) = home {
        // Chromium inherits it.
        command.env("HOME", home).env_remove("XDG_DATA_HOME");
    }
    let mut driver = Command::from(command)
        .kill_on_drop(true)
        .spawn()
        .context("can't start chromedriver")?;
    let stdout = driver.stdout.take().context("chromedriver has no stdout")?;
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await.context("can't read chromedriver")? {
        let port = line
            .strip_prefix("ChromeDriver was started successfully on port ")
            .and_then(|rest| rest.trim_end_matches('.').parse().ok());
        if let Some(port) = port {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(Some((driver, port)));
        }
    }
    Ok(None)
}

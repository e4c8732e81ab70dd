//! nginx and Caddy with the lines of docs/guard-proxies.md, and places of the test's own in them.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cardea_e2e::Stage;
use cardea_xtask::{install, process, system};
use reqwest::Client;

use crate::stand::{Answer, Stand};

const PAGE: &str = include_str!("../../../../docs/guard-proxies.md");
const START_LIMIT: Duration = Duration::from_secs(30);

/// A proxy in front of the API; it ends when this is dropped, or with the system.
pub(crate) struct Proxy {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    child: Child,
    http: Client,
}

/// The code block of the page behind a comment.
pub(crate) fn block(name: &str) -> Result<String> {
    let (_, behind) = PAGE
        .split_once(&format!("<!-- {name} -->"))
        .context("no such comment")?;
    let text = behind.split("```").nth(1).context("no block behind it")?;
    let (_, text) = text.split_once('\n').context("an empty block")?;
    Ok(text.to_owned())
}

impl Proxy {
    pub(crate) async fn nginx(stage: &Stage, stand: &Stand) -> Result<Self> {
        let folder = stage.system().folder().join("nginx");
        fs::create_dir_all(&folder)?;
        let address = stand.nginx_address();
        let lines = block("nginx of the tests")?
            .replace("listen 443 ssl", &format!("listen {address}"))
            .replace("127.0.0.1:8090", &stand.guard_of_nginx())
            .replace("127.0.0.1:8081", &stand.api());
        let is_kept = |line: &&str| !line.trim_start().starts_with("ssl_certificate");
        let lines: Vec<_> = lines.lines().filter(is_kept).collect();
        let path = |name: &str| folder.join(name).display().to_string();
        let kept = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};\n", path(kind)))
            .concat();
        let text = format!(
            "user root;\nmaster_process off;\ndaemon off;\npid {};\nerror_log stderr warn;\n\
             events {{}}\nhttp {{\naccess_log off;\n{kept}{}\n}}\n",
            path("pid"),
            lines.join("\n")
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, text)?;
        let mut command = program("nginx")?;
        command.args(["-e", "stderr", "-c"]).arg(&file);
        Self::start("nginx", command, address, stage, &folder).await
    }

    pub(crate) async fn caddy(stage: &Stage, stand: &Stand) -> Result<Self> {
        let folder = stage.system().folder().join("caddy");
        fs::create_dir_all(&folder)?;
        let address = stand.caddy_address();
        let lines = block("Caddy of the tests")?
            .replace("api.example.fr {", &format!("http://{address} {{"))
            .replace("127.0.0.1:8090", &stand.guard_of_caddy())
            .replace("127.0.0.1:8081", &stand.api());
        let file = folder.join("Caddyfile");
        fs::write(
            &file,
            format!("{{\n\tadmin off\n\tauto_https off\n}}\n{lines}"),
        )?;
        let mut command = program("caddy")?;
        command
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(&file);
        command
            .env("HOME", &folder)
            .env("XDG_DATA_HOME", &folder)
            .env("XDG_CONFIG_HOME", &folder);
        Self::start("caddy", command, address, stage, &folder).await
    }

    async fn start(
        name: &'static str,
        mut command: Command,
        address: &str,
        stage: &Stage,
        folder: &Path,
    ) -> Result<Self> {
        let log = folder.join("log");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = child.stderr(fs::File::create(&log)?).spawn()?;
        stage.system().adopt(&child)?;
        let http = Client::builder()
            .timeout(Duration::from_secs(30))
            .no_proxy();
        let mut proxy = Self {
            name,
            url: format!("http://{address}"),
            child,
            http: http.build()?,
        };
        let port = address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        let port = port.context("no port")?;
        let begun = Instant::now();
        while !system::is_listened_on(port) {
            if let Some(status) = proxy.child.try_wait()? {
                bail!("{name} has ended: {status}\n{}", fs::read_to_string(&log)?);
            }
            if begun.elapsed() > START_LIMIT {
                bail!("{name} does not answer");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(proxy)
    }

    /// Asks the API through it.
    pub(crate) async fn send(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        // Written by hand: a client library would tidy the path up.
        let mut request = self.http.get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::read(request.send().await?).await
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(name: &str) -> Result<Command> {
    let found = process::find_program(name).or_else(|| {
        let aside = Path::new("/usr/sbin").join(name);
        aside.is_file().then_some(aside)
    });
    Ok(Command::new(found.with_context(|| install::hint(name))?))
}

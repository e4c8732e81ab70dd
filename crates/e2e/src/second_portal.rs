//! Another portal on the same workstation, with a host and cookies of its own.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cardea_xtask::system::System;
use cardea_xtask::workspace;

const CLIENT_ID: &str = "second-portal";
const SECRET: &str = "a-secret-of-the-second-portal-0123456789";
const START_LIMIT: Duration = Duration::from_secs(60);

/// Where a second portal will listen. Cookies do not tell ports apart, so it has another loopback
/// address than everything else.
#[derive(Clone, Debug)]
pub struct SecondPortal {
    listen: String,
}

/// A second portal that runs until it is dropped.
pub struct RunningPortal {
    url: String,
    child: Child,
}

impl SecondPortal {
    /// Chooses a port.
    ///
    /// # Errors
    /// When there is none.
    pub fn choose() -> Result<Self> {
        let socket = TcpListener::bind("127.0.0.2:0").context("no free port")?;
        let listen = socket.local_addr()?.to_string();
        Ok(Self { listen })
    }

    fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// Its `[[client]]` table.
    #[must_use]
    pub fn client(&self) -> String {
        let url = self.url();
        format!(
            "\n[[client]]\nclient_id = \"{CLIENT_ID}\"\nname = \"Dossier de soins du Tilleul\"\n\
             redirect_uris = [\"{url}/callback\"]\npost_logout_redirect_uris = [\"{url}/\"]\n\
             backchannel_logout_uri = \"{url}/backchannel-logout\"\nsecret = \"{SECRET}\"\n\
             id_token_signed_response_alg = \"ES256\"\n\
             scopes = [\"openid\", \"profile\", \"professional\"]\n"
        )
    }

    /// Starts it beside a running system.
    ///
    /// # Errors
    /// When it does not come up in time.
    pub fn start(&self, system: &System) -> Result<RunningPortal> {
        let settings = system.folder().join("second-portal.toml");
        let (issuer, url) = (system.addresses().issuer(), self.url());
        let text = format!(
            "issuer = \"{issuer}\"\nclient_id = \"{CLIENT_ID}\"\nclient_secret = \"{SECRET}\"\n\
             listen = \"{}\"\npublic_url = \"{url}\"\n",
            self.listen
        );
        fs::write(&settings, text).context("can't write the second portal's settings")?;
        let child = spawn(&settings)?;
        let mut running = RunningPortal { url, child };
        let begun = Instant::now();
        while std::net::TcpStream::connect(&self.listen).is_err() {
            if let Some(status) = running.child.try_wait()? {
                bail!("the second portal has ended: {status}");
            }
            if begun.elapsed() > START_LIMIT {
                bail!("the second portal does not answer");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(running)
    }
}

fn spawn(settings: &Path) -> Result<Child> {
    let mut command = Command::new(workspace::binary("cardea-demo-portal")?);
    command.arg("serve").arg("--config").arg(settings);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().context("can't start the second portal")
}

impl RunningPortal {
    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for RunningPortal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

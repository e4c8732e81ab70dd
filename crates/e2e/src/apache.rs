//! Apache's web server with `mod_auth_openidc`, apart from any that the machine runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cardea_xtask::system::System;
use cardea_xtask::{install, process};

use crate::foreign_client::{ForeignClient, sources};

/// Whom the web server becomes where root starts it: names that every system has.
const UNPRIVILEGED: [(&str, &str); 3] = [
    ("www-data", "www-data"),
    ("apache", "apache"),
    ("http", "http"),
];

/// A running web server; it ends when this is dropped.
pub struct Apache {
    client: Option<ForeignClient>,
    folder: PathBuf,
}

impl Apache {
    /// Starts it on a loopback port with `clients/apache/portal.conf`.
    ///
    /// # Errors
    /// When it is not installed (the message says how to install it) or does not start.
    pub fn start(system: &System, client_id: &str, secret: &str, port: u16) -> Result<Self> {
        Self::start_with("portal.conf", system, (client_id, secret), port)
    }

    /// The same with another file of `clients/apache` in the place of `portal.conf`.
    ///
    /// # Errors
    /// As [`Apache::start`].
    pub fn start_with(
        portal: &str,
        system: &System,
        (client_id, secret): (&str, &str),
        port: u16,
    ) -> Result<Self> {
        let program = process::find_program("apache2").or_else(|| process::find_program("httpd"));
        let program = program.with_context(|| install::hint("Apache's web server"))?;
        let modules = install::apache_modules()?;
        let folder = std::env::temp_dir().join(format!("cardea-apache-{port}"));
        let _ = fs::remove_dir_all(&folder);
        let sources = sources().join("apache");
        copy_pages(&sources.join("pages"), &folder.join("pages"))?;
        // Its user is another than ours: the folder is open to read, and has no secret in it.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))
            .context("can't open a folder to the web server")?;
        let (user, group) = unprivileged()?;
        let mut command = Command::new(program);
        command
            .args(["-DFOREGROUND", "-f"])
            .arg(sources.join("server.conf"));
        command
            .env("FOLDER", &folder)
            .env("PORTAL", sources.join(portal))
            .env("MODULES", modules)
            .env("APACHE_USER", user)
            .env("APACHE_GROUP", group)
            .env("ISSUER", system.addresses().issuer())
            .env("CLIENT_ID", client_id)
            .env("CLIENT_SECRET", secret)
            .env("COOKIE_KEY", format!("{secret} {port}"));
        if let Some(ca_file) = system.ca_file() {
            command.arg("-DPRIVATE_CA").env("CA_FILE", ca_file);
        }
        // Made first: it takes the folder away if the start fails.
        let mut apache = Self {
            client: None,
            folder,
        };
        let client = ForeignClient::serve(system, command, "apache", port);
        apache.client = Some(client.with_context(|| apache.log())?);
        Ok(apache)
    }

    /// What it has written to its error log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("error.log")).unwrap_or_default()
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        // TERM, so that it ends its workers too.
        if let Some(client) = self.client.take() {
            client.stop();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn unprivileged() -> Result<(&'static str, &'static str)> {
    let users = fs::read_to_string("/etc/passwd").context("can't read the system's users")?;
    let known = |name: &str| {
        users
            .lines()
            .any(|line| line.starts_with(&format!("{name}:")))
    };
    let found = UNPRIVILEGED.into_iter().find(|(user, _)| known(user));
    found.context("the system has no user for a web server")
}

fn copy_pages(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("can't make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("can't read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_pages(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).context("can't copy a page")?;
        }
    }
    Ok(())
}

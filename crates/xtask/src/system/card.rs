//! The virtual card and its test PKI, through `cardea-vcard`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::system::DEFAULT_PIN;
use crate::system::addresses::Addresses;
use crate::system::configuration::pki_folder;
use crate::{process, workspace};

/// Whose card to make. Every person is invented.
#[derive(Clone, Debug)]
pub struct CardRequest {
    /// Card family: `cps`, `cpe`, `cpf` or `cpa`.
    pub profile: String,
    /// Profession code of TRE_G15.
    pub profession: String,
    /// Given name and family name.
    pub name: String,
    /// National identifier.
    pub rpps: String,
    /// `rsa2048` or `p256`.
    pub key: String,
    /// The card's PIN, 4 to 8 digits.
    pub pin: String,
    /// A card whose certificate has run out.
    pub expired: bool,
}

impl Default for CardRequest {
    /// The demo's pharmacist.
    fn default() -> Self {
        Self {
            profile: "cps".into(),
            profession: "21".into(),
            name: "Camille DURAND".into(),
            rpps: "899700000017".into(),
            key: "rsa2048".into(),
            pin: DEFAULT_PIN.into(),
            expired: false,
        }
    }
}

/// A virtual card, in or out of the virtual reader.
#[derive(Clone, Debug)]
pub struct Card {
    program: PathBuf,
    pki: PathBuf,
    folder: PathBuf,
    vpcd: String,
    delay_milliseconds: u32,
}

impl Card {
    pub(super) fn new(system: &Path, addresses: &Addresses, delay: u32) -> Result<Self> {
        Ok(Self {
            program: workspace::binary("cardea-vcard")?,
            pki: pki_folder(system),
            folder: system.join("card"),
            vpcd: addresses.vpcd(),
            delay_milliseconds: delay,
        })
    }

    /// A card that another PKI with the same names issues, made beside this card's.
    ///
    /// # Errors
    /// When `cardea-vcard pki init` fails.
    pub fn of_another_pki(&self, name: &str) -> Result<Self> {
        let pki = self.pki.with_file_name(name);
        let mut command = Command::new(&self.program);
        command
            .args(["pki", "init", "--authority-key", "p256"])
            .arg(&pki);
        process::capture(&mut command)?;
        Ok(Self {
            pki,
            ..self.clone()
        })
    }

    /// The folder of the PKI that issues this card.
    pub fn pki_folder(&self) -> &Path {
        &self.pki
    }

    /// Another card of the same PKI, for the same reader, in the folder `name` beside this one.
    pub fn beside(&self, name: &str) -> Self {
        Self {
            folder: self.folder.with_file_name(name),
            ..self.clone()
        }
    }

    /// The same card for the second reader, which the virtual reader's driver has beside the first.
    pub fn in_second_reader(&self, addresses: &Addresses) -> Self {
        Self {
            vpcd: addresses.second_vpcd(),
            ..self.clone()
        }
    }

    /// Makes the card.
    ///
    /// # Errors
    /// When `cardea-vcard issue` fails.
    pub fn issue(&self, request: &CardRequest) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.args(["issue", "--profile", &request.profile]);
        if !request.profession.is_empty() {
            command.args(["--profession", &request.profession]);
        }
        command.args(["--name", &request.name, "--rpps", &request.rpps]);
        command.args(["--key", &request.key, "--pin", &request.pin]);
        if request.expired {
            command.arg("--expired");
        }
        command
            .arg("--pki")
            .arg(&self.pki)
            .arg("--out")
            .arg(&self.folder);
        process::capture(&mut command).map(drop)
    }

    /// Makes a card of every profession and one in each bad state into the folder `name` beside
    /// this card's, and gives the list of them as JSON.
    ///
    /// # Errors
    /// When `cardea-vcard issue-all` fails.
    pub fn issue_all(&self, name: &str) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.args(["issue-all", "--key", "p256", "--json", "--pki"]);
        command.arg(&self.pki).arg("--out");
        command.arg(self.folder.with_file_name(name));
        process::capture(&mut command)
    }

    /// Plugs the card in.
    ///
    /// # Errors
    /// When the virtual reader is not there or already has a card.
    pub fn insert(&self) -> Result<()> {
        let mut command = Command::new("sh");
        command.args(["-c", &self.insert_command()]);
        process::capture(&mut command).map(drop)
    }

    /// Pulls the card out.
    ///
    /// # Errors
    /// When it is not plugged in.
    pub fn remove(&self) -> Result<()> {
        self.run("remove")
    }

    /// Revokes the card at its issuer.
    ///
    /// # Errors
    /// When `cardea-vcard revoke` fails.
    pub fn revoke(&self) -> Result<()> {
        let mut command = Command::new(&self.program);
        command
            .arg("revoke")
            .arg(&self.folder)
            .arg("--pki")
            .arg(&self.pki);
        process::capture(&mut command).map(drop)
    }

    /// Blocks the card's PIN, as three wrong tries would.
    ///
    /// # Errors
    /// When `cardea-vcard block` fails.
    pub fn block(&self) -> Result<()> {
        self.run("block")
    }

    /// The card's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The shell command that plugs the card in and returns.
    pub fn insert_command(&self) -> String {
        let mut text = format!(
            "{} insert {} --vpcd {} --detach",
            quoted(&self.program),
            quoted(&self.folder),
            self.vpcd
        );
        if self.delay_milliseconds > 0 {
            text.push_str(&format!(" --delay-ms {}", self.delay_milliseconds));
        }
        text
    }

    /// The shell command that pulls the card out.
    pub fn remove_command(&self) -> String {
        format!("{} remove {}", quoted(&self.program), quoted(&self.folder))
    }

    fn run(&self, verb: &str) -> Result<()> {
        process::capture(Command::new(&self.program).arg(verb).arg(&self.folder)).map(drop)
    }
}

/// Makes the test PKI, whose certificates name the addresses of its responders.
pub(super) fn make_pki(folder: &Path, addresses: &Addresses, key: &str) -> Result<()> {
    let mut command = Command::new(workspace::binary("cardea-vcard")?);
    command.args(["pki", "init"]).arg(pki_folder(folder));
    command.args(["--base-url", &addresses.pki_url()]);
    command.args(["--ocsp-url", &addresses.ocsp_url()]);
    command.args(["--authority-key", key]);
    process::capture(&mut command).map(drop)
}

/// A path as one word of a shell command.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::quoted;

    #[test]
    fn a_path_stays_one_word() {
        assert_eq!(quoted(Path::new("/a/b-1.x")), "/a/b-1.x");
        assert_eq!(quoted(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }
}

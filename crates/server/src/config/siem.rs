//! `[[siem]]`: where the log's events go beside the database (docs/siem.md).

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::{Host, Url};

use super::Config;
use super::check::check_range;
use super::load::invalid;
use crate::error::Error;

/// Outputs at once.
const OUTPUTS_MAX: usize = 8;
/// The number that examples in documents have (RFC 5612): everybody's, and so nobody's.
const EXAMPLE_NUMBER: u32 = 32473;
/// Members that may be left out.
const LEFT_OUT_MAX: usize = 64;

/// `[[siem]]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SiemConfig {
    /// Its name, under which the database knows how far it has come.
    pub name: String,
    /// In which form events go out.
    pub format: SiemFormat,
    /// Where to: `tls://HOST:PORT`, `tcp://ADDRESS:PORT` on this machine, `file:PATH` or `stdout`.
    pub to: SiemTarget,
    /// PEM file of the authorities that vouch for the receiver; no others are believed.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The name in the receiver's certificate, where it is not the host of `to`.
    #[serde(default)]
    pub server_name: Option<String>,
    /// PEM file of this server's certificate, where the receiver asks for one …
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// … and of its key.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// The operator's private enterprise number, under which structured data go out (RFC 5424
    /// section 7.2.2); without it events are JSON in the message.
    #[serde(default)]
    pub enterprise_number: Option<u32>,
    /// What of a person goes out.
    #[serde(default)]
    pub personal: SiemPersonal,
    /// Members that never go out, wherever they stand in an event.
    #[serde(default)]
    pub leave_out: Vec<String>,
    /// Where an output of a new name begins.
    #[serde(default)]
    pub from: SiemFrom,
    /// Seconds after which what was written to a connection that still lives counts as received.
    #[serde(default = "default_confirm_seconds")]
    pub confirm_seconds: u32,
    /// Seconds that events may wait before `/readyz` warns.
    #[serde(default = "default_warn_after_seconds")]
    pub warn_after_seconds: u32,
}

/// `format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SiemFormat {
    /// RFC 5424, framed by RFC 5425.
    Syslog,
    /// A JSON object a line.
    JsonLines,
}

/// `personal`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SiemPersonal {
    /// Nothing that tells people apart.
    None,
    /// Pseudonyms and ids, and no words that somebody typed.
    #[default]
    Pseudonyms,
    /// Everything that is on record: accounts and words of operators, names of workstations,
    /// registrations of clients.
    All,
}

/// `from`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SiemFrom {
    /// With the next event.
    #[default]
    Now,
    /// With the first event of the log.
    Beginning,
}

/// `to`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
#[non_exhaustive]
pub enum SiemTarget {
    /// A receiver whose certificate is verified.
    Tls {
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
    },
    /// A receiver on this machine.
    Tcp {
        /// Its address.
        address: IpAddr,
        /// Its port.
        port: u16,
    },
    /// A file that is written on.
    File(PathBuf),
    /// The program's own standard output.
    Stdout,
}

const fn default_confirm_seconds() -> u32 {
    10
}

const fn default_warn_after_seconds() -> u32 {
    60
}

impl TryFrom<String> for SiemTarget {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const FORM: &str = "must be tls://HOST:PORT, tcp://ADDRESS:PORT, file:PATH or stdout";
        if text == "stdout" {
            return Ok(Self::Stdout);
        }
        if let Some(path) = text.strip_prefix("file:") {
            return match path.is_empty() || path.starts_with("//") {
                true => Err("must name a path behind file:, such as file:/var/log/cardea.jsonl"),
                false => Ok(Self::File(PathBuf::from(path))),
            };
        }
        let url = Url::parse(&text).map_err(|_| FORM)?;
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        // Schemes that URLs do not know keep their hosts as text.
        let host = url.host_str().unwrap_or_default();
        let host = Host::parse(host).map_err(|_| FORM)?;
        match (url.scheme(), url.port(), is_bare) {
            ("tls", Some(port), true) => Ok(Self::Tls {
                host: match host {
                    Host::Domain(name) => name,
                    Host::Ipv4(address) => address.to_string(),
                    Host::Ipv6(address) => address.to_string(),
                },
                port,
            }),
            ("tcp", Some(port), true) => {
                let address = match host {
                    Host::Ipv4(address) => IpAddr::from(address),
                    Host::Ipv6(address) => IpAddr::from(address),
                    Host::Domain(_) => return Err("must name a number behind tcp://"),
                };
                match address.is_loopback() {
                    true => Ok(Self::Tcp { address, port }),
                    false => Err("must use tls:// for another machine: tcp:// is for this one"),
                }
            }
            _ => Err(FORM),
        }
    }
}

impl SiemConfig {
    /// Makes its paths absolute.
    pub(super) fn make_paths_absolute(&mut self, folder: &Path) {
        let of_target = match &mut self.to {
            SiemTarget::File(path) => Some(path),
            _ => None,
        };
        let paths = [&mut self.ca_file, &mut self.certificate, &mut self.key];
        for path in paths.into_iter().flatten().chain(of_target) {
            *path = folder.join(&*path);
        }
    }
}

/// Rules on all the tables.
pub(super) fn check_siem(file: &Path, config: &Config) -> Result<(), Error> {
    if config.siem.len() > OUTPUTS_MAX {
        return Err(invalid(
            file,
            None,
            "siem",
            "must not have more than 8 outputs",
        ));
    }
    let mut names = HashSet::new();
    let mut files = HashSet::new();
    for (index, output) in config.siem.iter().enumerate() {
        let wrong = |key: &str, reason: &str| {
            Err(invalid(file, None, &format!("siem[{index}].{key}"), reason))
        };
        if let Err((key, reason)) = check_output(output) {
            return wrong(key, reason);
        }
        if !names.insert(output.name.as_str()) {
            return wrong("name", "stands twice");
        }
        if let SiemTarget::File(path) = &output.to
            && !files.insert(path.as_path())
        {
            return wrong("to", "is another output's file");
        }
        let confirm = format!("siem[{index}].confirm_seconds");
        check_range(file, &confirm, output.confirm_seconds, 1..=300)?;
        let warn = format!("siem[{index}].warn_after_seconds");
        check_range(file, &warn, output.warn_after_seconds, 2..=86_400)?;
        if output.warn_after_seconds <= output.confirm_seconds {
            return wrong("warn_after_seconds", "must be longer than confirm_seconds");
        }
    }
    Ok(())
}

fn check_output(output: &SiemConfig) -> Result<(), (&'static str, &'static str)> {
    let is_letter = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"-_".contains(&it);
    if output.name.is_empty() || output.name.len() > 32 || !output.name.bytes().all(is_letter) {
        return Err(("name", "must have 1 to 32 small letters, digits, - and _"));
    }
    if output.leave_out.len() > LEFT_OUT_MAX {
        return Err(("leave_out", "must not have more than 64 entries"));
    }
    let fixed = ["id", "kind", "place", "time"];
    if output
        .leave_out
        .iter()
        .any(|it| fixed.contains(&it.as_str()))
    {
        return Err(("leave_out", "must not hold id, kind, place or time"));
    }
    if output.certificate.is_some() != output.key.is_some() {
        return Err(("key", "goes together with certificate"));
    }
    let is_tls = matches!(output.to, SiemTarget::Tls { .. });
    if output.format == SiemFormat::Syslog && !is_tls {
        return Err((
            "to",
            "must be tls:// because of the format syslog (RFC 5425)",
        ));
    }
    check_number(output)?;
    if is_tls && output.ca_file.is_none() {
        return Err(("ca_file", "must name who vouches for the receiver"));
    }
    for (key, is_said) in [
        ("ca_file", output.ca_file.is_some()),
        ("server_name", output.server_name.is_some()),
        ("certificate", output.certificate.is_some()),
    ] {
        if is_said && !is_tls {
            return Err((key, "says nothing without tls://"));
        }
    }
    Ok(())
}

/// Numbers are the IANA's to give out. The first and the last it never gives.
fn check_number(output: &SiemConfig) -> Result<(), (&'static str, &'static str)> {
    let reason = match output.enterprise_number {
        None => return Ok(()),
        Some(0 | u32::MAX) => "must be a number that IANA has given to you",
        Some(EXAMPLE_NUMBER) => {
            "is for examples in documents (RFC 5612): write your own number, or none"
        }
        Some(_) if output.format != SiemFormat::Syslog => "says nothing without the format syslog",
        Some(_) => return Ok(()),
    };
    Err(("enterprise_number", reason))
}

#[cfg(test)]
mod tests {
    use super::{SiemConfig, SiemFormat, SiemFrom, SiemPersonal, SiemTarget, check_output};

    fn read(text: &str) -> SiemConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn an_output_is_careful_by_default() {
        let output = read(
            "name = \"soc\"\nformat = \"syslog\"\nto = \"tls://siem.example.fr:6514\"\n\
             ca_file = \"ca.pem\"",
        );
        assert_eq!(check_output(&output), Ok(()));
        assert_eq!(output.personal, SiemPersonal::Pseudonyms);
        assert_eq!(output.from, SiemFrom::Now);
        assert_eq!(output.format, SiemFormat::Syslog);
        assert_eq!(output.enterprise_number, None);
        assert_eq!(
            (output.confirm_seconds, output.warn_after_seconds),
            (10, 60)
        );
    }

    #[test]
    fn each_mistake_is_named_by_its_key() {
        let tls = "name = \"soc\"\nformat = \"syslog\"\nto = \"tls://siem.example.fr:6514\"\n";
        let file = "name = \"soc\"\nformat = \"json_lines\"\nto = \"file:/var/log/c.jsonl\"\n";
        for (text, key) in [
            (tls.to_owned(), "ca_file"),
            (tls.replace("soc", "S O C"), "name"),
            (format!("{tls}ca_file = \"ca\"\ncertificate = \"c\""), "key"),
            (file.replace("json_lines", "syslog"), "to"),
            (format!("{file}ca_file = \"ca\""), "ca_file"),
            (format!("{file}server_name = \"siem\""), "server_name"),
            (format!("{file}leave_out = [\"kind\"]"), "leave_out"),
            (
                format!("{file}enterprise_number = 64999"),
                "enterprise_number",
            ),
            (
                format!("{tls}enterprise_number = 32473"),
                "enterprise_number",
            ),
            (format!("{tls}enterprise_number = 0"), "enterprise_number"),
            (
                format!("{tls}enterprise_number = 4294967295"),
                "enterprise_number",
            ),
        ] {
            let found = check_output(&read(&text)).unwrap_err();
            assert_eq!(found.0, key, "{text}");
        }
    }

    #[test]
    fn targets_are_tls_or_on_this_machine() {
        let target = |text: &str| SiemTarget::try_from(text.to_owned());
        for good in [
            "tls://siem.example.fr:6514",
            "tls://192.0.2.1:6514",
            "tls://[2001:db8::1]:6514",
            "tcp://127.0.0.1:5170",
            "tcp://[::1]:5170",
            "file:/var/log/cardea/events.jsonl",
            "file:events.jsonl",
            "stdout",
        ] {
            assert!(target(good).is_ok(), "{good}: {:?}", target(good));
        }
        for bad in [
            "",
            "siem.example.fr:6514",
            "tls://siem.example.fr",
            "tls://siem.example.fr:6514/path",
            "tls://user@siem.example.fr:6514",
            "tls://siem.example.fr:6514?x",
            "tcp://192.0.2.1:514",
            "tcp://localhost:514",
            "udp://127.0.0.1:514",
            "https://siem.example.fr:443",
            "file:",
            "file:///var/log/x",
        ] {
            assert!(target(bad).is_err(), "{bad}");
        }
    }
}

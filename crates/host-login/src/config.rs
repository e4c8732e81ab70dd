//! What the host's administrator decides: which issuer, and who is whom here.

mod mistake;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cardea_oauth2_types::Acr;
use serde::Deserialize;
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::Error;
use crate::protected_file::{Protection, read};
use crate::words::Language;

const TIME_LIMIT_SECONDS: u64 = 120;
const LOCK_FOLDER: &str = "/run/cardea-host-login";
/// The codes of the issuer live for ten minutes.
const TIME_LIMIT_SECONDS_MAX: u64 = 600;

/// A configuration that was checked.
pub(crate) struct Config {
    pub(crate) issuer: String,
    pub(crate) origin: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: Zeroizing<String>,
    /// Certificates that the issuer's own may lead to, beside the system's.
    pub(crate) ca_pem: Option<String>,
    pub(crate) acr: Acr,
    pub(crate) language: Language,
    pub(crate) time_limit_seconds: u64,
    /// Where those who wait are counted.
    pub(crate) lock_folder: PathBuf,
    users: BTreeMap<String, Vec<Holder>>,
}

/// Who may use an account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Holder {
    pub(crate) claim: HolderClaim,
    pub(crate) value: String,
}

/// The claims that name one person and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HolderClaim {
    /// The issuer's own name of the person, for this host.
    Sub,
    /// The national number on the card.
    SubjectId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    issuer: String,
    client_id: String,
    client_secret_file: PathBuf,
    ca_file: Option<PathBuf>,
    #[serde(default = "default_acr")]
    acr: Acr,
    #[serde(default)]
    language: Language,
    time_limit_seconds: Option<u64>,
    lock_folder: Option<PathBuf>,
    users: BTreeMap<String, Vec<Holder>>,
}

fn default_acr() -> Acr {
    Acr::CardPin
}

impl Config {
    /// Reads and checks the configuration and the files that it names.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = read(path, Protection::WrittenByOwner)?;
        let file: ConfigFile =
            toml::from_str(&text).map_err(|error| mistake::of_toml(path, &text, &error))?;
        let invalid = |key, reason| mistake::of_key(path, &text, key, reason);
        let origin = origin_of(&file.issuer).ok_or_else(|| {
            let reason = "must be an https URL without query and final slash";
            invalid("issuer", reason)
        })?;
        let is_id = file.client_id.bytes().all(|byte| byte.is_ascii_graphic());
        if file.client_id.is_empty() || !is_id {
            let reason = "must hold visible ASCII characters alone, as at the server";
            return Err(invalid("client_id", reason));
        }
        let limit = file.time_limit_seconds.unwrap_or(TIME_LIMIT_SECONDS);
        if !(10..=TIME_LIMIT_SECONDS_MAX).contains(&limit) {
            return Err(invalid("time_limit_seconds", "must lie between 10 and 600"));
        }
        let lock_folder = file.lock_folder.unwrap_or_else(|| LOCK_FOLDER.into());
        if !lock_folder.is_absolute() {
            return Err(invalid("lock_folder", "must be an absolute path"));
        }
        for (account, holders) in &file.users {
            if holders.is_empty() || holders.iter().any(|it| it.value.is_empty()) {
                let reason = "has no person, or a person without a value";
                return Err(invalid(account, reason));
            }
        }
        let secret = Zeroizing::new(read(&file.client_secret_file, Protection::ReadByOwner)?);
        let secret = Zeroizing::new(secret.trim().to_owned());
        if secret.is_empty() {
            return Err(invalid("client_secret_file", "is empty"));
        }
        let ca_pem = match &file.ca_file {
            Some(path) => Some(read(path, Protection::WrittenByOwner)?),
            None => None,
        };
        Ok(Self {
            issuer: file.issuer,
            origin,
            client_id: file.client_id,
            client_secret: secret,
            ca_pem,
            acr: file.acr,
            language: file.language,
            time_limit_seconds: limit,
            lock_folder,
            users: file.users,
        })
    }

    /// What is asked of the issuer: the national number alone where somebody is mapped by it.
    pub(crate) fn scope(&self) -> &'static str {
        let by_number = |it: &Holder| it.claim == HolderClaim::SubjectId;
        if self.users.values().flatten().any(by_number) {
            "openid professional"
        } else {
            "openid"
        }
    }

    /// An account that somebody is mapped to; none while nobody can sign in.
    pub(crate) fn any_account(&self) -> Option<&str> {
        self.users.keys().next().map(String::as_str)
    }

    /// Who may use an account: nobody, unless the configuration says so.
    pub(crate) fn holders_of(&self, account: &str) -> Result<&[Holder], Error> {
        let holders = self.users.get(account).ok_or(Error::AccountUnmapped)?;
        Ok(holders)
    }
}

/// The issuer's origin; `http` is for tests on this machine.
fn origin_of(issuer: &str) -> Option<String> {
    let url = Url::parse(issuer).ok()?;
    let is_loopback = match url.host()? {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => name == "localhost",
    };
    let is_safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback;
    let is_plain = url.query().is_none() && url.fragment().is_none() && !issuer.ends_with('/');
    let has_user = !url.username().is_empty() || url.password().is_some();
    (is_safe && is_plain && !has_user).then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use crate::Error;

    use super::{Config, HolderClaim, origin_of};

    const GOOD: &str = "issuer = \"https://id.example.fr\"\nclient_id = \"db01\"\n\
        client_secret_file = \"SECRET\"\n[users]\n\
        alice = [{ claim = \"subject_id\", value = \"899700000001\" }]\n";

    fn with_mode(path: &Path, text: &str, mode: u32) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn read(text: &str, secret_mode: u32, config_mode: u32) -> Result<Config, &'static str> {
        read_telling(text, secret_mode, config_mode).map_err(|error| error.code())
    }

    fn read_telling(text: &str, secret_mode: u32, config_mode: u32) -> Result<Config, Error> {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        with_mode(&secret, "s3cret\n", secret_mode);
        let config = folder.path().join("host-login.toml");
        let text = text.replace("SECRET", &secret.display().to_string());
        with_mode(&config, &text, config_mode);
        Config::read(&config)
    }

    #[test]
    fn a_good_configuration_is_read_and_maps_its_accounts_alone() {
        let config = read(GOOD, 0o600, 0o644).unwrap();
        assert_eq!(config.client_secret.as_str(), "s3cret");
        let holders = config.holders_of("alice").unwrap();
        assert_eq!(holders[0].claim, HolderClaim::SubjectId);
        let refused = config.holders_of("root").unwrap_err();
        assert_eq!(refused.code(), "host_login.account_unmapped");
    }

    #[test]
    fn what_is_wrong_or_others_could_change_is_refused() {
        let invalid = "host_login.config_invalid";
        for (name, text, secret_mode, config_mode, code) in [
            (
                "readable secret",
                GOOD.to_owned(),
                0o640,
                0o644,
                "host_login.file_unusable",
            ),
            (
                "writable",
                GOOD.to_owned(),
                0o600,
                0o664,
                "host_login.file_unusable",
            ),
            ("http", GOOD.replace("https", "http"), 0o600, 0o644, invalid),
            (
                "nobody",
                GOOD.replace("{ claim = \"subject_id\", value = \"899700000001\" }", ""),
                0o600,
                0o644,
                invalid,
            ),
            (
                "empty value",
                GOOD.replace("899700000001", ""),
                0o600,
                0o644,
                invalid,
            ),
            (
                "other claim",
                GOOD.replace("subject_id", "family_name"),
                0o600,
                0o644,
                invalid,
            ),
            (
                "unknown key",
                format!("colour = 1\n{GOOD}"),
                0o600,
                0o644,
                invalid,
            ),
            (
                "for ever",
                format!("time_limit_seconds = 3600\n{GOOD}"),
                0o600,
                0o644,
                invalid,
            ),
            (
                "a folder wherever",
                format!("lock_folder = \"places\"\n{GOOD}"),
                0o600,
                0o644,
                invalid,
            ),
        ] {
            let refused = read(&text, secret_mode, config_mode).err();
            assert_eq!(refused, Some(code), "{name}");
        }
    }

    #[test]
    fn a_mistake_is_told_by_file_line_and_key() {
        for (text, place) in [
            (GOOD.replace("https", "http"), ":1: issuer: must be"),
            (GOOD.replace("db01", "db 01"), ":2: client_id: must hold"),
            (GOOD.replace("db01", ""), ":2: client_id: must hold"),
            (GOOD.replace("899700000001", ""), ":5: alice: has no person"),
            (GOOD.replace("subject_id", "name"), ":5: alice: unknown"),
            (format!("colour = 1\n{GOOD}"), ":1: colour: unknown"),
            (format!("acr = \"high\"\n{GOOD}"), ":1: acr: "),
            (GOOD.replace("issuer = ", "# "), ": missing field `issuer`"),
            (GOOD.replace("[users]", "[users"), ":4: [users: "),
        ] {
            let refused = read_telling(&text, 0o600, 0o644).err().unwrap();
            assert_eq!(refused.code(), "host_login.config_invalid");
            let said = refused.to_string();
            let expected = format!("host-login.toml{place}");
            assert!(said.contains(&expected), "{said} lacks {expected}");
        }
    }

    #[test]
    fn the_national_number_is_asked_for_where_somebody_is_mapped_by_it() {
        let by_name = GOOD.replace("subject_id", "sub");
        let nobody = GOOD.split("alice").next().unwrap();
        for (text, scope, account) in [
            (GOOD, "openid professional", Some("alice")),
            (&by_name, "openid", Some("alice")),
            (nobody, "openid", None),
        ] {
            let config = read(text, 0o600, 0o644).unwrap();
            assert_eq!((config.scope(), config.any_account()), (scope, account));
        }
    }

    #[test]
    fn only_a_secure_issuer_is_asked() {
        assert!(origin_of("https://id.example.fr/realm").is_some());
        assert!(origin_of("http://127.0.0.1:8080").is_some());
        for bad in [
            "http://id.example.fr",
            "https://id.example.fr/",
            "https://a@b.fr",
            "id",
        ] {
            assert_eq!(origin_of(bad), None, "{bad}");
        }
    }
}

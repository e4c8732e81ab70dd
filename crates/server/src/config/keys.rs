//! `[keys]`: what signs tokens and challenges, and how token keys are kept and change.

use std::path::{Path, PathBuf};

use cardea_provider::rotation::{
    KeyPlace, PUBLISH_BEFORE_MIN, ROTATE_EVERY_MIN, RotationRules, VERIFY_AFTER_MIN,
};
use serde::Deserialize;
use time::Duration;

/// `[keys]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct KeysConfig {
    /// Folder of the key-encryption key, made at the first start.
    #[serde(default = "default_keys_dir")]
    pub dir: PathBuf,
    /// PEM file of the key that signs login challenges.
    pub challenge_key: PathBuf,
    /// Challenge keys that other nodes sign with while it is changed, before and after this one.
    #[serde(default)]
    pub other_challenge_keys: Vec<PathBuf>,
    /// The challenge-key list that an offline root has signed (compact JWS).
    pub challenge_list: PathBuf,
    /// The document that workstations enrol by, signed by an offline root (compact JWS).
    pub enrolment: Option<PathBuf>,
    /// Where the private halves of new token keys are.
    #[serde(default)]
    pub store: KeyStore,
    /// How long a token key signs.
    #[serde(default)]
    pub rotate_every: RotateEvery,
    /// How long a token key is published before it signs.
    #[serde(default = "one_hour")]
    pub publish_before: Span,
    /// How long a token key verifies after its successor has begun to sign.
    #[serde(default = "one_hour")]
    pub verify_after: Span,
    /// What encrypts the token keys of the database.
    #[serde(default)]
    pub encryption: EncryptionConfig,
    /// What encrypted them before, until `cardea keys reencrypt` has run.
    pub previous_encryption: Option<EncryptionConfig>,
    /// The token for `store = "pkcs11"` and for `encryption.pkcs11_key`.
    pub pkcs11: Option<Pkcs11Config>,
}

/// `store`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum KeyStore {
    /// Encrypted in the database.
    #[default]
    Database,
    /// In a PKCS#11 token, which never gives them out.
    Pkcs11,
}

/// `[keys.encryption]`: one of the four, or the file of the default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct EncryptionConfig {
    /// A file with 32 bytes in base64url, mode 0600; made where there is no key to be decrypted.
    pub file: Option<PathBuf>,
    /// A credential of the service manager: a file in `$CREDENTIALS_DIRECTORY`.
    pub credential: Option<String>,
    /// An environment variable, which is taken out of the environment.
    pub environment: Option<String>,
    /// The label of an AES key in the token of `[keys.pkcs11]`.
    pub pkcs11_key: Option<String>,
}

/// `[keys.pkcs11]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Pkcs11Config {
    /// The module, by its absolute path.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// A file with its PIN, mode 0600.
    pub pin_file: Option<PathBuf>,
    /// A credential of the service manager with its PIN.
    pub pin_credential: Option<String>,
}

/// `rotate_every`: a time, or `"never"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RotateEvery(pub Option<Duration>);

/// A time such as `"90d"`, `"12h"`, `"30m"` or `"45s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

impl Default for RotateEvery {
    fn default() -> Self {
        Self(RotationRules::default().rotate_every)
    }
}

impl TryFrom<String> for RotateEvery {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "never" => Ok(Self(None)),
            _ => Span::try_from(text).map(|span| Self(Some(span.0))),
        }
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        /// Far longer than anything here may last.
        const SECONDS_MAX: i64 = 3650 * 86_400;
        let wrong = || format!("{text:?} is no time such as \"90d\", \"12h\", \"30m\" or \"45s\"");
        let unit = text.chars().last().ok_or_else(wrong)?;
        let seconds = match unit {
            'd' => 86_400,
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return Err(wrong()),
        };
        let number = text.strip_suffix(unit).unwrap_or_default();
        let all_digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: i64 = number
            .parse()
            .ok()
            .filter(|_| all_digits)
            .ok_or_else(wrong)?;
        match number.checked_mul(seconds) {
            Some(seconds @ 1..=SECONDS_MAX) => Ok(Self(Duration::seconds(seconds))),
            _ => Err(wrong()),
        }
    }
}

impl KeysConfig {
    /// The rules that token keys change by.
    #[must_use]
    pub fn rotation(&self) -> RotationRules {
        RotationRules {
            rotate_every: self.rotate_every.0,
            publish_before: self.publish_before.0,
            verify_after: self.verify_after.0,
            place: match self.store {
                KeyStore::Database => KeyPlace::Database,
                KeyStore::Pkcs11 => KeyPlace::Pkcs11,
            },
            ..RotationRules::default()
        }
    }

    /// What contradicts itself or is too short: the key, and why.
    pub(super) fn mistake(&self) -> Option<(&'static str, String)> {
        let too_short = |key, span: Duration, least: Duration| {
            let reason = format!("must be {} minutes at least", least.whole_minutes());
            (span < least).then_some((key, reason))
        };
        let every = self.rotate_every.0;
        let needs_token = self.store == KeyStore::Pkcs11
            || self.encryption.pkcs11_key.is_some()
            || self
                .previous_encryption
                .as_ref()
                .is_some_and(|it| it.pkcs11_key.is_some());
        too_short(
            "keys.publish_before",
            self.publish_before.0,
            PUBLISH_BEFORE_MIN,
        )
        .or_else(|| too_short("keys.verify_after", self.verify_after.0, VERIFY_AFTER_MIN))
        .or_else(|| too_short("keys.rotate_every", every?, ROTATE_EVERY_MIN))
        .or_else(|| {
            let both = self.publish_before.0 + self.verify_after.0;
            let reason = "must be longer than publish_before and verify_after together";
            (every? <= both).then(|| ("keys.rotate_every", reason.to_owned()))
        })
        .or_else(|| self.encryption.mistake("keys.encryption"))
        .or_else(|| {
            let previous = self.previous_encryption.as_ref()?;
            previous.mistake("keys.previous_encryption")
        })
        .or_else(|| {
            let reason = "is missing: it says which token keys are in";
            (needs_token && self.pkcs11.is_none()).then(|| ("keys.pkcs11", reason.to_owned()))
        })
        .or_else(|| self.pkcs11.as_ref()?.mistake())
    }

    pub(super) fn make_paths_absolute(&mut self, folder: &Path) {
        let absolute = |path: &mut PathBuf| *path = folder.join(&*path);
        absolute(&mut self.dir);
        absolute(&mut self.challenge_key);
        self.other_challenge_keys.iter_mut().for_each(absolute);
        absolute(&mut self.challenge_list);
        self.enrolment.iter_mut().for_each(absolute);
        self.encryption.file.iter_mut().for_each(absolute);
        let previous = self.previous_encryption.iter_mut();
        previous
            .filter_map(|it| it.file.as_mut())
            .for_each(absolute);
        let pkcs11 = self.pkcs11.iter_mut();
        pkcs11
            .filter_map(|it| it.pin_file.as_mut())
            .for_each(absolute);
    }
}

impl EncryptionConfig {
    fn mistake(&self, key: &'static str) -> Option<(&'static str, String)> {
        let named = [
            self.file.is_some(),
            self.credential.is_some(),
            self.environment.is_some(),
            self.pkcs11_key.is_some(),
        ];
        let count = named.into_iter().filter(|is_named| *is_named).count();
        let reason = "must name one of file, credential, environment and pkcs11_key";
        (count > 1).then(|| (key, reason.to_owned()))
    }
}

impl Pkcs11Config {
    fn mistake(&self) -> Option<(&'static str, String)> {
        if !self.module.is_absolute() {
            let reason = "must be an absolute path: it runs in the server";
            return Some(("keys.pkcs11.module", reason.to_owned()));
        }
        let reason = "must have one of pin_file and pin_credential";
        (self.pin_file.is_some() == self.pin_credential.is_some())
            .then(|| ("keys.pkcs11", reason.to_owned()))
    }
}

fn default_keys_dir() -> PathBuf {
    PathBuf::from("keys")
}

fn one_hour() -> Span {
    Span(Duration::HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(more: &str) -> Result<KeysConfig, toml::de::Error> {
        let text = format!("challenge_key = 'a'\nchallenge_list = 'b'\n{more}");
        toml::from_str(&text)
    }

    #[test]
    fn the_defaults_fit_together() {
        let keys = keys("").unwrap();
        assert_eq!(keys.mistake(), None);
        assert_eq!(keys.rotation(), RotationRules::default());
    }

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        for (text, seconds) in [
            ("90d", 7_776_000),
            ("12h", 43_200),
            ("30m", 1800),
            ("45s", 45),
        ] {
            assert_eq!(
                Span::try_from(text.to_owned()),
                Ok(Span(Duration::seconds(seconds)))
            );
        }
        for text in [
            "",
            "90",
            "d",
            "-1d",
            "1.5h",
            "0s",
            "+5m",
            "1w",
            "99999999999999999999d",
            "4000d",
        ] {
            assert!(Span::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert_eq!(keys("rotate_every = 'never'").unwrap().rotate_every.0, None);
    }

    #[test]
    fn a_mistake_names_its_key() {
        let token = "[pkcs11]\nmodule = '/m.so'\ntoken = 't'\n";
        for (more, key) in [
            ("publish_before = '9m'", "keys.publish_before"),
            ("verify_after = '14m'", "keys.verify_after"),
            ("rotate_every = '23h'", "keys.rotate_every"),
            (
                "rotate_every = '1d'\nverify_after = '23h'",
                "keys.rotate_every",
            ),
            (
                "encryption = { file = 'a', environment = 'B' }",
                "keys.encryption",
            ),
            (
                "previous_encryption = { credential = 'a', pkcs11_key = 'b' }",
                "keys.previous_encryption",
            ),
            ("store = 'pkcs11'", "keys.pkcs11"),
            ("encryption = { pkcs11_key = 'kek' }", "keys.pkcs11"),
            (token, "keys.pkcs11"),
            (
                "[pkcs11]\nmodule = 'm.so'\ntoken = 't'\npin_file = 'p'",
                "keys.pkcs11.module",
            ),
        ] {
            let mistake = keys(more).unwrap().mistake();
            assert_eq!(mistake.map(|it| it.0), Some(key), "{more}");
        }
    }
}

//! What a host without a browser says about who is at its door (RFC 8628 section 5.4).

use serde::{Deserialize, Serialize};

use crate::Error;

/// Longest name of an account or a service, as Linux has them.
const NAME_BYTES_MAX: usize = 32;
/// Longest place: an IPv6 address has 45 characters.
const REMOTE_BYTES_MAX: usize = 64;

/// The account that somebody wants to enter on a host, as the host says. The issuer vouches for the
/// host alone, and the person compares: only she knows where she sits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostAccount {
    account: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remote_host: Option<String>,
}

impl HostAccount {
    /// An account, the service that asks for it, and where whoever asks comes from; no remote host
    /// where she is on the host itself.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a text that is empty, longer than 32 bytes (a remote host: 64), or
    /// anything but letters and digits of ASCII and what stands in names and addresses beside them:
    /// no space, so that none of them reads as a sentence, no quotation mark and no markup.
    pub fn new(
        account: String,
        service: Option<String>,
        remote_host: Option<String>,
    ) -> Result<Self, Error> {
        let new = Self {
            account,
            service,
            remote_host,
        };
        new.check()?;
        Ok(new)
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// What asks for it on the host, such as `sshd`.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.service.as_deref()
    }

    /// Where whoever asks comes from, if from elsewhere.
    #[must_use]
    pub fn remote_host(&self) -> Option<&str> {
        self.remote_host.as_deref()
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let is_fit = |text: &str, bytes_max: usize| {
            (1..=bytes_max).contains(&text.len()) && text.chars().all(is_plain)
        };
        let mut names = [Some(self.account()), self.service()].into_iter().flatten();
        let remote = self.remote_host();
        if names.all(|it| is_fit(it, NAME_BYTES_MAX))
            && remote.is_none_or(|it| is_fit(it, REMOTE_BYTES_MAX))
        {
            Ok(())
        } else {
            Err(Error::Malformed {
                reason: "what the host says is too long, or no plain text",
            })
        }
    }
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || ".:-_@+$/\\?".contains(character)
}

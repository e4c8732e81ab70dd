//! Whether the loopback API is open.

use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The key `loopback` of the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoopbackChoice {
    /// Open where only one user can log on, shut elsewhere.
    #[default]
    Auto,
    /// Open, whoever can log on.
    On,
    /// Shut.
    Off,
}

impl<'de> Deserialize<'de> for LoopbackChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// Whatever was written, such as `true`, the error names the words.
struct Written;

impl Visitor<'_> for Written {
    type Value = LoopbackChoice;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("\"auto\", \"on\" or \"off\"")
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<LoopbackChoice, E> {
        match word {
            "auto" => Ok(LoopbackChoice::Auto),
            "on" => Ok(LoopbackChoice::On),
            "off" => Ok(LoopbackChoice::Off),
            other => Err(E::invalid_value(Unexpected::Str(other), &self)),
        }
    }
}

/// Whether the API is to be open, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loopback {
    /// Whether it is to be open.
    pub(crate) state: LoopbackState,
    /// What decided.
    pub(crate) reason: LoopbackReason,
}

/// Open or shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoopbackState {
    /// Open.
    On,
    /// Shut.
    Off,
}

/// What decided whether the API is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoopbackReason {
    /// The configuration.
    Configured,
    /// Nobody else can log on.
    OneUser,
    /// Others can log on, or it is not known.
    SeveralUsers,
    /// Another program has the port.
    AddressUnavailable,
}

impl LoopbackChoice {
    /// Decides, for this machine as it is now.
    #[must_use]
    pub fn decide(self, several_users: fn() -> bool) -> Loopback {
        let (state, reason) = match self {
            Self::On => (LoopbackState::On, LoopbackReason::Configured),
            Self::Off => (LoopbackState::Off, LoopbackReason::Configured),
            Self::Auto if several_users() => (LoopbackState::Off, LoopbackReason::SeveralUsers),
            Self::Auto => (LoopbackState::On, LoopbackReason::OneUser),
        };
        Loopback { state, reason }
    }
}

impl Loopback {
    /// Shut, because another program has the port.
    pub(crate) const TAKEN: Self = Self {
        state: LoopbackState::Off,
        reason: LoopbackReason::AddressUnavailable,
    };

    /// Whether the API is to be open.
    #[must_use]
    pub fn is_on(self) -> bool {
        self.state == LoopbackState::On
    }
}

impl std::fmt::Display for Loopback {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = if self.is_on() { "on" } else { "off" };
        write!(formatter, "{state} ({})", self.reason.words())
    }
}

impl LoopbackReason {
    /// For the log and the status, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Configured => "agent.toml says so",
            Self::OneUser => "nobody else can log on to this machine",
            Self::SeveralUsers => "several users can log on to this machine",
            Self::AddressUnavailable => "another program has the port",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_users_shut_it_unless_the_configuration_says_otherwise() {
        let cases = [
            (LoopbackChoice::Auto, false, true, LoopbackReason::OneUser),
            (
                LoopbackChoice::Auto,
                true,
                false,
                LoopbackReason::SeveralUsers,
            ),
            (LoopbackChoice::On, true, true, LoopbackReason::Configured),
            (
                LoopbackChoice::Off,
                false,
                false,
                LoopbackReason::Configured,
            ),
        ];
        for (choice, are_several, is_on, reason) in cases {
            let decided = choice.decide(if are_several { || true } else { || false });
            assert_eq!(
                (decided.is_on(), decided.reason),
                (is_on, reason),
                "{choice:?}"
            );
        }
    }
}

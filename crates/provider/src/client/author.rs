//! Who changed what servers go by, as the event of the change says it.

use serde::{Deserialize, Serialize};

use super::Operator;

/// Who made a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Author {
    /// An operator by command, as the system's account.
    Account(Operator),
    /// An operator through the admin API, as the pseudonym of the person who signed in.
    Person {
        /// The pseudonym.
        sub: String,
        /// The client that she uses.
        client_id: String,
    },
    /// Whoever had an initial access token (RFC 7591 section 3).
    InitialAccessToken {
        /// The token's public name.
        initial_access_token: String,
    },
    /// The client itself, by its registration access token (RFC 7592).
    Client {
        /// The client.
        client: String,
    },
    /// The configuration file, read anew.
    Configuration {
        /// The file.
        file: String,
    },
}

impl From<Operator> for Author {
    fn from(operator: Operator) -> Self {
        Self::Account(operator)
    }
}

//! Grants (RFC 6749 section 1.3): what a client turns into tokens.

use serde::{Deserialize, Serialize};

/// A registered `grant_type`. Passwords are not among them, and never will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GrantType {
    /// The code of a login in the browser.
    AuthorizationCode,
    /// New tokens of a session whose card is still present.
    RefreshToken,
    /// A service speaks for itself.
    ClientCredentials,
    /// A card grant of business software without a browser (RFC 7523 section 2.1).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:jwt-bearer")]
    CardGrant,
    /// What a person answered for a device without a browser (RFC 8628 section 3.4).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
}

impl GrantType {
    /// Every grant.
    pub const ALL: [Self; 5] = [
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::ClientCredentials,
        Self::CardGrant,
        Self::DeviceCode,
    ];

    /// The value of `grant_type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::CardGrant => "urn:ietf:params:oauth:grant-type:jwt-bearer",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
        }
    }

    /// The grant named by a value, if it is one of ours.
    #[must_use]
    pub fn find(value: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|grant_type| grant_type.as_str() == value)
    }
}

#[cfg(test)]
mod tests {
    use super::GrantType;

    #[test]
    fn names_are_found_back_and_passwords_are_none() {
        for grant_type in GrantType::ALL {
            assert_eq!(GrantType::find(grant_type.as_str()), Some(grant_type));
            let json = serde_json::to_value(grant_type).unwrap();
            assert_eq!(json, grant_type.as_str());
        }
        assert_eq!(GrantType::find("password"), None);
    }
}

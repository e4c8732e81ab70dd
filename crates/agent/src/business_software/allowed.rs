//! What the configuration lets business software do on this workstation.

use url::Url;

use crate::Error;

/// The section `[business_software]`.
#[derive(Clone, Debug, Default)]
pub struct BusinessSoftware {
    /// Whether programs get tokens at all.
    pub enabled: bool,
    /// The clients that may be named: these and no others.
    pub clients: Vec<AllowedClient>,
}

/// One client that programs may name.
#[derive(Clone, Debug)]
pub struct AllowedClient {
    /// Its identifier at the issuer.
    pub client_id: String,
    /// The APIs that the agent makes proofs of possession for: an address, or, where it ends with a
    /// slash, every address below it.
    pub addresses: Vec<Url>,
}

impl BusinessSoftware {
    /// Whether a program may name this client.
    ///
    /// # Errors
    /// [`Error::BusinessSoftwareDisabled`], [`Error::ClientNotAllowed`].
    pub(super) fn check(&self, client_id: &str) -> Result<(), Error> {
        if !self.enabled {
            return Err(Error::BusinessSoftwareDisabled);
        }
        if self.find(client_id).is_some() {
            Ok(())
        } else {
            Err(Error::ClientNotAllowed)
        }
    }

    pub(super) fn addresses_of(&self, client_id: &str) -> Vec<Url> {
        self.find(client_id)
            .map(|client| client.addresses.clone())
            .unwrap_or_default()
    }

    fn find(&self, client_id: &str) -> Option<&AllowedClient> {
        self.clients
            .iter()
            .find(|client| client.client_id == client_id)
    }
}

/// Whether an address is one of those that were registered, or below one.
pub(super) fn is_registered(registered: &[Url], address: &Url) -> bool {
    registered.iter().any(|known| {
        let same_path = known.path() == address.path();
        let below = known.path().ends_with('/') && address.path().starts_with(known.path());
        known.origin() == address.origin() && (same_path || below)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn only_registered_addresses_and_those_below_a_slash_count() {
        let registered = [
            url("https://api.example/v1/"),
            url("https://id.example/token"),
        ];
        let cases = [
            ("https://api.example/v1/patients", true),
            ("https://api.example/v1/", true),
            ("https://id.example/token", true),
            ("https://api.example/v1", false),
            ("https://api.example/v2/patients", false),
            // The parser resolves dots before anything is compared.
            ("https://api.example/v1/../v2", false),
            ("https://id.example/token/more", false),
            ("https://id.example:8443/token", false),
            ("http://id.example/token", false),
            ("https://api.example.evil.test/v1/", false),
        ];
        for (address, expected) in cases {
            assert_eq!(
                is_registered(&registered, &url(address)),
                expected,
                "{address}"
            );
        }
    }

    #[test]
    fn nothing_is_allowed_unless_the_configuration_says_so() {
        let mut allowed = BusinessSoftware::default();
        let code = |allowed: &BusinessSoftware, client| {
            allowed.check(client).map_err(|error| error.code())
        };
        assert_eq!(code(&allowed, "a"), Err("agent.business_software_disabled"));
        allowed.enabled = true;
        assert_eq!(code(&allowed, "a"), Err("agent.client_not_allowed"));
        allowed.clients.push(AllowedClient {
            client_id: "b".to_owned(),
            addresses: Vec::new(),
        });
        assert_eq!(code(&allowed, "a"), Err("agent.client_not_allowed"));
        assert_eq!(code(&allowed, "b"), Ok(()));
    }
}

//! Asking for less than was granted: never for more (RFC 6749 section 6, RFC 8707 section 2.2).

use cardea_oauth2_types::{Scope, scope};

use crate::{Client, Error, Provider};

impl Provider {
    /// The resource servers of one access token: those asked for, which must have been granted; all
    /// of the granted ones where none is asked for. Our own userinfo endpoint belongs to whoever
    /// was granted `openid`, so that a client with a token for an API can get one for userinfo.
    ///
    /// What the operator has since taken from the client's registration counts as not granted.
    pub(crate) fn narrow_resources(
        &self,
        client: &Client,
        asked: &[String],
        mut granted: Vec<String>,
        scope: &Scope,
    ) -> Result<Vec<String>, Error> {
        let is_for_others = !granted.is_empty();
        granted.retain(|resource| client.resources.contains(resource));
        if asked.is_empty() {
            // Without this, a token for nobody would become one for userinfo.
            return if is_for_others && granted.is_empty() {
                Err(Error::ResourceNotGranted)
            } else {
                Ok(granted)
            };
        }
        let own = self.issuer.as_str();
        let has_userinfo = scope.contains(scope::OPENID);
        let is_granted = |resource: &String| {
            granted.contains(resource) || (has_userinfo && resource.as_str() == own)
        };
        if !asked.iter().all(is_granted) {
            return Err(Error::ResourceNotGranted);
        }
        let mut narrowed: Vec<String> = Vec::with_capacity(asked.len());
        for resource in asked {
            if !narrowed.contains(resource) {
                narrowed.push(resource.clone());
            }
        }
        Ok(narrowed)
    }
}

/// The scope of one access token: what is asked for, which must have been granted.
pub(crate) fn narrow_scope(asked: Option<&str>, granted: &Scope) -> Result<Scope, Error> {
    let Some(asked) = asked else {
        return Ok(granted.clone());
    };
    let asked = Scope::parse(asked)?;
    if !asked.is_empty() && asked.iter().all(|value| granted.contains(value)) {
        Ok(asked)
    } else {
        Err(Error::ScopeNotGranted)
    }
}

/// Reads a stored list of resource servers.
pub(crate) fn read_resources(stored: &str) -> Result<Vec<String>, Error> {
    serde_json::from_str(stored).map_err(Error::StoredValueUnreadable)
}

#[cfg(test)]
mod tests {
    use super::narrow_scope;
    use crate::bare_provider::bare_provider;
    use crate::{Client, ClientAuthentication};
    use cardea_oauth2_types::Scope;

    #[test]
    fn a_scope_is_narrowed_and_never_widened() {
        let granted = Scope::parse("openid profile").unwrap();
        let narrow = |asked: Option<&str>| narrow_scope(asked, &granted);
        assert_eq!(narrow(None).unwrap(), granted);
        assert_eq!(narrow(Some("openid")).unwrap().to_string(), "openid");
        for asked in ["openid email", "offline_access", " "] {
            let error = narrow(Some(asked)).unwrap_err();
            assert_eq!(error.code(), "provider.scope_not_granted", "{asked}");
        }
    }

    #[tokio::test]
    async fn resources_are_narrowed_and_userinfo_comes_with_openid() {
        let (provider, _) = bare_provider().await;
        let list = |values: &[&str]| -> Vec<String> {
            values.iter().map(|value| (*value).to_owned()).collect()
        };
        let granted = ["https://api.example.fr", "https://other.example.fr"];
        let mut client = Client::new("portal", "Portail", ClientAuthentication::None);
        client.resources = list(&granted);
        let narrow_for = |client: &Client, asked: &[&str], scope: &str| {
            let scope = Scope::parse(scope).unwrap();
            provider.narrow_resources(client, &list(asked), list(&granted), &scope)
        };
        let narrow = |asked: &[&str], scope: &str| narrow_for(&client, asked, scope);
        assert_eq!(narrow(&[], "openid").unwrap(), list(&granted));
        let one = ["https://other.example.fr", "https://other.example.fr"];
        assert_eq!(narrow(&one, "openid").unwrap(), list(&one[..1]));
        let own = ["https://id.example.fr"];
        assert_eq!(narrow(&own, "openid").unwrap(), list(&own));
        for (asked, scope) in [
            ("https://id.example.fr", "read"),
            ("https://api.example.fr/", "openid"),
        ] {
            let error = narrow(&[asked], scope).unwrap_err();
            assert_eq!(error.code(), "provider.resource_not_granted", "{asked}");
        }
        let mut less = client.clone();
        less.resources.pop();
        assert_eq!(
            narrow_for(&less, &[], "openid").unwrap(),
            list(&granted[..1])
        );
        less.resources.clear();
        let error = narrow_for(&less, &[], "openid").unwrap_err();
        assert_eq!(error.code(), "provider.resource_not_granted");
        assert_eq!(narrow_for(&less, &own, "openid").unwrap(), list(&own));
    }
}

//! What makes a registration safe.

use url::Url;

use cardea_oauth2_types::GrantType;

use super::{Client, ClientAuthentication, Demand};
use crate::Error;
use crate::issuer::is_loopback;

impl Client {
    /// Refuses a registration that could send a code or a person somewhere unsafe: redirect URIs
    /// must be absolute, without fragment or user information, `https` (or `http` on a loopback
    /// host); a public client may use a private-use scheme (RFC 8252 section 7.1).
    ///
    /// # Errors
    /// [`Error::ClientInvalid`].
    pub fn check(&self) -> Result<(), Error> {
        let invalid = |reason| Error::ClientInvalid {
            client_id: self.client_id.clone(),
            reason,
        };
        if self.client_id.is_empty() || self.client_id.len() > 255 {
            return Err(invalid("client_id is empty or longer than 255 bytes"));
        }
        if !self
            .client_id
            .bytes()
            .all(|byte| (0x20..=0x7e).contains(&byte))
        {
            return Err(invalid("client_id has characters outside printable ASCII"));
        }
        if self.name.is_empty() || self.name.len() > 200 || self.name.chars().any(char::is_control)
        {
            return Err(invalid(
                "name is empty, longer than 200 bytes or has control characters",
            ));
        }
        if self.redirect_uris.is_empty() && self.may_use(GrantType::AuthorizationCode) {
            return Err(invalid("redirect_uris is empty"));
        }
        let is_public = !self.is_confidential();
        if is_public && self.pkce == Demand::Optional {
            return Err(invalid("pkce is optional for confidential clients alone"));
        }
        if self.authentication == ClientAuthentication::PrivateKeyJwt && self.jwks.keys.is_empty() {
            return Err(invalid("private_key_jwt needs a key in jwks"));
        }
        for uri in self
            .redirect_uris
            .iter()
            .chain(&self.post_logout_redirect_uris)
        {
            check_browser_uri(uri, is_public).map_err(invalid)?;
        }
        if let Some(uri) = &self.backchannel_logout_uri {
            check_browser_uri(uri, false).map_err(invalid)?;
        }
        Ok(())
    }
}

fn check_browser_uri(uri: &str, private_schemes: bool) -> Result<(), &'static str> {
    let url = Url::parse(uri).map_err(|_| "a URI is not absolute")?;
    if uri.contains('#') {
        return Err("a URI has a fragment");
    }
    if uri.contains('\\') || uri.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("a URI has a backslash, white space or control characters");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URI has user information");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        // RFC 8252 section 7.1: a private-use scheme is a reversed domain name.
        scheme if private_schemes && scheme.contains('.') => Ok(()),
        _ => Err("a URI is neither https nor http on a loopback host"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(redirect_uri: &str) -> Client {
        Client {
            redirect_uris: vec![redirect_uri.to_owned()],
            ..Client::new("portal", "Portail", ClientAuthentication::None)
        }
    }

    #[test]
    fn safe_redirect_uris_are_accepted() {
        for uri in [
            "https://portal.example.fr/callback?tenant=1",
            "http://127.0.0.1:3000/cb",
            "fr.example.portal:/callback",
        ] {
            assert!(client(uri).check().is_ok(), "{uri}");
        }
    }

    #[test]
    fn unsafe_redirect_uris_cannot_be_registered() {
        for uri in [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "http://portal.example.fr/cb",
            "https://portal.example.fr/cb#x",
            "https://portal.example.fr\\@evil.test/",
            "https://user@portal.example.fr/cb",
            "/callback",
        ] {
            assert_eq!(
                client(uri).check().unwrap_err().code(),
                "provider.client_invalid",
                "{uri}"
            );
        }
    }
}

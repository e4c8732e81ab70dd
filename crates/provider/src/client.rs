//! Clients as they are registered (OIDC Dynamic Registration section 2 names the metadata).

use std::collections::HashMap;

use cardea_jose::Algorithm;
use cardea_oauth2_types::Scope;
use cardea_pki::profile::Profession;
use cardea_storage::SecretDigest;
use url::Url;

use crate::Error;
use crate::issuer::is_loopback;

/// How a client proves itself at the token endpoint (`token_endpoint_auth_method`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// A public client: PKCE alone (RFC 7636).
    None,
    /// `client_secret_basic`: the secret in the `Authorization` header.
    SecretBasic(SecretDigest),
    /// `client_secret_post`: the secret in the body.
    SecretPost(SecretDigest),
}

/// Which cards a client lets in, beyond those that the operator trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardAcceptance {
    /// Card families such as `cps`; empty means all.
    pub families: Vec<String>,
    /// Professions, each a code with its system; empty means all.
    pub professions: Vec<Profession>,
}

/// A registered client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its identifier.
    pub client_id: String,
    /// The name that people see on the login page and in the PIN prompt.
    pub name: String,
    /// Where codes may be sent; compared letter for letter.
    pub redirect_uris: Vec<String>,
    /// Where the browser may go after logout; compared letter for letter.
    pub post_logout_redirect_uris: Vec<String>,
    /// Where logout tokens are posted.
    pub backchannel_logout_uri: Option<String>,
    /// How it proves itself.
    pub authentication: ClientAuthentication,
    /// How its ID tokens and logout tokens are signed.
    pub id_token_signed_response_alg: Algorithm,
    /// The scope values that it may ask for.
    pub scope: Scope,
    /// Which cards it lets in.
    pub cards: CardAcceptance,
}

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
        if self.redirect_uris.is_empty() {
            return Err(invalid("redirect_uris is empty"));
        }
        let is_public = self.authentication == ClientAuthentication::None;
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

/// Every registered client by its id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients(HashMap<String, Client>);

impl Clients {
    pub(crate) fn new(clients: Vec<Client>) -> Result<Self, Error> {
        let mut by_id = HashMap::with_capacity(clients.len());
        for client in clients {
            client.check()?;
            let client_id = client.client_id.clone();
            if by_id.insert(client_id.clone(), client).is_some() {
                let reason = "another client has the same client_id";
                return Err(Error::ClientInvalid { client_id, reason });
            }
        }
        Ok(Self(by_id))
    }

    pub(crate) fn find(&self, client_id: &str) -> Option<&Client> {
        self.0.get(client_id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Client> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(redirect_uri: &str) -> Client {
        Client {
            client_id: "portal".to_owned(),
            name: "Portail".to_owned(),
            redirect_uris: vec![redirect_uri.to_owned()],
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            authentication: ClientAuthentication::None,
            id_token_signed_response_alg: Algorithm::Rs256,
            scope: Scope::parse("openid").unwrap(),
            cards: CardAcceptance::default(),
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

    #[test]
    fn two_clients_cannot_share_an_id() {
        let uri = "https://portal.example.fr/cb";
        let error = Clients::new(vec![client(uri), client(uri)]).unwrap_err();
        assert_eq!(error.code(), "provider.client_invalid");
    }
}

//! Which origins have pages that are a client themselves, in the browser.

use url::Url;

use crate::Provider;

impl Provider {
    /// Whether a public client has a redirect URI at this origin. Its pages are the client, so
    /// they may read the answers that the client may read (attack H13). A confidential client's
    /// secret is at its server, and nobody's pages have anything to ask for it.
    #[must_use]
    pub fn is_origin_of_public_client(&self, origin: &str) -> bool {
        let clients = self.clients.all();
        let mut public = clients.values().filter(|client| !client.is_confidential());
        public.any(|client| {
            let mut uris = client.redirect_uris.iter();
            uris.any(|uri| origin_of(uri).is_some_and(|known| known == origin))
        })
    }
}

/// None for the scheme of an application, whose origin would be written `null` as anybody's can.
fn origin_of(uri: &str) -> Option<String> {
    let origin = Url::parse(uri).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::origin_of;

    #[test]
    fn an_application_without_an_origin_has_none() {
        let cases = [
            (
                "https://portal.example.fr/callback?x=1",
                Some("https://portal.example.fr"),
            ),
            (
                "https://portal.example.fr:8443/",
                Some("https://portal.example.fr:8443"),
            ),
            ("http://127.0.0.1:3000/", Some("http://127.0.0.1:3000")),
            ("fr.example.portal:/callback", None),
        ];
        for (uri, expected) in cases {
            assert_eq!(origin_of(uri).as_deref(), expected, "{uri}");
        }
    }
}

//! What was asked, and where it stands: in the request itself, in a signed object, or in a request
//! that the client has pushed. Whatever the place, the same steps decide about it.

use cardea_oauth2_types::AuthorizationParameters;
use time::OffsetDateTime;

use crate::authorization::check_redirect_uri::check_redirect_uri;
use crate::authorization::push;
use crate::{Client, Demand, Error, Provider};

/// The parameters that count.
pub(super) struct Asked {
    pub(super) parameters: AuthorizationParameters,
    pub(super) signed: bool,
    /// The pushed request that they come from.
    pub(super) pushed_id: Option<String>,
}

/// Why there are none, and whether the client may learn of it.
pub(super) struct Unasked {
    pub(super) error: Error,
    /// The parameters outside, if their redirect URI is good.
    pub(super) outside: Option<Box<AuthorizationParameters>>,
}

impl Provider {
    /// Finds the parameters of a request at the authorization endpoint.
    pub(super) async fn find_asked(
        &self,
        client: &Client,
        outside: AuthorizationParameters,
        now: OffsetDateTime,
    ) -> Result<Asked, Unasked> {
        match outside.request_uri.as_deref() {
            // RFC 9101 section 5: one or the other.
            Some(_) if outside.request.is_some() => Err(Unasked::with_outside(
                Error::RequestGivenTwice,
                client,
                outside,
            )),
            // RFC 9126 section 4: `client_id` and `request_uri` suffice, and nothing else counts.
            // Without what was pushed there is no address to answer at: a page says so.
            Some(uri) if push::is_ours(uri) => {
                self.load_pushed(client, uri, now)
                    .await
                    .map_err(|error| Unasked {
                        error,
                        outside: None,
                    })
            }
            // Nothing is ever fetched (attack E11).
            Some(_) => Err(Unasked::with_outside(
                Error::RequestUriUnsupported,
                client,
                outside,
            )),
            None => self
                .open_asked(client, outside, now)
                .map_err(|(error, outside)| Unasked::with_outside(error, client, *outside)),
        }
    }

    /// Opens the signed object of a request, if it has one.
    pub(super) fn open_asked(
        &self,
        client: &Client,
        outside: AuthorizationParameters,
        now: OffsetDateTime,
    ) -> Result<Asked, (Error, Box<AuthorizationParameters>)> {
        let opened = match &outside.request {
            None => None,
            Some(object) => match self.open_request_object(client, object, now) {
                Ok(inside) => Some(inside),
                Err(error) => return Err((error, Box::new(outside))),
            },
        };
        Ok(Asked {
            signed: opened.is_some(),
            parameters: opened.unwrap_or(outside),
            pushed_id: None,
        })
    }
}

impl Asked {
    /// Whether the parameters came the way that this provider and this client demand.
    pub(super) fn check_way(&self, provider: &Provider, client: &Client) -> Result<(), Error> {
        let push_demanded = [
            client.pushed_authorization_requests,
            provider.rules.pushed_authorization_requests,
        ]
        .contains(&Demand::Required);
        if push_demanded && self.pushed_id.is_none() {
            return Err(Error::PushedRequestMissing);
        }
        self.check_signed(provider, client)
    }

    pub(super) fn check_signed(&self, provider: &Provider, client: &Client) -> Result<(), Error> {
        let demanded = [
            client.signed_request_object,
            provider.rules.signed_request_objects,
        ]
        .contains(&Demand::Required);
        if demanded && !self.signed {
            return Err(Error::RequestObjectMissing);
        }
        Ok(())
    }
}

impl Unasked {
    fn with_outside(error: Error, client: &Client, outside: AuthorizationParameters) -> Self {
        let proven = check_redirect_uri(client, &outside).is_ok();
        Self {
            error,
            outside: proven.then(|| Box::new(outside)),
        }
    }
}

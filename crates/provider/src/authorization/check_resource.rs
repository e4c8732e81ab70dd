//! Step 7: the resource servers that the access token is for (RFC 8707 section 2).

use cardea_oauth2_types::AuthorizationParameters;
use url::Url;

use crate::{Client, Error};

pub(crate) fn check_resource(
    client: &Client,
    parameters: &AuthorizationParameters,
) -> Result<Vec<String>, Error> {
    let mut resources = Vec::new();
    for resource in &parameters.resource {
        let absolute = Url::parse(resource).is_ok() && !resource.contains('#');
        if !absolute || !client.resources.contains(resource) {
            return Err(Error::ResourceNotAllowed);
        }
        if !resources.contains(resource) {
            resources.push(resource.clone());
        }
    }
    Ok(resources)
}

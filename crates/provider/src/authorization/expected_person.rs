//! Step 10: the one person whom the client wants, where it wants one (OIDC Core sections 3.1.2.1
//! and 5.5.1).

use cardea_oauth2_types::AuthorizationParameters;

use crate::claims::RequestedClaims;
use crate::{Client, Error, Provider};

impl Provider {
    /// The one person whom the client wants: by an ID token that it had, or by her `sub`.
    pub(crate) async fn find_expected(
        &self,
        client: &Client,
        parameters: &AuthorizationParameters,
        claims: &RequestedClaims,
    ) -> Result<Option<String>, Error> {
        let mut names = Vec::new();
        if let Some(hint) = &parameters.id_token_hint {
            names.push(self.read_id_token_hint(hint, Some(&client.client_id))?.sub);
        }
        for asked in [&claims.id_token, &claims.userinfo] {
            if let Some(value) = asked.get("sub").and_then(|request| request.value.as_ref()) {
                // A name that is no text is nobody's.
                names.push(value.as_str().unwrap_or_default().to_owned());
            }
        }
        names.dedup();
        let name = match names.as_slice() {
            [] => return Ok(None),
            [name] => name,
            // Nobody is two people.
            _ => return Err(Error::SubjectNotExpected),
        };
        let mut transaction = self.store.begin_read().await?;
        let person = self.person_of(&mut transaction, client, name).await?;
        Ok(Some(person.ok_or(Error::SubjectNotExpected)?))
    }
}

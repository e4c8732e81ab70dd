//! A service speaks for itself (RFC 6749 section 4.4): no person, no session, no card.

use cardea_oauth2_types::{GrantType, Scope, TokenResponse, scope};
use time::OffsetDateTime;

use super::issue::{NewGrant, RefreshTokens};
use super::{ProvenRequest, Refused};
use crate::{Error, Provider};

/// Scope values that speak of a person, whom a service does not have.
const OF_A_PERSON: [&str; 4] = [
    scope::OPENID,
    scope::PROFILE,
    scope::PROFESSIONAL,
    "offline_access",
];

impl Provider {
    /// Gives a confidential client a token of its own.
    pub(super) async fn redeem_client_credentials(
        &self,
        request: &ProvenRequest<'_>,
        now: OffsetDateTime,
    ) -> Result<TokenResponse, Refused> {
        let client = request.client;
        // RFC 6749 section 4.4: confidential clients only, whatever was registered.
        if !client.is_confidential() {
            return Err(Error::GrantTypeNotAllowed.into());
        }
        let scope = service_scope(request.parameters.scope.as_deref(), &client.scope)?;
        let resources = client.resources.clone();
        let audience = self.narrow_resources(
            request.client,
            &request.parameters.resource,
            resources,
            &scope,
        )?;
        let scope = scope.to_string();
        let new = NewGrant {
            client,
            login: None,
            sub: &client.client_id,
            scope: &scope,
            audience: &audience,
            claims: None,
            nonce: None,
            key_binding: request.key_binding,
            code: None,
            grant_type: GrantType::ClientCredentials,
            refresh: RefreshTokens::None,
        };
        let mut transaction = self.store.begin().await?;
        let recorded = self.record_grant(&mut transaction, &new, now).await?;
        transaction.commit().await?;
        Ok(self.sign_tokens(&new, &recorded, now)?)
    }
}

/// What a service gets: the scope it asks for, within its registration and without a person's.
fn service_scope(asked: Option<&str>, registered: &Scope) -> Result<Scope, Error> {
    let of_services = |value: &&str| !OF_A_PERSON.contains(value);
    let Some(asked) = asked else {
        let values: Vec<&str> = registered.iter().filter(of_services).collect();
        return Ok(Scope::parse(&values.join(" "))?);
    };
    let asked = Scope::parse(asked)?;
    if asked
        .iter()
        .all(|value| of_services(&value) && registered.contains(value))
    {
        Ok(asked)
    } else {
        Err(Error::ScopeNotAllowed)
    }
}

#[cfg(test)]
mod tests {
    use super::service_scope;
    use cardea_oauth2_types::Scope;

    #[test]
    fn a_service_gets_no_scope_of_a_person() {
        let registered = Scope::parse("openid profile professional read write").unwrap();
        let scope = |asked| service_scope(asked, &registered);
        assert_eq!(scope(None).unwrap().to_string(), "read write");
        assert_eq!(scope(Some("read")).unwrap().to_string(), "read");
        for asked in ["openid", "read profile", "delete", "offline_access"] {
            let error = scope(Some(asked)).unwrap_err();
            assert_eq!(error.code(), "provider.scope_not_allowed", "{asked}");
        }
    }
}

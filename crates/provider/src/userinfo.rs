//! Userinfo (OIDC Core section 5.3): what the card says about the person, by scope.

use cardea_oauth2_types::{Scope, scope};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::event::{Event, EventKind};
use crate::{Error, Provider};

/// Members of the card's identity that the scope `profile` releases.
const PROFILE_MEMBERS: [&str; 2] = ["given_name", "family_name"];
/// Members of the card's identity that the scope `professional` releases.
const PROFESSIONAL_MEMBERS: [&str; 7] = [
    "subject_id",
    "subject_id_type",
    "title",
    "profession",
    "structure",
    "card",
    "test",
];

impl Provider {
    /// Answers a userinfo request. The refusal's OAuth name tells 401 (`invalid_token`) from 403
    /// (`insufficient_scope`).
    ///
    /// # Errors
    /// [`Error::AccessTokenInvalid`], [`Error::AccessTokenExpired`],
    /// [`Error::AccessTokenRevoked`], [`Error::AccessTokenScopeInsufficient`].
    pub async fn userinfo(&self, access_token: &str) -> Result<Map<String, Value>, Error> {
        let now = self.now();
        match self.read_userinfo(access_token, now).await {
            Ok(claims) => Ok(claims),
            Err(error) => {
                let event = Event::new(EventKind::UserinfoRefused { code: error.code() }, now);
                // What is no token of ours says nothing about anybody.
                if matches!(error, Error::AccessTokenInvalid) {
                    self.note(&event);
                } else {
                    self.record_alone(event).await?;
                }
                Err(error)
            }
        }
    }

    async fn read_userinfo(
        &self,
        access_token: &str,
        now: OffsetDateTime,
    ) -> Result<Map<String, Value>, Error> {
        let mut transaction = self.store.begin_read().await?;
        let live = self
            .validate_access_token(&mut transaction, access_token, now)
            .await?;
        let scope = Scope::parse(&live.claims.scope)?;
        if !scope.contains(scope::OPENID) {
            return Err(Error::AccessTokenScopeInsufficient);
        }
        let identity: Map<String, Value> =
            serde_json::from_str(&live.session.identity).map_err(Error::StoredValueUnreadable)?;
        Ok(claims_by_scope(&live.session.sub, &identity, &scope))
    }
}

fn claims_by_scope(sub: &str, identity: &Map<String, Value>, scope: &Scope) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), Value::from(sub));
    if scope.contains(scope::PROFILE) {
        copy(&mut claims, identity, &PROFILE_MEMBERS);
        let parts: Vec<&str> = PROFILE_MEMBERS
            .iter()
            .filter_map(|name| identity.get(*name)?.as_str())
            .collect();
        if !parts.is_empty() {
            claims.insert("name".to_owned(), Value::from(parts.join(" ")));
        }
    }
    if scope.contains(scope::PROFESSIONAL) {
        copy(&mut claims, identity, &PROFESSIONAL_MEMBERS);
    }
    claims
}

fn copy(claims: &mut Map<String, Value>, identity: &Map<String, Value>, names: &[&str]) {
    for name in names {
        if let Some(value) = identity.get(*name).filter(|value| !value.is_null()) {
            claims.insert((*name).to_owned(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::claims_by_scope;
    use cardea_oauth2_types::Scope;
    use serde_json::json;

    #[test]
    fn each_scope_releases_its_claims_and_no_other() {
        let identity = json!({
            "subject_id": "899700000001", "subject_id_type": "rpps",
            "given_name": "Camille", "family_name": "DURAND", "title": null,
            "profession": { "code": "21", "system": "1.2.250.1.71.1.2.7" },
            "card": { "family": "cps" }, "test": true,
        });
        let identity = identity.as_object().unwrap();
        let names = |scope: &str| -> Vec<String> {
            let scope = Scope::parse(scope).unwrap();
            claims_by_scope("s", identity, &scope)
                .keys()
                .cloned()
                .collect()
        };
        assert_eq!(names("openid"), ["sub"]);
        assert_eq!(
            names("openid profile"),
            ["family_name", "given_name", "name", "sub"]
        );
        let professional = [
            "card",
            "profession",
            "sub",
            "subject_id",
            "subject_id_type",
            "test",
        ];
        assert_eq!(names("openid professional"), professional);
    }
}

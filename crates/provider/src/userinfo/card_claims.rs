//! What a card says about its person, as claims. Only what stands on the card: no claim is made up.

use cardea_storage::session::Session;
use serde_json::{Map, Value};

use crate::Error;

/// The parts of `name` (OIDC Core section 5.1), in the order in which they are written here.
const NAME_PARTS: [&str; 2] = ["given_name", "family_name"];

/// The claims that a session's card can fill.
pub(crate) struct CardClaims(Map<String, Value>);

impl CardClaims {
    pub(crate) fn of(session: &Session) -> Result<Self, Error> {
        let identity: Map<String, Value> =
            serde_json::from_str(&session.identity).map_err(Error::StoredValueUnreadable)?;
        Ok(Self::from_identity(identity))
    }

    fn from_identity(mut identity: Map<String, Value>) -> Self {
        let parts: Vec<&str> = NAME_PARTS
            .iter()
            .filter_map(|part| identity.get(*part)?.as_str())
            .collect();
        if !parts.is_empty() {
            let name = Value::from(parts.join(" "));
            identity.insert("name".to_owned(), name);
        }
        Self(identity)
    }

    /// Adds those of the named claims that the card fills.
    pub(crate) fn copy<'a>(
        &self,
        claims: &mut Map<String, Value>,
        names: impl Iterator<Item = &'a str>,
    ) {
        for name in names {
            if let Some(value) = self.0.get(name).filter(|value| !value.is_null()) {
                claims.insert(name.to_owned(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CardClaims;
    use crate::claims::{PROFESSIONAL_CLAIMS, PROFILE_CLAIMS};
    use serde_json::{Map, json};

    #[test]
    fn each_scope_releases_its_claims_and_no_other() {
        let identity = json!({
            "subject_id": "899700000001", "subject_id_type": "rpps",
            "given_name": "Camille", "family_name": "DURAND", "title": null,
            "profession": { "code": "21", "system": "1.2.250.1.71.1.2.7" },
            "card": { "family": "cps" }, "test": true,
        });
        let card = CardClaims::from_identity(identity.as_object().unwrap().clone());
        let names = |names: &[&str]| -> Vec<String> {
            let mut claims = Map::new();
            card.copy(&mut claims, names.iter().copied());
            claims.keys().cloned().collect()
        };
        assert_eq!(names(PROFILE_CLAIMS), ["family_name", "given_name", "name"]);
        let professional = [
            "card",
            "profession",
            "subject_id",
            "subject_id_type",
            "test",
        ];
        assert_eq!(names(PROFESSIONAL_CLAIMS), professional);
        assert_eq!(names(&["email", "phone_number"]), Vec::<String>::new());
    }
}

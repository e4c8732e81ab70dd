//! What a card says about its person, as claims. Only what stands on the card: no claim is made up.

use cardea_storage::session::Session;
use serde_json::{Map, Value};

use crate::claims::may_be_told;
use crate::client::SubjectType;
use crate::{Client, Error};

/// The parts of `name` (OIDC Core section 5.1), in the order in which they are written here.
const NAME_PARTS: [&str; 2] = ["given_name", "family_name"];

/// Identifiers of structures that name a workplace. Others are made of the person's own number, as
/// that of a practice is, or may be: a pairwise client does not get them.
const WORKPLACES: [&str; 3] = ["finess", "siren", "siret"];

/// The claims that a session's card can fill for one client.
pub(crate) struct CardClaims(Map<String, Value>);

impl CardClaims {
    pub(crate) fn of(session: &Session, client: &Client) -> Result<Self, Error> {
        let identity: Map<String, Value> =
            serde_json::from_str(&session.identity).map_err(Error::StoredValueUnreadable)?;
        Ok(Self::from_identity(identity, client.subject_type))
    }

    fn from_identity(mut identity: Map<String, Value>, subject_type: SubjectType) -> Self {
        if subject_type == SubjectType::Pairwise {
            leave_out_numbers(&mut identity);
        }
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

/// Leaves out what is the same at every client and nobody else's: by it portals could recognise a
/// person in spite of her names (attack G14).
fn leave_out_numbers(identity: &mut Map<String, Value>) {
    identity.retain(|name, _| may_be_told(name, SubjectType::Pairwise));
    if let Some(Value::Object(card)) = identity.get_mut("card") {
        card.retain(|name, _| name == "family");
    }
    if let Some(Value::Object(structure)) = identity.get_mut("structure") {
        let kind = structure.get("id_type").and_then(Value::as_str);
        let is_workplace = kind.is_some_and(|kind| WORKPLACES.contains(&kind));
        structure.retain(|name, _| name == "name" || is_workplace);
        if structure.is_empty() {
            identity.remove("structure");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CardClaims;
    use crate::claims::{PROFESSIONAL_CLAIMS, PROFILE_CLAIMS};
    use crate::client::SubjectType;
    use serde_json::{Map, Value, json};

    #[test]
    fn each_scope_releases_its_claims_and_no_other() {
        let identity = json!({
            "subject_id": "899700000001", "subject_id_type": "rpps",
            "given_name": "Camille", "family_name": "DURAND", "title": null,
            "profession": { "code": "21", "system": "1.2.250.1.71.1.2.7" },
            "card": { "family": "cps" }, "test": true,
        });
        let card =
            CardClaims::from_identity(identity.as_object().unwrap().clone(), SubjectType::Public);
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

    /// Attack G14.
    #[test]
    fn a_pairwise_client_gets_no_number_that_is_the_persons_own() {
        let told = |structure: Value| {
            let identity = json!({
                "subject_id": "899700000001", "subject_id_type": "rpps",
                "family_name": "DURAND", "structure": structure,
                "card": { "family": "cps", "number": "1234567890/2800000001" }, "test": true,
            });
            let identity = identity.as_object().unwrap().clone();
            Value::Object(CardClaims::from_identity(identity, SubjectType::Pairwise).0)
        };
        let pharmacy = json!({ "id": "10B0057881", "id_type": "finess", "name": "PHARMACIE" });
        let mut expected = json!({
            "family_name": "DURAND", "name": "DURAND", "structure": pharmacy,
            "card": { "family": "cps" }, "test": true,
        });
        assert_eq!(told(pharmacy), expected);
        // The number of a practice is that of the person, and a rank.
        let practice = |name: Option<&str>| {
            let mut practice = json!({ "id": "499700000001001", "id_type": "rpps_practice" });
            if let Some(name) = name {
                practice["name"] = Value::from(name);
            }
            practice
        };
        expected["structure"] = json!({ "name": "CABINET" });
        assert_eq!(told(practice(Some("CABINET"))), expected);
        expected.as_object_mut().unwrap().remove("structure");
        assert_eq!(told(practice(None)), expected);
    }
}

//! The claim set behind the scope `scope_all`; docs/psc.md says where each member comes from.

use cardea_storage::session::Session;
use serde_json::{Map, Value, json};

use super::{identity_of, text};
use crate::Error;

/// Professions (TRE_G15) as Pro Santé Connect writes them in `SubjectRole`.
const PROFESSIONS: (&str, &str) = ("TRE_G15", "1.2.250.1.213.1.1.5.5");

/// The names of the set, as discovery lists them.
pub const CLAIM_SET: &[&str] = &[
    "preferred_username",
    "given_name",
    "family_name",
    "email_verified",
    "otherIds",
    "SubjectNameID",
    "SubjectRole",
    "SubjectOrganization",
    "SubjectOrganizationID",
    "SubjectRefPro",
    "Secteur_Activite",
    "PSI_Locale",
    "Mode_Acces_Raison",
    "Acces_Regulation_Medicale",
    "UITVersion",
    "Palier_Authentification",
    "codeCivilite",
    "codeGenreActivite",
];

/// Members of a place of practice that no card says.
const UNKNOWN_OF_ACTIVITY: [&str; 25] = [
    "codeModeExercice",
    "codeSecteurDactivite",
    "codeSectionPharmacien",
    "codeRole",
    "codeGenreActivite",
    "numeroFinessetablissementJuridique",
    "identifiantTechniqueDeLaStructure",
    "enseigneCommercialeSite",
    "complementDestinataire",
    "complementPointGeographique",
    "numeroVoie",
    "indiceRepetitionVoie",
    "codeTypeDeVoie",
    "libelleVoie",
    "mentionDistribution",
    "bureauCedex",
    "codePostal",
    "codeCommune",
    "codeDepartement",
    "codePays",
    "telephone",
    "telephone2",
    "telecopie",
    "adresseEMail",
    "autoriteDenregistrement",
];

/// Adds the claims of a session's card to those that are told already.
pub(crate) fn claim_set(session: &Session, claims: &mut Map<String, Value>) -> Result<(), Error> {
    let identity = identity_of(session)?;
    claims.extend(from_identity(&identity));
    Ok(())
}

fn from_identity(identity: &Map<String, Value>) -> Map<String, Value> {
    let person = text(identity, "subject_id");
    let structure = Structure::of(identity);
    let set = json!({
        "preferred_username": person,
        "SubjectNameID": person,
        "given_name": text(identity, "given_name"),
        "family_name": text(identity, "family_name"),
        "email_verified": false,
        "otherIds": [{
            "identifiant": person,
            "origine": origin_of(text(identity, "subject_id_type")),
            "qualite": 1,
        }],
        "SubjectRole": role_of(identity),
        "SubjectOrganization": structure.name,
        "SubjectOrganizationID": "",
        "SubjectRefPro": {
            "codeCivilite": "",
            "exercices": [exercise_of(identity, &structure)],
        },
        "Secteur_Activite": "",
        "PSI_Locale": "",
        "Mode_Acces_Raison": "",
        "Acces_Regulation_Medicale": "FAUX",
        "UITVersion": "1.0",
        "Palier_Authentification": "",
        "codeCivilite": "",
        "codeGenreActivite": "",
    });
    match set {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// The register of a number, for the kinds whose word Pro Santé Connect has shown.
fn origin_of(kind: &str) -> &'static str {
    match kind {
        "rpps" => "RPPS",
        "ans" => "EDIT",
        _ => "",
    }
}

/// `code^OID`. A person in training or an employee has no profession, and so no role.
fn role_of(identity: &Map<String, Value>) -> Vec<String> {
    let code = profession_of(identity);
    if code.is_empty() {
        return Vec::new();
    }
    vec![format!("{code}^{}", PROFESSIONS.1)]
}

fn profession_of(identity: &Map<String, Value>) -> &str {
    let profession = identity.get("profession").and_then(Value::as_object);
    match profession {
        Some(it) if text(it, "system") == PROFESSIONS.0 => text(it, "code"),
        _ => "",
    }
}

/// Always one, because portals read the first without asking whether there is one.
fn exercise_of(identity: &Map<String, Value>, structure: &Structure<'_>) -> Value {
    json!({
        "codeProfession": profession_of(identity),
        "codeCategorieProfessionnelle": "",
        "codeCiviliteDexercice": "",
        "nomDexercice": text(identity, "family_name"),
        "prenomDexercice": text(identity, "given_name"),
        "codeTypeSavoirFaire": "",
        "codeSavoirFaire": "",
        "activities": structure.activities(),
    })
}

/// The one place of practice that a card may name.
struct Structure<'a> {
    name: &'a str,
    id: &'a str,
    kind: &'a str,
}

impl<'a> Structure<'a> {
    fn of(identity: &'a Map<String, Value>) -> Self {
        let structure = identity.get("structure").and_then(Value::as_object);
        let member = |name| structure.map_or("", |it| text(it, name));
        Self {
            name: member("name"),
            id: member("id"),
            kind: member("id_type"),
        }
    }

    /// None where the card names no place; several are on no card.
    fn activities(&self) -> Vec<Value> {
        if self.id.is_empty() && self.name.is_empty() {
            return Vec::new();
        }
        let unknown = UNKNOWN_OF_ACTIVITY.map(|name| (name.to_owned(), Value::from("")));
        let mut members = Map::from_iter(unknown);
        let mut say = |name: &str, value: &str| members.insert(name.to_owned(), Value::from(value));
        say("raisonSocialeSite", self.name);
        // The number with its type's digit, which Pro Santé Connect calls the former one.
        say("ancienIdentifiantDeLaStructure", self.id);
        say("numeroFinessSite", self.number("finess"));
        say("numeroSirenSite", self.number("siren"));
        say("numeroSiretSite", self.number("siret"));
        vec![Value::Object(members)]
    }

    /// The number without its type's digit (TRE_G07), where it is of this kind.
    fn number(&self, kind: &str) -> &str {
        let number = self.id.get(1..).unwrap_or_default();
        if self.kind == kind { number } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(identity: Value) -> Value {
        Value::Object(from_identity(identity.as_object().unwrap()))
    }

    #[test]
    fn a_pharmacist_is_told_as_far_as_the_card_knows_her() {
        let claims = told(json!({
            "subject_id": "899700000001", "subject_id_type": "rpps",
            "given_name": "Camille", "family_name": "DURAND", "title": "Pharmacien",
            "profession": { "code": "21", "system": "TRE_G15" },
            "structure": { "id": "10B0057881", "id_type": "finess", "name": "PHARMACIE DU PORT" },
            "card": { "family": "cps", "number": "1/2" }, "test": true,
        }));
        assert_eq!(claims["SubjectNameID"], "899700000001");
        assert_eq!(claims["preferred_username"], "899700000001");
        assert_eq!(
            claims["otherIds"],
            json!([{ "identifiant": "899700000001", "origine": "RPPS", "qualite": 1 }])
        );
        assert_eq!(claims["SubjectRole"], json!(["21^1.2.250.1.213.1.1.5.5"]));
        assert_eq!(claims["SubjectOrganization"], "PHARMACIE DU PORT");
        let exercise = &claims["SubjectRefPro"]["exercices"][0];
        assert_eq!(exercise["codeProfession"], "21");
        let activity = &exercise["activities"][0];
        assert_eq!(activity["numeroFinessSite"], "0B0057881");
        assert_eq!(activity["ancienIdentifiantDeLaStructure"], "10B0057881");
        assert_eq!(activity["numeroSiretSite"], "");
        assert_eq!(activity.as_object().unwrap().len(), 30);
        // A boolean in text, and a real one.
        assert_eq!(claims["Acces_Regulation_Medicale"], "FAUX");
        assert_eq!(claims["email_verified"], false);
        assert!(claims.get("email").is_none());
        let mut listed = CLAIM_SET.to_vec();
        listed.sort_unstable();
        let mut names: Vec<_> = claims.as_object().unwrap().keys().collect();
        names.sort_unstable();
        assert_eq!(names, listed);
    }

    #[test]
    fn what_the_card_does_not_say_is_an_empty_text_and_never_absent() {
        let claims = told(json!({ "subject_id": "30B0168811/CPET00001",
            "subject_id_type": "finess_register" }));
        for member in [
            "given_name",
            "SubjectOrganization",
            "Secteur_Activite",
            "codeCivilite",
        ] {
            assert_eq!(claims[member], "", "{member}");
        }
        assert_eq!(claims["SubjectRole"], json!([]));
        assert_eq!(claims["otherIds"][0]["origine"], "");
        let exercises = claims["SubjectRefPro"]["exercices"].as_array().unwrap();
        assert_eq!(exercises.len(), 1);
        assert_eq!(exercises[0]["codeProfession"], "");
        assert_eq!(exercises[0]["activities"], json!([]));
    }

    #[test]
    fn neither_a_student_nor_a_person_outside_the_register_becomes_another() {
        let claims = told(
            json!({ "subject_id": "ANS20210107161422", "subject_id_type": "ans",
            "profession": { "code": "10", "system": "TRE_G16" } }),
        );
        assert_eq!(claims["otherIds"][0]["origine"], "EDIT");
        assert_eq!(
            claims["SubjectRole"],
            json!([]),
            "10 is a doctor in TRE_G15 alone"
        );
        assert_eq!(
            claims["SubjectRefPro"]["exercices"][0]["codeProfession"],
            ""
        );
    }
}

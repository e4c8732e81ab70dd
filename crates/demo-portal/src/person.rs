//! The professional as the portal greets them, read from userinfo.

use serde_json::{Map, Value};

use crate::language::Language;

/// Name and profession of who is signed in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Person {
    given_name: String,
    family_name: String,
    profession: Option<Profession>,
}

/// A profession's code with the table that it belongs to: both tables use the same numbers, so a
/// student read with the wrong one would be greeted as a doctor.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Profession {
    code: String,
    in_training: bool,
}

/// The table of professions of people in training.
const IN_TRAINING: &str = "TRE_G16";

impl Person {
    /// Reads the members that the portal shows; all of them may be absent.
    pub(crate) fn from_userinfo(userinfo: &Map<String, Value>) -> Self {
        let text = |name: &str| {
            userinfo
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let profession = userinfo.get("profession").and_then(|value| {
            let code = value.get("code")?.as_str()?.to_owned();
            let in_training = value.get("system")?.as_str()? == IN_TRAINING;
            Some(Profession { code, in_training })
        });
        Self {
            given_name: text("given_name").to_owned(),
            family_name: text("family_name").to_owned(),
            profession,
        }
    }

    /// "Camille DURAND, pharmacien", as far as it is known.
    pub(crate) fn greeting(&self, language: Language) -> String {
        let name = format!("{} {}", self.given_name, self.family_name);
        let profession = self.profession.as_ref();
        match profession.and_then(|profession| profession.label(language)) {
            Some(profession) => format!("{}, {profession}", name.trim()),
            None => name.trim().to_owned(),
        }
    }
}

impl Profession {
    fn label(&self, language: Language) -> Option<String> {
        let label = label(&self.code, language)?;
        Some(match (self.in_training, language) {
            (false, _) => label.to_owned(),
            (true, Language::French) => format!("{label} en formation"),
            (true, Language::English) => format!("{label} in training"),
        })
    }
}

/// The professions of TRE_G15 that the portal has a word for.
fn label(code: &str, language: Language) -> Option<&'static str> {
    let (french, english) = match code {
        "10" => ("médecin", "doctor"),
        "21" => ("pharmacien", "pharmacist"),
        "26" => ("audioprothésiste", "hearing-aid specialist"),
        "28" => ("opticien-lunetier", "optician"),
        "40" => ("chirurgien-dentiste", "dentist"),
        "50" => ("sage-femme", "midwife"),
        "60" => ("infirmier", "nurse"),
        "70" => ("masseur-kinésithérapeute", "physiotherapist"),
        "80" => ("pédicure-podologue", "podiatrist"),
        "91" => ("orthophoniste", "speech therapist"),
        "92" => ("orthoptiste", "orthoptist"),
        _ => return None,
    };
    Some(match language {
        Language::French => french,
        Language::English => english,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Person;
    use crate::language::Language;

    fn greeting(userinfo: &Value, language: Language) -> String {
        Person::from_userinfo(userinfo.as_object().unwrap()).greeting(language)
    }

    #[test]
    fn a_pharmacist_is_greeted_by_name_and_profession() {
        let userinfo = json!({"given_name": "Camille", "family_name": "DURAND",
            "profession": {"code": "21", "system": "TRE_G15"}});
        assert_eq!(
            greeting(&userinfo, Language::French),
            "Camille DURAND, pharmacien"
        );
        assert_eq!(
            greeting(&userinfo, Language::English),
            "Camille DURAND, pharmacist"
        );
    }

    #[test]
    fn a_student_is_not_greeted_as_a_pharmacist() {
        let userinfo = json!({"given_name": "Noé", "family_name": "MARTIN",
            "profession": {"code": "21", "system": "TRE_G16"}});
        assert_eq!(
            greeting(&userinfo, Language::French),
            "Noé MARTIN, pharmacien en formation"
        );
    }

    #[test]
    fn a_person_without_profession_is_greeted_by_name() {
        let userinfo = json!({"given_name": "Noé", "family_name": "MARTIN"});
        assert_eq!(greeting(&userinfo, Language::French), "Noé MARTIN");
    }
}

//! `cardea-vcard professions`.

use cardea_test_pki::Profession;
use serde_json::{Value, json};

use super::say;

/// Lists the professions that a card can name.
pub(crate) fn list(as_json: bool) -> anyhow::Result<()> {
    let mut rows: Vec<Value> = Vec::new();
    for profession in Profession::all() {
        let (code, system, title) = (
            profession.code(),
            profession.terminology(),
            profession.title()?,
        );
        let profile = match profession {
            Profession::Practising(_) => "cps",
            Profession::InTraining(_) => "cpf",
        };
        if as_json {
            // A code is text, as in a token's claims.
            let code = code.to_string();
            rows.push(json!({"profile": profile, "code": code, "system": system, "title": title}));
        } else {
            say(&format!("{profile}  {code}  {system}  {title}"))?;
        }
    }
    if as_json {
        say(&Value::from(rows).to_string())?;
    }
    Ok(())
}

//! Which certificate profile reads a trust anchor's cards: one of this program's, or a file.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use cardea_pki::profile::{PROFILE_BYTES_MAX, Profile};

use super::load::invalid;
use super::{Config, TrustAnchorConfig};
use crate::error::Error;

/// Finds a profile: `cps`, `piv`, `hba`, or the path of a profile file, which ends in `.toml` and
/// is relative to the folder `relative_to`.
///
/// # Errors
/// `server.profile_unknown`; `server.config_unreadable` and `server.config_invalid`, which name
/// the profile file, the key and the reason.
pub fn load_profile(name: &str, relative_to: &Path) -> Result<Profile, Error> {
    if let Some(builtin) = Profile::builtin(name) {
        return Ok(builtin.clone());
    }
    if !is_file(name) {
        return Err(Error::ProfileUnknown {
            name: name.to_owned(),
            known: known_names(),
        });
    }
    let file = relative_to.join(name);
    let text = read(&file)?;
    let profile = Profile::parse(&text).map_err(|error| match error {
        cardea_pki::Error::ProfileMalformed { line, key, reason } => {
            invalid(&file, line, &key, reason)
        }
        other => invalid(&file, None, "", other.to_string()),
    })?;
    if Profile::builtin(profile.name()).is_some() {
        // Two profiles of one name would share their registers of persons.
        let reason = "must not be the name of a profile that comes with the program";
        return Err(invalid(&file, None, "name", reason));
    }
    Ok(profile)
}

/// Whether a profile is named by its file.
pub(super) fn is_file(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "toml")
}

/// Checks that a trust anchor's profile can be used, and that its rules speak of what the profile
/// knows: a misspelt family would refuse everybody.
pub(super) fn check_profile(
    config_file: &Path,
    index: usize,
    anchor: &TrustAnchorConfig,
) -> Result<(), Error> {
    let wrong = |key: &str, reason: String| {
        let key = format!("trust_anchor[{index}].{key}");
        Err(invalid(config_file, None, &key, reason))
    };
    let profile = match load_profile(&anchor.profile, Path::new("")) {
        Err(error @ Error::ProfileUnknown { .. }) => return wrong("profile", error.to_string()),
        other => other?,
    };
    let families: Vec<&str> = profile.card_families().map(|it| it.as_str()).collect();
    for (rule, card) in anchor.cards.iter().flatten().enumerate() {
        if !families.contains(&card.family.as_str()) {
            let reason = format!(
                "must be a family of the profile {}: {}",
                profile.name(),
                families.join(", ")
            );
            return wrong(&format!("cards[{rule}].family"), reason);
        }
    }
    let kinds: Vec<&str> = profile.identifier_types().map(|it| it.as_str()).collect();
    for (place, kind) in anchor.identifiers.iter().flatten().enumerate() {
        if !kinds.contains(&kind.as_str()) {
            let reason = format!(
                "must be a kind of identifier of the profile {}: {}",
                profile.name(),
                kinds.join(", ")
            );
            return wrong(&format!("identifiers[{place}]"), reason);
        }
    }
    Ok(())
}

/// Operators are known by what their cards say: a kind of identifier that no profile reads is
/// nobody's.
pub(super) fn check_operators(config_file: &Path, config: &Config) -> Result<(), Error> {
    if config.admin.operator.is_empty() {
        return Ok(());
    }
    let mut kinds = BTreeSet::new();
    for anchor in &config.trust_anchor {
        let profile = load_profile(&anchor.profile, Path::new(""))?;
        kinds.extend(profile.identifier_types().map(|it| it.as_str().to_owned()));
    }
    for (index, operator) in config.admin.operator.iter().enumerate() {
        if !kinds.contains(&operator.subject_id_type) {
            let known: Vec<&str> = kinds.iter().map(String::as_str).collect();
            let key = format!("admin.operator[{index}].subject_id_type");
            let reason = format!(
                "must be a kind of identifier that the cards of a trust anchor have: {}",
                known.join(", ")
            );
            return Err(invalid(config_file, None, &key, reason));
        }
    }
    Ok(())
}

fn known_names() -> String {
    Profile::builtin_names().collect::<Vec<_>>().join(", ")
}

/// Reads no more than a profile may have and one byte, whatever the file is.
fn read(file: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::ConfigUnreadable {
        file: file.to_owned(),
        source,
    };
    let bound = u64::try_from(PROFILE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut text = String::new();
    File::open(file)
        .map_err(unreadable)?
        .take(bound.saturating_add(1))
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::load_profile;
    use crate::error::Error;

    const OWN: &str = r#"
        name = "own"
        description = "Cards of an invented country"
        signature_algorithms = ["ES256"]
        subject = { attributes = ["CN"] }
        test_mark = { by = "anchor" }
        card = { number = { certificate = "serial" }, families = [{ name = "own" }] }
        identifier = [{ type = "number", from = { subject = "CN" }, pattern = "{digit:8}" }]
    "#;

    fn load(text: &str) -> Result<String, Error> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("own.toml"), text).unwrap();
        load_profile("own.toml", folder.path()).map(|profile| profile.name().to_owned())
    }

    #[test]
    fn a_profile_is_found_by_name_or_by_file() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["cps", "piv", "hba"] {
            assert_eq!(load_profile(name, folder.path()).unwrap().name(), name);
        }
        assert_eq!(load(OWN).unwrap(), "own");
        let unknown = load_profile("xyz", folder.path()).unwrap_err();
        assert_eq!(unknown.code(), "server.profile_unknown");
        let missing = load_profile("missing.toml", folder.path()).unwrap_err();
        assert_eq!(missing.code(), "server.config_unreadable");
    }

    #[test]
    fn a_mistake_names_file_key_and_reason() {
        for (change, key) in [
            (
                ("\"CN\" }, pattern", "\"XX\" }, pattern"),
                "identifier[0].from.subject",
            ),
            (("{digit:8}", "{digit}"), "identifier[0].pattern"),
            (("\"own\"\n", "\"cps\"\n"), "name"),
            (("description", "descripton"), "descripton"),
        ] {
            let error = load(&OWN.replacen(change.0, change.1, 1)).unwrap_err();
            assert_eq!(error.code(), "server.config_invalid");
            let message = error.to_string();
            assert!(message.contains("own.toml"), "{message}");
            assert!(message.contains(&format!("{key}: ")), "{message}");
        }
    }

    #[test]
    fn a_file_that_is_no_profile_is_not_read_to_its_end() {
        let long = format!("{OWN}# {}", "x".repeat(70_000));
        let message = load(&long).unwrap_err().to_string();
        assert!(message.contains("at most 65536 bytes"), "{message}");
    }
}

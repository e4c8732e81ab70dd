//! The profiles that come with the crate.

use super::Profile;
use std::sync::OnceLock;

struct Builtin {
    name: &'static str,
    text: &'static str,
    parsed: OnceLock<Option<Profile>>,
}

const fn builtin(name: &'static str, text: &'static str) -> Builtin {
    Builtin {
        name,
        text,
        parsed: OnceLock::new(),
    }
}

static PROFILES: [Builtin; 3] = [
    builtin("cps", include_str!("../../profiles/cps.toml")),
    builtin("piv", include_str!("../../profiles/piv.toml")),
    builtin("hba", include_str!("../../profiles/hba.toml")),
];

pub(super) fn find(name: &str) -> Option<&'static Profile> {
    let builtin = PROFILES.iter().find(|builtin| builtin.name == name)?;
    let parsed = builtin
        .parsed
        .get_or_init(|| Profile::parse(builtin.text).ok());
    parsed.as_ref()
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PROFILES.iter().map(|builtin| builtin.name)
}

#[cfg(test)]
mod tests {
    use super::{PROFILES, Profile, find};

    #[test]
    fn every_profile_parses_under_its_own_name() {
        for builtin in &PROFILES {
            let parsed = Profile::parse(builtin.text).unwrap();
            assert_eq!(parsed.name(), builtin.name);
            assert_eq!(find(builtin.name).unwrap().name(), builtin.name);
        }
        assert!(find("CPS").is_none());
    }
}

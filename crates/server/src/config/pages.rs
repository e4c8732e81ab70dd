//! `[pages]`: what all pages have in common.

use serde::Deserialize;

use crate::time_zone::PageZone;

/// `[pages]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PagesConfig {
    /// By whose clocks times are written and days are parted.
    pub time_zone: PageZone,
}

#[cfg(test)]
mod tests {
    use super::PagesConfig;

    #[test]
    fn a_zone_is_taken_by_its_name_and_what_is_none_is_refused() {
        let read = |text: &str| toml::from_str::<PagesConfig>(text);
        let martinique = read("time_zone = \"America/Martinique\"").unwrap();
        assert_eq!(martinique.time_zone.name(), "America/Martinique");
        assert_eq!(read("").unwrap().time_zone.name(), "Europe/Paris");
        for bad in [
            "time_zone = \"Mars/Olympus\"",
            "time_zone = 2",
            "zone = \"UTC\"",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}

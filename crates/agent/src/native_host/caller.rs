//! Which extension started the host, as the browser says in the arguments.
//!
//! Chromium gives `chrome-extension://ID/`, Firefox the path of the host's manifest and the
//! extension's id. A browser starts the host only for extensions that the manifest lists; this
//! check holds even where somebody wrote another manifest.

use crate::Error;

/// The extension's id in Chromium and its relatives: it follows from `key` in its manifest.
pub const CHROMIUM_ID: &str = "ajfkdaenajfbbnpbnjbcbepophffeanh";
/// The extension's id in Firefox: `browser_specific_settings.gecko.id` in its manifest.
pub const GECKO_ID: &str = "agent@cardea.example";

/// Finds the caller among Cardea's own ids and those of the configuration.
///
/// # Errors
/// [`Error::ExtensionRefused`] for any other, and when no extension is named.
pub(super) fn check(arguments: &[String], configured: &[String]) -> Result<(), Error> {
    let (id, own) = match arguments {
        [first, ..] if first.contains("://") => {
            let id = first.strip_prefix("chrome-extension://");
            (id.and_then(|id| id.strip_suffix('/')), CHROMIUM_ID)
        }
        [_manifest, id, ..] => (Some(id.as_str()), GECKO_ID),
        _ => (None, CHROMIUM_ID),
    };
    let listed = |id: &str| id == own || configured.iter().any(|other| other == id);
    if id.is_some_and(listed) {
        Ok(())
    } else {
        Err(Error::ExtensionRefused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_extensions_may_call() {
        let own = format!("chrome-extension://{CHROMIUM_ID}/");
        let listed = "chrome-extension://abcdefghijklmnopabcdefghijklmnop/";
        let foreign = "chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba/";
        let manifest = "/home/a/.mozilla/native-messaging-hosts/cardea.agent.json";
        let cases: [(&[&str], bool); 13] = [
            (&[&own], true),
            (&[&own, "--parent-window=0"], true),
            (&[listed], true),
            (&[manifest, GECKO_ID], true),
            (&[foreign], false),
            (&[], false),
            (&[CHROMIUM_ID], false),
            (&[&own[..own.len() - 1]], false),
            (&["https://evil.test/"], false),
            (&["https://evil.test/", GECKO_ID], false),
            (&[manifest], false),
            (&[manifest, "other@evil.test"], false),
            (&[manifest, ""], false),
        ];
        let configured = ["abcdefghijklmnopabcdefghijklmnop".to_owned()];
        for (arguments, accepted) in cases {
            let arguments: Vec<_> = arguments.iter().map(|text| (*text).to_owned()).collect();
            let found = check(&arguments, &configured);
            assert_eq!(found.is_ok(), accepted, "{arguments:?}");
            if let Err(error) = found {
                assert_eq!(error.code(), "agent.extension_refused");
            }
        }
    }

    #[test]
    fn the_ids_are_those_of_the_extension() {
        let manifest = include_str!("../../extension/manifest.json");
        let manifest: serde_json::Value = serde_json::from_str(manifest).unwrap();
        let gecko = &manifest["browser_specific_settings"]["gecko"]["id"];
        assert_eq!(gecko, GECKO_ID);
        let key = manifest["key"].as_str().unwrap();
        let key = openssl::base64::decode_block(key).unwrap();
        let digest = openssl::sha::sha256(&key);
        let letters = digest[..16].iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let id: String = letters.map(|digit| char::from(b'a' + digit)).collect();
        assert_eq!(id, CHROMIUM_ID);
    }
}

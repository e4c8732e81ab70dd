//! What a browser's profile notes of the extension: there or not, on or off.

use std::path::Path;

use serde_json::Value;

use super::read;
use crate::browser_setup_command::Browser;

/// How one profile has the extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// It is not there.
    Missing,
    /// It is there, and the browser does not run it.
    Off,
    /// The browser runs it.
    On,
}

/// As the browser notes it. Whatever it notes in a way that is not known here is off.
pub(super) fn in_profile(profile: &Path, browser: Browser, id: &str) -> Standing {
    let files: &[&str] = match browser {
        Browser::Firefox => &["extensions.json"],
        // Which of the two holds it depends on the browser's version and system.
        Browser::Chromium | Browser::Chrome | Browser::Edge => {
            &["Preferences", "Secure Preferences"]
        }
    };
    let noted = files.iter().filter_map(|file| {
        let text = read(&profile.join(file))?;
        let content = serde_json::from_str::<Value>(&text).ok()?;
        match browser {
            Browser::Firefox => in_firefox(&content, id),
            Browser::Chromium | Browser::Chrome | Browser::Edge => in_chromium(&content, id),
        }
    });
    noted.max().unwrap_or(Standing::Missing)
}

fn standing(is_on: bool) -> Standing {
    if is_on { Standing::On } else { Standing::Off }
}

/// `disable_reasons` is a list of numbers, once one number of bits; versions before that had
/// `state`, which is 1 for one that is on.
fn in_chromium(content: &Value, id: &str) -> Option<Standing> {
    let known = content.get("extensions")?.get("settings")?.get(id)?;
    known.as_object()?;
    let has_reason = match known.get("disable_reasons") {
        None | Some(Value::Null) => false,
        Some(Value::Array(reasons)) => !reasons.is_empty(),
        Some(reasons) => reasons.as_u64() != Some(0),
    };
    let is_switched_off = known.get("state").is_some_and(|it| it.as_u64() != Some(1));
    Some(standing(!has_reason && !is_switched_off))
}

fn in_firefox(content: &Value, id: &str) -> Option<Standing> {
    let addons = content.get("addons")?.as_array()?;
    let own = addons.iter().find(|addon| addon["id"] == id)?;
    Some(standing(own["active"] == true))
}

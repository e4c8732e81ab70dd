//! The host's manifest, by which a browser finds it and learns who may call it.

use std::path::Path;

use serde_json::{Value, json};

use super::{CHROMIUM_ID, GECKO_ID};

/// The host's name, which the extension calls.
pub(crate) const HOST_NAME: &str = "cardea.agent";

/// Whose manifest format: the two differ in how they list extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Chromium, Chrome, Edge.
    Chromium,
    /// Firefox.
    Gecko,
}

/// The manifest for a host at `program`; `configured` are ids besides Cardea's own.
pub(crate) fn manifest(format: Format, program: &Path, configured: &[String]) -> Value {
    let of_gecko = |id: &&String| id.contains('@');
    let mut manifest = json!({
        "name": HOST_NAME,
        "description": "Cardea: lets login pages ask for the smart card on this workstation",
        "path": program,
        "type": "stdio",
    });
    let (key, ids): (_, Vec<String>) = match format {
        Format::Chromium => {
            let others = configured.iter().filter(|id| !of_gecko(id));
            let ids = others.map(String::as_str).chain([CHROMIUM_ID]);
            let origins = ids.map(|id| format!("chrome-extension://{id}/"));
            ("allowed_origins", origins.collect())
        }
        Format::Gecko => {
            let others = configured.iter().filter(of_gecko).cloned();
            (
                "allowed_extensions",
                others.chain([GECKO_ID.to_owned()]).collect(),
            )
        }
    };
    if let Some(members) = manifest.as_object_mut() {
        members.insert(key.to_owned(), ids.into());
    }
    manifest
}

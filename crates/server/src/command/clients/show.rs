//! `cardea clients show`

use std::io::{self, Write};

use serde::Serialize;

use super::registry::Source;
use super::{Answer, Complaint, One, Registry};
use crate::command::terminal_text::shown;
use crate::config::{CardsConfig, ClientConfig};

/// Everything that is registered of one client; no secret and no digest of one.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    #[serde(flatten)]
    source: Source,
    registration: ClientConfig,
}

pub(super) async fn run(arguments: &One) -> Result<Shown, Complaint> {
    let registry = Registry::open(&arguments.common.config).await?;
    let rules = registry.config.profile.rules();
    let all = registry.all().await;
    registry.close().await;
    let mut all = all?.into_iter();
    let entry = all
        .find(|entry| entry.client_id == arguments.client_id)
        .ok_or(cardea_provider::Error::ClientUnknown)?;
    let mut registration = entry.registration?;
    // What follows from other keys is said as well.
    registration.token_endpoint_auth_method = registration
        .token_endpoint_auth_method
        .or(registration.auth_method());
    registration.scopes = Some(registration.scope_values(&rules));
    Ok(Shown {
        source: entry.source,
        registration,
    })
}

impl Answer for Shown {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        for part in [
            serde_json::to_value(&self.registration)?,
            serde_json::to_value(&self.source)?,
        ] {
            let serde_json::Value::Object(members) = part else {
                continue;
            };
            for (key, value) in members {
                let text = match value {
                    serde_json::Value::String(text) => text,
                    _ if key == "cards" && lets_in_all(&self.registration.cards) => {
                        "all".to_owned()
                    }
                    other => other.to_string(),
                };
                writeln!(output, "{key}: {}", shown(&text))?;
            }
        }
        Ok(())
    }
}

/// Empty lists let in every card, which reads as if they let in none.
fn lets_in_all(cards: &CardsConfig) -> bool {
    cards.families.is_empty() && cards.professions.is_empty()
}

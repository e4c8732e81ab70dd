//! `cardea clients remove`

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::{Answer, Complaint, One, Registry};
use crate::command::terminal_text::shown;

/// Arguments of `remove`.
#[derive(Debug, Args)]
pub(in crate::command) struct RemoveArguments {
    #[command(flatten)]
    pub(super) one: One,
}

/// What has ended with the client.
#[derive(Debug, Serialize)]
pub(super) struct Removed {
    client_id: String,
    codes_revoked: u64,
    access_tokens_revoked: u64,
    refresh_tokens_revoked: u64,
}

pub(super) async fn run(arguments: &RemoveArguments) -> Result<Removed, Complaint> {
    let client_id = arguments.one.client_id.as_str();
    let registry = Registry::open(&arguments.one.common.config).await?;
    let ended = registry.registrations.remove(client_id).await;
    let configured = registry
        .find_configured(client_id)
        .map(|it| it.file.clone());
    registry.close().await;
    match (ended, configured) {
        (Ok(ended), _) => Ok(Removed {
            client_id: client_id.to_owned(),
            codes_revoked: ended.codes,
            access_tokens_revoked: ended.access_grants,
            refresh_tokens_revoked: ended.refresh_tokens,
        }),
        (Err(cardea_provider::Error::ClientUnknown), Some(file)) => {
            Err(Complaint::configured(client_id, file))
        }
        (Err(error), _) => Err(error.into()),
    }
}

impl Answer for Removed {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        writeln!(
            output,
            "{} is taken out; {} codes, {} access tokens and {} refresh tokens ended.\n\
             Running servers know within two seconds.",
            shown(&self.client_id),
            self.codes_revoked,
            self.access_tokens_revoked,
            self.refresh_tokens_revoked
        )
    }
}

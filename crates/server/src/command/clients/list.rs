//! `cardea clients list`

use std::io::{self, Write};

use cardea_oauth2_types::GrantType;
use serde::Serialize;

use super::registry::Source;
use super::{Answer, Common, Complaint, Registry};
use crate::command::table::Table;
use crate::config::{AuthMethod, ClientConfig};

/// Every client.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    clients: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    client_id: String,
    name: String,
    token_endpoint_auth_method: Option<AuthMethod>,
    grant_types: Vec<GrantType>,
    #[serde(flatten)]
    source: Source,
}

pub(super) async fn run(arguments: &Common) -> Result<Listed, Complaint> {
    let registry = Registry::open(&arguments.config).await?;
    let all = registry.all().await;
    registry.close().await;
    let clients = all?
        .into_iter()
        .map(|(client, source)| line(client, source));
    Ok(Listed {
        clients: clients.collect(),
    })
}

fn line(client: ClientConfig, source: Source) -> Line {
    Line {
        // That of the configuration may follow from its secret; the database's always stands there.
        token_endpoint_auth_method: client.token_endpoint_auth_method.or(client.auth_method()),
        client_id: client.client_id,
        name: client.name,
        grant_types: client.grant_types,
        source,
    }
}

impl Answer for Listed {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["client_id", "name", "proves itself by", "grants", "source"]);
        for client in &self.clients {
            let grants = client.grant_types.iter().map(|grant| short(*grant));
            let method = client.token_endpoint_auth_method;
            table.push([
                client.client_id.clone(),
                client.name.clone(),
                method
                    .map(AuthMethod::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                grants.collect::<Vec<_>>().join(" "),
                match &client.source {
                    Source::Configuration { file } => file.clone(),
                    Source::Database { .. } => "database".to_owned(),
                },
            ]);
        }
        table.write(output)
    }
}

/// A name that leaves room for the others.
fn short(grant: GrantType) -> &'static str {
    match grant {
        GrantType::CardGrant => "card_grant",
        _ => grant.as_str(),
    }
}

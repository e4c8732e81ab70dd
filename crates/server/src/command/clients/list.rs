//! `cardea clients list`

use std::io::{self, Write};

use cardea_oauth2_types::GrantType;
use serde::Serialize;

use super::registry::{Entry, Source};
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
    #[serde(flatten)]
    registration: Option<Registration>,
    /// The code of what makes the registration unreadable; running servers leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<&'static str>,
    #[serde(flatten)]
    source: Source,
}

#[derive(Debug, Serialize)]
struct Registration {
    name: String,
    token_endpoint_auth_method: Option<AuthMethod>,
    grant_types: Vec<GrantType>,
}

pub(super) async fn run(arguments: &Common) -> Result<Listed, Complaint> {
    let registry = Registry::open(&arguments.config).await?;
    let all = registry.all().await;
    registry.close().await;
    Ok(Listed {
        clients: all?.into_iter().map(line).collect(),
    })
}

fn line(entry: Entry) -> Line {
    let (registration, unreadable) = match entry.registration {
        Ok(client) => (Some(registration(client)), None),
        Err(error) => (None, Some(error.code())),
    };
    Line {
        client_id: entry.client_id,
        registration,
        unreadable,
        source: entry.source,
    }
}

fn registration(client: ClientConfig) -> Registration {
    Registration {
        // That of the configuration may follow from its secret; the database's always stands there.
        token_endpoint_auth_method: client.token_endpoint_auth_method.or(client.auth_method()),
        name: client.name,
        grant_types: client.grant_types,
    }
}

impl Answer for Listed {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["client_id", "name", "proves itself by", "grants", "source"]);
        for client in &self.clients {
            let [name, method, grants] = match &client.registration {
                Some(registration) => cells(registration),
                None => ["(unreadable)".to_owned(), String::new(), String::new()],
            };
            let source = match &client.source {
                Source::Configuration { file } => file.clone(),
                Source::Database {
                    self_registered_with: Some(token),
                    ..
                } => format!("registered itself ({token})"),
                Source::Database { .. } => "database".to_owned(),
            };
            table.push([client.client_id.clone(), name, method, grants, source]);
        }
        table.write(output)
    }
}

fn cells(registration: &Registration) -> [String; 3] {
    let method = registration.token_endpoint_auth_method;
    let grants = registration.grant_types.iter().map(|grant| grant.as_str());
    [
        registration.name.clone(),
        method
            .map(AuthMethod::as_str)
            .unwrap_or_default()
            .to_owned(),
        grants.collect::<Vec<_>>().join(" "),
    ]
}

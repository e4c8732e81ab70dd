//! `cardea clients add`

use std::io::{self, Write};
use std::path::PathBuf;

use cardea_provider::{NewClient, ProfileRules};
use clap::Args;
use serde::Serialize;

use super::registration_arguments::RegistrationArguments;
use super::{Answer, Common, Complaint, Registry};
use crate::client_registration::put_secret_into;
use crate::command::terminal_text::shown;
use crate::config::{AuthMethod, ClientConfig, Config, check_client, load_clients};
use crate::error::Error;

/// Arguments of `add`.
#[derive(Debug, Args)]
pub(in crate::command) struct AddArguments {
    #[command(flatten)]
    pub(super) common: Common,
    /// A file of [[client]] tables, as the configuration has them; all of them are registered or
    /// none. Other options change the only one in it.
    #[arg(long)]
    file: Option<PathBuf>,
    #[command(flatten)]
    registration: RegistrationArguments,
}

/// What was registered.
#[derive(Serialize)]
pub(super) struct Added {
    added: Vec<AddedClient>,
}

#[derive(Serialize)]
struct AddedClient {
    client_id: String,
    token_endpoint_auth_method: AuthMethod,
    /// The secret that was made; this is the only time that anybody sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

pub(super) async fn run(arguments: &AddArguments) -> Result<Added, Complaint> {
    let mut added = Vec::new();
    let mut new = Vec::new();
    let clients = tables(arguments)?;
    let file = arguments.file.clone();
    let file = file.unwrap_or_else(|| PathBuf::from("the command line"));
    let config = Config::load(&arguments.common.config)?;
    let rules = config.profile.rules();
    let takes_certificates = config.mtls.is_some();
    for (index, client) in clients.into_iter().enumerate() {
        let prepared = prepare(client, &rules, takes_certificates);
        let (done, client) = prepared.map_err(|(key, reason)| Error::ConfigInvalid {
            file: file.clone(),
            line: None,
            key: match &arguments.file {
                Some(_) => format!("client[{index}].{key}"),
                None => key.to_owned(),
            },
            reason,
        })?;
        added.push(done);
        new.push(client);
    }
    let registry = Registry::open_with(config).await?;
    let taken = new.iter().find_map(|new| {
        let taken = registry.find_configured(&new.client.client_id)?;
        Some(Complaint::configured(&taken.client_id, taken.file.clone()))
    });
    let outcome = match taken {
        Some(complaint) => Err(complaint),
        None => registry
            .registrations
            .add(&new)
            .await
            .map_err(Complaint::from),
    };
    registry.close().await;
    outcome.map(|()| Added { added })
}

/// The tables of the file with the options put into the only one, or one of the options alone.
fn tables(arguments: &AddArguments) -> Result<Vec<ClientConfig>, Error> {
    let wrong = |file: PathBuf, key: &str, reason: &str| Error::ConfigInvalid {
        file,
        line: None,
        key: key.to_owned(),
        reason: reason.to_owned(),
    };
    let registration = &arguments.registration;
    let Some(file) = &arguments.file else {
        let client = registration
            .table()
            .map_err(|(key, reason)| wrong(PathBuf::from("the command line"), key, &reason))?;
        return Ok(vec![client]);
    };
    let mut clients = load_clients(file)?;
    match (clients.as_mut_slice(), registration.is_empty()) {
        ([], _) => Err(wrong(
            file.clone(),
            "client",
            "must stand there at least once",
        )),
        (_, true) => Ok(clients),
        ([client], false) => {
            registration
                .put_into(client)
                .map_err(|(key, reason)| wrong(file.clone(), key, &reason))?;
            Ok(clients)
        }
        (_, false) => Err(wrong(
            file.clone(),
            "client",
            "must stand there once, because options of one client are given",
        )),
    }
}

/// Makes the secret where one is needed, and checks the whole.
fn prepare(
    mut client: ClientConfig,
    rules: &ProfileRules,
    takes_certificates: bool,
) -> Result<(AddedClient, NewClient), (&'static str, String)> {
    let made = put_secret_into(&mut client)?;
    let method = client.token_endpoint_auth_method;
    let method = method.unwrap_or(AuthMethod::ClientSecretBasic);
    let registered = check_client(&client, rules)?;
    if client.needs_mtls() && !takes_certificates {
        let key = match client.tls_client_certificate_bound_access_tokens {
            true => "tls_client_certificate_bound_access_tokens",
            false => "token_endpoint_auth_method",
        };
        let reason = "needs certificates of clients, so that there must be an [mtls] in the \
                      configuration";
        return Err((key, reason.to_owned()));
    }
    let registration =
        serde_json::to_string(&client).map_err(|error| ("client_id", error.to_string()))?;
    let added = AddedClient {
        client_id: client.client_id,
        token_endpoint_auth_method: method,
        secret: made.map(|secret| secret.expose().to_owned()),
    };
    let new = NewClient {
        client: registered,
        registration,
    };
    Ok((added, new))
}

impl Answer for Added {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        for client in &self.added {
            writeln!(output, "client_id: {}", shown(&client.client_id))?;
            let method = client.token_endpoint_auth_method.as_str();
            writeln!(output, "token_endpoint_auth_method: {method}")?;
            if let Some(secret) = &client.secret {
                writeln!(output, "secret: {secret}")?;
                writeln!(
                    output,
                    "The secret is kept nowhere: give it to the portal now."
                )?;
            }
        }
        writeln!(output, "Running servers know within two seconds.")
    }
}

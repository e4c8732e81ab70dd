//! `cardea clients new-initial-access-token`, and the list of what it made.

use std::io::{self, Write};

use cardea_oauth2_types::GrantType;
use cardea_provider::{
    InstancePolicy, NewInitialAccessToken, RegisteredConsent, RegisteredNames, RegistrationDemands,
    RegistrationLimits,
};
use clap::Args;
use time::Duration;
use time::format_description::well_known::Rfc3339;

use super::registration_arguments::word;
use super::rotate_secret::parse_duration;
use super::{Answer, Common, Complaint, Registry};
use crate::admin_api::{IssuedToken, TokenList, TokenView};
use crate::command::table::Table;
use crate::command::terminal_text::shown;

/// Arguments of `new-initial-access-token`.
#[derive(Debug, Args)]
pub(in crate::command) struct NewTokenArguments {
    #[command(flatten)]
    pub(super) common: Common,
    /// How many clients may be registered with it, up to 1000.
    #[arg(long, default_value_t = 1)]
    uses: u32,
    /// How long it lasts, such as 12h or 7d; 90 days at most.
    #[arg(long, default_value = "7d", value_parser = parse_duration)]
    expires: Duration,
    /// For whom it is.
    #[arg(long, default_value = "")]
    note: String,
    /// The scope values that may be asked for, parted by spaces.
    #[arg(long)]
    scope: Option<String>,
    /// A grant that may be asked for; may stand several times. Default: `authorization_code` and
    /// `refresh_token`.
    #[arg(long = "allowed-grant-type", value_parser = word::<GrantType>)]
    grant_types: Vec<GrantType>,
    /// A host that redirect URIs may lead to; may stand several times. Default: any.
    #[arg(long = "allowed-host", value_name = "HOST")]
    hosts: Vec<String>,
    /// A resource server that the clients may ask tokens for; may stand several times.
    #[arg(long = "allowed-resource", value_name = "URI")]
    resources: Vec<String>,
    /// Ask nobody on a page: the PIN for the portal's name is the consent, as it is for clients
    /// that you register yourself.
    #[arg(long)]
    implicit_consent: bool,
    /// Which workstations people sign in to these clients from: any (the default), known or
    /// managed. The clients have no word in it.
    #[arg(long, value_parser = word::<InstancePolicy>)]
    instances: Option<InstancePolicy>,
    /// Let names have letters of any script, not Latin ones alone.
    #[arg(long)]
    any_script: bool,
    /// Register only clients that know people by pairwise subjects.
    #[arg(long)]
    demand_pairwise: bool,
    /// Register only clients whose access tokens are bound to a key (DPoP).
    #[arg(long)]
    demand_dpop: bool,
}

/// One token.
#[derive(Debug, Args)]
pub(in crate::command) struct OneToken {
    /// The token's public name, such as `iat-…`.
    id: String,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn create(arguments: &NewTokenArguments) -> Result<IssuedToken, Complaint> {
    let mut limits = RegistrationLimits {
        hosts: arguments.hosts.clone(),
        resources: arguments.resources.clone(),
        ..RegistrationLimits::default()
    };
    if let Some(scope) = &arguments.scope {
        limits.scope = Some(scope.clone());
    }
    if !arguments.grant_types.is_empty() {
        limits.grant_types.clone_from(&arguments.grant_types);
    }
    if arguments.implicit_consent {
        limits.consent = RegisteredConsent::Implicit;
    }
    limits.instances = arguments.instances.unwrap_or_default();
    if arguments.any_script {
        limits.names = RegisteredNames::AnyScript;
    }
    limits.demands = RegistrationDemands {
        pairwise: arguments.demand_pairwise,
        dpop: arguments.demand_dpop,
    };
    let new = NewInitialAccessToken {
        note: arguments.note.clone(),
        uses: arguments.uses,
        lifetime: arguments.expires,
        limits,
    };
    let registry = Registry::open(&arguments.common.config).await?;
    let rules = registry.config.profile.rules();
    let new = NewInitialAccessToken {
        limits: new.limits.by_profile(&rules),
        ..new
    };
    let issued = registry.initial_access_tokens().issue(&new).await;
    registry.close().await;
    let issued = issued?;
    Ok(IssuedToken {
        id: issued.id,
        initial_access_token: issued.token.expose().to_owned(),
        expires_at: issued.expires_at,
    })
}

pub(super) async fn list(arguments: &Common) -> Result<TokenList, Complaint> {
    let registry = Registry::open(&arguments.config).await?;
    let records = registry.initial_access_tokens().list().await;
    registry.close().await;
    Ok(TokenList {
        initial_access_tokens: records?.into_iter().map(TokenView::from).collect(),
    })
}

pub(super) async fn revoke(arguments: &OneToken) -> Result<Revoked, Complaint> {
    let registry = Registry::open(&arguments.common.config).await?;
    let revoked = registry.initial_access_tokens().revoke(&arguments.id).await;
    registry.close().await;
    revoked?;
    Ok(Revoked {
        id: arguments.id.clone(),
    })
}

/// What was taken back.
#[derive(Debug, serde::Serialize)]
pub(super) struct Revoked {
    id: String,
}

impl Answer for IssuedToken {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let until = self.expires_at.format(&Rfc3339).unwrap_or_default();
        writeln!(output, "id: {}", self.id)?;
        writeln!(
            output,
            "initial_access_token: {}",
            self.initial_access_token
        )?;
        writeln!(
            output,
            "It is accepted until {until} and kept nowhere: give it to the portal now."
        )
    }
}

impl Answer for TokenList {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["id", "note", "uses left", "until", "state"]);
        for token in &self.initial_access_tokens {
            let now = cardea_provider::Clock::now(&crate::clock::SystemClock);
            let state = match token {
                it if it.revoked_at.is_some() => "taken back",
                it if it.expires_at <= now => "expired",
                it if it.uses_left == 0 => "used up",
                _ => "good",
            };
            table.push([
                token.id.clone(),
                token.note.clone(),
                token.uses_left.to_string(),
                token.expires_at.format(&Rfc3339).unwrap_or_default(),
                state.to_owned(),
            ]);
        }
        table.write(output)
    }
}

impl Answer for Revoked {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let id = shown(&self.id);
        writeln!(
            output,
            "{id} is taken back; the clients that it let in stay."
        )
    }
}

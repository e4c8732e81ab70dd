//! `cardea-guard serve`: the token check behind a port, for a proxy beside it.

mod desk;
mod reception;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::access_token::{TokenCheck, TokenConfig};
use crate::adapter::serve_admin;
use crate::address_range::AddressRange;
use crate::forward_auth::{ForwardAuth, Origins, RequestHeaders, Rule, router};
use crate::{
    AccessError, Accounts, Clock, Config, Error, Guard, LookUpsConfig, NoReporter, Reporter,
    Reports, SystemClock, open_accounts,
};

use desk::{Counter, Desks};
use reception::Reception;

const RULES_MAX: usize = 256;
/// At the end the issuer has so long to take the last reports; what it has not then is on the disk.
const LAST_REPORTS: Duration = Duration::from_secs(2);

/// `[serve]` of guard.toml.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawServeConfig")]
pub struct ServeConfig {
    listen: SocketAddr,
    socket: Option<PathBuf>,
    proxies: Vec<AddressRange>,
    request_headers: RequestHeaders,
    origins: Origins,
    connections_max: u32,
    drain_seconds: u32,
    stop_seconds: u32,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawServeConfig {
    listen: SocketAddr,
    socket: Option<PathBuf>,
    proxies: Vec<AddressRange>,
    request_headers: RequestHeaders,
    origins: Origins,
    connections_max: Option<u32>,
    drain_seconds: Option<u32>,
    stop_seconds: Option<u32>,
    #[serde(default)]
    plain_http_on_the_network: bool,
    #[serde(default)]
    rule: Vec<Rule>,
}

impl TryFrom<RawServeConfig> for ServeConfig {
    type Error = String;

    fn try_from(raw: RawServeConfig) -> Result<Self, String> {
        if raw.proxies.is_empty() {
            return Err("proxies: the address of the proxy is missing".to_owned());
        }
        // Tokens pass here in the clear.
        if !raw.listen.ip().to_canonical().is_loopback() && !raw.plain_http_on_the_network {
            return Err(
                "listen: beyond this machine tokens would pass in the clear; \
                        plain_http_on_the_network = true allows it"
                    .to_owned(),
            );
        }
        if raw
            .socket
            .as_ref()
            .is_some_and(|it| it.as_os_str().is_empty())
        {
            return Err("socket: it is empty".to_owned());
        }
        if raw.rule.len() > RULES_MAX {
            return Err(format!("rule: more than {RULES_MAX}"));
        }
        for rule in &raw.rule {
            rule.check().map_err(|reason| format!("rule.{reason}"))?;
        }
        let between = |name: &str, value: Option<u32>, usual: u32, most: u32| {
            let value = value.unwrap_or(usual);
            if value <= most {
                Ok(value)
            } else {
                Err(format!("{name}: at most {most}"))
            }
        };
        Ok(Self {
            listen: raw.listen,
            socket: raw.socket,
            proxies: raw.proxies,
            request_headers: raw.request_headers,
            origins: raw.origins,
            connections_max: between("connections_max", raw.connections_max, 1_024, 65_536)?.max(1),
            drain_seconds: between("drain_seconds", raw.drain_seconds, 1, 300)?,
            stop_seconds: between("stop_seconds", raw.stop_seconds, 5, 300)?,
            rules: raw.rule,
        })
    }
}

/// Serves what a file configures until it is told to stop; files that it names lie beside it.
///
/// # Errors
/// [`Error::ConfigInvalid`] where `[token]` or `[serve]` is missing, [`Error::Access`].
pub async fn serve(config: &Config, file: &Path) -> Result<(), Error> {
    let missing = |key: &str| Error::ConfigInvalid {
        file: file.to_path_buf(),
        line: 0,
        key: key.to_owned(),
        reason: "this table is missing: nothing can be served without it".to_owned(),
    };
    let token = config.token.clone().ok_or_else(|| missing("token"))?;
    let serve = config.serve.as_ref().ok_or_else(|| missing("serve"))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let token = token.below(folder);
    let judging = match &config.look_ups {
        Some(look_ups) => {
            let look_ups = look_ups.clone().below(folder);
            Some(Judging::begin(config, &look_ups, &token, folder).await?)
        }
        None => None,
    };
    // Guards that share their states share what they know of proofs that were used.
    let check = match &config.state.redis {
        Some(redis) => {
            let clock = Arc::new(SystemClock::default());
            TokenCheck::start_sharing(&token, clock, redis, folder)?
        }
        None => TokenCheck::start(&token)?,
    };
    let state = Arc::new(ForwardAuth {
        check,
        proxies: serve.proxies.clone(),
        headers: serve.request_headers,
        origins: serve.origins.clone(),
        certificates: token.certificate_header,
        rules: serve.rules.clone(),
        look_ups: judging
            .as_ref()
            .map(|it| (it.guard.clone(), it.portals.clone())),
        accounts: judging.as_ref().map(|it| Arc::clone(&it.accounts)),
        reports: judging.as_ref().and_then(|it| it.reports.clone()),
        is_stopping: AtomicBool::new(false),
    });
    if let Some(judging) = &judging {
        state.check.tell(judging.guard.clone());
    }
    let counter = Counter {
        router: router(Arc::clone(&state)),
        state,
    };
    // What answers has begun goes on until accounts and reports are closed.
    let desks = open_desks(serve, &counter)?;
    let outcome = run(&desks, &counter.state, serve, folder).await;
    if let Some(Judging {
        accounts, reports, ..
    }) = &judging
    {
        if let Some(reports) = reports {
            reports.close(LAST_REPORTS).await;
        }
        accounts.close().await;
    }
    Ok(outcome?)
}

/// What judges look-ups, and what stands behind it.
struct Judging {
    guard: Guard,
    portals: Vec<AddressRange>,
    accounts: Arc<dyn Accounts>,
    reports: Option<Reports>,
}

impl Judging {
    async fn begin(
        config: &Config,
        look_ups: &LookUpsConfig,
        token: &TokenConfig,
        folder: &Path,
    ) -> Result<Self, Error> {
        let owner = format!("{} {}", token.issuer, token.audience);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let now = clock.unix_milliseconds();
        let rules = config.rules.clone();
        let accounts = open_accounts(&config.state, rules, folder, &owner, now).await?;
        let reports = match &config.reports {
            Some(spool) => {
                let spool = spool.clone().below(folder);
                Some(Reports::start(&spool, token, Arc::clone(&clock))?)
            }
            None => {
                tracing::warn!(
                    "the configuration has no table [reports]: the issuer hears nothing"
                );
                None
            }
        };
        let reporter: Arc<dyn Reporter> = match &reports {
            Some(reports) => Arc::new(reports.clone()),
            None => Arc::new(NoReporter),
        };
        let guard = Guard::assemble(Arc::clone(&accounts), look_ups, reporter, clock)?;
        if let Some(socket) = &look_ups.admin_socket {
            serve_admin(socket, guard.clone())?;
        }
        Ok(Self {
            guard,
            portals: look_ups.portals.clone(),
            accounts,
            reports,
        })
    }
}

/// A desk for each core.
fn open_desks(config: &ServeConfig, counter: &Counter) -> Result<Desks, AccessError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let desks = Desks::open(cores, config.connections_max, counter);
    desks.map_err(|source| AccessError::ListenFailed {
        address: config.listen.to_string(),
        source,
    })
}

async fn run(
    desks: &Desks,
    state: &ForwardAuth,
    config: &ServeConfig,
    folder: &Path,
) -> Result<(), AccessError> {
    let socket = config.socket.as_ref().map(|it| folder.join(it));
    let reception = Reception::open(config.listen, socket.as_deref())?;
    tracing::info!(
        address = %config.listen,
        "the guard listens; nobody gets in before the issuer has answered"
    );
    tokio::select! {
        () = reception.receive(desks) => {}
        () = told_to_stop() => {
            tracing::info!("the guard stops");
            // `/readyz` says no at once; callers are served a moment longer, until a balancer has
            // seen it.
            state.is_stopping.store(true, Ordering::Relaxed);
            let drained = tokio::time::sleep(Duration::from_secs(config.drain_seconds.into()));
            tokio::select! {
                () = reception.receive(desks) => {}
                () = drained => {}
            }
        }
    }
    drop(reception);
    desks
        .close(Duration::from_secs(config.stop_seconds.into()))
        .await;
    Ok(())
}

async fn told_to_stop() {
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        tracing::warn!("no signals can be heard: the guard ends without ceremony");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests;

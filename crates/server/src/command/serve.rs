//! `cardea serve`: reads the configuration, listens, and stops in good order.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use crate::app::App;
use crate::command::keys::token_keys::take_secrets;
use crate::config::Config;
use crate::connection_limit::BoundedAcceptor;
use crate::error::Error;
use crate::file_limit::raise_file_limit;
use crate::listener::serve_all;
use crate::log_format::start_logging;
use crate::private_memory::keep_memory_private;
use crate::shutdown::{Shutdown, StopTimes};
use crate::telemetry::Telemetry;

/// How long callers are told of a database that failed: nothing else can be answered any more.
const AFTER_FAILURE: StopTimes = StopTimes {
    drain: Duration::from_secs(1),
    finish: Duration::from_secs(1),
};

/// Runs the server until it is told to stop.
///
/// # Errors
/// Anything that keeps it from starting.
pub(super) fn run(config_file: &Path) -> anyhow::Result<()> {
    keep_memory_private()?;
    let config = Config::load(config_file)?;
    take_secrets(&config);
    let telemetry = Telemetry::start(&config.telemetry)?;
    start_logging(&telemetry);
    raise_file_limit(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let shutdown = Shutdown::new();
    let outcome = runtime.block_on(serve(&config, shutdown.clone()));
    runtime.block_on(telemetry.finish(shutdown.told_to_stop_at_once()));
    outcome
}

async fn serve(config: &Config, shutdown: Shutdown) -> anyhow::Result<()> {
    let app = App::build(config).await?;
    let listeners = app.listen(config)?;
    let operators = app.listen_for_operators(config)?;
    let app = Arc::new(app);
    tokio::spawn(stop_on_signal(
        Arc::clone(&app),
        shutdown.clone(),
        StopTimes::of(&config.operations),
    ));
    tokio::spawn(reload_on_signal(Arc::clone(&app)));
    tokio::spawn(stop_on_failure(Arc::clone(&app), shutdown.clone()));
    app.start_tasks();
    for listener in &listeners {
        tracing::info!(
            issuer = config.issuer.as_str(),
            address = %listener.address(),
            tls = listener.has_tls(),
            clients = config.client.len(),
            trust_anchors = config.trust_anchor.len(),
            version = env!("CARGO_PKG_VERSION"),
            "ready"
        );
    }
    let bounded = BoundedAcceptor::new(&config.limits, &config.presence);
    let to_operators = Shutdown::new();
    let for_operators = tokio::spawn(serve_all(
        operators.into_iter().collect(),
        to_operators.clone(),
        BoundedAcceptor::for_operators(),
    ));
    let outcome = serve_all(listeners, shutdown, bounded).await;
    app.finish().await;
    to_operators.stop_at_once();
    let _ = for_operators.await;
    outcome?;
    if app.has_failed() {
        let source = app.failure().await;
        return Err(Error::DatabaseUnavailable { source }.into());
    }
    tracing::info!("stopped");
    Ok(())
}

/// Ends a server whose database cannot be relied on before its next start, with an error: whoever
/// watches over it starts it again.
async fn stop_on_failure(app: Arc<App>, shutdown: Shutdown) {
    let code = app.failure().await.code();
    tracing::error!(code, "the database's log could not be flushed: stopping");
    app.begin_stop();
    shutdown.stop_in_order(AFTER_FAILURE).await;
    sleep(AFTER_FAILURE.finish).await;
    shutdown.stop_at_once();
}

/// Reads the configuration anew at each hangup signal, as `systemctl reload` sends it; the log says
/// what came of it.
async fn reload_on_signal(app: Arc<App>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        tracing::error!(code = "server.internal", "signals cannot be received");
        return;
    };
    while hangup.recv().await.is_some() {
        // Refusals are in the log already, each with its code.
        let _ = app.reload().await;
    }
}

/// Stops in good order at the first signal, and at once at the second. Presence connections close
/// when all requests have ended: some wait for what comes by them.
async fn stop_on_signal(app: Arc<App>, shutdown: Shutdown, times: StopTimes) {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        tracing::error!(code = "server.internal", "signals cannot be received");
        return;
    };
    let mut signalled = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    signalled().await;
    tracing::info!("stopping");
    app.begin_stop();
    let in_order = shutdown.stop_in_order(times);
    tokio::select! {
        () = in_order => signalled().await,
        () = signalled() => {}
    }
    tracing::warn!("stopping at once");
    shutdown.stop_at_once();
}

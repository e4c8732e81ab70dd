//! `cardea-demo-portal serve`: listens until SIGINT or SIGTERM.

use std::path::Path;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_openssl::OpenSSLConfig;

use crate::config::Config;
use crate::error::Error;
use crate::look_up::desk::Desk;
use crate::router;

/// Runs the portal until it is told to stop. Keys of its look-up service are made in the folder.
///
/// # Errors
/// When the settings can't be used or the address can't be listened on.
pub async fn run(config: Config, folder: &Path) -> Result<(), Error> {
    let address = config.listen;
    let failed = |source| Error::Listen {
        address: address.to_string(),
        source,
    };
    let tls = config.tls.clone();
    // Without it, as in a folder that can't be written to, the portal has a service less.
    let look_ups = Desk::open(&config, folder).inspect_err(|error| {
        tracing::warn!(
            code = error.code(),
            reason = error.chain(),
            "no patients can be looked up here"
        );
    });
    let app = router::router(config, look_ups.ok())?.into_make_service();
    let handle = Handle::new();
    tokio::spawn(stop_on_signal(handle.clone()));
    tracing::info!(%address, "the portal listens");
    match tls {
        None => axum_server::bind(address)
            .handle(handle)
            .serve(app)
            .await
            .map_err(failed),
        Some(tls) => {
            let acceptor = OpenSSLConfig::from_pem_chain_file(&tls.certificate, &tls.key).map_err(
                |error| Error::Configuration {
                    path: tls.certificate.clone(),
                    reason: error.to_string(),
                },
            )?;
            axum_server::bind_openssl(address, acceptor)
                .handle(handle)
                .serve(app)
                .await
                .map_err(failed)
        }
    }
}

async fn stop_on_signal(handle: Handle<std::net::SocketAddr>) {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = interrupt => {}
                    _ = terminate.recv() => {}
                }
            }
            Err(_) => {
                let _ = interrupt.await;
            }
        }
    }
    #[cfg(not(unix))]
    let _ = interrupt.await;
    handle.graceful_shutdown(Some(Duration::from_secs(1)));
}

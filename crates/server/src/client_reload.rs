//! The running server follows the clients of the database.

use cardea_provider::{ClientsReload, Provider};

use crate::client_registration::client_of_record;
use crate::config::ClientConfig;
use crate::error::Error;

/// Reads the clients of the database before the first request. A client that is configured as well
/// stops the start: which of the two is meant would be a guess.
pub(crate) async fn load_clients(
    provider: &Provider,
    configured: &[ClientConfig],
) -> Result<(), Error> {
    let rules = provider.rules();
    let reload = provider.reload_clients(|record| client_of_record(record, rules));
    let reload = reload.await;
    let reload = reload.map_err(|source| Error::ProviderRefused { source })?;
    let ClientsReload::Replaced { left_out, .. } = &reload else {
        return Ok(());
    };
    for (client_id, error) in left_out {
        let twice = matches!(error, cardea_provider::Error::ClientExists { .. });
        let table = configured.iter().find(|it| it.client_id == *client_id);
        if let Some(table) = table.filter(|_| twice) {
            return Err(Error::ClientRegisteredTwice {
                client_id: client_id.clone(),
                file: table.file.clone().unwrap_or_default(),
            });
        }
    }
    report(&reload);
    Ok(())
}

/// Looks whether they have changed. When the database does not answer, those known before stay.
pub(crate) async fn follow_clients(provider: &Provider) {
    let rules = provider.rules();
    let reload = provider.reload_clients(|record| client_of_record(record, rules));
    match reload.await {
        Ok(reload) => report(&reload),
        Err(error) => tracing::error!(
            cause = error.code(),
            code = "server.clients_not_read",
            "the clients stay as they were"
        ),
    }
}

fn report(reload: &ClientsReload) {
    let ClientsReload::Replaced { clients, left_out } = reload else {
        return;
    };
    tracing::info!(clients, "the clients are read anew");
    for (client_id, error) in left_out {
        tracing::error!(
            client_id,
            cause = error.code(),
            reason = %error,
            code = "server.client_left_out",
            "a registration of the database cannot be used"
        );
    }
}

//! What stands in the configuration and in the database at once, where the database is looked at.

use std::path::Path;

use cardea_storage::{Store, Transaction, client};

use crate::config::{Config, DatabaseUrl, Mistake};
use crate::error::Error;

use super::named::mistake;

/// Reads the database, and changes nothing in it. One that the first start will make has nothing.
pub(super) fn find_mistakes(config: &Config) -> anyhow::Result<Vec<Mistake>> {
    if let DatabaseUrl::Sqlite(file) = &config.database.url
        && !file.exists()
    {
        return Ok(Vec::new());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let read = runtime.block_on(client_ids(config));
    Ok(match read {
        Ok(ids) => twice(config, &ids),
        Err(source) => {
            let error = Error::DatabaseUnavailable { source };
            vec![mistake(config, "database.url", &error)]
        }
    })
}

async fn client_ids(config: &Config) -> Result<Vec<String>, cardea_storage::Error> {
    let store = Store::open_as_it_is(&config.database.url.to_url()).await?;
    let ids = async {
        let mut transaction: Transaction = store.begin_read().await?;
        client::ids(&mut transaction).await
    };
    let ids = ids.await;
    store.close().await;
    ids
}

/// In a file of clients the place in the whole list says nothing.
fn line_of_client(file: &Path, client_id: &str) -> Option<usize> {
    let text = std::fs::read_to_string(file).ok()?;
    let name = format!("\"{client_id}\"");
    let mut lines = (1..).zip(text.lines());
    let found =
        lines.find(|(_, line)| line.trim_start().starts_with("client_id") && line.contains(&name));
    found.map(|(number, _)| number)
}

/// A start leaves such a client of the database out, or refuses the configuration.
fn twice(config: &Config, ids: &[String]) -> Vec<Mistake> {
    let clients = config.client.iter().enumerate();
    let both = clients.filter(|(_, client)| ids.contains(&client.client_id));
    both.map(|(index, client)| {
        let file = client.file.clone().unwrap_or_else(|| config.file.clone());
        let error = Error::ClientRegisteredTwice {
            client_id: client.client_id.clone(),
            file: file.clone(),
        };
        let own = mistake(config, &format!("client[{index}].client_id"), &error);
        if file == config.file {
            return own;
        }
        Mistake {
            line: line_of_client(&file, &client.client_id),
            file,
            ..own
        }
    })
    .collect()
}

//! Every registered client by its id, as it stands now.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::{Client, Error};

/// The clients in memory. A look-up never waits for the database; a change replaces the whole set.
#[derive(Debug)]
pub(crate) struct Clients {
    /// Those of the configuration, which stay as long as the process.
    configured: ClientsById,
    current: RwLock<Current>,
    /// Clients that were taken out, and may hold something yet.
    gone: Mutex<BTreeSet<String>>,
}

pub(crate) type ClientsById = HashMap<String, Arc<Client>>;

#[derive(Debug)]
struct Current {
    all: Arc<ClientsById>,
    /// The count of changes in the database that `all` comes from; none before the first reading.
    revision: Option<i64>,
}

impl Clients {
    pub(crate) fn new(configured: Vec<Client>) -> Result<Self, Error> {
        let mut by_id = HashMap::with_capacity(configured.len());
        for client in configured {
            client.check()?;
            insert_new(&mut by_id, client)?;
        }
        let current = Current {
            all: Arc::new(by_id.clone()),
            revision: None,
        };
        Ok(Self {
            configured: by_id,
            current: RwLock::new(current),
            gone: Mutex::default(),
        })
    }

    pub(crate) fn find(&self, client_id: &str) -> Option<Arc<Client>> {
        self.all().get(client_id).map(Arc::clone)
    }

    pub(crate) fn all(&self) -> Arc<ClientsById> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current.all)
    }

    pub(super) fn is_at(&self, revision: i64) -> bool {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.revision == Some(revision)
    }

    /// A set to add registrations to, which [`Clients::replace`] takes.
    pub(super) fn configured(&self) -> ClientsById {
        self.configured.clone()
    }

    /// Whether the clients of the database were never read.
    pub(super) fn is_new(&self) -> bool {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.revision.is_none()
    }

    /// Clients that were taken out while nobody looked.
    pub(super) fn add_gone(&self, client_ids: impl IntoIterator<Item = String>) {
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        gone.extend(client_ids);
    }

    /// Puts a new set in place; what was in the old one alone is gone.
    pub(super) fn replace(&self, all: ClientsById, revision: i64) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        let left = current.all.keys().filter(|id| !all.contains_key(*id));
        gone.extend(left.cloned());
        gone.retain(|id| !all.contains_key(id));
        *current = Current {
            all: Arc::new(all),
            revision: Some(revision),
        };
    }

    /// The clients that are gone and whose holdings have not been ended here yet.
    pub(super) fn gone(&self) -> Vec<String> {
        let gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        gone.iter().cloned().collect()
    }

    /// The holdings of a client that is gone have ended.
    pub(super) fn forget(&self, client_id: &str) {
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        gone.remove(client_id);
    }
}

/// Adds a client, unless its id is taken.
pub(super) fn insert_new(by_id: &mut ClientsById, client: Client) -> Result<(), Error> {
    let client_id = client.client_id.clone();
    if by_id.contains_key(&client_id) {
        return Err(Error::ClientExists { client_id });
    }
    by_id.insert(client_id, Arc::new(client));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClientAuthentication;
    use cardea_oauth2_types::Scope;

    fn client() -> Client {
        Client {
            redirect_uris: vec!["https://portal.example.fr/cb".to_owned()],
            scope: Scope::parse("openid").unwrap(),
            ..Client::new("portal", "Portail", ClientAuthentication::None)
        }
    }

    #[test]
    fn two_clients_cannot_share_an_id() {
        let error = Clients::new(vec![client(), client()]).unwrap_err();
        assert_eq!(error.code(), "provider.client_exists");
    }

    #[test]
    fn what_is_configured_stays_when_the_set_is_replaced() {
        let clients = Clients::new(vec![client()]).unwrap();
        let other = Client {
            client_id: "other".to_owned(),
            ..client()
        };
        let mut set = clients.configured();
        insert_new(&mut set, other).unwrap();
        clients.replace(set, 1);
        assert!(clients.find("other").is_some() && clients.is_at(1));
        assert!(clients.gone().is_empty());
        clients.replace(clients.configured(), 2);
        assert_eq!(clients.gone(), ["other"]);
        assert!(clients.find("portal").is_some() && clients.find("other").is_none());
        clients.forget("other");
        assert!(clients.gone().is_empty());
    }
}

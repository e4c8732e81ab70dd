//! Every registered client by its id, as it stands now.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::{Client, Error, ProfileRules};

/// The clients in memory. A look-up never waits for the database; a change replaces the whole set.
#[derive(Debug)]
pub(crate) struct Clients {
    /// Those of the configuration, which are replaced when it is read anew.
    configured: RwLock<ClientsById>,
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
    pub(crate) fn new(configured: Vec<Client>, rules: ProfileRules) -> Result<Self, Error> {
        let by_id = checked(configured, rules)?;
        let current = Current {
            all: Arc::new(by_id.clone()),
            revision: None,
        };
        Ok(Self {
            configured: RwLock::new(by_id),
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
    pub(crate) fn configured(&self) -> ClientsById {
        let configured = self.configured.read();
        configured.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn is_configured(&self, client_id: &str) -> bool {
        let configured = self.configured.read();
        let configured = configured.unwrap_or_else(PoisonError::into_inner);
        configured.contains_key(client_id)
    }

    /// Puts other clients of the configuration in place; the whole set follows at the next reading
    /// of the database, which looks again for what clients hold that are gone.
    pub(super) fn replace_configured(&self, configured: ClientsById) {
        let mut old = self
            .configured
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *old = configured;
        current.revision = None;
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

/// Clients of a configuration, each safe by itself and by the profile.
pub(super) fn checked(clients: Vec<Client>, rules: ProfileRules) -> Result<ClientsById, Error> {
    let mut by_id = HashMap::with_capacity(clients.len());
    for client in clients {
        rules.check_client(&client)?;
        insert_new(&mut by_id, client)?;
    }
    Ok(by_id)
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
    use crate::{ClientAuthentication, ProtocolProfile};
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
        let rules = ProtocolProfile::Oidc.rules();
        let error = Clients::new(vec![client(), client()], rules).unwrap_err();
        assert_eq!(error.code(), "provider.client_exists");
    }

    #[test]
    fn what_is_configured_stays_when_the_set_is_replaced() {
        let clients = Clients::new(vec![client()], ProtocolProfile::Oidc.rules()).unwrap();
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

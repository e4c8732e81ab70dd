//! Every registered client by its id, as it stands now.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::{Client, Error, ProfileRules};

/// The clients in memory. A look-up never waits for the database; a change replaces the whole set.
#[derive(Debug)]
pub(crate) struct Clients {
    /// Those of the configuration, which are replaced when it is read anew.
    configured: RwLock<ClientsById>,
    current: RwLock<Current>,
    /// How often the database has been read.
    readings: AtomicU64,
    /// Clients that were taken out, and may hold something yet.
    gone: Mutex<BTreeSet<String>>,
}

pub(crate) type ClientsById = HashMap<String, Arc<Client>>;

#[derive(Debug)]
struct Current {
    all: Arc<ClientsById>,
    /// The resource servers whose access tokens say the person's profession.
    told_professions: BTreeSet<String>,
    /// The count of changes in the database that `all` comes from; none before the first reading.
    revision: Option<i64>,
    /// The reading that `all` comes from: what was read before it is older.
    reading: u64,
    /// The count of changes of the configuration.
    generation: u64,
}

/// The clients of the configuration as they were once: what is built upon them is worth nothing
/// once they are replaced.
#[derive(Debug)]
pub(super) struct Basis {
    pub(super) all: ClientsById,
    reading: u64,
    generation: u64,
}

impl Clients {
    pub(crate) fn new(configured: Vec<Client>, rules: ProfileRules) -> Result<Self, Error> {
        let by_id = checked(configured, rules)?;
        let current = Current {
            told_professions: told_professions(&by_id),
            all: Arc::new(by_id.clone()),
            revision: None,
            reading: 0,
            generation: 0,
        };
        Ok(Self {
            configured: RwLock::new(by_id),
            current: RwLock::new(current),
            readings: AtomicU64::default(),
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

    /// Whether each of these resource servers is told the person's profession.
    pub(crate) fn are_told_professions(&self, audience: &[String]) -> bool {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let mut audience = audience.iter();
        audience.len() > 0 && audience.all(|it| current.told_professions.contains(it))
    }

    pub(super) fn is_at(&self, revision: i64) -> bool {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.revision == Some(revision)
    }

    /// The number of a reading of the database that begins now.
    pub(super) fn begin_reading(&self) -> u64 {
        self.readings.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A set to add registrations of a reading to, which [`Clients::replace`] takes.
    pub(super) fn basis(&self, reading: u64) -> Basis {
        let configured = self.configured.read();
        let configured = configured.unwrap_or_else(PoisonError::into_inner);
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Basis {
            all: configured.clone(),
            reading,
            generation: current.generation,
        }
    }

    /// Those of the configuration.
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
        current.generation = current.generation.wrapping_add(1);
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

    /// Puts a new set in place; what was in the old one alone is gone. Nothing is done, and false
    /// given, where the clients of the configuration have been replaced meanwhile, or the database
    /// was read later and that is in place.
    #[must_use]
    pub(super) fn replace(&self, new: Basis, revision: i64) -> bool {
        let Basis {
            all,
            reading,
            generation,
        } = new;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.generation != generation || current.reading > reading {
            return false;
        }
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        let left = current.all.keys().filter(|id| !all.contains_key(*id));
        gone.extend(left.cloned());
        gone.retain(|id| !all.contains_key(id));
        *current = Current {
            told_professions: told_professions(&all),
            all: Arc::new(all),
            revision: Some(revision),
            reading,
            generation,
        };
        true
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

fn told_professions(all: &ClientsById) -> BTreeSet<String> {
    let told = all.values().filter(|it| it.profession_in_access_tokens);
    told.flat_map(|it| it.resource_server_of.iter().cloned())
        .collect()
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
        let mut set = clients.basis(1);
        insert_new(&mut set.all, other).unwrap();
        assert!(clients.replace(set, 1));
        assert!(clients.find("other").is_some() && clients.is_at(1));
        assert!(clients.gone().is_empty());
        assert!(clients.replace(clients.basis(2), 2));
        assert!(!clients.replace(clients.basis(1), 1), "read before it");
        assert_eq!(clients.gone(), ["other"]);
        assert!(clients.find("portal").is_some() && clients.find("other").is_none());
        clients.forget("other");
        assert!(clients.gone().is_empty());
    }

    #[test]
    fn what_was_built_upon_replaced_clients_is_not_taken() {
        let clients = Clients::new(vec![client()], ProtocolProfile::Oidc.rules()).unwrap();
        let old = clients.basis(1);
        clients.replace_configured(ClientsById::new());
        assert!(!clients.replace(old, 1));
        assert!(!clients.is_at(1), "it is read again");
        assert!(clients.replace(clients.basis(2), 1));
        assert!(clients.find("portal").is_none() && clients.is_at(1));
        assert_eq!(clients.gone(), ["portal"]);
    }
}

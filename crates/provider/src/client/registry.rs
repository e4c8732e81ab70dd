//! Every registered client by its id, as it stands now.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::{Client, Error};

/// The clients in memory. A look-up never waits for the database; a change replaces the whole set.
#[derive(Debug, Default)]
pub(crate) struct Clients(RwLock<Arc<ClientsById>>);

type ClientsById = HashMap<String, Arc<Client>>;

impl Clients {
    pub(crate) fn new(clients: Vec<Client>) -> Result<Self, Error> {
        Ok(Self(RwLock::new(Arc::new(by_id(clients)?))))
    }

    pub(crate) fn find(&self, client_id: &str) -> Option<Arc<Client>> {
        self.all().get(client_id).map(Arc::clone)
    }

    pub(crate) fn all(&self) -> Arc<ClientsById> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn by_id(clients: Vec<Client>) -> Result<ClientsById, Error> {
    let mut by_id = HashMap::with_capacity(clients.len());
    for client in clients {
        client.check()?;
        let client_id = client.client_id.clone();
        if by_id.insert(client_id.clone(), Arc::new(client)).is_some() {
            let reason = "another client has the same client_id";
            return Err(Error::ClientInvalid { client_id, reason });
        }
    }
    Ok(by_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClientAuthentication;

    #[test]
    fn two_clients_cannot_share_an_id() {
        let client = Client {
            redirect_uris: vec!["https://portal.example.fr/cb".to_owned()],
            ..Client::new("portal", "Portail", ClientAuthentication::None)
        };
        let error = Clients::new(vec![client.clone(), client]).unwrap_err();
        assert_eq!(error.code(), "provider.client_invalid");
    }
}

//! A running provider follows the clients of the database.

use std::collections::BTreeSet;

use cardea_storage::client::{self, ClientRecord, EndedHoldings};

use super::registry::{ClientsById, checked, insert_new};
use crate::event::{AdministrationEvent, Event, EventKind};
use crate::own_page::is_own_client;
use crate::{Author, Client, Error, OperatorsChanged, Provider};

/// What looking at the database has brought.
#[derive(Debug)]
pub enum ClientsReload {
    /// Nothing has changed since.
    Unchanged,
    /// The set was replaced.
    Replaced {
        /// How many clients there are now, those of the configuration included.
        clients: usize,
        /// Registrations that were left out, each with its id and why.
        left_out: Vec<(String, Error)>,
    },
}

/// Clients of a configuration, judged and not yet in place.
#[derive(Debug)]
pub struct ConfiguredClientsPlan(ClientsById);

impl Provider {
    /// Looks whether the clients of the database have changed, and if so replaces those in memory;
    /// call it every second or so. `read` turns a record into a client.
    ///
    /// A registration that is unsafe, asks for an algorithm that no key has, or has the id of a
    /// configured client is left out, so that it cannot keep a removed one in. When the database
    /// does not answer, the set stays as it is. What a client holds that is gone ends once more:
    /// this server may have given it something after the command had looked. The first call does so
    /// for every id that holds something and is registered no more.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn reload_clients(
        &self,
        read: impl Fn(&ClientRecord) -> Result<Client, Error>,
    ) -> Result<ClientsReload, Error> {
        // Where something newer is in place meanwhile, all is read once more.
        let reload = loop {
            if let Some(reload) = self.try_to_reload_clients(&read).await? {
                break reload;
            }
        };
        self.end_what_the_gone_hold().await?;
        Ok(reload)
    }

    /// None where something newer was put in place while the database was read.
    async fn try_to_reload_clients(
        &self,
        read: impl Fn(&ClientRecord) -> Result<Client, Error>,
    ) -> Result<Option<ClientsReload>, Error> {
        let reading = self.clients.begin_reading();
        let mut transaction = self.store.begin_read().await?;
        // The count comes first: a change in between is then seen once more, and never missed.
        let revision = client::revision(&mut transaction).await?;
        if self.clients.is_at(revision) {
            return Ok(Some(ClientsReload::Unchanged));
        }
        let records = client::list(&mut transaction).await?;
        // At the start: the operator may have dropped clients from the configuration since.
        let holders = match self.clients.is_new() {
            true => client::list_holders(&mut transaction).await?,
            false => BTreeSet::new(),
        };
        drop(transaction);
        let mut basis = self.clients.basis(reading);
        let all = &mut basis.all;
        let mut left_out = Vec::new();
        for record in &records {
            let taken = read(record).and_then(|client| self.take_in(all, client));
            if let Err(error) = taken {
                left_out.push((record.client_id.clone(), error));
            }
        }
        let clients = all.len();
        // A registration that cannot be used today is one nevertheless.
        let is_registered = |client_id: &String| {
            is_own_client(client_id)
                || all.contains_key(client_id)
                || records.iter().any(|it| it.client_id == *client_id)
        };
        let unregistered: Vec<_> = holders
            .into_iter()
            .filter(|client_id| !is_registered(client_id))
            .collect();
        if !self.clients.replace(basis, revision) {
            return Ok(None);
        }
        self.clients.add_gone(unregistered);
        Ok(Some(ClientsReload::Replaced { clients, left_out }))
    }

    /// Judges other clients of the configuration: all of them are good, or none is taken.
    ///
    /// # Errors
    /// [`Error::ClientInvalid`], [`Error::KeyMissing`], [`Error::ClientExists`] for one that the
    /// database has as well, [`Error::Storage`].
    pub async fn plan_configured_clients(
        &self,
        clients: Vec<Client>,
    ) -> Result<ConfiguredClientsPlan, Error> {
        let configured = checked(clients, self.rules)?;
        for client in configured.values() {
            self.keys().check_client(client)?;
        }
        let mut transaction = self.store.begin_read().await?;
        let records = client::list(&mut transaction).await?;
        drop(transaction);
        let mut twice = records.iter().map(|record| &record.client_id);
        if let Some(client_id) = twice.find(|it| configured.contains_key(*it)) {
            let client_id = client_id.clone();
            return Err(Error::ClientExists { client_id });
        }
        Ok(ConfiguredClientsPlan(configured))
    }

    /// Puts planned clients in place of those of the configuration. Call
    /// [`Provider::reload_clients`] right after it.
    pub fn install_configured_clients(&self, plan: ConfiguredClientsPlan) {
        self.clients.replace_configured(plan.0);
    }

    /// Puts on record that the configuration is read anew, before it is so.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn record_reload(
        &self,
        by: Author,
        replaced: Vec<&'static str>,
        kept: Vec<&'static str>,
        operators: OperatorsChanged,
    ) -> Result<(), Error> {
        let kind = AdministrationEvent::ConfigurationReloaded {
            by,
            replaced,
            kept,
            operators,
        };
        let mut transaction = self.store.begin().await?;
        self.record(&mut transaction, Event::new(kind, self.now()))
            .await?;
        Ok(transaction.commit().await?)
    }

    fn take_in(&self, all: &mut ClientsById, client: Client) -> Result<(), Error> {
        self.rules.check_client(&client)?;
        self.keys().check_client(&client)?;
        insert_new(all, client)
    }

    async fn end_what_the_gone_hold(&self) -> Result<(), Error> {
        for client_id in self.clients.gone() {
            let now = self.now();
            let mut transaction = self.store.begin().await?;
            let ended = client::end_holdings(&mut transaction, &client_id, now).await?;
            if ended != EndedHoldings::default() {
                let kind = EventKind::ClientHoldingsEnded(ended.into());
                let event = Event::new(kind, now).of_client(&client_id);
                self.record(&mut transaction, event).await?;
            }
            transaction.commit().await?;
            self.clients.forget(&client_id);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use cardea_jose::Algorithm;
    use cardea_oauth2_types::Scope;
    use cardea_storage::Store;
    use cardea_storage::client::{self, ClientRecord};

    use super::ClientsReload;
    use crate::bare_provider::{bare_provider, now};
    use crate::{Client, ClientAuthentication, Error};

    fn record(client_id: &str) -> ClientRecord {
        ClientRecord {
            client_id: client_id.to_owned(),
            registration: "{}".to_owned(),
            secret: None,
            previous_secret: None,
            created_at: now(),
            changed_at: now(),
            self_registration: None,
        }
    }

    async fn store_client(store: &Store, client_id: &str) {
        let record = record(client_id);
        let mut transaction = store.begin().await.unwrap();
        assert!(client::insert(&mut transaction, &record).await.unwrap());
        transaction.commit().await.unwrap();
    }

    /// A client that is safe but for what its id says.
    fn read(record: &ClientRecord) -> Result<Client, Error> {
        let mut client = Client {
            redirect_uris: vec!["https://portal.example.fr/cb".to_owned()],
            id_token_signed_response_alg: Algorithm::Es256,
            scope: Scope::parse("openid").unwrap(),
            ..Client::new(&record.client_id, "Portail", ClientAuthentication::None)
        };
        match record.client_id.as_str() {
            "unsafe" => client.redirect_uris = vec!["javascript:alert(1)".to_owned()],
            "keyless" => client.id_token_signed_response_alg = Algorithm::Ps256,
            _ => {}
        }
        Ok(client)
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_left_out_and_keeps_nothing_else_out() {
        let (provider, store) = bare_provider().await;
        // The configuration has a client with the id ES256.
        for client_id in ["ES256", "added", "keyless", "unsafe"] {
            store_client(&store, client_id).await;
        }
        let reload = provider.reload_clients(read).await.unwrap();
        let ClientsReload::Replaced { clients, left_out } = reload else {
            panic!("nothing was read")
        };
        let left_out: Vec<_> = left_out
            .iter()
            .map(|(client_id, error)| (client_id.as_str(), error.code()))
            .collect();
        assert_eq!(
            left_out,
            [
                ("ES256", "provider.client_exists"),
                ("keyless", "provider.key_missing"),
                ("unsafe", "provider.client_invalid"),
            ]
        );
        assert_eq!(clients, 3, "two of the configuration and one");
        assert!(provider.find_client("added").is_some());
        let again = provider.reload_clients(read).await.unwrap();
        assert!(matches!(again, ClientsReload::Unchanged));
    }

    #[tokio::test]
    async fn a_database_that_does_not_answer_leaves_the_clients_as_they_were() {
        let (provider, store) = bare_provider().await;
        store_client(&store, "added").await;
        provider.reload_clients(read).await.unwrap();
        store.close().await;
        let error = provider.reload_clients(read).await.unwrap_err();
        assert_eq!(error.code(), "storage.unavailable");
        assert!(provider.find_client("added").is_some());
    }

    #[tokio::test]
    async fn a_client_that_is_taken_out_is_unknown_at_the_next_look() {
        let (provider, store) = bare_provider().await;
        store_client(&store, "added").await;
        provider.reload_clients(read).await.unwrap();
        let mut transaction = store.begin().await.unwrap();
        assert!(client::remove(&mut transaction, "added").await.unwrap());
        transaction.commit().await.unwrap();
        provider.reload_clients(read).await.unwrap();
        assert!(provider.find_client("added").is_none());
        assert!(provider.find_client("ES256").is_some());
    }

    /// The follower reads the database while a reload puts other clients in place.
    #[tokio::test]
    async fn clients_of_the_configuration_replaced_while_the_database_is_read_are_not_lost() {
        let (provider, store) = bare_provider().await;
        store_client(&store, "added").await;
        let new = read(&record("new")).unwrap();
        let plan = provider.plan_configured_clients(vec![new]).await.unwrap();
        let plan = std::sync::Mutex::new(Some(plan));
        let read_and_replace = |record: &ClientRecord| {
            if let Some(plan) = plan.lock().unwrap().take() {
                provider.install_configured_clients(plan);
            }
            read(record)
        };
        provider.reload_clients(read_and_replace).await.unwrap();
        assert!(provider.find_client("ES256").is_none(), "it has left");
        assert!(provider.find_client("new").is_some());
        assert!(provider.find_client("added").is_some());
    }
}

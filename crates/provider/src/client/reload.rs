//! A running provider follows the clients of the database.

use cardea_storage::client::{self, ClientRecord, EndedHoldings};

use super::registry::{ClientsById, insert_new};
use crate::event::{Event, EventKind};
use crate::{Client, Error, Provider};

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

impl Provider {
    /// Looks whether the clients of the database have changed, and if so replaces those in memory;
    /// call it every second or so. `read` turns a record into a client.
    ///
    /// A registration that is unsafe, asks for an algorithm that no key has, or has the id of a
    /// configured client is left out, so that it cannot keep a removed one in. When the database
    /// does not answer, the set stays as it is. What a client holds that is gone ends once more:
    /// this server may have given it something after the command had looked.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn reload_clients(
        &self,
        read: impl Fn(&ClientRecord) -> Result<Client, Error>,
    ) -> Result<ClientsReload, Error> {
        let mut transaction = self.store.begin_read().await?;
        // The count comes first: a change in between is then seen once more, and never missed.
        let revision = client::revision(&mut transaction).await?;
        if self.clients.is_at(revision) {
            drop(transaction);
            self.end_what_the_gone_hold().await?;
            return Ok(ClientsReload::Unchanged);
        }
        let records = client::list(&mut transaction).await?;
        drop(transaction);
        let mut all = self.clients.configured();
        let mut left_out = Vec::new();
        for record in &records {
            let taken = read(record).and_then(|client| self.take_in(&mut all, client));
            if let Err(error) = taken {
                left_out.push((record.client_id.clone(), error));
            }
        }
        let clients = all.len();
        self.clients.replace(all, revision);
        self.end_what_the_gone_hold().await?;
        Ok(ClientsReload::Replaced { clients, left_out })
    }

    fn take_in(&self, all: &mut ClientsById, client: Client) -> Result<(), Error> {
        client.check()?;
        self.keys.check_client(&client)?;
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

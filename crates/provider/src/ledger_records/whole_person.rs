//! Erasing a person on request (GDPR article 17; docs/privacy.md): in the log, and beside it.

use std::collections::BTreeMap;

use cardea_ledger::CheckpointSigner;
use cardea_storage::erasure::{delete_rows_of_person, list_staying};
use cardea_storage::incident;

use super::LedgerRecords;
use crate::event::{Event, LedgerEvent};
use crate::{Error, LookUpsOnRecord};

/// What was erased of a person, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErasedPerson {
    /// Entries of the log that have lost their personal part.
    pub entries: u64,
    /// Look-ups that are gone.
    pub look_ups: u64,
    /// Rows that are gone, by their tables.
    pub rows: BTreeMap<&'static str, u64>,
    /// Tables that still have rows of her: an open session, a suspended card, a stop that nobody
    /// lifted, an incident that nobody closed, and the pseudonym that these need.
    pub staying: Vec<&'static str>,
}

impl LedgerRecords {
    /// Erases what is on record about a person: batch by batch in the log, and the rows beside it;
    /// each on record. Not while an incident about her is open, unless for a reason that is put on
    /// record.
    ///
    /// # Errors
    /// [`Error::ErasureHeld`]; [`Error::Ledger`], [`Error::Storage`]: what went before stays
    /// erased, and on record.
    pub async fn erase_whole_person(
        &self,
        sub: &str,
        signer: &dyn CheckpointSigner,
        in_spite_of_incidents: Option<&str>,
    ) -> Result<ErasedPerson, Error> {
        let mut reading = self.records.store.begin_read().await?;
        let incidents = incident::count_unclosed_of(&mut reading, sub).await?;
        drop(reading);
        if incidents > 0 && in_spite_of_incidents.is_none() {
            return Err(Error::ErasureHeld { incidents });
        }
        let look_ups = LookUpsOnRecord::erase_person(&self.records, sub, signer).await?;
        let mut transaction = self.records.store.begin().await?;
        let rows = delete_rows_of_person(&mut transaction, sub).await?;
        let rows: BTreeMap<_, _> = rows.into_iter().collect();
        let staying = list_staying(&mut transaction, sub).await?;
        if !rows.is_empty() || incidents > 0 {
            let in_spite = in_spite_of_incidents.filter(|_| incidents > 0);
            let kind = LedgerEvent::PersonErased {
                by: self.records.author.clone(),
                rows: rows.clone(),
                in_spite_of_incidents: in_spite.map(str::to_owned),
            };
            let event = Event::new(kind, self.records.now());
            self.records.append(&mut transaction, &event).await?;
            transaction.commit().await?;
        }
        let entries = self.erase_person(sub, signer).await?;
        Ok(ErasedPerson {
            entries,
            look_ups,
            rows,
            staying,
        })
    }
}

#[cfg(test)]
mod tests {
    use cardea_storage::incident::{self, Incident};

    use crate::bare_provider::{bare_provider, log_signer, now, with_active_session};
    use crate::{Author, LedgerRecords};

    fn open_incident(sub: &str) -> Incident {
        Incident {
            id: "incident".to_owned(),
            kind: "operator".to_owned(),
            state: incident::OPEN.to_owned(),
            sub: Some(sub.to_owned()),
            session_id: None,
            card_sha256: None,
            event_id: None,
            client_id: None,
            stop_id: None,
            words: None,
            opened_by: "{}".to_owned(),
            opened_at: now(),
            changed_at: now(),
            closed_at: None,
            close_reason: None,
        }
    }

    #[tokio::test]
    async fn an_open_incident_keeps_a_person_from_being_erased_unless_for_a_reason_on_record() {
        let (provider, store) = bare_provider().await;
        let signer = log_signer();
        let session = with_active_session(&store, "session").await;
        let author = Author::Configuration {
            file: "cardea.toml".to_owned(),
        };
        let records = LedgerRecords::new(provider.records(&author));
        let mut transaction = store.begin().await.unwrap();
        incident::insert(&mut transaction, &open_incident(&session.sub))
            .await
            .unwrap();
        transaction.commit().await.unwrap();

        let refused = records
            .erase_whole_person(&session.sub, &signer, None)
            .await;
        assert_eq!(refused.unwrap_err().code(), "provider.erasure_held");

        let why = Some("the authority asks for it");
        let erased = records.erase_whole_person(&session.sub, &signer, why);
        let erased = erased.await.unwrap();
        assert_eq!(erased.staying, ["session", "incident", "subject"]);
        let mut reading = store.begin_read().await.unwrap();
        let events = cardea_storage::event::list_newest(&mut reading, 9)
            .await
            .unwrap();
        let record = events.iter().find(|it| it.kind == "ledger.person_erased");
        assert!(
            record
                .unwrap()
                .details
                .contains("the authority asks for it")
        );
        assert_eq!(record.unwrap().sub, None, "it does not say whose");
    }

    #[tokio::test]
    async fn whom_nothing_holds_is_gone_with_her_pseudonym() {
        let (provider, store) = bare_provider().await;
        let mut transaction = store.begin().await.unwrap();
        let person = cardea_storage::subject::PersonId {
            scheme: "rpps",
            value: "899700000002",
        };
        cardea_storage::subject::load_or_create(&mut transaction, person, "other", now())
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        let author = Author::Configuration {
            file: "cardea.toml".to_owned(),
        };
        let records = LedgerRecords::new(provider.records(&author));
        let signer = log_signer();
        let erased = records.erase_whole_person("other", &signer, None);
        let erased = erased.await.unwrap();
        assert_eq!(erased.rows.get("subject"), Some(&1));
        assert!(erased.staying.is_empty());
    }
}

//! Outputs of the log's events to a SIEM: their beginning is on record.

use cardea_storage::ledger::load_state;
use cardea_storage::siem_output;

use crate::event::{Event, EventsOutEvent};
use crate::{Error, Provider};

/// Where an output begins that there was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiemBeginning {
    /// With the next event.
    Now,
    /// With the first event of the log.
    First,
}

impl Provider {
    /// Begins an output of the log's events where there is none of the name; that events leave from
    /// then on is on record.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn begin_siem_output(
        &self,
        name: &str,
        beginning: SiemBeginning,
    ) -> Result<(), Error> {
        let mut reading = self.store.begin_brief_read().await?;
        let found = siem_output::find(&mut reading, name).await?;
        drop(reading);
        if found.is_some() {
            return Ok(());
        }
        let mut transaction = self.store.begin().await?;
        let place = match beginning {
            SiemBeginning::First => 0,
            SiemBeginning::Now => load_state(&mut transaction).await?.map_or(0, |it| it.size),
        };
        if siem_output::begin(&mut transaction, name, place).await? {
            let kind = EventsOutEvent::SiemBegun {
                output: name.to_owned(),
                place,
            };
            self.record(&mut transaction, Event::new(kind, self.now()))
                .await?;
        }
        Ok(transaction.commit().await?)
    }
}

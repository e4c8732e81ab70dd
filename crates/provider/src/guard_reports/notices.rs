//! What a person is told of guards' stops, until she says that she has seen it; and those of her
//! accounts that are stopped, as long as they are.

use cardea_storage::Transaction;
use cardea_storage::account_stop::{AccountStop, list_open_of_person};
use cardea_storage::guard_notice::{self, UntoldNotice, list_untold};
use cardea_storage::guard_report::{count_patients_of_person, count_patients_of_session};
use time::{Duration, OffsetDateTime};

use super::request::counts_patients;
use crate::event::{Event, GuardEvent};
use crate::{AccountSession, Error, Provider};

/// Over so long a guard counts what leads to the stop of an account.
const COUNTED_OVER: Duration = Duration::days(7);

/// A guard has stopped a session or an account of hers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardStopNotice {
    /// What her answer names; none where she has seen it already.
    pub id: Option<String>,
    /// The portal's display name, as long as it is registered.
    pub client_name: Option<String>,
    /// The service, in the guard's words.
    pub service: String,
    /// When.
    pub occurred_at: OffsetDateTime,
    /// What was stopped.
    pub stopped: StoppedThing,
    /// Patients who were looked up without their cards: in that session; for an account, through
    /// this portal within the week before. 0 where nobody knows any more.
    pub patients: i64,
    /// Whether the guard's reasons are numbers of patients without their cards.
    pub for_patients: bool,
}

/// What a guard has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoppedThing {
    /// A session: it is over.
    Session,
    /// Her account at the service, until an operator lifts it.
    Account {
        /// When that was.
        lifted_at: Option<OffsetDateTime>,
    },
}

impl Provider {
    /// Lists the stops that are in force for whoever is at her account page, and those that she has
    /// not said that she has seen; the newest first.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list_own_guard_stops(
        &self,
        account: &AccountSession,
    ) -> Result<Vec<GuardStopNotice>, Error> {
        let mut transaction = self.store.begin_read().await?;
        let untold = list_untold(&mut transaction, &account.sub).await?;
        let told = |stop: &AccountStop| {
            let mut stops = untold.iter().filter_map(|it| it.notice.stop_id.as_ref());
            !stops.any(|id| *id == stop.id)
        };
        let open = list_open_of_person(&mut transaction, &account.sub).await?;
        let open: Vec<_> = open.into_iter().filter(told).collect();
        let mut notices = self.describe(&mut transaction, untold).await?;
        for stop in open {
            let of = (
                account.sub.as_str(),
                stop.client_id.as_str(),
                stop.service.as_str(),
            );
            let window = (stop.stopped_at - COUNTED_OVER, stop.stopped_at);
            notices.push(GuardStopNotice {
                id: None,
                client_name: self.name_of_client(&stop.client_id),
                patients: count_patients_of_person(&mut transaction, of, window).await?,
                service: stop.service,
                occurred_at: stop.stopped_at,
                stopped: StoppedThing::Account { lifted_at: None },
                for_patients: counts_patients(&stop.reasons),
            });
        }
        notices.sort_by_key(|it| std::cmp::Reverse(it.occurred_at));
        Ok(notices)
    }

    /// Takes her word that she has seen these; what is not hers, or was seen before, changes
    /// nothing.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn acknowledge_own_guard_stops(
        &self,
        account: &AccountSession,
        ids: &[String],
    ) -> Result<(), Error> {
        let mut transaction = self.store.begin().await?;
        let of_session = |event: Event| event.of_session(&account.session_id, &account.sub);
        self.note_seen(&mut transaction, &account.sub, ids, of_session)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Notes that a person has seen notices of hers, with an event for each.
    pub(crate) async fn note_seen(
        &self,
        transaction: &mut Transaction,
        sub: &str,
        ids: &[String],
        about: impl Fn(Event) -> Event,
    ) -> Result<(), Error> {
        let now = self.now();
        for id in ids {
            if guard_notice::record_told(transaction, sub, id, now).await? {
                let notice = id.clone();
                let event = Event::new(GuardEvent::NoticeSeen { notice }, now);
                self.record(transaction, about(event)).await?;
            }
        }
        Ok(())
    }

    /// With the portals' names, and how many patients it was.
    pub(crate) async fn describe(
        &self,
        transaction: &mut Transaction,
        untold: Vec<UntoldNotice>,
    ) -> Result<Vec<GuardStopNotice>, Error> {
        let mut described = Vec::with_capacity(untold.len());
        for untold in untold {
            let UntoldNotice {
                notice,
                lifted_at,
                reasons,
            } = untold;
            let (stopped, patients) = match notice.stop_id {
                None => {
                    let session = &notice.session_id;
                    let patients = count_patients_of_session(transaction, session).await?;
                    (StoppedThing::Session, patients)
                }
                Some(_) => {
                    let of = (
                        notice.sub.as_str(),
                        notice.client_id.as_str(),
                        notice.service.as_str(),
                    );
                    // What came later did not lead to it.
                    let window = (notice.occurred_at - COUNTED_OVER, notice.occurred_at);
                    let patients = count_patients_of_person(transaction, of, window).await?;
                    (StoppedThing::Account { lifted_at }, patients)
                }
            };
            described.push(GuardStopNotice {
                id: Some(notice.id),
                client_name: self.name_of_client(&notice.client_id),
                service: notice.service,
                occurred_at: notice.occurred_at,
                stopped,
                patients,
                for_patients: counts_patients(reasons.as_deref().unwrap_or_default()),
            });
        }
        Ok(described)
    }

    fn name_of_client(&self, client_id: &str) -> Option<String> {
        let client = self.client_of_login(client_id);
        client.map(|client| client.name.clone())
    }
}

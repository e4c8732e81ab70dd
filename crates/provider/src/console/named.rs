//! Whom and what a name means that an operator has in hand: ours, or the one that a portal has.
//!
//! A portal knows a person by a name of its sector alone, and a session by a `sid` of its own
//! (OIDC Core section 8.1, Back-Channel Logout section 2.1): who calls in from a portal has these.

use cardea_storage::event::search::{FROM_THE_NEWEST, list_of_session};
use cardea_storage::{Transaction, client_session, pairwise_subject, session, subject};

use crate::client::host_of;
use crate::{Error, Provider};

/// Bytes of a name.
pub(super) const NAME_BYTES_MAX: usize = 128;
/// Events of a session that are asked whose it is.
const SESSION_EVENTS_MAX: u32 = 20;
/// Portals that one name finds.
const PORTALS_MAX: usize = 20;

/// A person that a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPerson {
    /// Our name for her.
    pub sub: String,
    /// The portals' sector whose name for her it is; none where the name is ours, or a register's.
    pub sector: Option<String>,
}

/// A session that a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSession {
    /// Our name for it.
    pub id: String,
    /// Whose it is, by our name for her.
    pub sub: String,
    /// The portal whose name for it it is; none where it is ours.
    pub client_id: Option<String>,
}

impl Provider {
    /// The people whom a name means: our own name, a portal's, or the number of a register, with
    /// the register (`rpps:…`) or without.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn find_named_persons(&self, name: &str) -> Result<Vec<NamedPerson>, Error> {
        let mut found = Vec::new();
        if !is_name(name) {
            return Ok(found);
        }
        let mut reading = self.store.begin_read().await?;
        let mut add = |sub: String, sector: Option<String>| {
            if found.iter().all(|it: &NamedPerson| it.sub != sub) {
                found.push(NamedPerson { sub, sector });
            }
        };
        if subject::find_value(&mut reading, name).await?.is_some() {
            add(name.to_owned(), None);
        }
        if let Some((sub, sector)) = pairwise_subject::find_named(&mut reading, name).await? {
            add(sub, Some(sector));
        }
        if let Some(sub) = self.find_federated(&mut reading, name).await? {
            add(sub, None);
        }
        for sub in subject::list_numbered(&mut reading, name).await? {
            add(sub, None);
        }
        Ok(found)
    }

    /// The session that a name means: our own, or the `sid` of a portal, whose part in it may be
    /// over.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn find_named_session(&self, name: &str) -> Result<Option<NamedSession>, Error> {
        if !is_name(name) {
            return Ok(None);
        }
        let mut reading = self.store.begin_read().await?;
        if let Some(sub) = holder_of(&mut reading, name).await? {
            return Ok(Some(NamedSession {
                id: name.to_owned(),
                sub,
                client_id: None,
            }));
        }
        let Some(part) = client_session::find_also_ended(&mut reading, name).await? else {
            return Ok(None);
        };
        let sub = holder_of(&mut reading, &part.session_id).await?;
        Ok(sub.map(|sub| NamedSession {
            id: part.session_id,
            sub,
            client_id: Some(part.client_id),
        }))
    }

    /// The portals that a name means, as client id and name: a client id, a whole name, or the host
    /// of an address that people come back to. No name of a person is looked at.
    #[must_use]
    pub fn find_named_portals(&self, name: &str) -> Vec<(String, String)> {
        if !is_name(name) {
            return Vec::new();
        }
        let wanted = name.to_lowercase();
        let host = host_of(name).unwrap_or_else(|| wanted.clone());
        let all = self.clients.all();
        let is_meant = |client: &crate::Client| {
            let mut hosts = client.redirect_uris.iter().filter_map(|uri| host_of(uri));
            client.client_id == name
                || client.name.to_lowercase() == wanted
                || hosts.any(|it| it == host)
        };
        let mut found: Vec<_> = all
            .values()
            .filter(|client| is_meant(client))
            .map(|client| (client.client_id.clone(), client.name.clone()))
            .collect();
        found.sort();
        found.truncate(PORTALS_MAX);
        found
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES_MAX
}

/// Whose session it is. Its row goes before what is on record of it.
async fn holder_of(reading: &mut Transaction, id: &str) -> Result<Option<String>, Error> {
    if let Some(session) = session::find(reading, id).await? {
        return Ok(Some(session.sub));
    }
    let events = list_of_session(reading, id, FROM_THE_NEWEST, SESSION_EVENTS_MAX).await?;
    Ok(events.into_iter().find_map(|event| event.sub))
}

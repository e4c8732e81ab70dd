//! Whether there is anything of what an incident or a report names: a slip in a name of 43 letters
//! would make an empty report, which says that no patient was looked up.

use cardea_storage::event::search::{
    FROM_THE_NEWEST, list_of_client, list_of_person, list_of_session,
};
use cardea_storage::guard_report::{self, Part, Scope};
use cardea_storage::{Transaction, card, session, subject};

use super::{OpenIncident, ReportScope};
use crate::Error;

/// Bytes of a name that is asked for.
pub(super) const NAME_BYTES_MAX: usize = 256;

/// Whether all that a new incident names is on record.
pub(super) async fn check_incident(
    reading: &mut Transaction,
    open: &OpenIncident,
) -> Result<(), Error> {
    if let Some(sub) = &open.sub {
        found("person", is_person(reading, sub).await?)?;
    }
    if let Some(id) = &open.session_id {
        found("session", is_session(reading, id).await?)?;
    }
    if let Some(id) = &open.client_id {
        let is_short = id.len() <= NAME_BYTES_MAX;
        let is_there = is_short
            && !list_of_client(reading, id, FROM_THE_NEWEST, 1)
                .await?
                .is_empty();
        found("portal", is_there)?;
    }
    Ok(())
}

/// Whether all that a report names is on record.
pub(super) async fn check_report(
    reading: &mut Transaction,
    scope: &ReportScope,
) -> Result<(), Error> {
    if let Some(sub) = &scope.sub {
        found("person", is_person(reading, sub).await?)?;
    }
    if let Some(id) = &scope.session_id {
        found("session", is_session(reading, id).await?)?;
    }
    if let Some(id) = &scope.card_id {
        let of_card = Scope {
            card_id: Some(id),
            ..Scope::default()
        };
        let is_there =
            card::find(reading, id).await?.is_some() || is_reported(reading, &of_card).await?;
        found("card", is_there)?;
    }
    Ok(())
}

fn found(what: &'static str, is_there: bool) -> Result<(), Error> {
    match is_there {
        true => Ok(()),
        false => Err(Error::IncidentNameUnknown { what }),
    }
}

/// Of somebody who was erased reports may be left, of a guard that is late.
async fn is_person(reading: &mut Transaction, sub: &str) -> Result<bool, Error> {
    if sub.len() > NAME_BYTES_MAX {
        return Ok(false);
    }
    let of_person = Scope {
        sub: Some(sub),
        ..Scope::default()
    };
    Ok(subject::find_value(reading, sub).await?.is_some()
        || !list_of_person(reading, sub, FROM_THE_NEWEST, 1)
            .await?
            .is_empty()
        || is_reported(reading, &of_person).await?)
}

/// A session's row goes before what is on record of it.
async fn is_session(reading: &mut Transaction, id: &str) -> Result<bool, Error> {
    if id.len() > NAME_BYTES_MAX {
        return Ok(false);
    }
    let of_session = Scope {
        session_id: Some(id),
        ..Scope::default()
    };
    Ok(session::find(reading, id).await?.is_some()
        || !list_of_session(reading, id, FROM_THE_NEWEST, 1)
            .await?
            .is_empty()
        || is_reported(reading, &of_session).await?)
}

async fn is_reported(reading: &mut Transaction, scope: &Scope<'_>) -> Result<bool, Error> {
    for part in [Part::Proven, Part::Unproven] {
        if !guard_report::list_sessions(reading, part, scope, 1)
            .await?
            .is_empty()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

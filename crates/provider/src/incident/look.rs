//! That somebody looks at what is on record of people, or at whom they looked up, is an event of
//! each of them: whichever way the operator came.

use std::collections::BTreeSet;

use cardea_storage::guard_report::{self, GuardReport};
use cardea_storage::{Transaction, card, pairwise_subject, session};

use super::{IncidentCase, IncidentReport};
use crate::Error;

/// Of whom an incident shows something.
pub(super) fn seen_in_case(case: &IncidentCase) -> BTreeSet<String> {
    let seen = case.events.iter().filter_map(|event| event.sub.clone());
    seen.chain(case.incident.sub.clone()).collect()
}

/// Whose look-ups, session, card or events a report shows. What a guard alone says of a person is
/// her name at a portal.
pub(super) async fn seen_in_report(
    reading: &mut Transaction,
    report: &IncidentReport,
) -> Result<BTreeSet<String>, Error> {
    let scope = &report.scope;
    let mut seen: BTreeSet<String> = scope.sub.iter().cloned().collect();
    if let Some(id) = &scope.session_id {
        let session = session::find(reading, id).await?;
        seen.extend(session.map(|session| session.sub));
    }
    if let Some(id) = &scope.card_id {
        seen.extend(card::find(reading, id).await?.map(|card| card.sub));
    }
    seen.extend(report.events.iter().filter_map(|event| event.sub.clone()));
    for (part, place) in &report.places {
        match part {
            guard_report::Part::Proven => seen.extend(place.sub.clone()),
            guard_report::Part::Unproven => {
                let said = place.sub.as_deref().unwrap_or_default();
                seen.extend(pairwise_subject::list_persons(reading, said).await?);
            }
        }
    }
    Ok(seen)
}

/// Who looked up what is listed.
pub(super) async fn seen_in_look_ups(
    reading: &mut Transaction,
    look_ups: &[GuardReport],
) -> Result<BTreeSet<String>, Error> {
    let mut seen = BTreeSet::new();
    let mut said = BTreeSet::new();
    for report in look_ups {
        seen.extend(report.sub.clone());
        said.extend(report.unproven.iter().map(|it| it.sub.as_str()));
    }
    for name in said {
        seen.extend(pairwise_subject::list_persons(reading, name).await?);
    }
    Ok(seen)
}

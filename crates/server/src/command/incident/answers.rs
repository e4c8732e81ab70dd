//! What the commands about incidents say.

use std::io::{self, Write};

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::command::clients::Answer;
use crate::command::table::Table;
use crate::command::terminal_text::shown;
use crate::incident_report::view::{CaseView, IncidentList, ReportView, TotalsView};

/// An incident was opened.
#[derive(Debug, Serialize)]
pub(super) struct Opened {
    pub(super) opened: String,
}

/// An incident was changed.
#[derive(Debug, Serialize)]
pub(super) struct Changed {
    incident: String,
    /// `in_work`, `noted` or `closed`.
    done: &'static str,
}

impl Changed {
    pub(super) fn new(incident: &str, done: &'static str) -> Self {
        Self {
            incident: incident.to_owned(),
            done,
        }
    }
}

impl Answer for Opened {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        writeln!(output, "{}", self.opened)
    }
}

impl Answer for Changed {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        writeln!(
            output,
            "The incident {}: {}.",
            shown(&self.incident),
            self.done
        )
    }
}

impl Answer for IncidentList {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["id", "state", "kind", "person", "portal", "opened"]);
        for it in &self.incidents {
            table.push([
                it.id.clone(),
                it.state.clone(),
                it.kind.clone(),
                it.sub.clone().unwrap_or_default(),
                it.client_id.clone().unwrap_or_default(),
                at(it.opened_at),
            ]);
        }
        table.write(output)
    }
}

impl Answer for CaseView {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let it = &self.incident;
        writeln!(output, "{} {}: {}", it.kind, it.id, it.state)?;
        if let Some(sub) = &it.sub {
            writeln!(output, "person   {}", shown(sub))?;
        }
        if let Some(portal) = &it.client_id {
            writeln!(output, "portal   {}", shown(portal))?;
        }
        writeln!(output, "opened   {}", at(it.opened_at))?;
        if let Some(words) = &it.words {
            writeln!(output, "words    {}", shown(words))?;
        }
        if let (Some(closed_at), Some(reason)) = (it.closed_at, &it.close_reason) {
            writeln!(output, "closed   {}: {}", at(closed_at), shown(reason))?;
        }
        for note in &self.notes {
            let (number, when) = (note.number, at(note.written_at));
            writeln!(
                output,
                "note {number}   {when} {}: {}",
                note.written_by,
                shown(&note.words)
            )?;
        }
        let mut table = Table::new(["when", "event", "code"]);
        for event in &self.events {
            let code = event.code.clone().unwrap_or_default();
            table.push([at(event.occurred_at), event.kind.clone(), code]);
        }
        table.write(output)?;
        match self.has_more_events {
            true => writeln!(output, "and more"),
            false => Ok(()),
        }
    }
}

impl Answer for ReportView {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        write_totals(output, &self.totals)?;
        if self.unproven.reports > 0 {
            writeln!(output, "\nWithout proof, a guard's word alone:")?;
            write_totals(output, &self.unproven)?;
        }
        let log = &self.log.look_ups;
        let size = self
            .log
            .size
            .map_or_else(|| "none".to_owned(), |it| it.to_string());
        writeln!(
            output,
            "\nlog               {} (signed entries: {size}): of {} requests {} are as the log has \
             them, {} wait, {} changed, {} without their entry, {} from before, {} not compared",
            self.log.origin,
            log.looked_at(),
            log.verified,
            log.waiting,
            log.changed,
            log.missing,
            log.unrecorded,
            log.unchecked
        )?;
        if log.is_tampered() {
            writeln!(
                output,
                "WARNING: somebody has written into the database; the totals cannot be relied on"
            )?;
        }
        Ok(())
    }
}

fn write_totals(output: &mut dyn Write, totals: &TotalsView) -> io::Result<()> {
    let numbers = [
        ("distinct patients", totals.patients),
        ("data sets", totals.data_sets),
        ("look-ups", totals.look_ups),
        ("writes", totals.writes),
        ("held up", totals.step_ups),
        ("slowed down", totals.slowed),
        ("stopped", totals.stopped),
        ("accounts", totals.accounts),
        ("sessions", totals.sessions),
        ("portals", totals.portals),
        ("services", totals.services),
        ("workstations", totals.workstations),
    ];
    for (name, number) in numbers {
        writeln!(output, "{name:<17} {number}")?;
    }
    let moments = [("first", &totals.first_at), ("last", &totals.last_at)];
    for (name, at) in moments {
        writeln!(output, "{name:<17} {}", at.as_deref().unwrap_or("none"))?;
    }
    Ok(())
}

fn at(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_default()
}

//! What the guard puts down of each answer, kept in memory: a demo reports to nobody.

use std::sync::{Mutex, PoisonError};

use cardea_guard::{Recorded, Report, Reporter};

#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<Vec<Report>>);

impl Reporter for Notes {
    fn record(&self, report: Report) -> Recorded<'_> {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.push(report);
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Notes {
    /// The pseudonyms of all patients of whom an answer was given, as they came.
    pub(super) fn seen(&self) -> Vec<String> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen: Vec<String> = Vec::new();
        for report in notes.iter().filter(|report| report.answer == "allow") {
            for patient in &report.patients {
                if !seen.contains(patient) {
                    seen.push(patient.clone());
                }
            }
        }
        seen
    }
}

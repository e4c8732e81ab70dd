//! Look-ups as CSV (RFC 4180), a line for each patient, that no spreadsheet takes for formulas.

use cardea_storage::guard_report::Part;
use time::format_description::well_known::Rfc3339;

use super::{Coverage, ReportRow, written};

/// The first line.
pub(crate) const HEADER: &str = "proof,occurred_at,person,patient,kind,answer,reasons,\
                                 patient_present,portal,service,guard,session,workstation,card,\
                                 received_at,report,log,log_index,log_entry\r\n";

/// What a spreadsheet would read as a formula where a cell begins with it; the last four are what
/// some take for the first ones.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// The lines of a page.
pub(crate) fn lines(rows: &[ReportRow]) -> String {
    let mut text = String::new();
    for row in rows {
        match row.report.patients.is_empty() {
            true => line(&mut text, row, ""),
            false => {
                for patient in &row.report.patients {
                    line(&mut text, row, patient);
                }
            }
        }
    }
    text
}

fn line(text: &mut String, row: &ReportRow, patient: &str) {
    let report = &row.report;
    let said = report.unproven.as_ref();
    let place = report.place.clone().unwrap_or_default();
    let proof = match row.part {
        Part::Proven => "proven",
        Part::Unproven => "unproven",
    };
    let index = match row.coverage {
        Coverage::Verified(index) => index.to_string(),
        _ => String::new(),
    };
    let occurred_at = written(report.occurred_at);
    let received_at = report.received_at.format(&Rfc3339).unwrap_or_default();
    let present = if report.patient_present { "yes" } else { "no" };
    let sub = report.sub.as_deref().or(said.map(|it| it.sub.as_str()));
    let session = report.session_id.as_deref();
    let session = session.or_else(|| said.and_then(|it| it.sid.as_deref()));
    let entry = report.on_record.as_ref().map(|it| it.event_id.as_str());
    let cells = [
        proof,
        &occurred_at,
        sub.unwrap_or_default(),
        patient,
        &report.kind,
        &report.answer,
        &report.reasons,
        present,
        &report.client_id,
        &report.service,
        &report.guard_client_id,
        session.unwrap_or_default(),
        place.instance_jkt.as_deref().unwrap_or_default(),
        place.card_id.as_deref().unwrap_or_default(),
        &received_at,
        &report.id,
        row.coverage.as_str(),
        &index,
        entry.unwrap_or_default(),
    ];
    let cells = cells.map(cell);
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

/// A cell. One that begins as a formula gets an apostrophe before it, by which every spreadsheet
/// takes it for text; whoever reads the file by program takes that off again.
pub(crate) fn cell(text: &str) -> String {
    let guard = if text.starts_with(FORMULA) { "'" } else { "" };
    let is_plain = |it: char| !matches!(it, ',' | '"' | '\r' | '\n' | ';');
    if guard.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn no_cell_is_a_formula_and_every_one_can_be_read_back() {
        for (text, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"a\"", "\"say \"\"a\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("+1", "\"'+1\""),
            ("-DxY_1", "\"'-DxY_1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\tcmd", "\"'\tcmd\""),
            ("＝1", "\"'＝1\""),
            ("a=b", "a=b"),
        ] {
            assert_eq!(cell(text), expected, "{text}");
        }
    }
}

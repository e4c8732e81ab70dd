//! A test that is switched off proves nothing, and one that only has to panic proves too little.

use crate::tidy::source_text::SourceText;
use crate::tidy::{Complaint, SourceFile};

const FORBIDDEN: [(&str, &str); 2] = [
    (
        "#[ignore",
        "no test is switched off: run it shortened, or delete it",
    ),
    (
        "#[should_panic",
        "assert the error's code instead of any panic",
    ),
];

pub(super) fn check(file: &SourceFile, source: &SourceText) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (index, line) in source.code.iter().enumerate() {
        for (attribute, advice) in FORBIDDEN {
            if line.contains(attribute) {
                complaints.push(file.complain(index + 1, advice));
            }
        }
    }
    complaints
}

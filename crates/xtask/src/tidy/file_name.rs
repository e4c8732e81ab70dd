//! Files are named for the one idea they hold.

use crate::tidy::{Complaint, SourceFile};

const FORBIDDEN: [&str; 7] = [
    "util", "utils", "helper", "helpers", "common", "misc", "types",
];

pub(super) fn check(file: &SourceFile) -> Vec<Complaint> {
    let without_extension = file.path.with_extension("");
    let bad = without_extension
        .iter()
        .filter_map(|part| part.to_str())
        .find(|part| FORBIDDEN.contains(part));
    bad.map(|name| {
        let advice = format!(
            "`{name}` says nothing: name the file for the idea it holds, with the noun of its \
             specification"
        );
        file.complain(0, advice)
    })
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::SourceFile;

    #[test]
    fn bags_of_things_are_refused() {
        let bad = |path: &str| {
            !check(&SourceFile {
                path: path.into(),
                text: String::new(),
            })
            .is_empty()
        };
        assert!(bad("crates/a/src/utils.rs"));
        assert!(bad("crates/a/src/common/b.rs"));
        assert!(!bad("crates/oauth2-types/src/scope.rs"));
    }
}

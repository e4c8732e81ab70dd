use super::{EXPORTED_ENTRY_BYTES_MAX, ExportedEntry, Rest};
use crate::entry::tests::{personal, public};
use crate::{Flags, Leaf, Salt};

fn forgettable() -> Flags {
    Flags {
        may_be_forgotten: true,
        made_afterwards: false,
    }
}

fn forms() -> [ExportedEntry; 3] {
    let salt = Salt([7; 32]);
    let commitment = personal().commitment(&salt);
    let entry = public().digest(&commitment);
    let flags = forgettable();
    let hash = Leaf { flags, entry }.hash();
    [
        Rest::Whole(public(), salt, personal()),
        Rest::Erased(public(), commitment),
        Rest::Forgotten(entry),
    ]
    .map(|rest| ExportedEntry {
        index: 5,
        flags,
        hash,
        rest,
    })
}

#[test]
fn an_entry_has_one_leaf_in_whichever_form() {
    let leaf = forms()[0].leaf();
    for form in forms() {
        let line = form.to_line().unwrap();
        assert_eq!(ExportedEntry::parse(&line).unwrap(), form, "{line}");
        assert_eq!(form.leaf(), leaf);
        assert_eq!(form.leaf().hash(), form.hash);
    }
}

#[test]
fn members_come_in_any_order_and_none_is_left_out() {
    let [whole, erased, forgotten] = forms().map(|form| form.to_line().unwrap());
    let value: serde_json::Value = serde_json::from_str(&whole).unwrap();
    assert!(value["personal"]["session_id"].is_null());
    assert_eq!(value["flags"], 1);
    let turned = r#"{"kind":"k","occurred_at":1,"flags":0,"index":0,"id":"i",
        "leaf":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "commitment":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#;
    ExportedEntry::parse(turned).unwrap();
    let without = |line: &str, member: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        value.as_object_mut().unwrap().remove(member).unwrap();
        value.to_string()
    };
    for (line, members) in [
        (
            &whole,
            vec![
                "index",
                "flags",
                "leaf",
                "id",
                "kind",
                "occurred_at",
                "salt",
                "personal",
            ],
        ),
        (
            &erased,
            vec![
                "index",
                "flags",
                "leaf",
                "id",
                "kind",
                "occurred_at",
                "commitment",
            ],
        ),
        (&forgotten, vec!["index", "flags", "leaf", "entry_sha256"]),
    ] {
        for member in members {
            let refused = ExportedEntry::parse(&without(line, member)).unwrap_err();
            assert_eq!(refused.code(), "transparency.entry_malformed", "{member}");
        }
    }
}

#[test]
fn other_lines_are_refused() {
    let [whole, erased, forgotten] = forms().map(|form| form.to_line().unwrap());
    let commitment = r#","commitment":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#;
    let with = |line: &str, more: &str| line.replace('}', more);
    for (why, line) in [
        ("empty", String::new()),
        ("no object", "[]".to_owned()),
        ("more than one", format!("{whole}{whole}")),
        ("an unknown member", with(&erased, r#","x":1}"#)),
        ("a member twice", with(&erased, r#","id":"x"}"#)),
        ("two forms at once", with(&forgotten, commitment)),
        (
            "unknown flags",
            erased.replace(r#""flags":1"#, r#""flags":4"#),
        ),
        (
            "a negative index",
            erased.replace(r#""index":5"#, r#""index":-5"#),
        ),
        (
            "forgotten, and may not be",
            forgotten.replace(r#""flags":1"#, r#""flags":0"#),
        ),
        (
            "a salt with padding",
            whole.replace(r#"","personal"#, r#"=","personal"#),
        ),
        ("too long", " ".repeat(EXPORTED_ENTRY_BYTES_MAX + 1)),
    ] {
        let refused = ExportedEntry::parse(&line).expect_err(why);
        assert_eq!(refused.code(), "transparency.entry_malformed", "{why}");
    }
}

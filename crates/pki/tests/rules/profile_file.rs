//! Profile files with mistakes: what is wrong, where, and what to do.

use cardea_pki::Error;
use cardea_pki::profile::{PROFILE_BYTES_MAX, Profile};

const GOOD: &str = r#"
name = "own"
description = "Cards of an invented country"
signature_algorithms = ["ES256"]

[subject]
attributes = ["C", "OU", "CN", "SN"]
repeatable = ["OU"]
one_set = { all = ["CN", "SN"] }

[[require]]
from = { policy = ["1.3.6.1.4.1.32473.1"] }
otherwise = "it is not a card"

[test_mark]
by = "anchor"

[card]
number = { certificate = "serial" }
family = { extension = "1.3.6.1.4.1.32473.2", as = "octet", mask = 0x0f }

[[card.families]]
name = "own"
values = ["1"]

[[identifier]]
type = "number"
from = { subject = "CN" }
pattern = "{digit:8}"

[[profession]]
system = "OWN"
from = { admission = "profession_oid" }
pattern = "{visible:1-60}"
optional_for = ["own"]

[person]
family_name = { subject = "SN", words = "last" }

[structure]

[[structure.identifier]]
type = "house"
from = [{ san_uri = "uuid" }, { san_fascn = "agency" }]
pattern = "{visible:1-40}"
"#;

/// Line, key and reason of the refusal.
fn mistake(text: &str) -> (Option<usize>, String, String) {
    match Profile::parse(text) {
        Err(error @ Error::ProfileMalformed { .. }) => {
            assert_eq!(error.code(), "pki.profile_malformed");
            let message = error.to_string();
            let Error::ProfileMalformed { line, key, reason } = error else {
                unreachable!()
            };
            assert!(
                message.contains(&key) && message.contains(&reason),
                "{message}"
            );
            (line, key, reason)
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("accepted: {text}"),
    }
}

/// The mistake of the good file with one piece replaced.
fn mistake_of(piece: &str, replacement: &str) -> (Option<usize>, String, String) {
    assert_eq!(GOOD.matches(piece).count(), 1, "{piece} stands once");
    mistake(&GOOD.replace(piece, replacement))
}

#[test]
fn the_good_file_is_accepted() {
    assert_eq!(Profile::parse(GOOD).unwrap().name(), "own");
}

/// Piece of the good file, its replacement, the key that is named, and a part of the reason.
type Case = (&'static str, &'static str, &'static str, &'static str);

fn check(cases: &[Case]) {
    for (piece, replacement, key, reason) in cases {
        let (_, found_key, found_reason) = mistake_of(piece, replacement);
        assert_eq!(found_key, *key, "{replacement}: {found_reason}");
        assert!(found_reason.contains(reason), "{found_key}: {found_reason}");
    }
}

#[test]
fn a_mistaken_place_or_form_of_a_value_is_named_with_what_it_must_be() {
    check(&[
        (
            "1.3.6.1.4.1.32473.1",
            "1.3.six",
            "require[0].from.policy[0]",
            "must be an object identifier",
        ),
        (
            "1.3.6.1.4.1.32473.2",
            "2.5.29.15",
            "card.family.extension",
            "path validation reads this one",
        ),
        (
            "pattern = \"{visible:1-40}\"",
            "pattern = \"{visible:1-40}\"\nonly_if_listed = true",
            "structure.identifier[0].only_if_listed",
            "must not be there",
        ),
        (
            "{digit:8}",
            "{number:8}",
            "identifier[0].pattern",
            "must use a class of digit, alnum, hex, visible",
        ),
        (
            "subject = \"CN\"",
            "subject = \"commonName\"",
            "identifier[0].from.subject",
            "must be an attribute type, such as CN",
        ),
        (
            "subject = \"CN\"",
            "subject = \"CN\", san_uri = \"uuid\"",
            "identifier[0].from",
            "must have exactly one of subject, extension",
        ),
        (
            "subject = \"CN\"",
            "",
            "identifier[0].from",
            "must have exactly one of subject, extension",
        ),
        (
            "subject = \"CN\"",
            "subject = \"CN\", words = \"last\"",
            "identifier[0].from",
            "names alone may be shortened",
        ),
        (
            ", as = \"octet\", mask = 0x0f",
            "",
            "card.family.as",
            "must give the ASN.1 type",
        ),
        (
            "as = \"octet\", mask",
            "as = \"integer\", mask",
            "card.family.mask",
            "must stand beside as = \"octet\"",
        ),
        (
            "values = [\"1\"]",
            "",
            "card.families[0].values",
            "must list the values of card.family",
        ),
    ]);
}

#[test]
fn keys_about_families_are_named_with_what_they_must_be() {
    check(&[
        (
            "[[card.families]]",
            "policy_on_path = true\n\n[[card.families]]",
            "card.policy_on_path",
            "must not be there unless card.family is a policy",
        ),
        (
            "pattern = \"{digit:8}\"",
            "pattern = \"{digit:8}\"\nfamilies = [\"others\"]",
            "identifier[0].families[0]",
            "must be the name of one of the card.families",
        ),
    ]);
}

#[test]
fn a_mistaken_rule_is_named_with_what_it_must_be() {
    check(&[
        (
            "[\"ES256\"]",
            "[\"HS256\"]",
            "signature_algorithms[0]",
            "must be one of RS256, PS256, ES256, ES384, BP256R1",
        ),
        (
            "[\"ES256\"]",
            "[]",
            "signature_algorithms",
            "must name at least one",
        ),
        (
            "by = \"anchor\"",
            "",
            "test_mark",
            "must say where the mark stands",
        ),
        (
            "by = \"anchor\"",
            "by = \"anchor\"\nfrom = { subject = \"C\" }",
            "test_mark",
            "must say where the mark stands",
        ),
        (
            "optional_for = [\"own\"]",
            "optional_for = [\"others\"]",
            "profession[0].optional_for[0]",
            "must be the name of one of the card.families",
        ),
        (
            "optional_for = [\"own\"]",
            "",
            "profession[0]",
            "must say by required_for or optional_for",
        ),
        (
            "all = [\"CN\", \"SN\"]",
            "all = [\"CN\", \"GN\"]",
            "subject.one_set",
            "that are not repeatable",
        ),
        (
            "repeatable = [\"OU\"]",
            "repeatable = [\"O\"]",
            "subject.repeatable",
            "that subject.attributes lists too",
        ),
        (
            "name = \"own\"\nd",
            "name = \"Own\"\nd",
            "name",
            "small letters, digits and _",
        ),
        (
            "otherwise = \"it is not a card\"",
            "otherwise = \"\"",
            "require[0].otherwise",
            "must have 1 to 200 characters",
        ),
    ]);
}

#[test]
fn an_unknown_key_or_extractor_is_named_with_its_line_and_the_known_ones() {
    for (piece, replacement, line, key, reason) in [
        (
            "description",
            "descripton",
            3,
            "descripton",
            "expected one of `name`",
        ),
        (
            "subject = \"CN\"",
            "common_name = true",
            28,
            "identifier[0].from.common_name",
            "expected one of `subject`, `extension`",
        ),
        (
            "admission = \"profession_oid\"",
            "admission = \"speciality\"",
            33,
            "profession[0].from.admission",
            "one of `registration_number`, `profession_oid`, `profession_item`",
        ),
        ("0x0f", "256", 20, "card.family.mask", "expected u8"),
        ("[subject]", "[subject", 6, "", "unclosed"),
    ] {
        let (found_line, found_key, found_reason) = mistake_of(piece, replacement);
        assert_eq!(found_key, key, "{found_reason}");
        assert_eq!(found_line, Some(line), "{found_key}: {found_reason}");
        assert!(found_reason.contains(reason), "{found_key}: {found_reason}");
    }
}

#[test]
fn without_an_identifier_nobody_is_recognised() {
    let (start, rest) = GOOD.split_once("[[identifier]]").unwrap();
    let (_, end) = rest.split_once("[[profession]]").unwrap();
    let (_, key, reason) = mistake(&format!("{start}[[profession]]{end}"));
    assert_eq!(key, "identifier");
    assert!(reason.contains("at least one [[identifier]]"), "{reason}");
}

#[test]
fn a_missing_part_is_named() {
    for part in ["name", "description", "signature_algorithms"] {
        let without: String = GOOD
            .lines()
            .filter(|line| !line.starts_with(&format!("{part} = ")))
            .map(|line| format!("{line}\n"))
            .collect();
        let text = match part {
            // Families have a name as well.
            "name" => GOOD.replacen("name = \"own\"\n", "", 1),
            _ => without,
        };
        let (_, _, reason) = mistake(&text);
        assert!(
            reason.contains(&format!("missing field `{part}`")),
            "{reason}"
        );
    }
}

#[test]
fn sizes_are_bounded() {
    let long = format!("{GOOD}# {}", "x".repeat(PROFILE_BYTES_MAX));
    let (_, key, reason) = mistake(&long);
    assert_eq!(key, "");
    assert!(reason.contains("at most 65536 bytes"), "{reason}");

    let many = "\"1.3.6\", ".repeat(65);
    let (_, key, reason) = mistake_of("\"1.3.6.1.4.1.32473.1\"", &many);
    assert_eq!(key, "require[0].from.policy");
    assert!(reason.contains("at most 64"), "{reason}");

    let wide = "x".repeat(201);
    let (_, key, _) = mistake_of("it is not a card", &wide);
    assert_eq!(key, "require[0].otherwise");

    let places = "{ subject = \"CN\" }, ".repeat(5);
    let (_, key, reason) = mistake_of("{ subject = \"CN\" }", &format!("[{places}]"));
    assert_eq!(key, "identifier[0].from");
    assert!(reason.contains("1 to 4 places"), "{reason}");

    let deep = "[".repeat(20_000);
    let (_, _, _) = mistake(&format!("x = {deep}"));
}

/// The document explains every key: the parser's own lists of known keys are the measure.
#[test]
fn every_key_is_explained_in_the_guide() {
    let guide = include_str!("../../../../docs/profiles.md");
    let unknown = "zzz = 1";
    for text in [
        format!("{unknown}\n"),
        format!("[subject]\n{unknown}"),
        format!("subject.one_set.{unknown}"),
        format!("[[require]]\n{unknown}"),
        format!("[test_mark]\n{unknown}"),
        format!("[card]\n{unknown}"),
        format!("[[card.families]]\n{unknown}"),
        format!("card.families = [{{ when = {{ {unknown} }} }}]"),
        format!("[[identifier]]\n{unknown}"),
        format!("identifier = [{{ from = {{ {unknown} }} }}]"),
        format!("[person]\n{unknown}"),
        format!("[[profession]]\n{unknown}"),
        format!("[structure]\n{unknown}"),
    ] {
        let (_, _, reason) = mistake(&text);
        let (_, known) = reason.split_once("expected ").expect("a list of keys");
        let keys: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
        assert!(keys.len() > 1, "{reason}");
        for key in keys {
            let explained = [
                format!("`{key}`"),
                format!("`{key} = "),
                format!("[{key}]"),
                format!(".{key}]"),
            ];
            assert!(
                explained.iter().any(|form| guide.contains(form.as_str())),
                "docs/profiles.md does not explain {key}"
            );
        }
    }
}

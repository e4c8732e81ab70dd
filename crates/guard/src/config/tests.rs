//! The file as operators write it.

use std::path::Path;

use super::{Budget, Config};
use crate::{Error, Kind, Rules, SpoolConfig};

fn parse(text: &str) -> Result<Config, Error> {
    Config::parse(text, Path::new("guard.toml"))
}

fn mistake(text: &str) -> String {
    let error = parse(text).unwrap_err();
    assert_eq!(error.code(), "guard.config_invalid");
    error.to_string()
}

#[test]
fn the_example_says_what_holds_without_it() {
    let example = include_str!("../../guard.example.toml");
    assert_eq!(parse(example).unwrap().rules, Rules::default());
    let state = parse(example).unwrap().state;
    assert_eq!(state, crate::state::StateConfig::default());
    let (_, reports) = example.split_once("# [reports]\n").unwrap();
    let keys = reports.lines().filter(|line| line.contains(" = "));
    let keys: String = keys.map(|line| line.replacen("# ", "\n", 1)).collect();
    let folder = "/var/lib/cardea-guard/reports";
    let usual = SpoolConfig::in_folder(folder);
    for keys in [keys.as_str(), "folder = \"/var/lib/cardea-guard/reports\""] {
        let text = format!("{LOOK_UPS}[reports]\n{keys}");
        assert_eq!(parse(&text).unwrap().reports, Some(usual.clone()), "{keys}");
    }
}

const LOOK_UPS: &str = "[look_ups]\nservice = \"records\"\nkeys_file = \"statement.keys\"\n";

#[test]
fn reports_need_look_ups_a_client_and_bounds_that_the_issuer_can_keep() {
    let reports = "[reports]\nfolder = \"reports\"\n";
    assert!(parse(&format!("{LOOK_UPS}{reports}")).is_ok());
    for name in ["", "a\\nb", "a b", "»", &"a".repeat(45)] {
        let said = mistake(&LOOK_UPS.replace("records", name));
        assert!(said.contains("look_ups.service"), "{said}");
    }
    assert!(mistake(reports).contains("reports: there is no table look_ups"));
    let token = "[token]\nissuer = \"https://id.example.fr\"\naudience = \"a\"\n\
                 revocation = \"expiry_alone\"\n";
    let said = mistake(&format!("{LOOK_UPS}{reports}{token}"));
    assert!(said.contains("token.client_id is missing"), "{said}");
    let client = "client_id = \"guard\"\nclient_secret_file = \"guard.secret\"\n";
    assert!(parse(&format!("{LOOK_UPS}{reports}{token}{client}")).is_ok());
    for (key, said_of_it) in [
        (
            "mebibytes_max = 15",
            "mebibytes_max: between 16 and 1048576",
        ),
        ("hours_max = 24", "hours_max: between 1 and 23"),
        ("hours_max = 0", "hours_max: between 1 and 23"),
        ("days_max = 1", "days_max"),
    ] {
        let said = mistake(&format!("{LOOK_UPS}{reports}{key}\n"));
        assert!(said.contains(said_of_it), "{said}");
    }
    assert!(mistake(&format!("{LOOK_UPS}[reports]\nfolder = \"\"")).contains("folder"));
    assert!(mistake(&format!("{LOOK_UPS}[reports]\nmebibytes_max = 64")).contains("folder"));
}

#[test]
fn a_more_particular_section_changes_what_it_names() {
    let text = r#"
        [rules.default.look_up]
        per_hour = 100
        per_day = 300
        [rules.service.records.default.look_up]
        per_hour = 90
        [rules.service.records.profession."10".look_up]
        per_hour = 80
    "#;
    let rules = parse(text).unwrap().rules;
    let budget = |service, profession| {
        let budget = rules.budget(service, profession, Kind::LookUp);
        (budget.per_hour, budget.per_day)
    };
    assert_eq!(budget("records", Some("10")), (80, 300));
    assert_eq!(budget("records", Some("unheard of")), (90, 300));
    assert_eq!(budget("records", None), (90, 300));
    assert_eq!(budget("unheard of", Some("10")), (100, 300));
    let write = rules.budget("records", Some("10"), Kind::Write);
    assert_eq!(*write, Budget::of_writes());
}

#[test]
fn a_client_has_its_budget_or_the_default() {
    let text = "[rules.unattended.client.rights]\nper_minute = 7";
    let rules = parse(text).unwrap().rules;
    assert_eq!(rules.unattended("rights").per_minute, 7);
    assert_eq!(rules.unattended("another").per_minute, 120);
}

#[test]
fn a_mistake_is_named_with_file_line_and_key() {
    let said = mistake("[rules]\n[rules.default.look_up]\nper_hours = 3");
    assert!(
        said.starts_with("guard.toml:3: rules.default.look_up"),
        "{said}"
    );
    assert!(said.contains("per_hours"), "{said}");
    let said = mistake("[rules.default.look_up]\nper_day = 0");
    assert!(said.contains("per_day: 0 is not from 1 to 4000"), "{said}");
    let said = mistake("[rules]\naccounts_max = 0");
    assert!(said.contains("guard.toml:2: rules.accounts_max"), "{said}");
    let said = mistake("[rules");
    assert!(said.contains("guard.toml:1"), "{said}");
}

#[test]
fn a_store_is_spoken_to_in_secret_unless_the_file_says_otherwise() {
    let text = "[state.redis]\nhost = \"redis.example.fr\"";
    let redis = parse(text).unwrap().state.redis.unwrap();
    assert!(redis.tls);
    let said = mistake("[state.redis]\nhost = \"h\"\nkept_days = 3");
    assert!(said.contains("3 is not from 36 to 400"), "{said}");
    assert!(mistake("[state]\nsnapshots = 1").contains("state"));
}

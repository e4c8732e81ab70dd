//! Who runs the command, for the event log.

use std::fs;
use std::sync::Arc;

use cardea_provider::event::StoredEvents;
use cardea_provider::{Operator, Records};
use cardea_storage::Store;

use crate::clock::SystemClock;

/// Names that are longer are cut from the record, not from the system.
const NAME_CHARACTERS_MAX: usize = 64;

/// The account of this process.
pub(super) fn find() -> Operator {
    let uid = rustix::process::geteuid().as_raw();
    let login_uid = fs::read_to_string("/proc/self/loginuid");
    let login_uid = login_uid.ok().and_then(|text| parse_login_uid(&text));
    let accounts = fs::read("/etc/passwd").unwrap_or_default();
    let accounts = String::from_utf8_lossy(&accounts);
    Operator {
        uid,
        user: name_of(&accounts, uid),
        login_uid,
        login_user: login_uid.and_then(|uid| name_of(&accounts, uid)),
    }
}

/// A database's records, in the name of this process's account.
pub(super) fn records(store: &Store) -> Records {
    let (event_log, clock) = (Arc::new(StoredEvents), Arc::new(SystemClock));
    Records::new(store.clone(), event_log, clock, find())
}

/// Linux writes all ones where nobody has logged in.
fn parse_login_uid(text: &str) -> Option<u32> {
    let uid: u32 = text.trim().parse().ok()?;
    (uid != u32::MAX).then_some(uid)
}

/// Accounts of a directory service have no name here; their numbers stand on record.
fn name_of(accounts: &str, uid: u32) -> Option<String> {
    accounts.lines().find_map(|line| {
        let mut parts = line.split(':');
        let (name, number) = (parts.next()?, parts.nth(1)?);
        let is_it = number.parse() == Ok(uid);
        is_it.then(|| name.chars().take(NAME_CHARACTERS_MAX).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::{name_of, parse_login_uid};

    #[test]
    fn an_account_has_the_name_of_its_number() {
        let accounts = "root:x:0:0:root:/root:/bin/bash\nodd\n\ncardea:x:998:998::/:/bin/false\n";
        assert_eq!(name_of(accounts, 998).as_deref(), Some("cardea"));
        assert_eq!(name_of(accounts, 0).as_deref(), Some("root"));
        assert_eq!(name_of(accounts, 99), None);
    }

    #[test]
    fn nobody_logged_in_where_the_system_says_so() {
        assert_eq!(parse_login_uid("1000\n"), Some(1000));
        assert_eq!(parse_login_uid("4294967295"), None);
        assert_eq!(parse_login_uid(""), None);
    }
}

//! Whether several users can log on to this machine at once.
//!
//! A loopback port belongs to whoever takes it first, and a browser cannot tell whose program
//! answers there. Where a second person could be logged on, the agent therefore leaves its port
//! shut (attack D6), and no kept PIN serves. Whatever cannot be found out counts as a yes.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Whether anybody but the agent's own user can be logged on here too.
#[must_use]
pub fn several_users_can_log_on() -> bool {
    let found = find();
    if let Some(why) = found {
        tracing::debug!("this machine is several users': {why}");
    }
    found.is_some()
}

/// Why more than one person can be logged on here; none where only the own user can.
fn find() -> Option<SeveralUsers> {
    #[cfg(target_os = "linux")]
    {
        Machine::default().find()
    }
    #[cfg(not(target_os = "linux"))]
    {
        Some(SeveralUsers::Unknown)
    }
}

/// What speaks for several users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SeveralUsers {
    /// Another account of a person has a login shell.
    Accounts,
    /// Accounts also come from a directory, whose people may all log on.
    Directory,
    /// Another person is logged on now.
    LoggedOn,
    /// It cannot be found out.
    Unknown,
}

impl fmt::Display for SeveralUsers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Accounts => "another account of this machine can log on",
            Self::Directory => "the users of a directory can log on",
            Self::LoggedOn => "another user is logged on",
            Self::Unknown => "whether other users can log on is not known",
        })
    }
}

/// The first user id of people where login.defs(5) does not say. There is no last one: `UID_MAX`
/// bounds what useradd(8) hands out, not who can log on.
const PEOPLE: u32 = 1000;
/// What the kernel shows in the place of an id that it cannot show: nobody.
const NOBODY: u32 = 65_534;
/// Where accounts stand as files of JSON (nss-systemd(8)).
const USER_RECORDS: [&str; 4] = [
    "etc/userdb",
    "run/userdb",
    "run/host/userdb",
    "usr/lib/userdb",
];
/// Sources of accounts in nsswitch.conf(5) that hold no directory's people.
const LOCAL_SOURCES: [&str; 4] = ["files", "compat", "systemd", "db"];
/// Programs in the place of a shell that let nobody in.
const NO_SHELLS: [&str; 4] = ["nologin", "false", "true", "sync"];

/// Where a Linux machine says who can log on.
struct Machine {
    /// `/`, but for tests.
    root: PathBuf,
    own_uid: u32,
}

#[cfg(target_os = "linux")]
impl Default for Machine {
    fn default() -> Self {
        Self {
            root: "/".into(),
            own_uid: rustix::process::geteuid().as_raw(),
        }
    }
}

impl Machine {
    fn find(&self) -> Option<SeveralUsers> {
        let Some(accounts) = self.read("etc/passwd") else {
            return Some(SeveralUsers::Unknown);
        };
        // `+` brings the accounts of NIS in, whatever the rest of its line says (nss_compat).
        if accounts.lines().any(|line| line.starts_with('+')) {
            return Some(SeveralUsers::Directory);
        }
        let first = self.first_person();
        let is_person = |uid| uid >= first && uid != NOBODY;
        let records = self.user_records();
        let listed = accounts.lines().filter_map(account);
        let listed = listed.map(|(uid, shell)| (uid, lets_in(shell)));
        let mut own_account_is_listed = false;
        for (uid, lets_in) in listed.chain(records) {
            if uid == self.own_uid {
                own_account_is_listed = true;
            } else if is_person(uid) && lets_in {
                return Some(SeveralUsers::Accounts);
            }
        }
        // Accounts of systemd-homed stand in files of their own; one of them may be this user's.
        let own_home = usize::from(!own_account_is_listed);
        if self.names("var/lib/systemd/home", ".identity").len() > own_home {
            return Some(SeveralUsers::Accounts);
        }
        if self.has_directory() {
            return Some(SeveralUsers::Directory);
        }
        // systemd-logind keeps a file for each user that is logged on, named by the user id.
        let logged_on = self.names("run/systemd/users", "");
        let mut logged_on = logged_on.iter().filter_map(|name| name.parse().ok());
        logged_on
            .any(|uid: u32| uid != self.own_uid && is_person(uid))
            .then_some(SeveralUsers::LoggedOn)
    }

    /// The first user id that people have (login.defs(5)).
    fn first_person(&self) -> u32 {
        let definitions = self.read("etc/login.defs").unwrap_or_default();
        let mut lines = definitions.lines().map(str::split_ascii_whitespace);
        let value = lines.find_map(|mut words| {
            (words.next() == Some("UID_MIN")).then(|| words.next()?.parse().ok())?
        });
        value.unwrap_or(PEOPLE)
    }

    /// User ids of the accounts that stand in files of their own, and whether they let their user
    /// log on. A file that cannot be read may be anybody's.
    fn user_records(&self) -> Vec<(u32, bool)> {
        let files = USER_RECORDS.iter().flat_map(|folder| {
            let names = self.names(folder, ".user");
            names
                .into_iter()
                .map(move |name| Path::new(folder).join(name))
        });
        let record = |file| {
            let text = self.read(file)?;
            let record: UserRecord = serde_json::from_str(&text).ok()?;
            let lets_in = record.shell.as_deref().is_none_or(lets_in);
            Some((record.uid, lets_in))
        };
        files
            .map(|file| record(file).unwrap_or((u32::MAX, true)))
            .collect()
    }

    /// Whether nsswitch.conf(5) names a source of accounts beside this machine's own files.
    fn has_directory(&self) -> bool {
        let switch = self.read("etc/nsswitch.conf").unwrap_or_default();
        let sources = switch
            .lines()
            .find_map(|line| line.trim().strip_prefix("passwd:"));
        let sources = sources
            .unwrap_or_default()
            .split('#')
            .next()
            .unwrap_or_default();
        // `[NOTFOUND=return]` says what to do after the source before it.
        let mut names = sources.split_ascii_whitespace();
        names.any(|name| !name.starts_with('[') && !LOCAL_SOURCES.contains(&name))
    }

    fn read(&self, file: impl AsRef<Path>) -> Option<String> {
        std::fs::read_to_string(self.root.join(file)).ok()
    }

    /// The names in a folder that end so; a folder that is not there has none.
    fn names(&self, folder: &str, end: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.root.join(folder))
            .into_iter()
            .flatten();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(|name| name.ends_with(end)).collect()
    }
}

/// An account as systemd describes one in JSON; it says more than this.
#[derive(Deserialize)]
struct UserRecord {
    uid: u32,
    shell: Option<String>,
}

/// User id and shell of a line of passwd(5).
fn account(line: &str) -> Option<(u32, &str)> {
    let mut fields = line.split(':').skip(2);
    let uid = fields.next()?.parse().ok()?;
    Some((uid, fields.nth(3)?.trim()))
}

/// Whether a shell lets its user log on. An empty one stands for `/bin/sh` (passwd(5)).
fn lets_in(shell: &str) -> bool {
    let program = shell.rsplit('/').next().unwrap_or(shell);
    !NO_SHELLS.contains(&program)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "alice:x:1000:1000:Alice,,,:/home/alice:/bin/bash\n";
    const BOB: &str = "bob:x:1001:1001::/home/bob:/bin/sh\n";
    const ROOT: &str = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:/bin/sh\n";

    /// What Alice's agent finds on a machine with these files.
    fn found(files: &[(&str, &str)]) -> Option<SeveralUsers> {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let (root, own_uid) = (folder.path().to_owned(), 1000);
        Machine { root, own_uid }.find()
    }

    type Files<'a> = &'a [(&'a str, &'a str)];

    const PASSWD: &str = "etc/passwd";
    const ACCOUNTS: Option<SeveralUsers> = Some(SeveralUsers::Accounts);

    fn check(cases: &[(&str, Files<'_>, Option<SeveralUsers>)]) {
        for (name, files, expected) in cases {
            assert_eq!(found(files), *expected, "{name}");
        }
    }

    #[test]
    fn accounts_of_people_are_counted() {
        let one = format!("{ROOT}{ALICE}");
        let two = format!("{one}{BOB}");
        let shell = |shell: &str| two.replace("bob:/bin/sh", &format!("bob:{shell}"));
        let (no_shell, empty) = (shell("/usr/sbin/nologin"), shell(""));
        let system = two.replace("1001:1001", "998:998");
        let high = "UID_MIN 2000\nUID_MAX 3000\n";
        let nis = format!("{one}+::::::\n");
        let high_uid = two.replace("1001:1001", "70000:70000");
        let record = "etc/userdb/x.user";
        let own_record = r#"{"userName":"alice","uid":1000}"#;
        let other_record = r#"{"userName":"bob","uid":1001,"shell":"/bin/bash"}"#;
        let no_person = r#"{"userName":"daemon","uid":998}"#;
        let no_log_on = r#"{"userName":"bob","uid":1001,"shell":"/usr/sbin/nologin"}"#;
        let own_home = "var/lib/systemd/home/alice.identity";
        let other_home = "var/lib/systemd/home/bob.identity";
        check(&[
            ("one", &[(PASSWD, &one)], None),
            ("two", &[(PASSWD, &two)], ACCOUNTS),
            ("no shell", &[(PASSWD, &no_shell)], None),
            ("an empty shell", &[(PASSWD, &empty)], ACCOUNTS),
            ("a program's", &[(PASSWD, &system)], None),
            ("range", &[(PASSWD, &two), ("etc/login.defs", high)], None),
            ("NIS", &[(PASSWD, &nis)], Some(SeveralUsers::Directory)),
            ("a high uid", &[(PASSWD, &high_uid)], ACCOUNTS),
            ("own record", &[(PASSWD, ROOT), (record, own_record)], None),
            (
                "other record",
                &[(PASSWD, &one), (record, other_record)],
                ACCOUNTS,
            ),
            (
                "a program's record",
                &[(PASSWD, &one), (record, no_person)],
                None,
            ),
            ("shut record", &[(PASSWD, &one), (record, no_log_on)], None),
            ("odd record", &[(PASSWD, &one), (record, "{")], ACCOUNTS),
            (
                "own record, other home",
                &[(PASSWD, ROOT), (record, own_record), (other_home, "{}")],
                ACCOUNTS,
            ),
            ("nothing to read", &[], Some(SeveralUsers::Unknown)),
            ("own home", &[(PASSWD, ROOT), (own_home, "{}")], None),
            (
                "other home",
                &[(PASSWD, &one), (other_home, "{}")],
                ACCOUNTS,
            ),
            (
                "two homes",
                &[(PASSWD, ROOT), (own_home, "{}"), (other_home, "{}")],
                ACCOUNTS,
            ),
            ("no lines", &[(PASSWD, "\n::\n# x\nalice:x:1000\n")], None),
        ]);
    }

    #[test]
    fn directories_and_other_peoples_log_ons_are_seen() {
        let one = format!("{ROOT}{ALICE}");
        let local = "passwd:  files systemd [NOTFOUND=return] # sss\ngroup: files sss\n";
        let directory = "passwd: files sss\n";
        let switch = "etc/nsswitch.conf";
        let logged_on = Some(SeveralUsers::LoggedOn);
        let several = Some(SeveralUsers::Directory);
        let (own, greeter, other) = (
            ("run/systemd/users/1000", ""),
            ("run/systemd/users/120", ""),
            ("run/systemd/users/1002", ""),
        );
        check(&[
            ("local", &[(PASSWD, &one), (switch, local)], None),
            ("directory", &[(PASSWD, &one), (switch, directory)], several),
            ("own log-on", &[(PASSWD, &one), own], None),
            ("the greeter", &[(PASSWD, &one), greeter], None),
            ("another's", &[(PASSWD, &one), other], logged_on),
        ]);
    }
}

//! How many sign-ins wait at once on this host (attack H9): whoever can reach the door could
//! otherwise have as many processes of root wait here as `sshd` lets in.
//!
//! Each one that waits holds a lock on a file of a folder that is root's alone. The kernel lets go
//! of it however the process ends, so that nothing is left to clean; no time is kept, and no
//! network is asked. There are as many files as places, whoever comes.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use cardea_jose::sha256_base64url;
use rustix::fd::OwnedFd;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat, ftruncate, mkdir, open, openat};
use rustix::io::Errno;

use crate::Error;
use crate::door::Door;

/// Of everybody together: more than `sshd` lets in at once by itself.
const PLACES: usize = 128;
/// Of those from elsewhere, so that whoever is on the host finds a place.
const FROM_AFAR_MAX: usize = 112;
/// Of one account from one network; at the host itself likewise.
const OF_ACCOUNT_AND_NETWORK_MAX: usize = 4;
/// Of one network, whichever account it asks for.
const OF_NETWORK_MAX: usize = 16;
/// Of one account from elsewhere.
const OF_ACCOUNT_MAX: usize = 24;
/// Two digests and two line ends.
const RECORD_BYTES_MAX: u64 = 128;

/// A place that is held until this process ends, or this value goes.
pub(crate) struct Place(File);

/// Who waits in a place, in names that tell nobody's.
#[derive(Clone, PartialEq, Eq)]
struct Waiting {
    account: String,
    /// Empty for somebody on this host.
    network: String,
}

impl Place {
    /// Takes a place. Two that come at the very same time may both be refused the last one.
    pub(crate) fn take(folder: &Path, door: &Door) -> Result<Self, Error> {
        let unusable = |reason: String| Error::FileUnusable {
            path: folder.to_owned(),
            reason,
        };
        let failed = |error: Errno| unusable(error.to_string());
        let opened = open_folder(folder).map_err(failed)?;
        check(&opened).map_err(unusable)?;
        let new = Waiting::of(door);
        let (mut own, mut others) = (None, Vec::new());
        for number in 0..PLACES {
            let mut flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            if own.is_none() {
                flags |= OFlags::CREATE;
            }
            let file = match openat(&opened, format!("{number:03}"), flags, Mode::from(0o600)) {
                Ok(file) => File::from(file),
                // They are made in order: there are no more.
                Err(Errno::NOENT) => break,
                Err(error) => return Err(failed(error)),
            };
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if own.is_none() => {
                    new.write(&file)
                        .map_err(|error| unusable(error.to_string()))?;
                    own = Some(file);
                }
                // Whoever had it is gone.
                Ok(()) => ftruncate(&file, 0).map_err(failed)?,
                Err(Errno::WOULDBLOCK) => others.extend(Waiting::read(file)),
                Err(error) => return Err(failed(error)),
            }
        }
        match own {
            Some(own) if new.may_join(&others) => Ok(Self(own)),
            _ => Err(Error::TooManyAtOnce),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Closing lets go of it all the same; whoever comes next counts it no more.
        let _ = ftruncate(&self.0, 0);
    }
}

impl Waiting {
    fn of(door: &Door) -> Self {
        let network = network_of(&door.remote);
        Self {
            account: sha256_base64url(door.account.as_bytes()),
            network: network.map_or_else(String::new, |it| sha256_base64url(it.as_bytes())),
        }
    }

    fn may_join(&self, others: &[Self]) -> bool {
        let count =
            |is_meant: &dyn Fn(&Self) -> bool| others.iter().filter(|it| is_meant(it)).count();
        if count(&|it| it == self) >= OF_ACCOUNT_AND_NETWORK_MAX {
            return false;
        }
        let is_afar = |it: &Self| !it.network.is_empty();
        // Nobody from elsewhere keeps whoever is on the host from `sudo`.
        !is_afar(self)
            || count(&|it| it.network == self.network) < OF_NETWORK_MAX
                && count(&|it| is_afar(it) && it.account == self.account) < OF_ACCOUNT_MAX
                && count(&is_afar) < FROM_AFAR_MAX
    }

    fn write(&self, mut file: &File) -> std::io::Result<()> {
        file.set_len(0)?;
        file.write_all(format!("{}\n{}\n", self.account, self.network).as_bytes())
    }

    /// None while its holder has not said who it is.
    fn read(file: File) -> Option<Self> {
        let mut text = String::new();
        file.take(RECORD_BYTES_MAX).read_to_string(&mut text).ok()?;
        let mut lines = text.split('\n');
        Some(Self {
            account: lines.next().filter(|it| !it.is_empty())?.to_owned(),
            network: lines.next()?.to_owned(),
        })
    }
}

/// An address of IPv4, a /64 of IPv6, which one subscriber has whole, or a name.
fn network_of(remote: &str) -> Option<String> {
    if remote.is_empty() {
        return None;
    }
    let address = remote.split('%').next().unwrap_or(remote);
    Some(
        match address.parse::<IpAddr>().map(|it| it.to_canonical()) {
            Ok(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
            }
            Ok(IpAddr::V4(address)) => address.to_string(),
            Err(_) => remote.to_ascii_lowercase(),
        },
    )
}

fn open_folder(folder: &Path) -> Result<OwnedFd, Errno> {
    match mkdir(folder, Mode::from(0o700)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    open(folder, flags, Mode::empty())
}

fn check(folder: &OwnedFd) -> Result<(), String> {
    let status = fstat(folder).map_err(|error| error.to_string())?;
    if status.st_uid != rustix::process::geteuid().as_raw() {
        return Err("it belongs to somebody else".to_owned());
    }
    if status.st_mode & 0o077 != 0 {
        return Err("others can look into it: set its mode to 0700".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::{OF_ACCOUNT_AND_NETWORK_MAX, OF_ACCOUNT_MAX, OF_NETWORK_MAX, PLACES, Place};
    use crate::door::Door;

    fn door(account: &str, remote: &str) -> Door {
        Door::new(account.to_owned(), "sshd".to_owned(), remote.to_owned())
    }

    fn take(folder: &Path, account: &str, remote: &str) -> Result<Place, &'static str> {
        Place::take(folder, &door(account, remote)).map_err(|error| error.code())
    }

    fn refused(folder: &Path, account: &str, remote: &str) {
        let code = take(folder, account, remote).err();
        assert_eq!(
            code,
            Some("host_login.too_many_at_once"),
            "{account} {remote}"
        );
    }

    /// Attack H9.
    #[test]
    fn h9_an_account_a_network_and_the_host_have_so_many_places() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("places");
        let mut held = Vec::new();
        for _ in 0..OF_ACCOUNT_AND_NETWORK_MAX {
            held.push(take(&folder, "alice", "203.0.113.9").unwrap());
        }
        refused(&folder, "alice", "203.0.113.9");
        // Another network of hers, and her own `sudo`.
        held.push(take(&folder, "alice", "192.0.2.7").unwrap());
        held.push(take(&folder, "alice", "").unwrap());
        // A place is free as soon as its holder is gone.
        drop(held.swap_remove(0));
        held.push(take(&folder, "alice", "203.0.113.9").unwrap());
        refused(&folder, "alice", "203.0.113.9");
        for number in OF_ACCOUNT_AND_NETWORK_MAX..OF_NETWORK_MAX {
            held.push(take(&folder, &format!("user-{number}"), "203.0.113.9").unwrap());
        }
        refused(&folder, "bob", "203.0.113.9");
        for number in OF_ACCOUNT_AND_NETWORK_MAX + 1..OF_ACCOUNT_MAX {
            held.push(take(&folder, "alice", &format!("198.51.100.{number}")).unwrap());
        }
        refused(&folder, "alice", "198.51.100.200");
        held.push(take(&folder, "alice", "").unwrap());
        for number in 0..PLACES {
            held.extend(
                take(
                    &folder,
                    &format!("user-{number}"),
                    &format!("10.0.0.{number}"),
                )
                .ok(),
            );
        }
        refused(&folder, "bob", "192.0.2.8");
        held.push(take(&folder, "bob", "").unwrap());
        let files = std::fs::read_dir(&folder).unwrap().count();
        assert!(files <= PLACES, "{files}");
    }

    #[test]
    fn a_network_of_ipv6_is_one() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("places");
        let held: Vec<_> = (0..OF_ACCOUNT_AND_NETWORK_MAX)
            .map(|number| take(&folder, "alice", &format!("2001:db8::{number}")).unwrap())
            .collect();
        refused(&folder, "alice", "2001:db8::ffff%eth0");
        drop(take(&folder, "alice", "2001:db8:0:1::1").unwrap());
        drop(held);
    }

    #[test]
    fn a_folder_that_others_can_reach_is_none() {
        let parent = tempfile::tempdir().unwrap();
        let open = parent.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
        let linked = parent.path().join("linked");
        std::os::unix::fs::symlink("/root", &linked).unwrap();
        for folder in [&open, &linked] {
            let code = take(folder, "alice", "").err();
            assert_eq!(code, Some("host_login.file_unusable"));
        }
    }
}

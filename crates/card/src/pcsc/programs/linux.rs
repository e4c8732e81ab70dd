//! The ends of the service's socket (sock_diag(7)), and the processes that hold them (proc(5)).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::ProgramAtReader;

mod socket_table;

use socket_table::UnixSocket;

/// Where pcscd listens unless `PCSCLITE_CSOCK_NAME` names another socket.
const SERVICE_SOCKET: &str = "/run/pcscd/pcscd.comm";
/// Most programs that are told of.
const PROGRAMS_MAX: usize = 16;

pub(super) fn programs() -> Vec<ProgramAtReader> {
    let service = std::env::var_os("PCSCLITE_CSOCK_NAME")
        .map_or_else(|| PathBuf::from(SERVICE_SOCKET), PathBuf::from);
    let Ok(sockets) = socket_table::read() else {
        return Vec::new();
    };
    let ends = peers(&sockets, &service);
    let holders = holders(&ends.keys().copied().collect());
    let own_uid = rustix::process::geteuid().as_raw();
    let programs: BTreeSet<ProgramAtReader> = ends
        .into_iter()
        .filter_map(|(inode, uid)| {
            let pid = holders.get(&inode).copied();
            (pid != Some(std::process::id())).then(|| ProgramAtReader {
                pid,
                name: pid.and_then(name_of),
                // An older kernel does not tell the owner; what can be seen is most likely ours.
                own_user: uid.map_or(pid.is_some(), |uid| uid == own_uid),
            })
        })
        .collect();
    programs.into_iter().take(PROGRAMS_MAX).collect()
}

/// The programs' ends of the connections to this socket, with their owners.
fn peers(sockets: &[UnixSocket], service: &Path) -> BTreeMap<u32, Option<u32>> {
    let owners: BTreeMap<u32, Option<u32>> = sockets
        .iter()
        .map(|socket| (socket.inode, socket.uid))
        .collect();
    let resolved = service.canonicalize().ok();
    let is_service = |name: &[u8]| {
        let name = PathBuf::from(OsString::from_vec(name.to_vec()));
        // `/var/run` and `/run` are one folder.
        name == service || (resolved.is_some() && name.canonicalize().ok() == resolved)
    };
    let mut known: BTreeMap<&[u8], bool> = BTreeMap::new();
    sockets
        .iter()
        .filter(|socket| {
            let name = socket.name.as_slice();
            !name.is_empty() && *known.entry(name).or_insert_with(|| is_service(name))
        })
        .filter_map(|socket| socket.peer)
        .map(|peer| (peer, owners.get(&peer).copied().flatten()))
        .collect()
}

/// The process that holds each socket, as far as this user may see. Of several, the first.
fn holders(inodes: &BTreeSet<u32>) -> BTreeMap<u32, u32> {
    let mut holders = BTreeMap::new();
    if inodes.is_empty() {
        return holders;
    }
    let Ok(processes) = fs::read_dir("/proc") else {
        return holders;
    };
    for process in processes.flatten() {
        let Some(pid) = process
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        // Another user's process, or one that has ended.
        let Ok(files) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        for file in files.flatten() {
            let inode = fs::read_link(file.path()).ok().and_then(socket_inode);
            if let Some(inode) = inode.filter(|inode| inodes.contains(inode)) {
                holders.entry(inode).or_insert(pid);
            }
        }
    }
    holders
}

/// The number in `socket:[123]`.
fn socket_inode(link: PathBuf) -> Option<u32> {
    let link = link.into_os_string().into_string().ok()?;
    link.strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

fn name_of(pid: u32) -> Option<String> {
    let name = fs::read(format!("/proc/{pid}/comm")).ok()?;
    let name = String::from_utf8_lossy(&name).trim().to_owned();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn the_ends_of_a_socket_are_found_with_owner_and_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("service");
        let listener = UnixListener::bind(&path).unwrap();
        let _program = UnixStream::connect(&path).unwrap();
        let _accepted = listener.accept().unwrap();
        let _elsewhere = UnixStream::pair().unwrap();
        let sockets = socket_table::read().unwrap();
        let ends = peers(&sockets, &path);
        assert_eq!(ends.len(), 1);
        let own_uid = rustix::process::geteuid().as_raw();
        assert!(ends.values().all(|uid| *uid == Some(own_uid)));
        let holders = holders(&ends.keys().copied().collect());
        let pids: Vec<u32> = holders.into_values().collect();
        assert_eq!(pids, [std::process::id()]);
        assert!(name_of(std::process::id()).is_some());
        assert!(peers(&sockets, &folder.path().join("other")).is_empty());
    }

    #[test]
    fn only_links_to_sockets_have_a_number() {
        assert_eq!(socket_inode("socket:[4711]".into()), Some(4711));
        for link in ["/dev/null", "pipe:[4711]", "socket:[]", "socket:[4711"] {
            assert_eq!(socket_inode(link.into()), None, "{link}");
        }
    }
}

//! Who listens where login pages look for the agent.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};

use super::agent::RunningAgent;
use super::cause::Cause;
use super::finding::Finding;
use crate::config::Config;
use crate::display_text::for_display;

/// Longest table of sockets that is searched, in bytes.
const TABLE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// `TCP_LISTEN` in the kernel's table.
const LISTEN: &str = "0A";

/// A program that listens.
#[derive(Debug)]
struct Listener {
    uid: u32,
    inode: u64,
}

/// Whether the port is somebody else's, where it is to be the agent's.
pub(super) fn examine(config: &Config, agent: &RunningAgent) -> Option<Finding> {
    let is_wanted = config.loopback.decide(config.several_users).is_on();
    if !is_wanted || config.port == 0 {
        return None;
    }
    let others = listeners(config.port).into_iter().find_map(|listener| {
        let pid = holder(listener.inode);
        // Of another user's program nobody here may know which it is; the agent is no such one.
        (pid.is_none() || pid != agent.pid).then_some((listener, pid))
    });
    let (listener, pid) = others?;
    let own_uid = rustix::process::geteuid().as_raw();
    let words = match pid {
        Some(pid) => {
            let name = for_display(&name_of(pid));
            (
                format!("« {name} » (processus {pid})"),
                format!("“{name}” (process {pid})"),
            )
        }
        None if listener.uid != own_uid => (
            format!("un programme d’un autre utilisateur (uid {})", listener.uid),
            format!("a program of another user (uid {})", listener.uid),
        ),
        None => ("un programme".to_owned(), "a program".to_owned()),
    };
    Some(
        Finding::new(Cause::PortTaken)
            .with("port", config.port.to_string())
            .with_words("program", words),
    )
}

/// Who listens on this port of 127.0.0.1, or of all addresses (proc(5), `/proc/net/tcp`).
fn listeners(port: u16) -> Vec<Listener> {
    let port = format!("{port:04X}");
    let mut found = Vec::new();
    for (table, addresses) in [
        ("/proc/net/tcp", &["0100007F", "00000000"][..]),
        (
            "/proc/net/tcp6",
            &[
                "00000000000000000000000000000000",
                "0000000000000000FFFF00000100007F",
            ],
        ),
    ] {
        let Ok(table) = File::open(table) else {
            continue;
        };
        let lines = BufReader::new(table.take(TABLE_BYTES_MAX)).lines();
        found.extend(lines.map_while(Result::ok).filter_map(|line| {
            // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout
            // inode …
            let mut fields = line.split_ascii_whitespace().skip(1);
            let (address, local_port) = fields.next()?.split_once(':')?;
            let state = fields.nth(1)?;
            let uid = fields.nth(3)?.parse().ok()?;
            let inode = fields.nth(1)?.parse().ok()?;
            let is_ours = addresses.contains(&address) && local_port == port && state == LISTEN;
            is_ours.then_some(Listener { uid, inode })
        }));
    }
    found
}

/// The process that holds a socket, as far as this user may see.
fn holder(inode: u64) -> Option<u32> {
    let link = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let files = std::fs::read_dir(process.path().join("fd")).ok()?;
        let is_it = |file: std::fs::DirEntry| {
            std::fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == &*link)
        };
        files.flatten().any(is_it).then_some(pid)
    })
}

fn name_of(pid: u32) -> String {
    let name = std::fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&name).trim().to_owned()
}

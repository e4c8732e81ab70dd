//! Whose program is at the other end of a loopback connection.
//!
//! A loopback port is open to every user of the machine. Other users' programs are turned away
//! before a byte of theirs is read.

use std::net::SocketAddr;

/// Finds the owner of the other end of a connection on this machine.
pub trait PeerOwner: Send + Sync {
    /// Whether the socket bound to `peer` and connected to `local` belongs to the agent's own user.
    /// Anything that cannot be found out is a no.
    fn is_own_user(&self, peer: SocketAddr, local: SocketAddr) -> bool;
}

/// The platform's way of looking an owner up.
#[must_use]
pub fn of_this_platform() -> Box<dyn PeerOwner> {
    #[cfg(target_os = "linux")]
    {
        Box::new(linux::SocketTable::default())
    }
    #[cfg(not(target_os = "linux"))]
    {
        Box::new(Unknown)
    }
}

/// Where no look-up exists yet, the loopback API stays shut.
#[cfg(not(target_os = "linux"))]
struct Unknown;

#[cfg(not(target_os = "linux"))]
impl PeerOwner for Unknown {
    fn is_own_user(&self, _peer: SocketAddr, _local: SocketAddr) -> bool {
        false
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
    use std::path::PathBuf;

    /// Longest socket table that is searched, in bytes: some 100 000 connections.
    const TABLE_BYTES_MAX: u64 = 16 * 1024 * 1024;
    /// `TCP_ESTABLISHED` in the kernel's table.
    const ESTABLISHED: &str = "01";

    /// `/proc/net/tcp` and `/proc/net/tcp6`: both ends, state and owner of each socket (proc(5)).
    pub(super) struct SocketTable {
        tables: [PathBuf; 2],
        own_uid: u32,
    }

    impl Default for SocketTable {
        fn default() -> Self {
            Self {
                tables: ["/proc/net/tcp".into(), "/proc/net/tcp6".into()],
                own_uid: rustix::process::geteuid().as_raw(),
            }
        }
    }

    impl super::PeerOwner for SocketTable {
        fn is_own_user(&self, peer: SocketAddr, local: SocketAddr) -> bool {
            self.tables.iter().find_map(|table| {
                let lines = BufReader::new(File::open(table).ok()?.take(TABLE_BYTES_MAX)).lines();
                lines
                    .map_while(Result::ok)
                    .find_map(|line| owner(&line, peer, local))
            }) == Some(self.own_uid)
        }
    }

    /// The owner in this line, if the line is the established socket from `peer` to `local`.
    fn owner(line: &str, peer: SocketAddr, local: SocketAddr) -> Option<u32> {
        // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid …
        let mut fields = line.split_ascii_whitespace().skip(1);
        let from = parse_address(fields.next()?)?;
        let to = parse_address(fields.next()?)?;
        let state = fields.next()?;
        let uid = fields.nth(3)?;
        (from == peer && to == local && state == ESTABLISHED).then(|| uid.parse().ok())?
    }

    /// `0100007F:B80A`: the address as the kernel's words in host order, the port as a number.
    fn parse_address(field: &str) -> Option<SocketAddr> {
        let (address, port) = field.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let word = |index: usize| -> Option<[u8; 4]> {
            let digits = address.get(index * 8..index * 8 + 8)?;
            Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
        };
        let address = match address.len() {
            8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
            32 => {
                let mut bytes = [0; 16];
                for (index, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                    chunk.copy_from_slice(&word(index)?);
                }
                // A dual-stack program's socket to 127.0.0.1 is listed as ::ffff:127.0.0.1.
                Ipv6Addr::from(bytes).to_canonical()
            }
            _ => return None,
        };
        Some(SocketAddr::new(address, port))
    }

    #[cfg(test)]
    mod tests {
        use super::super::PeerOwner as _;
        use super::*;

        const PEER: &str = "127.0.0.1:50000";
        const LOCAL: &str = "127.0.0.1:47110";

        fn table(lines: &str, own_uid: u32) -> (tempfile::TempDir, SocketTable) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("tcp");
            let header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n";
            std::fs::write(&path, format!("{header}{lines}\n")).unwrap();
            let tables = [path, folder.path().join("absent")];
            (folder, SocketTable { tables, own_uid })
        }

        #[test]
        fn the_line_of_exactly_this_connection_decides() {
            let line = |from: &str, to: &str, state: &str, uid: u32| {
                let queues = "00000000:00000000 00:00000000 00000000";
                format!("   3: {from} {to} {state} {queues} {uid:>5}  0 99 1")
            };
            let (peer, local) = ("0100007F:C350", "0100007F:B806");
            let mapped = "0000000000000000FFFF00000100007F";
            let cases = [
                ("own", line(peer, local, "01", 1000), true),
                (
                    "dual stack",
                    line(
                        &format!("{mapped}:C350"),
                        &format!("{mapped}:B806"),
                        "01",
                        1000,
                    ),
                    true,
                ),
                ("another user", line(peer, local, "01", 1001), false),
                ("root", line(peer, local, "01", 0), false),
                ("the agent's own end", line(local, peer, "01", 1000), false),
                (
                    "another port",
                    line("0100007F:C351", local, "01", 1000),
                    false,
                ),
                (
                    "another address",
                    line("0200007F:C350", local, "01", 1000),
                    false,
                ),
                ("closing", line(peer, local, "06", 1000), false),
                ("nothing", String::new(), false),
                ("cut", line(peer, local, "01", 1000)[..40].to_owned(), false),
                (
                    "garbage",
                    "1: zz:1 0100007F:B806 01 a b c d".to_owned(),
                    false,
                ),
            ];
            for (name, line, accepted) in cases {
                let (_folder, table) = table(&line, 1000);
                let own = table.is_own_user(PEER.parse().unwrap(), LOCAL.parse().unwrap());
                assert_eq!(own, accepted, "{name}");
            }
        }

        #[test]
        fn a_real_connection_of_this_process_is_its_users() {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (_server, peer) = listener.accept().unwrap();
            let local = listener.local_addr().unwrap();
            assert!(SocketTable::default().is_own_user(peer, local));
            let foreign = SocketTable {
                own_uid: 4711,
                ..SocketTable::default()
            };
            assert!(!foreign.is_own_user(peer, local));
            drop(client);
        }
    }
}

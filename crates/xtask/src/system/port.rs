//! Finding free ports, and seeing whether somebody listens without connecting.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

/// Ports below the range from which Linux takes the ports of outgoing connections (32768 and up):
/// a port from there could be gone again before its owner listens.
const PAIRS: std::ops::Range<u16> = 20_000..32_000;

/// How many pairs this program has given out.
static PAIRS_GIVEN: AtomicU32 = AtomicU32::new(0);

/// Free loopback ports. Zero asks for any; another number is taken if it is free.
///
/// Their owners listen only later. A port that the kernel chose would be chosen again for somebody
/// else meanwhile, also in the same program: any is one below the range that it chooses from.
pub(super) fn free<const N: usize>(wanted: [u16; N]) -> Result<[u16; N]> {
    let mut ports = [0; N];
    for (port, wish) in ports.iter_mut().zip(wanted) {
        *port = match wish != 0 && is_free(wish) {
            true => wish,
            false => free_pair()?,
        };
    }
    Ok(ports)
}

/// A free port whose successor is free too, as the virtual reader's driver needs.
pub(super) fn free_pair() -> Result<u16> {
    let width = u32::from(PAIRS.end - PAIRS.start) / 2;
    // The driver takes its ports only later, so nobody may be given the same pair until then:
    // programs begin their search at different places, and within a program it goes on.
    let taken = PAIRS_GIVEN.fetch_add(1, Ordering::Relaxed);
    let start = std::process::id()
        .wrapping_mul(2_654_435_761)
        .wrapping_add(taken)
        % width;
    (0..width)
        .filter_map(|step| u16::try_from((start + step) % width * 2).ok())
        .map(|offset| PAIRS.start + offset)
        .find(|port| is_free(*port) && is_free(port + 1))
        .context("the system has no two free ports side by side")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

/// A free port for a program that a test starts itself.
///
/// # Errors
/// When there is none.
pub fn unused() -> Result<u16> {
    free_pair()
}

/// Whether somebody listens on the port, read from the kernel's table. A connection would tell as
/// well, but the virtual reader would take it for a card.
pub fn is_listened_on(port: u16) -> bool {
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|table| {
        std::fs::read_to_string(table).is_ok_and(|text| table_has_listener(&text, port))
    })
}

/// Each line has `local_address remote_address state`, in hexadecimal; 0A is LISTEN (proc(5)).
fn table_has_listener(table: &str, port: u16) -> bool {
    let suffix = format!(":{port:04X}");
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().unwrap_or_default();
        let state = fields.nth(1).unwrap_or_default();
        local.ends_with(&suffix) && state == "0A"
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::{free, free_pair, is_listened_on, table_has_listener};

    #[test]
    fn free_ports_differ_and_are_free() {
        let [first, second] = free([0, 0]).unwrap();
        assert_ne!(first, second);
        assert!(TcpListener::bind(("127.0.0.1", first)).is_ok());
        assert!(first.max(second) < 32_000, "the kernel gives none of these");
    }

    #[test]
    fn a_taken_wish_gives_another_port() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(free([port]).unwrap(), [port]);
        assert!(is_listened_on(port));
    }

    #[test]
    fn a_pair_lies_below_the_ports_of_outgoing_connections() {
        let port = free_pair().unwrap();
        assert!((20_000..32_000).contains(&port));
    }

    #[test]
    fn only_the_listening_state_counts() {
        let table = "  sl  local_address rem_address   st\n\
             0: 00000000:8C7B 00000000:0000 0A 0\n   1: 0100007F:1F90 0100007F:AAAA 01 0\n";
        assert!(table_has_listener(table, 0x8C7B));
        assert!(!table_has_listener(table, 0x1F90));
    }
}

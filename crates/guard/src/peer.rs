//! Who is at the other end of a connection.

use std::net::IpAddr;

use crate::address_range::AddressRange;

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Somebody at this address.
    At(IpAddr),
    /// Somebody whom the system has let open the proxy's socket.
    Socket,
}

impl Peer {
    /// Whether it is one of these addresses; the socket has none.
    pub(crate) fn is_at(self, addresses: &[AddressRange]) -> bool {
        match self {
            Self::At(address) => AddressRange::any(addresses, Some(address)),
            Self::Socket => false,
        }
    }

    /// Whether it is believed as a proxy that has one of these addresses, or the proxy's socket.
    pub(crate) fn is_proxy(self, proxies: &[AddressRange]) -> bool {
        self == Self::Socket || self.is_at(proxies)
    }
}

#[cfg(test)]
mod tests {
    use super::Peer;

    #[test]
    fn a_socket_is_a_proxys_and_no_portals() {
        let ranges = ["127.0.0.1".parse().unwrap()];
        let at = |text: &str| Peer::At(text.parse().unwrap());
        for (peer, is_proxy, is_at) in [
            (at("127.0.0.1"), true, true),
            (at("127.0.0.2"), false, false),
            (Peer::Socket, true, false),
        ] {
            assert_eq!(peer.is_proxy(&ranges), is_proxy, "{peer:?}");
            assert_eq!(peer.is_at(&ranges), is_at, "{peer:?}");
        }
        assert!(!at("127.0.0.1").is_proxy(&[]));
    }
}

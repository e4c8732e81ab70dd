//! The address that requests are counted by.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;

use crate::config::ClientAddress;

/// The peer's address, or what the reverse proxy in front wrote last into `X-Forwarded-For`.
///
/// Only the last entry counts: those before it are the caller's own words.
pub(crate) fn client_address(
    source: ClientAddress,
    peer: SocketAddr,
    headers: &HeaderMap,
) -> IpAddr {
    match source {
        ClientAddress::Peer => peer.ip(),
        ClientAddress::XForwardedFor => forwarded_address(headers).unwrap_or_else(|| peer.ip()),
    }
}

/// The network that an address is counted with: an IPv6 /64, which one subscriber owns whole, or
/// one IPv4 address, in whichever of its two forms a listener on `[::]` gives it
/// (RFC 4291 section 2.5.5.2).
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        address @ IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// The site that an IPv6 address is counted with besides: a /48, the most that one subscriber is
/// given (RFC 6177), with 65 536 networks in it.
pub(crate) fn site_of(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            Some(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into())
        }
    }
}

fn forwarded_address(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers
        .get_all("x-forwarded-for")
        .iter()
        .next_back()?
        .to_str()
        .ok()?;
    last.rsplit(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::{client_address, network_of, site_of};
    use crate::config::ClientAddress;

    #[test]
    fn only_the_proxy_is_believed() {
        let peer = "192.0.2.1:1000".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.append(
            "x-forwarded-for",
            HeaderValue::from_static("203.0.113.9, 198.51.100.7"),
        );
        let of = |source| client_address(source, peer, &headers).to_string();
        assert_eq!(of(ClientAddress::Peer), "192.0.2.1");
        assert_eq!(of(ClientAddress::XForwardedFor), "198.51.100.7");
    }

    #[test]
    fn subscribers_are_told_apart_on_every_listener() {
        let network = |text: &str| network_of(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8::1"), network("2001:db8::2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        // As a listener on [::] sees IPv4.
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
        assert_ne!(network("::ffff:192.0.2.1"), network("::ffff:192.0.2.2"));
        let site = |text: &str| site_of(text.parse().unwrap());
        assert_eq!(site("2001:db8::1"), site("2001:db8:0:1::1"));
        assert_ne!(site("2001:db8::1"), site("2001:db8:1::1"));
        assert_eq!(site("::ffff:192.0.2.1"), None);
    }
}

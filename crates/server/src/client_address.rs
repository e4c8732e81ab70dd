//! The address that requests are counted by.

use std::net::{IpAddr, SocketAddr};

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

    use super::client_address;
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
}

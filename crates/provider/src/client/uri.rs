//! Which URIs may be registered (RFC 6749 section 3.1.2, RFC 8252, RFC 9700 section 4.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::issuer::is_loopback;

/// Longest URI that is registered.
const URI_BYTES_MAX: usize = 2000;

/// Whether a URI may use a scheme of the client's own (RFC 8252 section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PrivateUseScheme {
    /// A native application, which is a public client.
    Allowed,
    /// Everybody else.
    Refused,
}

/// Refuses a redirection URI that no client of any kind may register: one that is not absolute, has
/// a fragment, user information, a wildcard or dot segments, or leads to something else than
/// `https`, `http` on a loopback host, or a private-use scheme (attack E4).
///
/// # Errors
/// What is wrong, to be read after the key's name.
pub fn check_redirect_uri(uri: &str) -> Result<(), &'static str> {
    check_browser_uri(uri, PrivateUseScheme::Allowed)
}

/// As [`check_redirect_uri`], for a client that may or may not use a private-use scheme.
pub(super) fn check_browser_uri(
    uri: &str,
    private_use: PrivateUseScheme,
) -> Result<(), &'static str> {
    let url = parse(uri)?;
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        "http" => Err("must use https: plain http is accepted for a loopback address only"),
        // What follows `//` would look like a host, and nobody's is there (RFC 8252 section 7.1).
        scheme if scheme.contains('.') && url.has_authority() => {
            Err("must have one slash after a scheme of one's own (RFC 8252 section 7.1)")
        }
        // A reversed domain name; `javascript`, `data` and `file` have no dot.
        scheme if scheme.contains('.') => match private_use {
            PrivateUseScheme::Allowed => Ok(()),
            PrivateUseScheme::Refused => {
                Err("must use https: a scheme of one's own is for public clients alone")
            }
        },
        _ => Err("must use https, http on a loopback address, or a scheme with a dot"),
    }
}

/// Refuses an address that this server would post logout tokens to and should not (attack H4).
///
/// A name may lead to a private network, where many portals live. A number of one cannot have a
/// certificate that anybody checks, and link-local numbers are where clouds keep credentials.
pub(super) fn check_backchannel_uri(uri: &str) -> Result<(), &'static str> {
    let url = parse(uri)?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => return Ok(()),
        _ => return Err("must use https: plain http is accepted for a loopback address only"),
    }
    let reachable = match url.host() {
        Some(Host::Ipv4(address)) => is_public_or_loopback_v4(address),
        Some(Host::Ipv6(address)) => is_public_or_loopback_v6(address),
        Some(Host::Domain(name)) => !is_metadata_name(name),
        None => false,
    };
    if reachable {
        Ok(())
    } else {
        Err("must not be a number of a private or link-local network: give the host's name")
    }
}

/// Refuses what RFC 8707 section 2 does not call a resource: a relative URI, or one with a
/// fragment.
pub(crate) fn check_resource_uri(uri: &str) -> Result<(), &'static str> {
    if uri.len() > URI_BYTES_MAX {
        return Err("must not be longer than 2000 bytes");
    }
    if uri.contains('#') {
        return Err("must not have a fragment (RFC 8707 section 2)");
    }
    if !is_plain(uri) {
        return Err("must not hold white space, control characters or a backslash");
    }
    Url::parse(uri).map_err(|_| "is not an absolute URI (RFC 8707 section 2)")?;
    Ok(())
}

/// The host that a redirect URI leads to; a private-use scheme has none.
pub(crate) fn host_of(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    let is_web = matches!(url.scheme(), "https" | "http");
    url.host_str().filter(|_| is_web).map(str::to_owned)
}

fn parse(uri: &str) -> Result<Url, &'static str> {
    if uri.len() > URI_BYTES_MAX {
        return Err("must not be longer than 2000 bytes");
    }
    let url = Url::parse(uri).map_err(|_| "is not an absolute URI")?;
    if uri.contains('#') {
        return Err("must not have a fragment (RFC 6749 section 3.1.2)");
    }
    if !is_plain(uri) {
        return Err("must not hold white space, control characters or a backslash");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or password");
    }
    // URIs are compared letter for letter, so a pattern would match nothing but itself.
    if uri.contains('*') {
        return Err("must not hold a wildcard: each URI is registered as a whole");
    }
    if has_dot_segment(uri) {
        return Err("must not have dot segments, which a browser takes away");
    }
    Ok(url)
}

fn is_plain(uri: &str) -> bool {
    !uri.contains('\\') && !uri.chars().any(|c| c.is_control() || c.is_whitespace())
}

fn has_dot_segment(uri: &str) -> bool {
    let path = uri.split('?').next().unwrap_or_default();
    let path = path.to_ascii_lowercase().replace("%2e", ".");
    path.split('/')
        .any(|segment| segment == "." || segment == "..")
}

fn is_public_or_loopback_v4(address: Ipv4Addr) -> bool {
    address.is_loopback()
        || !(address.is_private()
            || address.is_link_local()
            || address.is_unspecified()
            || address.is_broadcast()
            || address.is_multicast())
}

fn is_public_or_loopback_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_or_loopback_v4(mapped);
    }
    address.is_loopback()
        || !(address.is_unique_local()
            || address.is_unicast_link_local()
            || address.is_unspecified()
            || address.is_multicast())
}

/// Whether an address is one of the public Internet: none of this machine, of a private or
/// link-local network, or of a carrier's own, and none that stands for such a one.
#[must_use]
pub fn is_public_address(address: IpAddr) -> bool {
    let v4 = match address {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(v6) => v4_within(v6),
    };
    match (v4, address) {
        (Some(v4), _) => {
            // RFC 6598, and RFC 1122 section 3.2.1.3.
            let is_shared = matches!(v4.octets(), [100, second, ..] if second & 0xc0 == 64);
            let is_this_network = matches!(v4.octets(), [0, ..]);
            is_public_or_loopback_v4(v4) && !v4.is_loopback() && !is_shared && !is_this_network
        }
        (None, IpAddr::V6(v6)) => is_public_or_loopback_v6(v6) && !v6.is_loopback(),
        (None, IpAddr::V4(_)) => false,
    }
}

/// The IPv4 address that an IPv6 address leads to: mapped, translated (RFC 6052) or by 6to4.
fn v4_within(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(of(high, low))
        }
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

/// Names by which clouds serve their machines' credentials.
fn is_metadata_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "metadata" || name == "metadata.google.internal" || name == "instance-data"
}

#[cfg(test)]
mod tests {
    use super::{
        PrivateUseScheme, check_backchannel_uri, check_browser_uri, check_redirect_uri,
        check_resource_uri, host_of, is_public_address,
    };

    #[test]
    fn safe_redirect_uris_are_accepted() {
        for uri in [
            "https://portal.example.fr/callback?tenant=1",
            "https://portal.example.fr",
            "http://127.0.0.1:3000/cb",
            "http://[::1]:3000/cb",
            "fr.example.portal:/callback",
        ] {
            assert_eq!(check_redirect_uri(uri), Ok(()), "{uri}");
        }
    }

    /// Attack E4.
    #[test]
    fn unsafe_redirect_uris_cannot_be_registered() {
        for uri in [
            "javascript:alert(1)",
            "JavaScript://portal.example.fr/%0aalert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "vbscript:x",
            "about:blank",
            "blob:https://portal.example.fr/1",
            "http://portal.example.fr/cb",
            "http://127.0.0.1.evil.test/cb",
            "http://localhost.evil.test/cb",
            "https://portal.example.fr/cb#x",
            "https://portal.example.fr/cb#",
            "https://portal.example.fr\\@evil.test/",
            "https://user@portal.example.fr/cb",
            "https://*.example.fr/cb",
            "https://portal.example.fr/*",
            "https://portal.example.fr/cb/../open",
            "https://portal.example.fr/cb/%2e%2E/open",
            "https://portal.example.fr/ cb",
            "https://portal.example.fr/cb\n",
            // A host that is none (RFC 8252 section 7.1).
            "evil.app://portal.example.fr/cb",
            "evil.app:///cb",
            "/callback",
            "//portal.example.fr/cb",
            "",
        ] {
            assert!(check_redirect_uri(uri).is_err(), "{uri}");
        }
        let long = format!("https://portal.example.fr/{}", "x".repeat(2000));
        assert!(check_redirect_uri(&long).is_err());
    }

    #[test]
    fn a_scheme_of_ones_own_has_no_host() {
        let of_web = Some("portal.example.fr".to_owned());
        assert_eq!(host_of("https://portal.example.fr/cb"), of_web);
        assert_eq!(host_of("evil.app://portal.example.fr/cb"), None);
        assert_eq!(host_of("evil.app:/cb"), None);
    }

    #[test]
    fn a_scheme_of_ones_own_is_for_public_clients() {
        let uri = "fr.example.portal:/callback";
        assert!(check_browser_uri(uri, PrivateUseScheme::Allowed).is_ok());
        assert!(check_browser_uri(uri, PrivateUseScheme::Refused).is_err());
    }

    /// Attack H4.
    #[test]
    fn logout_tokens_are_not_posted_into_private_networks_by_number() {
        for (uri, accepted) in [
            ("https://portal.example.fr/logout", true),
            ("https://portal.hospital.internal/logout", true),
            ("http://127.0.0.1:8081/logout", true),
            ("https://[::1]/logout", true),
            ("https://93.184.216.34/logout", true),
            ("http://portal.example.fr/logout", false),
            ("fr.example.portal:/logout", false),
            ("https://169.254.169.254/latest/meta-data/", false),
            ("https://[fe80::1]/", false),
            ("https://[fd00:ec2::254]/", false),
            ("https://[::ffff:169.254.169.254]/", false),
            ("https://2852039166/", false),
            ("https://0xa9.0xfe.0xa9.0xfe/", false),
            ("https://10.0.0.1/", false),
            ("https://172.16.0.1/", false),
            ("https://192.168.1.1/", false),
            ("https://0.0.0.0/", false),
            ("https://metadata.google.internal./", false),
        ] {
            assert_eq!(check_backchannel_uri(uri).is_ok(), accepted, "{uri}");
        }
    }

    /// Attack H4.
    #[test]
    fn an_address_within_some_network_is_not_public() {
        for (address, is_public) in [
            ("93.184.216.34", true),
            ("2606:2800:21f::1", true),
            ("64:ff9b::5db8:d822", true),
            ("127.0.0.1", false),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("172.31.0.1", false),
            ("192.168.0.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fd00:ec2::254", false),
            ("::ffff:127.0.0.1", false),
            ("64:ff9b::a00:1", false),
            ("2002:7f00:1::", false),
        ] {
            let parsed = address.parse().unwrap();
            assert_eq!(is_public_address(parsed), is_public, "{address}");
        }
    }

    #[test]
    fn resources_are_absolute_uris_without_fragment() {
        for (uri, accepted) in [
            ("https://api.example.fr/v1", true),
            ("urn:example:api", true),
            ("https://api.example.fr/#v1", false),
            ("api.example.fr", false),
            ("/v1", false),
            ("https://api.example.fr/ v1", false),
        ] {
            assert_eq!(check_resource_uri(uri).is_ok(), accepted, "{uri}");
        }
    }
}

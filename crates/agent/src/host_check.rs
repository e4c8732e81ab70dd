//! The `Host` check: a name that somebody else's DNS points to this machine is not this machine.
//!
//! A page of evil.example whose name resolves to 127.0.0.1 (DNS rebinding) would be same-origin
//! with the agent in its browser's eyes; its requests still carry its own name in `Host`.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};

use crate::Error;

/// Checks that the request was addressed to this agent by one of its two names, exactly.
///
/// # Errors
/// [`Error::HostRefused`].
pub(crate) fn check_host(
    headers: &HeaderMap,
    authority: Option<&Authority>,
    port: u16,
) -> Result<(), Error> {
    let mut values = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (values.next(), values.next()) else {
        return Err(Error::HostRefused);
    };
    // A request target in absolute form names a host of its own (RFC 9112 section 3.2.2).
    let all_own = is_own(host.as_bytes(), port)
        && authority.is_none_or(|authority| is_own(authority.as_str().as_bytes(), port));
    if all_own {
        Ok(())
    } else {
        Err(Error::HostRefused)
    }
}

fn is_own(host: &[u8], port: u16) -> bool {
    ["127.0.0.1", "localhost"]
        .into_iter()
        .any(|name| host == format!("{name}:{port}").as_bytes())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_the_agents_own_two_names_pass() {
        let cases: &[(&[&str], bool)] = &[
            (&["127.0.0.1:47110"], true),
            (&["localhost:47110"], true),
            (&[], false),
            (&["evil.example:47110"], false),
            (&["127.0.0.1"], false),
            (&["127.0.0.1:47111"], false),
            (&["localhost.:47110"], false),
            (&["LOCALHOST:47110"], false),
            (&["127.0.0.1:47110.evil.example"], false),
            (&["127.1:47110"], false),
            (&["[::1]:47110"], false),
            (&["user@127.0.0.1:47110"], false),
            (&["127.0.0.1:47110", "127.0.0.1:47110"], false),
            (&["127.0.0.1:47110, evil.example"], false),
            (&[""], false),
        ];
        for (hosts, accepted) in cases {
            let mut headers = HeaderMap::new();
            for host in *hosts {
                headers.append(header::HOST, HeaderValue::from_static(host));
            }
            assert_eq!(
                check_host(&headers, None, 47_110).is_ok(),
                *accepted,
                "{hosts:?}"
            );
        }
    }

    #[test]
    fn a_foreign_name_in_the_request_target_is_refused() {
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, HeaderValue::from_static("127.0.0.1:47110"));
        let check = |authority: &'static str| {
            check_host(&headers, Some(&Authority::from_static(authority)), 47_110)
        };
        assert!(check("127.0.0.1:47110").is_ok());
        assert_eq!(
            check("evil.example:47110").unwrap_err().code(),
            "agent.host_refused"
        );
    }
}

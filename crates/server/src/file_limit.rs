//! The number of files and sockets that this process may have open.
//!
//! Each connection is one. Where the system allows fewer than the configuration promises,
//! people would be refused long before the server is full, and nobody would know why.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;
use crate::connection_limit::connections_max;

/// Files beside connections: the database, outbound connections.
const OTHERS: u64 = 1024;

/// Raises this process's limit as far as the configuration needs and the system allows, and tells
/// the operator when that is not far enough.
pub(crate) fn raise_file_limit(config: &Config) {
    let needed = connections_max(&config.limits, &config.presence) + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    let raised = raised(limit, needed);
    if raised.current != limit.current && setrlimit(Resource::Nofile, raised).is_err() {
        tracing::warn!(
            code = "server.file_limit_low",
            "the limit on open files cannot be raised"
        );
    }
    if let Some(allowed) = getrlimit(Resource::Nofile).current
        && allowed < needed
    {
        tracing::warn!(
            allowed,
            needed,
            code = "server.file_limit_low",
            "fewer files may be open than [presence] and limits.other_connections_max ask for"
        );
    }
}

/// No limit is `None`.
fn raised(limit: Rlimit, needed: u64) -> Rlimit {
    let wanted = limit.maximum.map_or(needed, |most| most.min(needed));
    Rlimit {
        current: limit.current.map(|current| current.max(wanted)),
        maximum: limit.maximum,
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::Rlimit;

    use super::raised;

    #[test]
    fn the_limit_is_raised_as_far_as_is_needed_and_allowed() {
        let cases = [
            ("room enough", (Some(1024), Some(4096)), 3000, Some(3000)),
            (
                "too little room",
                (Some(1024), Some(2048)),
                3000,
                Some(2048),
            ),
            ("no upper limit", (Some(1024), None), 3000, Some(3000)),
            ("high already", (Some(5000), Some(9000)), 3000, Some(5000)),
            ("unlimited", (None, None), 3000, None),
        ];
        for (name, (current, maximum), needed, expected) in cases {
            let after = raised(Rlimit { current, maximum }, needed);
            assert_eq!(after.current, expected, "{name}");
            assert_eq!(after.maximum, maximum, "{name}");
        }
    }
}

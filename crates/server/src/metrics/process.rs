//! What the system says of this process (Linux's `/proc`); nothing where it does not.

use std::fs;

use rustix::process::{Resource, getrlimit};

/// A look at this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) resident_bytes: Option<u64>,
    pub(super) open_fds: Option<u64>,
    pub(super) max_fds: Option<u64>,
    pub(super) threads: Option<u64>,
}

impl Process {
    pub(super) fn look() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let fds = fs::read_dir("/proc/self/fd").map(Iterator::count);
        Self {
            resident_bytes: field(&status, "VmRSS:")
                .map(|kibibytes| kibibytes.saturating_mul(1024)),
            max_fds: getrlimit(Resource::Nofile).current,
            threads: field(&status, "Threads:"),
            // One of them is the look itself.
            open_fds: fds
                .ok()
                .and_then(|count| u64::try_from(count.saturating_sub(1)).ok()),
        }
    }
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Process, field};

    #[test]
    fn a_process_sees_itself() {
        let look = Process::look();
        assert!(look.resident_bytes.unwrap() > 1024 * 1024);
        assert!(look.open_fds.unwrap() >= 3);
        assert!(look.threads.unwrap() >= 1);
        assert_eq!(field("VmRSS:\t  12 kB\n", "VmRSS:"), Some(12));
        assert_eq!(field("", "VmRSS:"), None);
    }
}

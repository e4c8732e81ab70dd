//! Processor time and memory, as the kernel counts them.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time of this thread: it stands still while the thread waits for its core.
pub(crate) fn of_thread() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(now).unwrap_or_default()
}

/// Bytes of this process that are in memory.
pub(crate) fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|it| it.parse().ok());
    pages.map_or(0, |pages: usize| pages * 4_096)
}

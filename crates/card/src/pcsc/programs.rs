//! Which programs are connected to the PC/SC service, to name the one that keeps the reader.
//!
//! The service does not tell who holds a card. On Linux the kernel tells who is connected to the
//! service's socket, and of this user's own programs, which process that is. Whoever keeps a card
//! is among them.

/// A program with a connection to the PC/SC service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProgramAtReader {
    /// Its process, where this user may know.
    pub pid: Option<u32>,
    /// What it calls itself, where this user may know. Text from outside: make it fit to be shown.
    pub name: Option<String>,
    /// Whether it runs for the same user as this process.
    pub own_user: bool,
}

/// The other programs that are connected to the PC/SC service now; this process is left out.
///
/// Empty where the system does not tell, which is everywhere but on Linux.
#[must_use]
pub fn programs_at_reader_service() -> Vec<ProgramAtReader> {
    #[cfg(target_os = "linux")]
    {
        linux::programs()
    }
    #[cfg(not(target_os = "linux"))]
    {
        Vec::new()
    }
}

#[cfg(target_os = "linux")]
mod linux;

//! Keeps the memory of an agent at rest small.
//!
//! glibc gives each thread that allocates a pool of its own (an arena), up to eight for each
//! processor, and keeps what is freed in there. Card calls, prompts and file checks run on threads
//! that come and go, so after some sign-ins several pools hold memory that nobody uses. The agent
//! has no work that many threads would allocate for at once: one pool will do. `mallopt`
//! (mallopt(3)) has no binding without `unsafe`; variables of the environment would reach a service
//! alone.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "glibc's settings have no other interface")
)]

/// Freed memory at the end of the heap beyond this goes back to the system.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const TRIM_BYTES: std::ffi::c_int = 64 * 1024;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    use std::ffi::c_int;

    pub(super) const M_TRIM_THRESHOLD: c_int = -1;
    pub(super) const M_ARENA_MAX: c_int = -8;

    unsafe extern "C" {
        pub(super) safe fn mallopt(parameter: c_int, value: c_int) -> c_int;
    }
}

/// One pool for all threads, which gives back what it does not need. To be called before there are
/// threads; elsewhere than on glibc it changes nothing.
pub fn keep_small() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // An allocator that refuses stays as it was, which costs memory alone.
        let _ = glibc::mallopt(glibc::M_ARENA_MAX, 1);
        let _ = glibc::mallopt(glibc::M_TRIM_THRESHOLD, TRIM_BYTES);
    }
}

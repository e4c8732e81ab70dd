//! The system calls behind the functions that are intercepted here: the functions themselves would
//! lead back to us.

#![expect(
    unsafe_code,
    reason = "system calls are asked for by number; each takes the caller's own arguments"
)]

use libc::{c_char, c_int, c_long, c_uint, c_void, iovec, mode_t, off_t, size_t, ssize_t};

fn narrow(result: c_long) -> c_int {
    c_int::try_from(result).unwrap_or(-1)
}

fn count(result: c_long) -> ssize_t {
    ssize_t::try_from(result).unwrap_or(-1)
}

pub(crate) unsafe fn openat(
    folder: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    narrow(unsafe { libc::syscall(libc::SYS_openat, folder, path, flags, mode) })
}

pub(crate) unsafe fn write(file: c_int, bytes: *const c_void, length: size_t) -> ssize_t {
    count(unsafe { libc::syscall(libc::SYS_write, file, bytes, length) })
}

pub(crate) unsafe fn pwrite(
    file: c_int,
    bytes: *const c_void,
    length: size_t,
    offset: off_t,
) -> ssize_t {
    count(unsafe { libc::syscall(libc::SYS_pwrite64, file, bytes, length, offset) })
}

pub(crate) unsafe fn writev(file: c_int, parts: *const iovec, length: c_int) -> ssize_t {
    count(unsafe { libc::syscall(libc::SYS_writev, file, parts, length) })
}

pub(crate) unsafe fn ftruncate(file: c_int, size: off_t) -> c_int {
    narrow(unsafe { libc::syscall(libc::SYS_ftruncate, file, size) })
}

pub(crate) unsafe fn unlinkat(folder: c_int, path: *const c_char, flags: c_int) -> c_int {
    narrow(unsafe { libc::syscall(libc::SYS_unlinkat, folder, path, flags) })
}

pub(crate) unsafe fn renameat2(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    let number = libc::SYS_renameat2;
    narrow(unsafe { libc::syscall(number, from_folder, from, to_folder, to, flags) })
}

pub(crate) unsafe fn linkat(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    let number = libc::SYS_linkat;
    narrow(unsafe { libc::syscall(number, from_folder, from, to_folder, to, flags) })
}

pub(crate) fn fsync(file: c_int) -> c_int {
    narrow(unsafe { libc::syscall(libc::SYS_fsync, file) })
}

pub(crate) fn fdatasync(file: c_int) -> c_int {
    narrow(unsafe { libc::syscall(libc::SYS_fdatasync, file) })
}

pub(crate) fn sync_file_range(file: c_int, from: off_t, length: off_t, flags: c_uint) -> c_int {
    narrow(unsafe { libc::syscall(libc::SYS_sync_file_range, file, from, length, flags) })
}

/// Where the next write of this descriptor goes.
pub(crate) fn position(file: c_int) -> off_t {
    unsafe { libc::lseek(file, 0, libc::SEEK_CUR) }
}

/// Says that a call is not there, so that the caller takes one that is followed.
pub(crate) fn not_there() {
    unsafe { *libc::__errno_location() = libc::ENOSYS };
}

/// Ends the program as a power cut does.
pub(crate) fn end() -> ! {
    loop {
        unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    }
}

//! The functions of the C library that a program reaches its files by, as far as SQLite and our
//! programs use them.
//!
//! Each does what it is asked, on the real file, and notes it. A flush is noted alone.

#![expect(
    unsafe_code,
    reason = "functions of the C library are taken over under their own names; each takes what the \
              caller would have given to the C library, and dereferences nothing that it would not"
)]

use std::slice;

use libc::{
    AT_FDCWD, O_CREAT, O_RDWR, O_TRUNC, O_WRONLY, c_char, c_int, c_uint, c_void, iovec, mode_t,
    off_t, size_t, ssize_t,
};

use crate::disk::{Change, FileId, Naming};
use crate::power::{Open, Power};
use crate::raw;

/// `open` and `openat` take the mode as a further argument where they may make a file. One that is
/// not given is whatever the register holds, and is not looked at.
#[unsafe(no_mangle)]
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    unsafe { opened(AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    unsafe { opened(AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat(
    folder: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    unsafe { opened(folder, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat64(
    folder: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    unsafe { opened(folder, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn creat(path: *const c_char, mode: mode_t) -> c_int {
    unsafe { opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn creat64(path: *const c_char, mode: mode_t) -> c_int {
    unsafe { opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode) }
}

unsafe fn opened(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let is_for_writing = flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC) != 0;
    let mode = if flags & (O_CREAT | libc::O_TMPFILE) == 0 {
        0
    } else {
        mode
    };
    let call = || unsafe { raw::openat(folder, path, flags | libc::O_LARGEFILE, mode) };
    if !is_for_writing {
        return call();
    }
    let Some(mut power) = Power::take() else {
        return call();
    };
    let Some(place) = power.place(folder, path) else {
        drop(power);
        return call();
    };
    let before = power.there(&place);
    if before.is_none() || flags & O_TRUNC != 0 {
        power.tick();
    }
    let file = call();
    match before {
        _ if file < 0 => {}
        None => power.made(&place, file),
        Some(id) if flags & O_TRUNC != 0 => power.change(id, Change::Resize(0)),
        Some(_) => {}
    }
    file
}

/// The disk and a file on it, where the descriptor is one; the count of what is done goes on.
fn followed(descriptor: c_int) -> Option<(Power, FileId)> {
    let mut power = Power::take()?;
    match power.open(descriptor)? {
        Open::File(id) => {
            power.tick();
            Some((power, id))
        }
        Open::Folder(_) => None,
    }
}

fn note(power: &mut Power, id: FileId, offset: Option<off_t>, bytes: &[u8]) {
    if let Some(offset) = offset.and_then(|it| usize::try_from(it).ok()) {
        let bytes = bytes.to_vec();
        power.change(id, Change::Write { offset, bytes });
    }
}

unsafe fn given<'a>(bytes: *const c_void, written: ssize_t) -> &'a [u8] {
    match usize::try_from(written) {
        Ok(length) if length > 0 => unsafe { slice::from_raw_parts(bytes.cast(), length) },
        _ => &[],
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn write(file: c_int, bytes: *const c_void, length: size_t) -> ssize_t {
    let call = || unsafe { raw::write(file, bytes, length) };
    let Some((mut power, id)) = followed(file) else {
        return call();
    };
    let written = call();
    if written > 0 {
        let begin = off_t::try_from(written).ok();
        let begin = begin.and_then(|written| raw::position(file).checked_sub(written));
        note(&mut power, id, begin, unsafe { given(bytes, written) });
    }
    written
}

unsafe fn written_at(file: c_int, bytes: *const c_void, length: size_t, offset: off_t) -> ssize_t {
    let call = || unsafe { raw::pwrite(file, bytes, length, offset) };
    let Some((mut power, id)) = followed(file) else {
        return call();
    };
    let written = call();
    if written > 0 {
        note(&mut power, id, Some(offset), unsafe {
            given(bytes, written)
        });
    }
    written
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite(
    file: c_int,
    bytes: *const c_void,
    length: size_t,
    offset: off_t,
) -> ssize_t {
    unsafe { written_at(file, bytes, length, offset) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(
    file: c_int,
    bytes: *const c_void,
    length: size_t,
    offset: off_t,
) -> ssize_t {
    unsafe { written_at(file, bytes, length, offset) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn writev(file: c_int, parts: *const iovec, count: c_int) -> ssize_t {
    let call = || unsafe { raw::writev(file, parts, count) };
    let Some((mut power, id)) = followed(file) else {
        return call();
    };
    let written = call();
    if let (Ok(mut left), Ok(count)) = (usize::try_from(written), usize::try_from(count)) {
        let end = raw::position(file);
        let mut bytes = Vec::new();
        for part in unsafe { slice::from_raw_parts(parts, count) } {
            let length = part.iov_len.min(left);
            left -= length;
            let length = ssize_t::try_from(length).unwrap_or_default();
            bytes.extend_from_slice(unsafe { given(part.iov_base, length) });
        }
        let begin = off_t::try_from(bytes.len()).ok();
        let begin = begin.and_then(|written| end.checked_sub(written));
        note(&mut power, id, begin, &bytes);
    }
    written
}

unsafe fn resized(file: c_int, size: off_t) -> c_int {
    let Some((mut power, id)) = followed(file) else {
        return unsafe { raw::ftruncate(file, size) };
    };
    let outcome = unsafe { raw::ftruncate(file, size) };
    if let (0, Ok(size)) = (outcome, usize::try_from(size)) {
        power.change(id, Change::Resize(size));
    }
    outcome
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate(file: c_int, size: off_t) -> c_int {
    unsafe { resized(file, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate64(file: c_int, size: off_t) -> c_int {
    unsafe { resized(file, size) }
}

fn flushed(descriptor: c_int) -> Option<c_int> {
    let mut power = Power::take()?;
    let open = power.open(descriptor)?;
    power.tick();
    match open {
        Open::File(id) => power.flush_file(id),
        Open::Folder(folder) => power.flush_folder(&folder),
    }
    Some(0)
}

#[unsafe(no_mangle)]
extern "C" fn fsync(file: c_int) -> c_int {
    flushed(file).unwrap_or_else(|| raw::fsync(file))
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(file: c_int) -> c_int {
    flushed(file).unwrap_or_else(|| raw::fdatasync(file))
}

/// Makes nothing durable, as its manual says: it flushes no sizes, and no disk's own memory.
#[unsafe(no_mangle)]
extern "C" fn sync_file_range(file: c_int, from: off_t, length: off_t, flags: c_uint) -> c_int {
    match followed(file) {
        Some(_) => 0,
        None => raw::sync_file_range(file, from, length, flags),
    }
}

/// Whoever copies within the kernel is told to read and write instead.
#[unsafe(no_mangle)]
extern "C" fn copy_file_range(
    _from: c_int,
    _from_offset: *mut off_t,
    _to: c_int,
    _to_offset: *mut off_t,
    _length: size_t,
    _flags: c_uint,
) -> ssize_t {
    raw::not_there();
    -1
}

unsafe fn unlinked(folder: c_int, path: *const c_char, flags: c_int) -> c_int {
    let call = || unsafe { raw::unlinkat(folder, path, flags) };
    let Some(mut power) = Power::take() else {
        return call();
    };
    let place = power.place(folder, path);
    let Some(place) = place.filter(|it| power.there(it).is_some()) else {
        drop(power);
        return call();
    };
    power.tick();
    let last = power.last_name(&place);
    let outcome = call();
    if outcome == 0 {
        power.forget(last);
        power.rename(&place.folder, Naming::Gone(place.name));
    }
    outcome
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    unsafe { unlinked(AT_FDCWD, path, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlinkat(folder: c_int, path: *const c_char, flags: c_int) -> c_int {
    unsafe { unlinked(folder, path, flags) }
}

unsafe fn renamed(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    let call = || unsafe { raw::renameat2(from_folder, from, to_folder, to, flags) };
    let Some(mut power) = Power::take() else {
        return call();
    };
    let places = power
        .place(from_folder, from)
        .zip(power.place(to_folder, to));
    let found = places.and_then(|(from, to)| Some((power.there(&from)?, from, to)));
    let Some((id, from, to)) = found else {
        drop(power);
        return call();
    };
    power.tick();
    let last = power.last_name(&to);
    let outcome = call();
    if outcome == 0 {
        power.forget(last);
        if from.folder == to.folder {
            power.rename(&from.folder, Naming::Renamed(from.name, to.name, id));
        } else {
            power.rename(&to.folder, Naming::Named(to.name, id));
            power.rename(&from.folder, Naming::Gone(from.name));
        }
    }
    outcome
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    unsafe { renamed(AT_FDCWD, from, AT_FDCWD, to, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn renameat(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
) -> c_int {
    unsafe { renamed(from_folder, from, to_folder, to, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn renameat2(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    unsafe { renamed(from_folder, from, to_folder, to, flags) }
}

unsafe fn linked(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    let call = || unsafe { raw::linkat(from_folder, from, to_folder, to, flags) };
    let Some(mut power) = Power::take() else {
        return call();
    };
    let places = power
        .place(from_folder, from)
        .zip(power.place(to_folder, to));
    let found = places.and_then(|(from, to)| Some((power.there(&from)?, to)));
    let Some((id, to)) = found else {
        drop(power);
        return call();
    };
    power.tick();
    let outcome = call();
    if outcome == 0 {
        power.rename(&to.folder, Naming::Named(to.name, id));
    }
    outcome
}

#[unsafe(no_mangle)]
unsafe extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    unsafe { linked(AT_FDCWD, from, AT_FDCWD, to, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn linkat(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    unsafe { linked(from_folder, from, to_folder, to, flags) }
}

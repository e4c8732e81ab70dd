//! The one disk of this program, and when its power is cut.

use std::cell::Cell;
use std::collections::HashMap;
use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::chance::Chance;
use crate::disk::{Change, Disk, FileId, Naming};
use crate::raw;

thread_local! {
    /// Whether this thread is at work in here: what it does then is not the program's.
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// The disk, held: nobody else writes meanwhile.
pub(crate) struct Power {
    state: MutexGuard<'static, State>,
}

struct State {
    root: PathBuf,
    device: u64,
    after: Option<u64>,
    file: Option<PathBuf>,
    report: Option<PathBuf>,
    chance: Chance,
    operations: u64,
    disk: Disk,
    by_inode: HashMap<u64, FileId>,
}

/// What a descriptor is.
pub(crate) enum Open {
    File(FileId),
    Folder(PathBuf),
}

/// A name in a folder of the disk.
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) name: OsString,
}

impl Place {
    fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }
}

impl Power {
    /// Takes the disk; none where nothing is followed, or for what is done in here.
    pub(crate) fn take() -> Option<Self> {
        static STATE: OnceLock<Option<Mutex<State>>> = OnceLock::new();
        if IS_INSIDE.replace(true) {
            return None;
        }
        let state = STATE.get_or_init(|| State::begin().map(Mutex::new));
        let Some(state) = state else {
            IS_INSIDE.set(false);
            return None;
        };
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Self { state })
    }

    /// What stands behind a descriptor, where it is followed.
    pub(crate) fn open(&self, descriptor: c_int) -> Option<Open> {
        let state = &*self.state;
        let metadata = metadata_of(descriptor)?;
        if metadata.dev() != state.device {
            return None;
        }
        if metadata.is_dir() {
            let path = fs::read_link(format!("/proc/self/fd/{descriptor}")).ok()?;
            return path.starts_with(&state.root).then_some(Open::Folder(path));
        }
        if !metadata.is_file() {
            return None;
        }
        state.by_inode.get(&metadata.ino()).copied().map(Open::File)
    }

    /// Where a path leads, if it is on the disk; `-shm` is not.
    pub(crate) fn place(&self, folder: c_int, path: *const c_char) -> Option<Place> {
        let path = path_of(path)?;
        let base = match (path.is_absolute(), folder) {
            (true, _) => PathBuf::from("/"),
            (false, libc::AT_FDCWD) => std::env::current_dir().ok()?,
            (false, folder) => fs::read_link(format!("/proc/self/fd/{folder}")).ok()?,
        };
        let whole = base.join(path);
        let name = whole.file_name()?.to_owned();
        let folder = fs::canonicalize(whole.parent()?).ok()?;
        let is_followed =
            folder.starts_with(&self.state.root) && !name.as_bytes().ends_with(b"-shm");
        is_followed.then_some(Place { folder, name })
    }

    /// Counts what the program does to the disk, and cuts the power where that is the moment.
    pub(crate) fn tick(&mut self) {
        let state = &mut *self.state;
        state.operations += 1;
        let is_over = state.after.is_some_and(|after| state.operations > after);
        if is_over || state.file.as_ref().is_some_and(|file| file.exists()) {
            state.cut();
        }
    }

    /// The file of a place as it stands: one that somebody else made is durable.
    pub(crate) fn there(&mut self, place: &Place) -> Option<FileId> {
        self.state.there(place)
    }

    /// A file was made.
    pub(crate) fn made(&mut self, place: &Place, descriptor: c_int) {
        let state = &mut *self.state;
        if let Some(metadata) = metadata_of(descriptor).filter(fs::Metadata::is_file) {
            let mode = metadata.mode() & 0o7777;
            let id = state.disk.create(&place.folder, &place.name, mode);
            state.by_inode.insert(metadata.ino(), id);
        }
    }

    pub(crate) fn change(&mut self, id: FileId, change: Change) {
        self.state.disk.change(id, change);
    }

    pub(crate) fn flush_file(&mut self, id: FileId) {
        self.state.disk.flush_file(id);
    }

    pub(crate) fn flush_folder(&mut self, folder: &Path) {
        self.state.disk.flush_folder(folder);
    }

    /// A name was given, taken away or moved.
    pub(crate) fn rename(&mut self, folder: &Path, naming: Naming) {
        self.state.disk.rename(folder, naming);
    }

    /// The inode of a name that is about to lose its last one: its number may be another file's
    /// soon.
    pub(crate) fn last_name(&self, place: &Place) -> Option<u64> {
        let metadata = fs::symlink_metadata(place.path()).ok()?;
        (metadata.is_file() && metadata.nlink() == 1).then_some(metadata.ino())
    }

    pub(crate) fn forget(&mut self, inode: Option<u64>) {
        if let Some(inode) = inode {
            self.state.by_inode.remove(&inode);
        }
    }
}

impl Drop for Power {
    fn drop(&mut self) {
        IS_INSIDE.set(false);
    }
}

impl State {
    fn begin() -> Option<Self> {
        let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let number = |name: &str| std::env::var(name).ok()?.parse().ok();
        let root = fs::canonicalize(path("CARDEA_POWER_LOSS_FOLDER")?).ok()?;
        let device = fs::metadata(&root).ok()?.dev();
        let mut state = Self {
            device,
            after: number("CARDEA_POWER_LOSS_AFTER"),
            file: path("CARDEA_POWER_LOSS_FILE"),
            report: path("CARDEA_POWER_LOSS_REPORT"),
            chance: Chance::new(number("CARDEA_POWER_LOSS_SEED").unwrap_or_default()),
            operations: 0,
            disk: Disk::default(),
            by_inode: HashMap::new(),
            root: root.clone(),
        };
        state.look_over(&root);
        Some(state)
    }

    /// What is there at the start is durable.
    fn look_over(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                self.look_over(&entry.path());
            }
            let (folder, name) = (folder.to_owned(), entry.file_name());
            if !kind.is_file() || name.as_bytes().ends_with(b"-shm") {
                continue;
            }
            let place = Place { folder, name };
            if let Some(id) = self.there(&place) {
                self.disk.find_name(&place.folder, &place.name, id);
            }
        }
    }

    fn there(&mut self, place: &Place) -> Option<FileId> {
        let metadata = fs::symlink_metadata(place.path()).ok()?;
        if !metadata.is_file() {
            return None;
        }
        if let Some(id) = self.by_inode.get(&metadata.ino()) {
            return Some(*id);
        }
        let bytes = fs::read(place.path()).ok()?;
        let mode = metadata.mode() & 0o7777;
        let (folder, name): (&Path, &OsStr) = (&place.folder, &place.name);
        let id = self.disk.find(folder, name, mode, bytes);
        self.by_inode.insert(metadata.ino(), id);
        Some(id)
    }

    /// Leaves the folder as it is found after a power cut, and ends the program.
    fn cut(&mut self) -> ! {
        let (bytes, names) = self.disk.at_stake();
        let disk = std::mem::take(&mut self.disk);
        let folders: Vec<_> = disk.folders().map(Path::to_owned).collect();
        for folder in folders {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|it| it.is_file()) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
        for remains in disk.cut(&mut self.chance) {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let written = options.open(&remains.file).and_then(|mut file| {
                file.write_all(&remains.bytes)?;
                file.set_permissions(fs::Permissions::from_mode(remains.mode))
            });
            if let Err(error) = written {
                let _ = writeln!(
                    std::io::stderr(),
                    "the power cut cannot leave {}: {error}",
                    remains.file.display()
                );
            }
        }
        if let Some(report) = &self.report {
            let operations = self.operations;
            let told = format!("operations {operations}\nbytes {bytes}\nnames {names}\n");
            let _ = fs::write(report, told);
        }
        raw::end()
    }
}

#[expect(
    unsafe_code,
    reason = "the program's own descriptor is looked at, and stays open"
)]
fn metadata_of(descriptor: c_int) -> Option<fs::Metadata> {
    if descriptor < 0 {
        return None;
    }
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) });
    file.metadata().ok()
}

#[expect(
    unsafe_code,
    reason = "a path of the program's: the kernel will read it in the same way"
)]
fn path_of<'a>(path: *const c_char) -> Option<&'a Path> {
    if path.is_null() {
        return None;
    }
    let text = unsafe { CStr::from_ptr(path) };
    Some(Path::new(OsStr::from_bytes(text.to_bytes())))
}

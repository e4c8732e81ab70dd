use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::{Change, Disk, Naming, Remains, sectors};
use crate::chance::Chance;

const FOLDER: &str = "/data";

fn folder() -> &'static Path {
    Path::new(FOLDER)
}

fn write(offset: usize, bytes: &[u8]) -> Change {
    let bytes = bytes.to_vec();
    Change::Write { offset, bytes }
}

/// What is found in so many cuts of the same moment.
fn cuts(made: impl Fn() -> Disk) -> Vec<Vec<Remains>> {
    let cut = |seed| made().cut(&mut Chance::new(seed));
    (0..200).map(cut).collect()
}

#[test]
fn what_was_flushed_is_always_there() {
    let made = || {
        let mut disk = Disk::default();
        let id = disk.create(folder(), OsStr::new("a"), 0o600);
        disk.change(id, write(0, b"kept"));
        disk.flush_file(id);
        disk.flush_folder(folder());
        disk
    };
    assert_eq!(made().at_stake(), (0, 0));
    let file = PathBuf::from("/data/a");
    for remains in cuts(made) {
        let bytes = b"kept".to_vec();
        let file = file.clone();
        let mode = 0o600;
        assert_eq!(remains, [Remains { file, mode, bytes }]);
    }
}

#[test]
fn of_what_was_not_flushed_anything_may_be_there() {
    let made = || {
        let mut disk = Disk::default();
        let id = disk.find(folder(), OsStr::new("a"), 0o600, vec![b'.'; 2 * 512]);
        disk.find_name(folder(), OsStr::new("a"), id);
        assert_eq!(disk.folders().collect::<Vec<_>>(), [folder()]);
        disk.change(id, write(256, &[b'x'; 512]));
        disk.change(id, Change::Resize(600));
        disk
    };
    assert_eq!(made().at_stake(), (512, 0));
    let mut seen = Vec::new();
    for remains in cuts(made) {
        let bytes = &remains.first().unwrap().bytes;
        assert!(bytes.len() == 1024 || bytes.len() == 600);
        assert!(bytes[..256].iter().all(|it| *it == b'.'));
        // A sector is never torn.
        assert!(bytes[256..512].iter().all(|it| *it == bytes[256]));
        assert!(bytes[512..600].iter().all(|it| *it == bytes[512]));
        let kind = (bytes.len(), bytes[256], bytes[512]);
        if !seen.contains(&kind) {
            seen.push(kind);
        }
    }
    assert!(seen.len() >= 6, "{seen:?}");
}

#[test]
fn a_name_lasts_once_its_folder_was_flushed() {
    let made = |is_flushed: bool| {
        move || {
            let mut disk = Disk::default();
            let old = disk.find(folder(), OsStr::new("state"), 0o600, b"old".to_vec());
            assert_eq!(disk.files.len(), 1);
            let new = disk.create(folder(), OsStr::new("new"), 0o600);
            disk.change(new, write(0, b"new"));
            disk.flush_file(new);
            let names = ("new".into(), "state".into());
            disk.rename(folder(), Naming::Renamed(names.0, names.1, new));
            if is_flushed {
                disk.flush_folder(folder());
            }
            assert_ne!(old, new);
            disk
        }
    };
    let content = |remains: &[Remains]| {
        let mut all = remains.iter();
        let state = all.find(|it| it.file.ends_with("state")).unwrap();
        (state.bytes.clone(), remains.len())
    };
    let mut seen = Vec::new();
    for remains in cuts(made(false)) {
        let found = content(&remains);
        if !seen.contains(&found) {
            seen.push(found);
        }
    }
    seen.sort();
    let (new, old) = (b"new".to_vec(), b"old".to_vec());
    assert_eq!(seen, [(new.clone(), 1), (old.clone(), 1), (old, 2)]);
    for remains in cuts(made(true)) {
        assert_eq!(content(&remains), (new.clone(), 1));
    }
}

#[test]
fn what_was_removed_may_come_back() {
    let made = || {
        let mut disk = Disk::default();
        disk.find(folder(), OsStr::new("a"), 0o600, b"there".to_vec());
        disk.rename(folder(), Naming::Gone("a".into()));
        disk
    };
    let found: Vec<_> = cuts(made).iter().map(Vec::len).collect();
    assert!(found.contains(&0) && found.contains(&1));
}

#[test]
fn a_write_is_divided_where_sectors_are() {
    let bytes = [1; 1000];
    let pieces: Vec<_> = sectors(500, &bytes)
        .into_iter()
        .map(|(at, piece)| (at, piece.len()))
        .collect();
    assert_eq!(pieces, [(500, 12), (512, 512), (1024, 476)]);
    assert!(sectors(3, &[]).is_empty());
}

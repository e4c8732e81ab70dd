//! Where a system keeps OpenSC's PKCS#11 module: each architecture and distribution elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

const FILE: &str = "opensc-pkcs11.so";

/// The installed module.
pub(crate) fn installed() -> PathBuf {
    let found = find_below(Path::new("/"));
    assert!(
        found.is_some(),
        "{FILE} is in no library folder; on Debian: apt install opensc-pkcs11"
    );
    found.unwrap()
}

/// In the library folders of a system, and in the folders inside them: Debian's `TRIPLET`, the
/// `pkcs11` of Fedora and openSUSE.
fn find_below(root: &Path) -> Option<PathBuf> {
    ["usr/lib64", "usr/lib", "usr/local/lib"]
        .into_iter()
        .map(|folder| root.join(folder))
        .flat_map(|folder| {
            let inside = fs::read_dir(&folder).into_iter().flatten().flatten();
            let mut inside: Vec<_> = inside.map(|entry| entry.path()).collect();
            inside.sort();
            std::iter::once(folder).chain(inside)
        })
        .map(|folder| folder.join(FILE))
        .find(|file| file.is_file())
}

#[test]
fn the_module_is_found_in_the_folders_of_each_system() {
    for folder in [
        "usr/lib/x86_64-linux-gnu",
        "usr/lib/aarch64-linux-gnu",
        "usr/lib/arm-linux-gnueabihf",
        "usr/lib64/pkcs11",
        "usr/lib64",
        "usr/lib",
        "usr/local/lib",
    ] {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(find_below(root.path()), None);
        let file = root.path().join(folder).join(FILE);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "").unwrap();
        assert_eq!(find_below(root.path()), Some(file));
    }
}

//! The program, whose power is cut (attack H18): whatever it cosigned it knows again, from the
//! disk that is left.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicU64;

use cardea_witness::{Error, Witness};

use super::durability::{Serving, drive, start_with};
use super::parts::{Log, ORIGIN, TIME, prepare};

const CUTS: u64 = 20;

/// Builds what cuts the power, beside the program under test.
fn library() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "-p", "cardea-power-loss"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(built.success());
    let program = Path::new(env!("CARGO_BIN_EXE_cardea-witness"));
    program.with_file_name("libcardea_power_loss.so")
}

#[test]
fn what_was_cosigned_is_known_after_a_power_cut() {
    let (parent, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    log.grow(20_000, "honest");
    let folder = parent.path().join("disk");
    std::fs::create_dir(&folder).unwrap();
    let config = prepare(&folder, &log.signer.verifier().to_string(), ORIGIN);
    let mut other = Log::signing_with(log.signer.clone());
    other.grow(20_001, "rewritten");
    let other = other.request(20_001, 20_001);
    let library = library();
    let (mut known, mut all) = (0, 0);
    for seed in 0..CUTS {
        let number = |number: u64| OsString::from(number.to_string());
        let environment = [
            ("LD_PRELOAD", library.clone().into_os_string()),
            ("CARDEA_POWER_LOSS_FOLDER", folder.clone().into_os_string()),
            ("CARDEA_POWER_LOSS_SEED", number(seed)),
            ("CARDEA_POWER_LOSS_AFTER", number(seed * 11 % 90)),
        ];
        let cosigned = AtomicU64::new(known);
        if let Some(Serving { mut child, address }) = start_with(&folder, &environment) {
            drive(address, &log, known, &cosigned);
            let ended = child.wait().unwrap();
            assert!(ended.code().is_none(), "it lives on: {ended}");
        }
        let acknowledged = cosigned.into_inner();
        all += acknowledged - known;
        let witness = Witness::open(&config).unwrap();
        // Asked with an old size that it can't have, it says which one it has.
        known = match witness.cosign(other.as_bytes(), TIME) {
            Err(Error::SizeConflict { known, .. }) => known,
            outcome => panic!("{outcome:?}"),
        };
        assert!(
            known >= acknowledged,
            "{acknowledged} were cosigned, {known} are known"
        );
    }
    assert!(all > CUTS, "next to nothing was cosigned: {all}");
}

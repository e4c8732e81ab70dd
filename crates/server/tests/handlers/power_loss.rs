//! A server on SQLite whose power is cut: whatever somebody was told is on the disk that is left,
//! and the log verifies (attack H18).
//!
//! The real program runs under `cardea-power-loss`, which keeps of its folder only what was
//! flushed, and of the rest what chance leaves (`crates/power-loss` shows that it finds who does
//! not flush). `CARDEA_POWER_CUTS=1000 CARDEA_SEED=7` makes it a long run of its own.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::killed::{Given, next};
use crate::killed_often::{People, Witness, asked_for, changes, verifies, work};
use crate::program::Program;
use crate::test_app::TestApp;

const SEED: u64 = 0x0070_6f77;
const CUTS: u64 = 24;
/// Every so many lives people log in by card, and the log is verified.
const CARDS_EVERY: u64 = 6;

/// Builds what cuts the power, beside the program under test.
fn library() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "-p", "cardea-power-loss"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(built.success());
    let folder = Path::new(env!("CARGO_BIN_EXE_cardea")).parent().unwrap();
    let library = folder.join("libcardea_power_loss.so");
    assert!(library.is_file(), "{}", library.display());
    library
}

/// A disk that ends with the power of one life.
struct Disk {
    library: PathBuf,
    cut: PathBuf,
    report: PathBuf,
    _beside: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        let beside = tempfile::tempdir().unwrap();
        Self {
            library: library(),
            cut: beside.path().join("cut"),
            report: beside.path().join("report"),
            _beside: beside,
        }
    }

    fn environment(&self, folder: &Path, seed: u64, after: Option<u64>) -> Vec<(&str, OsString)> {
        let _ = fs::remove_file(&self.cut);
        let _ = fs::remove_file(&self.report);
        let mut environment = vec![
            ("LD_PRELOAD", self.library.clone().into_os_string()),
            ("CARDEA_POWER_LOSS_FOLDER", folder.as_os_str().to_owned()),
            ("CARDEA_POWER_LOSS_SEED", seed.to_string().into()),
            ("CARDEA_POWER_LOSS_FILE", self.cut.clone().into_os_string()),
            (
                "CARDEA_POWER_LOSS_REPORT",
                self.report.clone().into_os_string(),
            ),
        ];
        if let Some(after) = after {
            environment.push(("CARDEA_POWER_LOSS_AFTER", after.to_string().into()));
        }
        environment
    }

    fn cut(&self) {
        fs::write(&self.cut, "").unwrap();
    }

    /// Whether anything was not flushed when the power went; none where it did not go.
    fn was_at_stake(&self) -> Option<bool> {
        let report = fs::read_to_string(&self.report).ok()?;
        Some(!report.ends_with("bytes 0\nnames 0\n"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_somebody_was_told_is_lost_with_the_power() {
    let app = TestApp::start_with(changes()).await;
    let address = Program::unused_address().await;
    let app = app.handed_to(format!("http://{address}"));
    let disk = Disk::new();
    let (cuts, seed) = (
        asked_for("CARDEA_POWER_CUTS", CUTS),
        asked_for("CARDEA_SEED", SEED),
    );
    let (mut seed, mut at_stake, mut all) = (seed, 0, Vec::new());
    for life in 0..cuts {
        // One in four loses its power at its start, or soon after.
        let after = (life % 4 == 3).then(|| 1 + next(&mut seed) % 120);
        let environment = disk.environment(app.folder(), next(&mut seed), after);
        let started = Program::start_with(app.folder(), &address, &environment).await;
        if let Some(mut program) = started {
            let given = live(
                &app,
                &disk,
                &mut seed,
                after.is_none() && life.is_multiple_of(CARDS_EVERY),
            );
            all.extend(given.await.jtis);
            program.died().await;
        }
        at_stake += u64::from(disk.was_at_stake().expect("its power was cut"));
        // The next life finds the disk as it is; this one is looked at in a copy.
        let copy = copy_of(app.folder());
        let witness = Witness::of_file(&copy.path().join("cardea.sqlite")).await;
        witness.knows_tokens(&all).await;
        witness.knows_events(&all).await;
        witness.leave().await;
        if life.is_multiple_of(CARDS_EVERY) {
            let _program = Program::start(app.folder(), &address).await;
            verifies(&app).await;
        }
    }
    println!(
        "{cuts} cuts, {at_stake} with something at stake, {} tokens given out",
        all.len()
    );
    assert!(all.len() > 20, "the load was none: {}", all.len());
    assert!(at_stake > cuts / 4, "there was next to nothing to lose");
    let _program = Program::start(app.folder(), &address).await;
    verifies(&app).await;
}

/// A while of work, in the midst of which the power goes.
async fn live(app: &TestApp, disk: &Disk, seed: &mut u64, with_cards: bool) -> Given {
    let given = RefCell::new(Given::default());
    let people = match with_cards {
        true => Some(People::come(app).await),
        false => None,
    };
    let until = Duration::from_millis(20 + next(seed) % 400);
    let cut = async {
        tokio::time::sleep(until).await;
        disk.cut();
    };
    tokio::join!(work(app, people, &given), cut);
    given.into_inner()
}

/// Database and log, as the power cut left them.
fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["cardea.sqlite", "cardea.sqlite-wal"] {
        let from = folder.join(name);
        if from.exists() {
            fs::copy(from, copy.path().join(name)).unwrap();
        }
    }
    copy
}

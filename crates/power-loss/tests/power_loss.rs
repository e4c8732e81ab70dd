//! Programs that lose their power (attack H18): one that flushes keeps all that it told of, and one
//! that does not is caught, else nothing would be proven.

// Marked as test code so that the lints' exceptions for tests hold.
#[cfg(test)]
mod power_loss {
    use std::fs::{self, File};
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};

    use rusqlite::Connection;

    const FOLDER: &str = "CARDEA_POWER_LOSS_FOLDER";
    const HOW: &str = "CARDEA_TEST_WRITER";

    /// The library beside this program.
    fn library() -> PathBuf {
        let own = std::env::current_exe().unwrap();
        let beside = |folder: &Path| folder.join("libcardea_power_loss.so");
        let mut folders = own.ancestors().skip(1).take(2).map(beside);
        let found = folders.find(|it| it.is_file());
        found.expect("cargo builds it before the tests")
    }

    /// One life of a program: what it told of before its power went, and what was at stake.
    struct Life {
        told: Vec<String>,
        report: String,
    }

    fn live(folder: &Path, how: &str, (seed, after): (u64, u64)) -> Life {
        let report = folder.with_extension("report");
        let _ = fs::remove_file(&report);
        let mut program = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "power_loss::writer", "--nocapture"])
            .env("LD_PRELOAD", library())
            .env(FOLDER, folder)
            .env("CARDEA_POWER_LOSS_SEED", seed.to_string())
            .env("CARDEA_POWER_LOSS_AFTER", after.to_string())
            .env("CARDEA_POWER_LOSS_REPORT", &report)
            .env(HOW, how)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(program.stdout.take().unwrap()).lines();
        let lines = lines.map(Result::unwrap);
        let told = lines.filter_map(|line| Some(line.strip_prefix("told ")?.to_owned()));
        let told = told.collect();
        let ended = program.wait().unwrap();
        assert!(ended.code().is_none(), "it lives on: {ended}");
        let report = fs::read_to_string(&report).unwrap();
        Life { told, report }
    }

    /// The program: not a test, but what a test starts again.
    #[test]
    fn writer() {
        let (Some(folder), Ok(how)) = (std::env::var_os(FOLDER), std::env::var(HOW)) else {
            return;
        };
        let folder = PathBuf::from(folder);
        match how.as_str() {
            "replace" => replace_for_ever(&folder, true),
            "replace without the folder" => replace_for_ever(&folder, false),
            pragmas => insert_for_ever(&folder, pragmas),
        }
    }

    fn tell(what: &str) {
        let mut output = std::io::stdout().lock();
        writeln!(output, "told {what}").unwrap();
        output.flush().unwrap();
    }

    fn insert_for_ever(folder: &Path, pragmas: &str) {
        let database = Connection::open(folder.join("rows.sqlite")).unwrap();
        database.execute_batch(pragmas).unwrap();
        let table = "CREATE TABLE IF NOT EXISTS told (number INTEGER PRIMARY KEY, text TEXT)";
        database.execute_batch(table).unwrap();
        let first: i64 = database
            .query_row("SELECT COALESCE(MAX(number), 0) FROM told", [], |row| {
                row.get(0)
            })
            .unwrap();
        for number in first + 1.. {
            let text = "x".repeat(usize::try_from(number * 37 % 3000).unwrap());
            let insert = "INSERT INTO told (number, text) VALUES ($1, $2)";
            database.execute(insert, (number, text)).unwrap();
            tell(&number.to_string());
        }
    }

    /// Puts a new file in the place of an old one, as programs of ours keep what they have signed.
    fn replace_for_ever(folder: &Path, flushes_names: bool) {
        for number in 1.. {
            let new = folder.join(format!("state.{number}"));
            let mut file = File::options()
                .write(true)
                .create_new(true)
                .open(&new)
                .unwrap();
            file.write_all(format!("{number}\n").as_bytes()).unwrap();
            file.sync_all().unwrap();
            fs::rename(&new, folder.join("state")).unwrap();
            if flushes_names {
                File::open(folder).unwrap().sync_all().unwrap();
            }
            tell(&number.to_string());
        }
    }

    /// Rows that were told of and are gone.
    fn lost(folder: &Path, told: &[String]) -> usize {
        let database = Connection::open(folder.join("rows.sqlite")).unwrap();
        let is_whole: Result<String, _> =
            database.query_row("PRAGMA integrity_check", [], |row| row.get(0));
        if is_whole.as_deref() != Ok("ok") {
            return told.len().max(1);
        }
        let is_there = |number: &&String| {
            let select = "SELECT COUNT(*) FROM told WHERE number = $1";
            let number: i64 = number.parse().unwrap();
            let found = database.query_row(select, [number], |row| row.get(0));
            found.unwrap_or(0_i64) == 1
        };
        told.iter().filter(|it| !is_there(it)).count()
    }

    /// Lives of one database, each with its power cut; how many rows were lost in all.
    fn lives(pragmas: &str, count: u64) -> usize {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("disk");
        fs::create_dir(&folder).unwrap();
        let (mut told, mut gone, mut at_stake) = (Vec::new(), 0, 0);
        for seed in 0..count {
            let life = live(&folder, pragmas, (seed, 20 + seed * 53 % 400));
            at_stake += usize::from(!life.report.contains("bytes 0\nnames 0"));
            told.extend(life.told);
            gone += lost(&folder, &told);
            if gone > 0 {
                break;
            }
        }
        println!("{pragmas}: {} told, {gone} lost", told.len());
        assert!(told.len() > 10 || gone > 0, "it wrote nothing");
        assert!(at_stake > 0, "nothing was at stake");
        gone
    }

    #[test]
    fn nothing_is_lost_of_what_sqlite_flushes() {
        let wal = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
        assert_eq!(lives(wal, 40), 0);
        let small = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                     PRAGMA wal_autocheckpoint = 4;";
        assert_eq!(lives(small, 20), 0);
        let rollback = "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA;";
        assert_eq!(lives(rollback, 20), 0);
    }

    #[test]
    fn what_nobody_flushes_is_lost() {
        for pragmas in [
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;",
            // In a write-ahead log this flushes at checkpoints alone.
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;",
            "PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF;",
            // The journal whose end is the commit may come back: its folder is not flushed.
            "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL;",
            "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = FULL;",
        ] {
            assert!(lives(pragmas, 40) > 0, "{pragmas}");
        }
    }

    #[test]
    fn a_file_that_was_replaced_lasts_by_the_flush_of_its_folder() {
        let mut forgotten = 0;
        for (how, is_kept) in [("replace", true), ("replace without the folder", false)] {
            for seed in 0..20 {
                let parent = tempfile::tempdir().unwrap();
                let folder = parent.path().join("disk");
                fs::create_dir(&folder).unwrap();
                let life = live(&folder, how, (seed, 4 + seed * 7));
                let told: u64 = life.told.last().map_or(0, |it| it.parse().unwrap());
                let found = fs::read_to_string(folder.join("state")).unwrap_or_default();
                let found: u64 = found.trim().parse().unwrap_or(0);
                forgotten += u32::from(found < told);
                assert!(!is_kept || found >= told, "{seed}: {found} of {told}");
            }
        }
        assert!(forgotten > 0, "a name is never lost");
    }
}

//! A whole database in one file, and back, from either database to the other.

use std::collections::BTreeSet;
use std::io::Cursor;

use cardea_storage::backup::{About, Occupied, occupied, restore, verify, write};
use cardea_storage::{Error, Store, authorization_code, spent_jti};

use super::baseline::{after_seconds, code, with_active_session};
use super::databases::{committed, empty_postgres, on_both, sqlite};

fn about() -> About {
    About {
        program: "cardea".to_owned(),
        issuer: "https://id.example.fr".to_owned(),
        made_at: 1_800_000_000,
        files: Vec::new(),
    }
}

/// Rows of several kinds, with missing values, odd texts, and more of a kind than are held at once.
async fn fill(store: &Store) {
    with_active_session(store).await;
    committed(store, async |transaction| {
        let mut code = code();
        code.nonce = Some("\"\\\n\u{7f}é\u{1f512}\u{2028}".to_owned());
        authorization_code::insert(transaction, &code)
            .await
            .unwrap();
        for number in 0..1_203 {
            let jti = format!("jti-{number}");
            spent_jti::spend(transaction, &jti, after_seconds(number))
                .await
                .unwrap();
        }
    })
    .await;
}

async fn written(store: &Store) -> Vec<u8> {
    let mut file = Vec::new();
    let told = write(store, about(), &mut file).await.unwrap();
    // As `sha256sum` says it.
    let digest = openssl::sha::sha256(&file);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(told.sha256, digest);
    let verified = verify(Cursor::new(&file)).unwrap();
    assert_eq!(verified.sha256(), digest);
    file
}

/// The rows of a file; the two databases order texts differently.
fn rows(file: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8(file.to_vec()).unwrap();
    let lines = text.lines().filter(|line| line.starts_with('['));
    lines.map(str::to_owned).collect()
}

async fn restored(store: &Store, file: &[u8]) -> Result<(), Error> {
    let verified = verify(Cursor::new(file))?;
    let mut transaction = store.begin().await?;
    restore(store, &mut transaction, &verified, Cursor::new(file)).await?;
    transaction.commit().await
}

#[tokio::test]
async fn a_copy_of_either_database_is_restored_in_both() {
    let folder = tempfile::tempdir().unwrap();
    let source = sqlite(&folder).await;
    fill(&source).await;
    let of_sqlite = written(&source).await;
    source.close().await;
    assert!(rows(&of_sqlite).len() > 1_203);
    on_both(async |store| {
        // What was there before goes.
        committed(&store, async |transaction| {
            spent_jti::spend(transaction, "of before", after_seconds(1))
                .await
                .unwrap();
        })
        .await;
        restored(&store, &of_sqlite).await.unwrap();
        let again = written(&store).await;
        assert_eq!(rows(&again), rows(&of_sqlite));
        restored(&store, &again).await.unwrap();
        assert_eq!(rows(&written(&store).await), rows(&of_sqlite));
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_not_what_was_written_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder).await;
    fill(&store).await;
    let file = written(&store).await;
    let text = String::from_utf8(file.clone()).unwrap();
    let (body, end) = text.trim_end().rsplit_once('\n').unwrap();
    let (first, _) = text.split_once('\n').unwrap();
    for (name, changed, code) in [
        ("nothing", String::new(), "storage.backup_invalid"),
        (
            "no backup",
            "issuer = 1\n".to_owned(),
            "storage.backup_invalid",
        ),
        ("no end", format!("{body}\n"), "storage.backup_invalid"),
        (
            "half a line",
            text[..text.len() - 1].to_owned(),
            "storage.backup_invalid",
        ),
        (
            "more behind it",
            format!("{text}x\n"),
            "storage.backup_invalid",
        ),
        (
            "a row less",
            format!("{first}\n{end}\n"),
            "storage.backup_invalid",
        ),
        (
            "another value",
            text.replacen("jti-7", "jti-x", 1),
            "storage.backup_invalid",
        ),
        (
            "another form",
            text.replacen("\"cardea_backup\":2", "\"cardea_backup\":3", 1),
            "storage.backup_invalid",
        ),
        (
            "another version",
            text.replacen("\"schema\":20", "\"schema\":19", 1),
            "storage.backup_of_other_version",
        ),
    ] {
        let refused = restored(&store, changed.as_bytes()).await.unwrap_err();
        assert_eq!(refused.code(), code, "{name}");
    }
    // Changed between the two readings.
    let verified = verify(Cursor::new(&file)).unwrap();
    let changed = text.replacen("jti-7", "jti-x", 1);
    let mut transaction = store.begin().await.unwrap();
    let outcome = restore(&store, &mut transaction, &verified, Cursor::new(changed)).await;
    assert_eq!(outcome.unwrap_err().code(), "storage.backup_invalid");
    drop(transaction);
    assert_eq!(rows(&written(&store).await), rows(&file));
}

/// Whoever is about to replace a database looks first, and changes nothing by it.
#[tokio::test]
async fn what_is_in_a_database_is_seen_before_it_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("cardea.sqlite").display());
    for url in [url, empty_postgres().await] {
        assert_eq!(occupied(&url).await.unwrap(), Occupied::No);
        let store = Store::open(&url).await.unwrap();
        assert_eq!(occupied(&url).await.unwrap(), Occupied::No);
        with_active_session(&store).await;
        assert_eq!(occupied(&url).await.unwrap(), Occupied::ByCardea);
        store.close().await;
        assert_eq!(occupied(&url).await.unwrap(), Occupied::ByCardea);
    }
    let file = folder.path().join("other.sqlite");
    let url = format!("sqlite://{}", file.display());
    let other = rusqlite::Connection::open(&file).unwrap();
    other
        .execute_batch("CREATE TABLE session (id INTEGER)")
        .unwrap();
    drop(other);
    let before = std::fs::read(&file).unwrap();
    assert_eq!(occupied(&url).await.unwrap(), Occupied::ByOthers);
    assert_eq!(std::fs::read(&file).unwrap(), before);
    std::fs::write(&file, "no database at all, whatever it is").unwrap();
    assert_eq!(
        occupied(&url).await.unwrap_err().code(),
        "storage.unavailable"
    );
}

#[tokio::test]
async fn a_disk_that_is_full_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder).await;
    fill(&store).await;
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let refused = write(&store, about(), full.unwrap()).await.unwrap_err();
    assert_eq!(refused.code(), "storage.backup_failed");
    let cause = std::error::Error::source(&refused).unwrap().to_string();
    assert!(cause.contains("No space left"), "{cause}");
}

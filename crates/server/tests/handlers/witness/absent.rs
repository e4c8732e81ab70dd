//! Witnesses that are not there, not those of before, or behind the time, and who hears of it.

use super::*;

/// The newest checkpoint that an agent is shown which demands one witness, of these where it names
/// any.
async fn shown_to_who_wants_one(app: &TestApp, named: Option<&str>) -> AddCheckpoint {
    let root = Hash::EMPTY_ROOT.to_base64();
    let of = json!({ "size": 0, "root": root });
    let mut asked = json!({ "type": "log", "size": 0, "root": root, "newest": of, "quorum": 1 });
    if let Some(id) = named {
        asked["witnesses"] = json!([id]);
    }
    request(&ask(app, asked).await.checkpoint)
}

/// A service that has another witness cosign as well, one that its people's enrolments do not name:
/// that one keeps nobody out, before it begins or when it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_witness_whom_an_agent_does_not_name_keeps_nothing_from_it() {
    let one = Witness::serve_at_times(Kind::Honest).await;
    let other = Witness::serve_at_times(Kind::Honest).await;
    other.go_away(true);
    let tables = format!(
        "[ledger]\nwitness_seconds = 1\n{}{}",
        one.table, other.table
    );
    let mut watched = Watched::start("", &tables).await;
    log_in(&watched.app).await;
    let first = cosigned(&watched.app, 0, &one.key).await;
    one.go_away(true);
    log_in(&watched.app).await;
    let standing = signed(&watched.app).await;
    assert!(standing["signed"].as_u64().unwrap() > first.checkpoint().size());
    for named in [None, Some(one.id())] {
        let shown = shown_to_who_wants_one(&watched.app, named.as_deref()).await;
        assert!(time_of(&shown, &one.key).is_some(), "{named:?}");
    }

    one.go_away(false);
    other.go_away(false);
    // A server that has just started waits for nobody.
    restart(&mut watched).await;
    let both = cosigned(&watched.app, first.checkpoint().size(), &other.key).await;
    other.go_away(true);
    log_in(&watched.app).await;
    let size = signed(&watched.app).await["signed"].as_u64().unwrap();
    assert!(size > both.checkpoint().size());
    let mut by_name = shown_to_who_wants_one(&watched.app, Some(&one.id())).await;
    for _ in 0..300 {
        if by_name.checkpoint().size() >= size {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        by_name = shown_to_who_wants_one(&watched.app, Some(&one.id())).await;
    }
    assert!(by_name.checkpoint().size() >= size);
    assert!(time_of(&by_name, &one.key).is_some());
    // Who demands the one that is gone is shown what that had cosigned.
    let of_other = shown_to_who_wants_one(&watched.app, Some(&other.id())).await;
    assert!(time_of(&of_other, &other.key).is_some());
    assert!(of_other.checkpoint().size() < size);
}

/// For how long the witnesses have been silent, as operators are told.
async fn silent_seconds(watched: &Watched) -> f64 {
    let (_, numbers) = watched.ask("/metrics").await;
    let name = "cardea_ledger_witness_silent_seconds ";
    let value = numbers.lines().find_map(|line| line.strip_prefix(name));
    value.unwrap().parse().unwrap()
}

/// Agents go by the times of cosignatures, and keep people out where those are old: so an operator
/// hears of it, also where nothing happens in the log, and where a witness signs by a wrong clock.
#[tokio::test(flavor = "multi_thread")]
async fn a_witness_whose_times_are_old_counts_as_silent() {
    let witness = Witness::serve_at_times(Kind::Honest).await;
    let tables = format!("[ledger]\nwitness_seconds = 1\n{}", witness.table);
    let mut watched = Watched::start("", &tables).await;
    log_in(&watched.app).await;
    let first = cosigned(&watched.app, 0, &witness.key).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let mut silent = silent_seconds(&watched).await;
    for _ in 0..300 {
        if silent < 3.0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        silent = silent_seconds(&watched).await;
    }
    assert!(silent < 3.0, "{silent}");

    // From here on nothing happens but that the same is cosigned anew, in the past.
    let before = now() - 3 * 24 * 3600;
    witness.clock.store(before, Ordering::Relaxed);
    restart(&mut watched).await;
    let size = first.checkpoint().size();
    for _ in 0..300 {
        let renewed = cosigned(&watched.app, size - 1, &witness.key).await;
        let is_old = time_of(&renewed, &witness.key).unwrap() < now() - 3600;
        if is_old && silent_seconds(&watched).await > 5.0 {
            let log = String::from_utf8_lossy(&watched.program.log()).into_owned();
            assert!(log.contains("a witness's clock is off"), "{log}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("nobody is told");
}

/// What one witness has cosigned is not what another one has begun with.
#[tokio::test(flavor = "multi_thread")]
async fn a_witness_has_begun_when_it_has_cosigned_and_not_the_one_before_it() {
    const BEGUN: &str = "ledger.watch_begun";
    let one = Witness::serve_at_times(Kind::Honest).await;
    let other = Witness::serve_at_times(Kind::Honest).await;
    other.go_away(true);
    let tables = format!("[ledger]\nwitness_seconds = 1\n{}", one.table);
    let mut watched = Watched::start("", &tables).await;
    log_in(&watched.app).await;
    begun(&watched.app, BEGUN, 1).await;

    let file = watched.app.folder().join("cardea.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, settings.replace(&one.table, &other.table)).unwrap();
    restart(&mut watched).await;
    log_in(&watched.app).await;
    for _ in 0..300 {
        let log = String::from_utf8_lossy(&watched.program.log()).into_owned();
        if log.contains("server.witness_unreachable") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(told(&watched.app, BEGUN).await.len(), 1);
    other.go_away(false);
    let second = begun(&watched.app, BEGUN, 2).await;
    assert_eq!(second["witnesses"], json!([other.key.to_string()]));
    let size = second["size"].as_u64().unwrap();
    cosigned(&watched.app, size - 1, &other.key).await;
}

//! Witnesses of the log as the server asks them, and what an agent is shown of it. Those here are
//! of the test: `cardea-witness` itself does none of what most of them do (crates/e2e has it).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use cardea_assertion::LogShown;
use cardea_transparency::{
    AddCheckpoint, Checkpoint, Hash, KeyName, Note, NoteSigner, RestoreRecord, SignatureKind,
    VerifierKey, verify_consistency,
};
use openssl::pkey::PKey;
use serde_json::{Value, json};

use crate::card::PresenceConnection;
use crate::ledger::{log_in, signed, warned};
use crate::operations::Watched;
use crate::program::Program;
use crate::restored::{restored, run};
use crate::test_app::TestApp;

mod absent;

/// How a witness behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Honest,
    KnowsNoSuchLog,
    SignsWithAnotherKey,
    SendsElsewhere,
    TalksWithoutEnd,
    KnowsMore,
}

struct Witness {
    kind: Kind,
    signer: NoteSigner,
    known: Mutex<(u64, Hash)>,
    /// Counted up with each line.
    clock: Arc<AtomicU64>,
    is_away: Arc<AtomicBool>,
}

/// What a test holds of a witness that serves.
struct Held {
    /// The table that names it.
    table: String,
    key: VerifierKey,
    is_away: Arc<AtomicBool>,
    clock: Arc<AtomicU64>,
}

impl Held {
    fn go_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    /// As an agent names it.
    fn id(&self) -> String {
        let key = self.key.to_string();
        key.split('+').nth(1).unwrap().to_owned()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server compares witnesses' times with the real one"
)]
fn now() -> u64 {
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    now.unsigned_abs()
}

fn signer(name: &str) -> NoteSigner {
    let key = PKey::generate_ed25519().unwrap();
    NoteSigner::new(KeyName::new(name).unwrap(), SignatureKind::Cosignature, key).unwrap()
}

impl Witness {
    /// Serves until the test ends; the table that names it, and its key.
    async fn serve(kind: Kind) -> (String, VerifierKey) {
        let Held { table, key, .. } = Self::serve_at_times(kind).await;
        (table, key)
    }

    /// The same, with what sends it away and sets its clock.
    async fn serve_at_times(kind: Kind) -> Held {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let signer = signer(&format!("{kind:?}.{}.example", address.port()));
        let key = signer.verifier().clone();
        let is_away = Arc::new(AtomicBool::new(false));
        let clock = Arc::new(AtomicU64::new(now()));
        let witness = Self {
            kind,
            signer,
            known: Mutex::new((0, Hash::EMPTY_ROOT)),
            clock: Arc::clone(&clock),
            is_away: Arc::clone(&is_away),
        };
        let router = Router::new()
            .route("/add-checkpoint", post(answer))
            .with_state(Arc::new(witness));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let table =
            format!("[[ledger.witness]]\nurl = \"http://{address}\"\nverifier_key = \"{key}\"\n");
        Held {
            table,
            key,
            is_away,
            clock,
        }
    }

    fn line(&self, signer: &NoteSigner, note: &Note) -> String {
        let now = self.clock.fetch_add(1, Ordering::Relaxed);
        format!("{}\n", signer.sign(note, now).unwrap())
    }

    fn cosign(&self, body: &str) -> (StatusCode, String) {
        let request = AddCheckpoint::parse(body.as_bytes()).unwrap();
        let new = request.checkpoint();
        let mut known = self.known.lock().unwrap();
        if request.old_size() != known.0 {
            return (StatusCode::CONFLICT, format!("{}\n", known.0));
        }
        let (size, root) = *known;
        verify_consistency(size, &root, new.size(), &new.root(), request.proof()).unwrap();
        *known = (new.size(), new.root());
        (StatusCode::OK, self.line(&self.signer, request.note()))
    }
}

async fn answer(
    State(witness): State<Arc<Witness>>,
    body: String,
) -> (StatusCode, HeaderMap, String) {
    let mut headers = HeaderMap::new();
    let note = || {
        AddCheckpoint::parse(body.as_bytes())
            .unwrap()
            .note()
            .clone()
    };
    let (status, text) = match witness.kind {
        _ if witness.is_away.load(Ordering::Relaxed) => {
            (StatusCode::SERVICE_UNAVAILABLE, String::new())
        }
        Kind::Honest => witness.cosign(&body),
        Kind::KnowsNoSuchLog => (StatusCode::NOT_FOUND, String::new()),
        Kind::SignsWithAnotherKey => {
            let name = witness.signer.verifier().name().as_str();
            // The name and the key's id of the real one, over another key's signature.
            let forged = witness.line(&signer(name), &note());
            let real = witness.line(&witness.signer, &note());
            (StatusCode::OK, spliced(&real, &forged))
        }
        Kind::SendsElsewhere => {
            headers.insert(header::LOCATION, "/elsewhere".parse().unwrap());
            (StatusCode::TEMPORARY_REDIRECT, String::new())
        }
        Kind::TalksWithoutEnd => (StatusCode::OK, "x".repeat(100_000)),
        Kind::KnowsMore => (StatusCode::CONFLICT, "4000000000\n".to_owned()),
    };
    (status, headers, text)
}

/// The key's name and id of one line, and the signature of another.
fn spliced(real: &str, forged: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let bytes = |line: &str| {
        let last = line.trim_end().rsplit(' ').next().unwrap();
        STANDARD.decode(last).unwrap()
    };
    let start = real.trim_end().rsplit_once(' ').unwrap().0;
    let bytes = [&bytes(real)[..4], &bytes(forged)[4..]].concat();
    format!("{start} {}\n", STANDARD.encode(bytes))
}

/// What an agent that keeps this is shown.
async fn shown(app: &TestApp, size: u64, root: Hash) -> LogShown {
    let asked = json!({ "type": "log", "size": size, "root": root.to_base64() });
    ask(app, asked).await
}

/// What one is shown that keeps a cosigned checkpoint and a newest one, and demands a witness.
async fn both_shown(app: &TestApp, cosigned: &Checkpoint, newest: &Checkpoint) -> LogShown {
    let (size, root) = (cosigned.size(), cosigned.root().to_base64());
    let newest = json!({ "size": newest.size(), "root": newest.root().to_base64() });
    let asked = json!({ "type": "log", "size": size, "root": root, "newest": newest, "quorum": 1 });
    ask(app, asked).await
}

async fn ask(app: &TestApp, asked: Value) -> LogShown {
    let mut connection = PresenceConnection::open(app).await;
    let nonce = connection.next().await.unwrap();
    assert_eq!(
        (&nonce["log"], &nonce["newest"]),
        (&json!(true), &json!(true))
    );
    connection.send_text(&asked.to_string()).await;
    let mut text = String::new();
    loop {
        let frame: Value = connection.next().await.unwrap();
        if frame["type"] != "checkpoint" {
            continue;
        }
        text.push_str(frame["part"].as_str().unwrap());
        if frame["last"] == json!(true) {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

/// Waits until so many entries are shown, cosigned by this key.
async fn cosigned(app: &TestApp, above: u64, key: &VerifierKey) -> AddCheckpoint {
    for _ in 0..600 {
        let shown = shown(app, 0, Hash::EMPTY_ROOT).await;
        let request = AddCheckpoint::parse(shown.checkpoint.as_bytes()).unwrap();
        let verified = request.note().verify(std::slice::from_ref(key));
        if request.checkpoint().size() > above && verified.is_ok() {
            return request;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("nothing is cosigned");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_witness_counts_and_no_other_does_or_keeps_anybody_from_signing_in() {
    let (honest, key) = Witness::serve(Kind::Honest).await;
    let mut tables = format!("[ledger]\nwitness_seconds = 1\nquorum = 1\n{honest}");
    let others = [
        Kind::KnowsNoSuchLog,
        Kind::SignsWithAnotherKey,
        Kind::SendsElsewhere,
        Kind::TalksWithoutEnd,
        Kind::KnowsMore,
    ];
    let mut keys = Vec::new();
    for kind in others {
        let (table, key) = Witness::serve(kind).await;
        tables += &table;
        keys.push(key);
    }
    let mut watched = Watched::start("", &tables).await;
    log_in(&watched.app).await;
    let first = cosigned(&watched.app, 0, &key).await;
    for other in &keys {
        let verified = first.note().verify(std::slice::from_ref(other));
        assert!(verified.is_err(), "{}", other.name());
    }
    the_others_are_told_apart(&watched).await;

    // A server that is started anew knows no size of the witness's, and is told.
    restart(&mut watched).await;
    log_in(&watched.app).await;
    let next = cosigned(&watched.app, first.checkpoint().size(), &key).await;

    // An agent that keeps the first sees that the next goes on from it, also in an export.
    let (old, new) = (first.checkpoint(), next.checkpoint());
    let shown = shown(&watched.app, old.size(), old.root()).await;
    assert_eq!(shown.restores, []);
    let request = AddCheckpoint::parse(shown.checkpoint.as_bytes()).unwrap();
    let head = request.checkpoint();
    assert!(head.size() >= new.size());
    let proof = request.proof();
    verify_consistency(old.size(), &old.root(), head.size(), &head.root(), proof).unwrap();
    let out = watched.app.folder().join("exported");
    let out = out.to_str().unwrap();
    watched
        .app
        .operate_on("ledger", &["export", "--out", out])
        .await;
    let checkpoint = std::fs::read(format!("{out}/checkpoint")).unwrap();
    let note = Note::parse(&checkpoint).unwrap();
    note.verify(std::slice::from_ref(&key)).unwrap();
    watched.app.operate_on("ledger", &["verify"]).await;
}

/// The others may answer after the honest one.
async fn the_others_are_told_apart(watched: &Watched) {
    warned(watched, "ledger_refused").await;
    let (status, ready) = watched.ready().await;
    assert_eq!(status, 200);
    let warnings = ready["warnings"].as_array().unwrap();
    assert!(!warnings.contains(&json!("ledger_unwitnessed")), "{ready}");
    let codes = [
        "server.witness_unreachable",
        "server.witness_refused",
        "server.witness_ahead",
    ];
    let mut missing = codes.to_vec();
    for _ in 0..600 {
        let log = String::from_utf8_lossy(&watched.program.log()).into_owned();
        missing.retain(|code| !log.contains(code));
        if missing.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(missing.is_empty(), "{missing:?}");
    let (_, numbers) = watched.ask("/metrics").await;
    assert!(
        numbers.contains("cardea_ledger_witness_refused 1"),
        "{numbers}"
    );
}

async fn restart(watched: &mut Watched) {
    watched.program.kill();
    let url = watched.app.url("");
    let address = url.trim_start_matches("http://");
    watched.program = Program::start(watched.app.folder(), address).await;
}

fn request(text: &str) -> AddCheckpoint {
    AddCheckpoint::parse(text.as_bytes()).unwrap()
}

fn time_of(request: &AddCheckpoint, key: &VerifierKey) -> Option<u64> {
    let verified = request.note().verify(std::slice::from_ref(key)).ok()?;
    verified.first()?.timestamp
}

/// Attack H14: what is signed while the witness is down is shown beside what it has cosigned, and
/// follows from it, so that an agent can keep it.
#[tokio::test(flavor = "multi_thread")]
async fn h14_while_a_witness_is_down_both_newest_checkpoints_are_shown() {
    let witness = Witness::serve_at_times(Kind::Honest).await;
    let Held { table, key, .. } = &witness;
    let tables = format!("[ledger]\nwitness_seconds = 1\n{table}");
    let mut watched = Watched::start("", &tables).await;
    log_in(&watched.app).await;
    let first = cosigned(&watched.app, 0, key).await;
    witness.go_away(true);
    log_in(&watched.app).await;
    let known = first.checkpoint();
    let mut both = both_shown(&watched.app, known, known).await;
    for _ in 0..300 {
        if both.newest.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        both = both_shown(&watched.app, known, known).await;
    }
    let newest = both.newest.unwrap();
    let (old, new) = (request(&both.checkpoint), request(&newest.checkpoint));
    assert!(time_of(&old, key).is_some() && time_of(&new, key).is_none());
    let (old, head) = (old.checkpoint(), new.checkpoint());
    assert!(old.size() < head.size());
    let proof: Vec<Hash> = newest
        .proof
        .iter()
        .map(|it| Hash::from_base64(it).unwrap())
        .collect();
    verify_consistency(old.size(), &old.root(), head.size(), &head.root(), &proof).unwrap();
    assert_eq!(new.old_size(), known.size());
    let (size, root) = (known.size(), known.root());
    verify_consistency(size, &root, head.size(), &head.root(), new.proof()).unwrap();
    let watch = both.watch.unwrap();
    assert_eq!(watch.quorum, 1);
    assert_eq!(watch.witnesses, [key.to_string()]);

    // Who demands no witness is shown the newest alone, and who keeps it is shown that it goes on.
    let (size, root) = (known.size(), known.root().to_base64());
    let of = json!({ "size": size, "root": root });
    let none = json!({ "type": "log", "size": size, "root": root, "newest": of, "quorum": 0 });
    let alone = ask(&watched.app, none).await;
    assert!(alone.newest.is_none() && alone.watch.is_some());
    assert!(request(&alone.checkpoint).checkpoint().size() >= head.size());
    witness.go_away(false);
    let caught_up = cosigned(&watched.app, head.size() - 1, key).await;
    let both = both_shown(&watched.app, old, head).await;
    let newest = request(&both.newest.unwrap().checkpoint);
    assert_eq!(newest.old_size(), head.size());
    assert!(newest.checkpoint().size() >= caught_up.checkpoint().size());

    // A log in which nothing happens is cosigned anew by a server that does not know when it was.
    let before = time_of(&caught_up, key).unwrap();
    restart(&mut watched).await;
    let size = caught_up.checkpoint().size();
    let renewed = cosigned(&watched.app, size - 1, key).await;
    assert!(time_of(&renewed, key).unwrap() >= before);
    for _ in 0..300 {
        let renewed = cosigned(&watched.app, size - 1, key).await;
        if time_of(&renewed, key).unwrap() > before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("nothing is cosigned anew");
}

/// What the events of a kind say, the oldest first.
async fn told(app: &TestApp, kind: &str) -> Vec<Value> {
    let events = app.events().await;
    let told = events.into_iter().filter(|it| it.kind == kind);
    told.map(|it| serde_json::from_str(&it.details).unwrap())
        .collect()
}

/// Whoever changes who watches leaves that in the log.
#[tokio::test(flavor = "multi_thread")]
async fn who_watches_the_log_is_on_record_in_it() {
    const CHANGED: &str = "ledger.watch_changed";
    const BEGUN: &str = "ledger.watch_begun";
    let (table, key) = Witness::serve(Kind::Honest).await;
    let tables = format!("[ledger]\nwitness_seconds = 1\n{table}");
    let mut watched = Watched::start("", &tables).await;
    log_in(&watched.app).await;
    let named = json!({ "witnesses": [key.to_string()], "quorum": 1, "waived": false });
    assert_eq!(
        told(&watched.app, CHANGED).await,
        std::slice::from_ref(&named)
    );
    let first = begun(&watched.app, BEGUN, 1).await;
    assert_eq!(first["witnesses"], named["witnesses"]);
    assert!(first["size"].as_u64().unwrap() > 0);

    // Nothing has changed: nothing is said.
    restart(&mut watched).await;
    cosigned(&watched.app, 0, &key).await;
    assert_eq!(told(&watched.app, CHANGED).await.len(), 1);

    let file = watched.app.folder().join("cardea.toml");
    let with = std::fs::read_to_string(&file).unwrap();
    let waived = with
        .replace(&table, "")
        .replace("witness_seconds = 1\n", "witness_policy = \"waived\"\n");
    assert_ne!(waived, with);
    std::fs::write(&file, waived).unwrap();
    restart(&mut watched).await;
    let none = json!({ "witnesses": [], "quorum": 0, "waived": true });
    assert_eq!(told(&watched.app, CHANGED).await, [named.clone(), none]);

    std::fs::write(&file, with).unwrap();
    restart(&mut watched).await;
    assert_eq!(told(&watched.app, CHANGED).await.len(), 3);
    log_in(&watched.app).await;
    begun(&watched.app, BEGUN, 2).await;
    watched.app.operate_on("ledger", &["verify"]).await;
}

/// Waits until so many are told of; the last one.
async fn begun(app: &TestApp, kind: &str, count: usize) -> Value {
    for _ in 0..300 {
        let mut told = told(app, kind).await;
        if told.len() == count {
            return told.remove(count - 1);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{count} of {kind} never came");
}

#[tokio::test]
async fn an_agent_asks_once_and_in_the_right_form() {
    let app = TestApp::start().await;
    let root = Hash::EMPTY_ROOT.to_base64();
    let good = json!({ "type": "log", "size": 0, "root": root });
    let bad = json!({ "type": "log", "size": 0, "root": "AA" });
    for texts in [vec![&bad], vec![&good, &good]] {
        let mut connection = PresenceConnection::open(&app).await;
        connection.nonce().await;
        for text in texts {
            connection.send_text(&text.to_string()).await;
        }
        while let Some(frame) = connection.next().await {
            assert_eq!(frame["type"], "checkpoint", "and then it is closed");
        }
    }
}

/// One that knows more than there is, or something else, gets no proof that it could take.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_knows_another_log_is_told_nothing_that_would_do() {
    let app = TestApp::start().await;
    log_in(&app).await;
    let standing = signed(&app).await;
    let size = standing["signed"].as_u64().unwrap();
    for (size, root) in [(size + 100, Hash([7; 32])), (size, Hash([7; 32]))] {
        let shown = shown(&app, size, root).await;
        let request = AddCheckpoint::parse(shown.checkpoint.as_bytes()).unwrap();
        let (head, proof) = (request.checkpoint(), request.proof());
        let proven = verify_consistency(size, &root, head.size(), &head.root(), proof);
        assert!(proven.is_err() && shown.restores.is_empty());
    }
}

/// An agent that saw what the backup does not know is shown the signed record of the
/// restore, and that the log goes on from there.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_saw_more_is_shown_the_restore_that_explains_it() {
    let app = TestApp::start().await;
    log_in(&app).await;
    signed(&app).await;
    let made = run(&app, &["backup", "--out", "whole.backup"]).await;
    assert!(made.status.success(), "{made:?}");
    log_in(&app).await;
    signed(&app).await;
    let seen = shown(&app, 0, Hash::EMPTY_ROOT).await;
    let seen = AddCheckpoint::parse(seen.checkpoint.as_bytes()).unwrap();
    let seen = seen.checkpoint();

    let app = restored(app).await;
    signed(&app).await;
    // Who follows, or is new, is told of it too, as soon as the server has read of it.
    let mut named = Vec::new();
    for _ in 0..300 {
        named = shown(&app, 0, Hash::EMPTY_ROOT).await.restores;
        if !named.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let shown = shown(&app, seen.size(), seen.root()).await;
    assert_eq!(named.len(), 1);
    assert_eq!(named[0].record, shown.restores[0].record);
    let key = VerifierKey::parse(&shown.key).unwrap();
    let head = AddCheckpoint::parse(shown.checkpoint.as_bytes()).unwrap();
    let head = head.checkpoint();
    let [restore] = shown.restores.as_slice() else {
        panic!("{:?}", shown.restores);
    };
    let note = Note::parse(restore.record.as_bytes()).unwrap();
    let record = RestoreRecord::verify(&note, &key).unwrap();
    record.explains(seen, 0).unwrap();
    let proof: Vec<Hash> = restore
        .proof
        .iter()
        .map(|it| Hash::from_base64(it).unwrap())
        .collect();
    let after = record.after();
    verify_consistency(
        after.size(),
        &after.root(),
        head.size(),
        &head.root(),
        &proof,
    )
    .unwrap();
}

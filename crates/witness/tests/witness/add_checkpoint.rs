//! What a witness answers, in process; and that it never takes back what it cosigned.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use super::parts::{Log, ORIGIN, TIME, prepare, signer};
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use cardea_transparency::{Note, NoteSignature, SignatureKind};
use cardea_witness::{Config, Error, Witness, make_key, public_key, router};
use serde::Deserialize;
use tower::ServiceExt as _;

struct Answer {
    status: u16,
    media: String,
    body: String,
}

async fn post(witness: &Arc<Witness>, body: impl Into<Body>) -> Answer {
    let request = Request::post("/add-checkpoint").body(body.into()).unwrap();
    let response = router(Arc::clone(witness), 4)
        .oneshot(request)
        .await
        .unwrap();
    let status = response.status().as_u16();
    let media = &response.headers()[header::CONTENT_TYPE];
    let media = media.to_str().unwrap().to_owned();
    let body = to_bytes(response.into_body(), 100_000).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Answer {
        status,
        media,
        body,
    }
}

fn open(folder: &Path, log: &Log) -> (Config, Arc<Witness>) {
    let config = prepare(folder, &log.signer.verifier().to_string(), ORIGIN);
    let witness = Arc::new(Witness::open(&config).unwrap());
    (config, witness)
}

#[derive(Deserialize)]
struct Vectors {
    log: String,
    requests: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    body: String,
    status: u16,
    answer: Option<String>,
}

/// The signature has set bits in its padding, which we refuse as a second spelling before anything
/// is verified; the vector's own program overlooks them.
const REFUSED_EARLIER: &str = "invalid signature";

#[tokio::test]
async fn another_witness_s_vectors_are_answered_as_it_answers_them() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/vectors/tlog-witness/add-checkpoint.json");
    let vectors = std::fs::read_to_string(&file).unwrap();
    let vectors: Vectors = serde_json::from_str(&vectors).unwrap();
    let (origin, _) = vectors.log.split_once('+').unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = prepare(folder.path(), &vectors.log, origin);
    let witness = Arc::new(Witness::open(&config).unwrap());
    assert_eq!(vectors.requests.len(), 11);
    for vector in vectors.requests {
        let (name, answer) = (&vector.name, post(&witness, vector.body.clone()).await);
        if name == REFUSED_EARLIER {
            assert_eq!((vector.status, answer.status), (403, 400));
            continue;
        }
        assert_eq!(answer.status, vector.status, "{name}: {}", answer.body);
        if let Some(expected) = &vector.answer {
            assert_eq!(&answer.body, expected, "{name}");
            assert_eq!(answer.media, "text/x.tlog.size", "{name}");
        }
        if answer.status == 200 {
            let (_, note) = vector.body.split_once("\n\n").unwrap();
            let mut note = Note::parse(note.as_bytes()).unwrap();
            note.append(&answer.body).unwrap();
            let key = public_key(&config).unwrap();
            assert_eq!(note.verify(&[key]).unwrap().len(), 1, "{name}");
        }
    }
}

#[tokio::test]
async fn each_refusal_has_its_status_and_code() {
    let (folder, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    log.grow(20, "honest");
    let (_, witness) = open(folder.path(), &log);
    let answer = post(&witness, log.request(0, 7)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut other = Log::signing_with(signer(ORIGIN, SignatureKind::Ed25519));
    other.grow(20, "honest");
    let unsigned = other.request(7, 12);
    let forged = log.request(7, 12).replace("\n12\n", "\n13\n");
    let unknown = log.request(7, 12).replace(ORIGIN, "another.example");
    let unproven =
        log.request(7, 12)
            .replacen("\n", "\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 1);
    let long = "x".repeat(cardea_transparency::ADD_CHECKPOINT_BYTES_MAX + 1);
    for (body, status, code) in [
        (String::new(), 400, "witness.request_malformed"),
        (
            log.request(7, 12).replace("old ", "old 1"),
            400,
            "witness.request_malformed",
        ),
        (unknown, 404, "witness.log_unknown"),
        (unsigned, 403, "witness.checkpoint_unsigned"),
        (forged, 403, "witness.checkpoint_unsigned"),
        (unproven, 422, "witness.growth_unproven"),
        (long, 413, "witness.request_too_large"),
    ] {
        let answer = post(&witness, body).await;
        assert_eq!(
            (answer.status, answer.media.as_str()),
            (status, "application/problem+json")
        );
        let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(problem["code"], code);
    }
    for old in [0, 6, 8] {
        let answer = post(&witness, log.request(old, 12)).await;
        assert_eq!((answer.status, answer.body.as_str()), (409, "7\n"), "{old}");
    }
    assert_eq!(post(&witness, log.request(7, 12)).await.status, 200);
    let request = Request::get("/healthz").body(Body::empty()).unwrap();
    let healthy = router(witness, 1).oneshot(request).await.unwrap();
    assert_eq!(healthy.status(), 200);
}

/// A body that does not come holds its place for ten seconds, and no longer.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_arrive_is_given_up() {
    let (folder, log) = (tempfile::tempdir().unwrap(), Log::new());
    let (_, witness) = open(folder.path(), &log);
    let handle = axum_server::Handle::<SocketAddr>::new();
    let server = axum_server::bind("127.0.0.1:0".parse().unwrap()).handle(handle.clone());
    let serving = tokio::spawn(server.serve(router(witness, 1).into_make_service()));
    let address = handle.listening().await.unwrap();
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = "POST /add-checkpoint HTTP/1.1\r\nHost: witness\r\nConnection: close\r\n\
                    Content-Length: 9\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("witness.request_unfinished"), "{answer}");
    serving.abort();
}

#[tokio::test]
async fn with_no_place_left_a_request_is_turned_away() {
    let (folder, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    log.grow(3, "honest");
    let (_, witness) = open(folder.path(), &log);
    let request = Request::post("/add-checkpoint").body(Body::from(log.request(0, 3)));
    let answer = router(witness, 0).oneshot(request.unwrap()).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["cardea-error"], "witness.busy");
}

/// The log that shows one history to this witness can't have another one cosigned.
#[test]
fn no_second_tree_of_a_size_and_no_smaller_one_is_cosigned_also_after_a_restart() {
    let (folder, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    log.grow(20, "honest");
    // Rewritten by whoever has the log's key.
    let mut second = Log::signing_with(log.signer.clone());
    second.grow(5, "honest");
    second.grow(20, "rewritten");
    let (config, witness) = open(folder.path(), &log);
    let sign = |witness: &Witness, body: &str| witness.cosign(body.as_bytes(), TIME);
    sign(&witness, &log.request(0, 9)).unwrap();
    let mut witness = Arc::into_inner(witness).unwrap();
    for _ in 0..2 {
        // Another tree of the same size, with nothing to prove, and with a proof that fits it.
        let same_size = second.request(9, 9);
        assert!(matches!(
            sign(&witness, &same_size),
            Err(Error::RootConflict { size: 9 })
        ));
        for new in [10, 16, 20] {
            let refused = sign(&witness, &second.request(9, new)).unwrap_err();
            assert_eq!(refused.code(), "witness.growth_unproven");
        }
        for (old, new) in [(5, 9), (5, 20), (0, 20), (0, 0), (4, 8)] {
            let refused = sign(&witness, &second.request(old, new)).unwrap_err();
            assert_eq!(refused.code(), "witness.size_conflict", "{old} {new}");
        }
        drop(witness);
        witness = Witness::open(&config).unwrap();
    }
    sign(&witness, &log.request(9, 9)).unwrap();
    sign(&witness, &log.request(9, 20)).unwrap();
}

#[test]
fn time_in_cosignatures_never_goes_back() {
    let (folder, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    log.grow(3, "honest");
    let (config, witness) = open(folder.path(), &log);
    let time = |witness: &Witness, old, new, now| {
        let mut note = log.checkpoint(new);
        note.add(
            witness
                .cosign(log.request(old, new).as_bytes(), now)
                .unwrap(),
        )
        .unwrap();
        note.verify(&[witness.verifier().clone()]).unwrap()[0].timestamp
    };
    assert_eq!(time(&witness, 0, 1, TIME + 9), Some(TIME + 9));
    assert_eq!(time(&witness, 1, 1, TIME), Some(TIME + 9));
    drop(witness);
    let witness = Witness::open(&config).unwrap();
    assert_eq!(time(&witness, 1, 2, 0), Some(TIME + 9));
    assert_eq!(time(&witness, 2, 3, TIME + 10), Some(TIME + 10));
}

/// A line that claims to be the witness's own is not kept, or the witness could not read its own
/// state any more.
#[test]
fn a_forged_line_of_the_witness_spoils_nothing() {
    let (folder, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    log.grow(5, "honest");
    let (config, witness) = open(folder.path(), &log);
    let mut note = log.checkpoint(2);
    note.add(NoteSignature::new(witness.verifier(), vec![0; 72]))
        .unwrap();
    let body = format!("old 0\n\n{note}");
    witness.cosign(body.as_bytes(), TIME).unwrap();
    drop(witness);
    let witness = Witness::open(&config).unwrap();
    witness.cosign(log.request(2, 5).as_bytes(), TIME).unwrap();
}

#[test]
fn requests_at_once_never_give_two_histories() {
    let (folder, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    log.grow(60, "honest");
    let (_, witness) = open(folder.path(), &log);
    let cosigned = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut old = 0;
                while old < 60 {
                    match witness.cosign(log.request(old, old + 1).as_bytes(), TIME) {
                        Ok(_) => {
                            cosigned.lock().unwrap().push(old + 1);
                            old += 1;
                        }
                        Err(Error::SizeConflict { known, .. }) => old = known,
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    let mut cosigned = cosigned.into_inner().unwrap();
    cosigned.sort_unstable();
    assert_eq!(cosigned, (1..=60).collect::<Vec<u64>>(), "each step once");
}

#[test]
fn a_state_that_cannot_be_written_is_not_cosigned() {
    let (folder, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    log.grow(5, "honest");
    let (config, witness) = open(folder.path(), &log);
    let state = std::fs::read_dir(&config.state_folder).unwrap();
    let state = state.map(|entry| entry.unwrap().path());
    let state = state
        .filter(|path| path.extension().is_some())
        .last()
        .unwrap();
    let beside = state.with_extension("new");
    std::fs::create_dir(&beside).unwrap();
    let cosign = |old, new| witness.cosign(log.request(old, new).as_bytes(), TIME);
    assert_eq!(cosign(0, 2).unwrap_err().code(), "witness.state_unwritable");
    std::fs::remove_dir(&beside).unwrap();
    cosign(0, 2).unwrap();
    // Where the last step breaks off nothing is cosigned until a restart has looked.
    let kept = std::fs::read(&state).unwrap();
    std::fs::remove_file(&state).unwrap();
    std::fs::create_dir(&state).unwrap();
    assert_eq!(cosign(2, 3).unwrap_err().code(), "witness.state_uncertain");
    std::fs::remove_dir(&state).unwrap();
    std::fs::write(&state, kept).unwrap();
    assert_eq!(cosign(2, 3).unwrap_err().code(), "witness.state_uncertain");
    drop(witness);
    let witness = Witness::open(&config).unwrap();
    witness.cosign(log.request(2, 3).as_bytes(), TIME).unwrap();
}

#[test]
fn a_lost_state_is_no_beginning() {
    let (folder, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    log.grow(5, "honest");
    let (config, witness) = open(folder.path(), &log);
    let locked = Witness::begin(&config, ORIGIN, TIME).unwrap_err();
    assert_eq!(locked.code(), "witness.state_locked");
    drop(witness);
    let again = Witness::begin(&config, ORIGIN, TIME).unwrap_err();
    assert_eq!(again.code(), "witness.state_exists");
    let unknown = Witness::begin(&config, "another", TIME).unwrap_err();
    assert_eq!(unknown.code(), "witness.log_unknown");
    std::fs::remove_dir_all(&config.state_folder).unwrap();
    assert_eq!(
        Witness::open(&config).unwrap_err().code(),
        "witness.state_missing"
    );
}

#[test]
fn a_key_is_its_owner_s_alone_and_never_written_over() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, log) = (tempfile::tempdir().unwrap(), Log::new());
    let config = prepare(folder.path(), &log.signer.verifier().to_string(), ORIGIN);
    let file = &config.key_file;
    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = public_key(&config).unwrap();
    assert_eq!(key.kind(), SignatureKind::Cosignature);
    assert_eq!(
        make_key(&config).unwrap_err().code(),
        "witness.key_unusable"
    );
    assert_eq!(public_key(&config).unwrap(), key);
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let refused = Witness::open(&config).unwrap_err();
    assert_eq!(refused.code(), "witness.key_unusable");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let moved = folder.path().join("moved");
    std::fs::rename(file, &moved).unwrap();
    assert_eq!(
        public_key(&config).unwrap_err().code(),
        "witness.key_unusable"
    );
    std::os::unix::fs::symlink(&moved, file).unwrap();
    assert_eq!(
        public_key(&config).unwrap_err().code(),
        "witness.key_unusable"
    );
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, "no key").unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(
        public_key(&config).unwrap_err().code(),
        "witness.key_unusable"
    );
    // A new key can't read what the old one signed.
    std::fs::remove_file(file).unwrap();
    make_key(&config).unwrap();
    assert_eq!(
        Witness::open(&config).unwrap_err().code(),
        "witness.state_damaged"
    );
}

//! What a session asks of the issuer's log, and what it holds it to afterwards.

use cardea_assertion::LogShown;
use cardea_transparency::{
    AddCheckpoint, Checkpoint, Hash, KeyName, NoteSigner, SignatureKind, leaf_hash,
};
use openssl::pkey::PKey;

use super::*;
use crate::presence::log_look;

const ORIGIN: &str = "id.example/log";

/// What a log of one entry shows: to who knows nothing of it, and to who knows the one.
fn shown() -> [String; 2] {
    let key = PKey::generate_ed25519().unwrap();
    let name = KeyName::new(ORIGIN).unwrap();
    let log = NoteSigner::new(name, SignatureKind::Ed25519, key).unwrap();
    let head = Checkpoint::new(ORIGIN, 1, leaf_hash(b"the only one")).unwrap();
    let mut note = head.to_note().unwrap();
    note.add(log.sign(&note, 0).unwrap()).unwrap();
    [0, 1].map(|known| {
        let request = AddCheckpoint::new(known, Vec::new(), note.clone()).unwrap();
        let shown = LogShown {
            key: log.verifier().to_string(),
            checkpoint: request.to_string(),
            restores: Vec::new(),
            newest: None,
            watch: None,
        };
        serde_json::to_string(&shown).unwrap()
    })
}

/// What a server does.
#[derive(Clone, Copy, Debug, Default)]
struct Manner {
    /// It says that a login has claimed the session before anything else, and never again.
    claims_early: bool,
    /// On so many connections it leaves the question for the log unanswered.
    silences: usize,
}

const ACTIVE: &str = r#"{"type":"session","state":"active"}"#;

/// Announces a log, shows it to whoever asks, and says that a login has claimed the session.
async fn serve(
    (listener, manner): (TcpListener, Manner),
    [first, again]: [String; 2],
    asked: mpsc::UnboundedSender<Value>,
) {
    for connection in 0.. {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        if manner.claims_early {
            let _ = socket.send(Message::text(ACTIVE)).await;
        }
        let nonce = json!({"type": "nonce", "nonce": "a-nonce", "log": true, "newest": true});
        let _ = socket.send(Message::text(nonce.to_string())).await;
        while let Some(Ok(Message::Text(frame))) = socket.next().await {
            let frame: Value = serde_json::from_str(&frame).unwrap();
            let answer = match frame["type"].as_str().unwrap() {
                "log" if connection < manner.silences => None,
                "log" => {
                    let part = if frame["size"] == 0 { &first } else { &again };
                    Some(json!({"type": "checkpoint", "part": part, "last": true}))
                }
                _ if manner.claims_early => None,
                _ => serde_json::from_str(ACTIVE).unwrap(),
            };
            if let Some(answer) = answer {
                let _ = socket.send(Message::text(answer.to_string())).await;
            }
            let _ = asked.send(frame);
        }
    }
}

/// A session of a card that stays.
struct Running {
    session: JoinHandle<()>,
    frames: mpsc::UnboundedReceiver<Value>,
    state_dir: tempfile::TempDir,
    _readers: watch::Sender<ReaderState>,
    _depart: watch::Sender<Option<DepartureReason>>,
}

impl Running {
    /// With a server of this manner; `is_known`: the workstation has seen its log before.
    async fn begin(manner: Manner, is_known: bool, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let (sender, frames) = mpsc::unbounded_channel();
        let shown = shown();
        let state_dir = tempfile::tempdir().unwrap();
        let enrolled = enrolled(&issuer, &state_dir);
        if is_known {
            enrolled.log_memory.take(&shown[0]).unwrap();
        }
        tokio::spawn(serve((listener, manner), shown, sender));
        let reader = reader_with_card();
        let insertion = reader.insertion().unwrap();
        let (readers, watched) = watch::channel(ReaderState::Readers(vec![reader]));
        let (depart, departing) = watch::channel(None);
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let session = PresenceSession::new(enrolled, key, insertion, watched, departing);
        let session = PresenceSession { limits, ..session };
        Self {
            session: tokio::spawn(session.run()),
            frames,
            state_dir,
            _readers: readers,
            _depart: depart,
        }
    }

    async fn frame(&mut self) -> Value {
        let next = tokio::time::timeout(PATIENCE, self.frames.recv());
        next.await.expect("a frame in time").unwrap()
    }

    /// How many entries the log owes, once it owes any.
    async fn owed(&self) -> u64 {
        let owed = async {
            loop {
                for file in std::fs::read_dir(self.state_dir.path()).unwrap().flatten() {
                    let kept = std::fs::read(file.path()).unwrap_or_default();
                    let kept: Value = serde_json::from_slice(&kept).unwrap_or_default();
                    if let Some(least) = kept["freshness"]["grown"]["least"].as_u64() {
                        return least;
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let owed = tokio::time::timeout(PATIENCE, owed);
        owed.await.expect("an entry that is owed")
    }
}

#[tokio::test]
async fn a_login_that_claims_the_session_is_an_entry_that_the_log_owes() {
    let mut running = Running::begin(Manner::default(), false, LONG).await;
    let question = running.frame().await;
    let empty = Hash::EMPTY_ROOT.to_base64();
    let expected = json!({
        "type": "log", "size": 0, "root": empty, "quorum": 0,
        "newest": { "size": 0, "root": empty },
    });
    assert_eq!(question, expected);
    assert_eq!(running.frame().await["type"], "presence");
    assert_eq!(running.owed().await, 2);
    running.session.abort();
}

/// Attack H14: a server says at once that the login went through, so that nothing that it shows
/// afterwards is held to it.
#[tokio::test]
async fn h14_a_login_that_is_claimed_before_the_log_is_shown_is_owed_all_the_same() {
    let manner = Manner {
        claims_early: true,
        ..Manner::default()
    };
    let mut running = Running::begin(manner, false, LONG).await;
    for kind in ["log", "presence"] {
        assert_eq!(running.frame().await["type"], kind);
    }
    assert_eq!(running.owed().await, 2);
    running.session.abort();
}

/// A server may be slow, and a connection may die without a word: neither is a log that is hidden.
#[tokio::test]
async fn a_log_that_is_not_shown_in_time_is_asked_for_again_before_it_is_refused() {
    let limits = Limits {
        log_answer: Duration::from_millis(300),
        ..LONG
    };
    let manner = |silences| Manner {
        silences,
        ..Manner::default()
    };
    let mut slow = Running::begin(manner(2), true, limits).await;
    for kind in ["log", "log", "log", "presence"] {
        assert_eq!(slow.frame().await["type"], kind);
    }
    assert_eq!(slow.owed().await, 2);
    // What was shown before is not to be left out for good.
    let mut silent = Running::begin(manner(usize::MAX), true, limits).await;
    for _ in 0..SILENCES_MAX {
        assert_eq!(silent.frame().await["type"], "log");
    }
    let over = tokio::time::timeout(PATIENCE, silent.session).await;
    over.unwrap().unwrap();
    slow.session.abort();
}

#[tokio::test]
async fn somebody_who_only_looks_at_the_log_keeps_nothing_of_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let (sender, mut frames) = mpsc::unbounded_channel();
    tokio::spawn(serve((listener, Manner::default()), shown(), sender));
    let state_dir = tempfile::tempdir().unwrap();
    let looked = log_look::look(&enrolled(&issuer, &state_dir)).await;
    let looked = looked.unwrap().unwrap();
    assert_eq!(looked, crate::log_memory::Outcome::GoesOn);
    assert_eq!(std::fs::read_dir(state_dir.path()).unwrap().count(), 0);
    assert_eq!(frames.recv().await.unwrap()["type"], "log");
}

//! What a session asks of the issuer's log, and what it holds it to afterwards.

use cardea_assertion::LogShown;
use cardea_transparency::{
    AddCheckpoint, Checkpoint, Hash, KeyName, NoteSigner, SignatureKind, leaf_hash,
};
use openssl::pkey::PKey;

use super::*;
use crate::presence::log_look;

const ORIGIN: &str = "id.example/log";

/// What a log of one entry shows.
fn shown() -> String {
    let key = PKey::generate_ed25519().unwrap();
    let name = KeyName::new(ORIGIN).unwrap();
    let log = NoteSigner::new(name, SignatureKind::Ed25519, key).unwrap();
    let head = Checkpoint::new(ORIGIN, 1, leaf_hash(b"the only one")).unwrap();
    let mut note = head.to_note().unwrap();
    note.add(log.sign(&note, 0).unwrap()).unwrap();
    let shown = LogShown {
        key: log.verifier().to_string(),
        checkpoint: AddCheckpoint::new(0, Vec::new(), note).unwrap().to_string(),
        restores: Vec::new(),
        newest: None,
        watch: None,
    };
    serde_json::to_string(&shown).unwrap()
}

/// Announces a log, shows it to whoever asks, and says that a login has claimed the session.
async fn serve(listener: TcpListener, text: String, asked: mpsc::UnboundedSender<Value>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let nonce = json!({"type": "nonce", "nonce": "a-nonce", "log": true, "newest": true});
        let _ = socket.send(Message::text(nonce.to_string())).await;
        while let Some(Ok(Message::Text(frame))) = socket.next().await {
            let frame: Value = serde_json::from_str(&frame).unwrap();
            let answer = match frame["type"].as_str().unwrap() {
                "log" => json!({"type": "checkpoint", "part": text, "last": true}),
                _ => json!({"type": "session", "state": "active"}),
            };
            let _ = socket.send(Message::text(answer.to_string())).await;
            let _ = asked.send(frame);
        }
    }
}

#[tokio::test]
async fn a_login_that_claims_the_session_is_an_entry_that_the_log_owes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let (sender, mut frames) = mpsc::unbounded_channel();
    tokio::spawn(serve(listener, shown(), sender));
    let state_dir = tempfile::tempdir().unwrap();
    let enrolled = enrolled(&issuer, &state_dir);

    // Somebody who only looks keeps nothing.
    let looked = log_look::look(&enrolled).await.unwrap().unwrap();
    assert_eq!(looked, crate::log_memory::Outcome::GoesOn);
    assert_eq!(std::fs::read_dir(state_dir.path()).unwrap().count(), 0);
    assert_eq!(frames.recv().await.unwrap()["type"], "log");

    let reader = Reader {
        name: "Reader A".to_owned(),
        card: CardPresence::Present {
            atr: Vec::new(),
            exclusive: false,
        },
        event_count: 1,
    };
    let insertion = reader.insertion().unwrap();
    let (_readers, watched) = watch::channel(ReaderState::Readers(vec![reader]));
    let (_depart, departing) = watch::channel(None);
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let session = PresenceSession::new(enrolled, key, insertion, watched, departing);
    let running = tokio::spawn(session.run());
    let question = frames.recv().await.unwrap();
    let empty = Hash::EMPTY_ROOT.to_base64();
    let expected = json!({
        "type": "log", "size": 0, "root": empty, "quorum": 0,
        "newest": { "size": 0, "root": empty },
    });
    assert_eq!(question, expected);
    assert_eq!(frames.recv().await.unwrap()["type"], "presence");

    let owed = async {
        loop {
            for file in std::fs::read_dir(state_dir.path()).unwrap().flatten() {
                let kept = std::fs::read(file.path()).unwrap_or_default();
                let kept: Value = serde_json::from_slice(&kept).unwrap_or_default();
                if let Some(least) = kept["freshness"]["grown"]["least"].as_u64() {
                    return least;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let least = tokio::time::timeout(PATIENCE, owed).await.unwrap();
    assert_eq!(least, 2);
    running.abort();
}

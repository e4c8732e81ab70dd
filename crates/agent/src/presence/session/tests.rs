use cardea_assertion::{PresenceState, verify_presence};
use cardea_card::{CardPresence, Reader};
use cardea_jose::Algorithm;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::challenge_keys::ChallengeKeys;
use crate::enrolment::{Enrolment, IssuerUrl};
use crate::issuer_tls;
use crate::log_memory::LogMemory;

mod log;

const PATIENCE: Duration = Duration::from_secs(10);
/// Nonces that the server sends on each connection.
const NONCES: usize = 2;
/// Longer than a loaded machine takes for a connection and two frames.
const SOON: Duration = Duration::from_secs(1);

/// Long where a test does not look.
const LONG: Limits = Limits {
    claim: Duration::from_secs(60),
    session: Duration::from_secs(60),
    delivery: Duration::from_secs(60),
    unclaimed_delivery: Duration::from_secs(60),
    log_answer: Duration::from_secs(60),
};

/// In which the card was put that signs in.
fn reader_with_card() -> Reader {
    Reader {
        name: "Reader A".to_owned(),
        card: CardPresence::Present {
            atr: Vec::new(),
            exclusive: false,
        },
        event_count: 1,
    }
}

/// A session with a server that says one and the same state in answer to every statement.
struct Course {
    statements: mpsc::UnboundedReceiver<PresenceState>,
    readers: watch::Sender<ReaderState>,
    depart: watch::Sender<Option<DepartureReason>>,
    running: JoinHandle<()>,
    _state_dir: tempfile::TempDir,
}

impl Course {
    async fn begin(server_says: &'static str, limits: Limits) -> Self {
        Self::begin_with(server_says, limits, |reader| vec![reader]).await
    }

    /// With these readers since the card has signed in one of them.
    async fn begin_with(
        server_says: &'static str,
        limits: Limits,
        since: impl FnOnce(Reader) -> Vec<Reader>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let (sender, statements) = mpsc::unbounded_channel();
        tokio::spawn(serve(listener, issuer.clone(), server_says, sender));
        let state_dir = tempfile::tempdir().unwrap();
        let reader = reader_with_card();
        let insertion = reader.insertion().unwrap();
        let (readers, watched) = watch::channel(ReaderState::Readers(since(reader)));
        let (depart, departing) = watch::channel(None);
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let enrolled = enrolled(&issuer, &state_dir);
        let session = PresenceSession {
            limits,
            ..PresenceSession::new(enrolled, key, insertion, watched, departing)
        };
        Self {
            statements,
            readers,
            depart,
            running: tokio::spawn(session.run()),
            _state_dir: state_dir,
        }
    }

    async fn statement(&mut self) -> PresenceState {
        let next = tokio::time::timeout(PATIENCE, self.statements.recv());
        next.await.expect("a statement in time").unwrap()
    }

    /// Waits until the agent has heard the state: the answer to the second nonce comes after it.
    async fn hears_the_state(&mut self) {
        for _ in 0..NONCES {
            assert_eq!(self.statement().await, PresenceState::Present);
        }
    }

    fn pull_card(&self) {
        self.readers
            .send(ReaderState::Readers(Vec::new()))
            .unwrap_or_else(|_| panic!("the session is over"));
    }

    /// Whether the session comes to its end within `time`.
    async fn ends_within(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, &mut self.running).await.is_ok()
    }
}

fn enrolled(issuer: &str, state_dir: &tempfile::TempDir) -> Arc<EnrolledIssuer> {
    let enrolment = Arc::new(Enrolment {
        issuer: IssuerUrl::parse(issuer).unwrap(),
        name: "Test".to_owned(),
        origins: Vec::new(),
        roots: Vec::new(),
        ca_pem: None,
        log: None,
    });
    let client = issuer_tls::http_client(&enrolment).unwrap();
    let http = client.clone();
    let challenge_keys =
        ChallengeKeys::new(Arc::clone(&enrolment), client, state_dir.path()).unwrap();
    Arc::new(EnrolledIssuer {
        presence_tls: issuer_tls::connector(&enrolment).unwrap(),
        log_memory: LogMemory::new(Arc::clone(&enrolment), state_dir.path()),
        enrolment,
        challenge_keys,
        http,
    })
}

async fn serve(
    listener: TcpListener,
    issuer: String,
    says: &'static str,
    statements: mpsc::UnboundedSender<PresenceState>,
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let nonce = json!({"type": "nonce", "nonce": "a-nonce"}).to_string();
        let _ = socket.send(Message::text(nonce.clone())).await;
        let mut nonces = 1;
        while let Some(Ok(Message::Text(text))) = socket.next().await {
            let frame: Value = serde_json::from_str(&text).unwrap();
            let presence = verify_presence(frame["statement"].as_str().unwrap(), &issuer).unwrap();
            let _ = statements.send(presence.state());
            let state = json!({"type": "session", "state": says}).to_string();
            let _ = socket.send(Message::text(state)).await;
            if nonces < NONCES {
                nonces += 1;
                let _ = socket.send(Message::text(nonce.clone())).await;
            }
        }
    }
}

#[tokio::test]
async fn a_session_that_is_only_ever_pending_is_given_up() {
    let limits = Limits {
        claim: SOON,
        ..LONG
    };
    let mut course = Course::begin("pending", limits).await;
    assert_eq!(course.statement().await, PresenceState::Present);
    assert!(course.ends_within(PATIENCE).await);
    // It was no session: nothing departs.
    while let Ok(state) = course.statements.try_recv() {
        assert_eq!(state, PresenceState::Present);
    }
}

/// The card was pulled, or pulled and put back, while the agent still connected.
#[tokio::test]
async fn a_card_that_left_before_the_connection_stood_departs_and_is_never_present() {
    let put_back = |reader: Reader| {
        vec![Reader {
            event_count: reader.event_count + 2,
            ..reader
        }]
    };
    let since: [fn(Reader) -> Vec<Reader>; 2] = [|_| Vec::new(), put_back];
    for since in since {
        let mut course = Course::begin_with("ended", LONG, since).await;
        assert_eq!(course.statement().await, PresenceState::Departed);
        assert!(course.ends_within(PATIENCE).await);
        assert!(
            course.statements.try_recv().is_err(),
            "nothing else was said"
        );
    }
}

#[tokio::test]
async fn a_session_departs_when_it_is_told_to_while_the_card_stays() {
    let mut course = Course::begin("active", LONG).await;
    course.hears_the_state().await;
    course
        .depart
        .send(Some(DepartureReason::ScreenLocked))
        .unwrap();
    assert_eq!(course.statement().await, PresenceState::Departed);
}

#[tokio::test]
async fn a_session_that_a_login_claimed_outlives_the_time_for_claiming() {
    let limits = Limits {
        claim: SOON,
        ..LONG
    };
    let mut course = Course::begin("active", limits).await;
    course.hears_the_state().await;
    assert!(!course.ends_within(2 * SOON).await);
}

#[tokio::test]
async fn a_session_is_over_after_its_limit_whatever_the_server_says() {
    let limits = Limits {
        session: SOON,
        ..LONG
    };
    let mut course = Course::begin("active", limits).await;
    assert!(course.ends_within(PATIENCE).await);
}

#[tokio::test]
async fn the_departure_of_a_session_that_nobody_claimed_is_not_told_for_long() {
    let limits = Limits {
        unclaimed_delivery: SOON,
        ..LONG
    };
    let mut course = Course::begin("pending", limits).await;
    course.hears_the_state().await;
    course.pull_card();
    assert_eq!(course.statement().await, PresenceState::Departed);
    assert!(course.ends_within(PATIENCE).await);
}

#[tokio::test]
async fn the_departure_of_a_claimed_session_is_told_until_it_is_confirmed() {
    let limits = Limits {
        unclaimed_delivery: SOON,
        ..LONG
    };
    let mut course = Course::begin("active", limits).await;
    course.hears_the_state().await;
    course.pull_card();
    // "Active" is no confirmation.
    for _ in 0..2 {
        assert_eq!(course.statement().await, PresenceState::Departed);
    }
}

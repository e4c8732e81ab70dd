//! An agent without a reader, enrolled with one issuer, whose key list is there to be fetched.

use axum::Router;
use axum::serve::Listener;
use cardea_agent::config::{Config, Environment};
use cardea_agent::{Agent, CardAccess, Pinentry, hostile_input};
use cardea_assertion::ChallengeKeyList;
use cardea_card::{CancelHandle, Card, Error, Insertion, Reader, ReaderMonitor, WaitOutcome};
use cardea_jose::{Algorithm, JwkSet, SigningKey};
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::sha::sha256;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// Stands for the issuer's address in inputs, which is another at every run.
pub const ISSUER: &str = "http://issuer.test:0";
/// The port that requests name in `Host`.
pub const PORT: u16 = 47_110;

/// What every check shares.
pub struct World {
    pub runtime: Runtime,
    pub agent: Arc<Agent>,
    /// The issuer's address, which is also its origin.
    pub url: String,
    connections: mpsc::UnboundedSender<DuplexStream>,
    _folder: tempfile::TempDir,
}

/// The issuer's challenge key, which everybody knows.
pub static CHALLENGE_KEY: LazyLock<(SigningKey, EcKey<Private>)> = LazyLock::new(|| {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a constant");
    let number = BigNum::from_slice(&[0x5b; 32]).expect("a constant");
    let mut point = EcPoint::new(&group).expect("a constant");
    let mut context = BigNumContext::new().expect("memory");
    let made = point.mul_generator2(&group, &number, &mut context);
    made.expect("a constant");
    let key = EcKey::from_private_components(&group, &number, &point).expect("a constant");
    let private = PKey::from_ec_key(key.clone()).expect("a constant");
    let signing = SigningKey::from_private_key(Algorithm::Es256, private);
    (signing.expect("a constant"), key)
});

pub static WORLD: LazyLock<World> = LazyLock::new(World::new);

/// A good signature by the challenge key, `r || s`.
pub fn sign(message: &[u8]) -> Vec<u8> {
    let signature = EcdsaSig::sign(&sha256(message), &CHALLENGE_KEY.1).expect("a good key");
    let parts = [
        signature.r().to_vec_padded(32),
        signature.s().to_vec_padded(32),
    ];
    parts.map(|part| part.expect("it fits")).concat()
}

impl World {
    fn new() -> Self {
        let root = SigningKey::generate(Algorithm::Es256).expect("randomness");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("a port");
        let url = format!("http://{address}");
        let list = ChallengeKeyList {
            iss: url.clone(),
            version: 1,
            iat: 0,
            keys: JwkSet {
                keys: vec![CHALLENGE_KEY.0.public_jwk().clone()],
            },
        };
        let list = list.sign(&root).expect("a good key");
        std::thread::spawn(move || publish(&listener, &list));
        let folder = tempfile::tempdir().expect("a folder");
        let agent = agent(&url, &root, folder.path());
        let runtime = Runtime::new().expect("threads");
        let (connections, queue) = mpsc::unbounded_channel();
        let routes: Router = hostile_input::loopback_routes(Arc::clone(&agent), PORT);
        runtime.spawn(async move { axum::serve(Connections(queue), routes).await });
        Self {
            runtime,
            agent,
            url,
            connections,
            _folder: folder,
        }
    }

    /// A connection as a browser opens it.
    pub fn connect(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        self.connections.send(theirs).expect("the server runs");
        ours
    }
}

fn agent(url: &str, root: &SigningKey, folder: &std::path::Path) -> Arc<Agent> {
    let jwk = serde_json::to_value(root.public_jwk()).expect("a key");
    let member = |name: &str| jwk.get(name).cloned().unwrap_or_default();
    let text = format!(
        "port = 0\nstate_dir = \"state\"\n[[issuer]]\nissuer = \"{url}\"\nname = \"x\"\n\
         roots = [ {{ kty = \"EC\", crv = \"P-256\", x = {}, y = {} }} ]\n",
        member("x"),
        member("y")
    );
    let config = Config::parse(&text, &folder.join("agent.toml"), &Environment::default());
    let config = config.expect("a good configuration");
    let prompt = Pinentry::new("/nonexistent".into(), config.language);
    Agent::new(config, NoReader, prompt).expect("an agent")
}

/// Answers every request with the key list (RFC 9112).
fn publish(listener: &TcpListener, list: &str) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let _ = stream.read(&mut [0; 4096]);
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/jwt\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{list}",
            list.len()
        );
        let _ = stream.write_all(answer.as_bytes());
    }
}

struct Connections(mpsc::UnboundedReceiver<DuplexStream>);

impl Listener for Connections {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.0.recv().await {
            Some(stream) => (stream, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(())
    }
}

/// A workstation without a reader: a challenge that is accepted waits for a card.
struct NoReader;

impl CardAccess for NoReader {
    fn monitor(&self) -> Result<Box<dyn ReaderMonitor>, Error> {
        Ok(Box::new(Self))
    }

    fn open_insertion(&self, _: &Insertion) -> Result<Box<dyn Card>, Error> {
        Err(Error::NoReader)
    }
}

impl ReaderMonitor for NoReader {
    fn readers(&mut self) -> Result<Vec<Reader>, Error> {
        Ok(Vec::new())
    }

    fn wait_for_change(&mut self, limit: Option<Duration>) -> Result<WaitOutcome, Error> {
        std::thread::sleep(limit.unwrap_or(Duration::MAX));
        Ok(WaitOutcome::TimedOut)
    }

    fn cancel_handle(&self) -> CancelHandle {
        CancelHandle::new(|| {})
    }
}

//! Any answers of a card, through everything that reads them.

use super::script::{self, Answer};
use cardea_card::{
    ApduChannel, Card, CardCertificate, CardTransport, Error, KeyReference, Pin, PinStatus,
    PivCard, PivSlot, SignRequest, authentication_certificate,
};
use cardea_test_pki::{CardProfile, IssuedCard, KeyKind, TestPki};
use cardea_virtual_card::{CardImage, DEFAULT_PIN, VirtualCard};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::sign::Verifier;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

const MESSAGE: &[u8] = b"the bytes that the card is asked to sign";
/// Commands that a card may draw out of us, whatever it promises: reading and one signature.
const COMMANDS_MAX: usize = 1500;
const VERIFY: u8 = 0x20;

/// What the transport saw.
#[derive(Default)]
struct Wire {
    answers: std::vec::IntoIter<Answer>,
    /// Each command with the answer's status word.
    commands: Vec<(Vec<u8>, Option<u16>)>,
    /// The data of each answer of the good card.
    good: Vec<Vec<u8>>,
    transactions: usize,
    is_open: bool,
}

/// Demands of these answers what must be true of all.
pub fn check(bytes: &[u8]) {
    run(script::parse(bytes));
}

/// What the good card answers in order, data and status word.
pub fn good_answers() -> Vec<Vec<u8>> {
    run(Vec::new())
}

fn run(answers: Vec<Answer>) -> Vec<Vec<u8>> {
    let inserted = VirtualCard::insert(image()).expect("a card with the default PIN");
    let wire = Arc::new(Mutex::new(Wire {
        answers: answers.clone().into_iter(),
        ..Wire::default()
    }));
    let mut card = PivCard::new(ScriptedTransport {
        card: inserted.connect(),
        wire: Arc::clone(&wire),
    });
    let read = card.certificates();
    let _ = card.serial();
    let _ = card.pin_status();
    let chosen = read
        .as_deref()
        .map(|read| authentication_certificate(read).cloned());
    let certificate = match chosen {
        Ok(Ok(chosen)) => chosen,
        _ => good_certificate(),
    };
    lock(&wire).commands.clear();
    let pin = Pin::parse(DEFAULT_PIN).expect("a PIN");
    let signed = card.sign(&SignRequest::new(&certificate, &pin, MESSAGE));
    if let Ok(signature) = &signed {
        assert!(
            verifies(&certificate, signature.jws_bytes()),
            "a signature that does not verify came through"
        );
    }
    drop(card);
    let wire = lock(&wire);
    assert!(!wire.is_open, "a transaction stayed open");
    assert!(
        wire.commands.len() < COMMANDS_MAX,
        "{} commands",
        wire.commands.len()
    );
    check_pin(&wire.commands);
    check_tries(&inserted);
    if answers.is_empty() {
        assert!(signed.is_ok(), "a good card did not sign: {signed:?}");
    }
    wire.good.clone()
}

/// The PIN is sent at most once, never without a look at its counter just before, never as the last
/// try, and is asked to be forgotten again.
fn check_pin(commands: &[(Vec<u8>, Option<u16>)]) {
    let is_pin = |command: &[u8]| command.get(1) == Some(&VERIFY) && command.len() > 5;
    let sent: Vec<usize> = (0..commands.len())
        .filter(|place| {
            commands
                .get(*place)
                .is_some_and(|(command, _)| is_pin(command))
        })
        .collect();
    assert!(sent.len() <= 1, "the PIN was sent {} times", sent.len());
    let Some(place) = sent.first().copied() else {
        return;
    };
    let look = place.checked_sub(1).and_then(|before| commands.get(before));
    let (look, status) = look.expect("something was sent before the PIN");
    assert_eq!(look.get(1), Some(&VERIFY), "the counter was not looked at");
    let status = status.unwrap_or_default();
    let tries_left = (status & 0xFFF0 == 0x63C0).then_some(status & 0x0F);
    assert!(
        status == 0x9000 || tries_left.is_some_and(|tries| tries > 1),
        "a PIN was sent after {status:04X}"
    );
    let was_right = commands
        .get(place)
        .is_some_and(|(_, status)| *status == Some(0x9000));
    let was_cleared = commands
        .get(place..)
        .unwrap_or_default()
        .iter()
        .any(|(command, _)| matches!(command.as_slice(), [_, VERIFY, 0xFF, ..]));
    assert!(
        !was_right || status == 0x9000 || was_cleared,
        "a PIN that we verified was left verified"
    );
}

/// The right PIN costs no try.
fn check_tries(inserted: &VirtualCard) {
    inserted.power_cycle();
    let status = PivCard::new(inserted.connect()).pin_status();
    let status = status.expect("the good card tells its state");
    assert!(
        matches!(
            status,
            PinStatus {
                tries_left: Some(3),
                blocked: false,
                ..
            }
        ),
        "{status:?}"
    );
}

fn verifies(certificate: &CardCertificate, jws_bytes: &[u8]) -> bool {
    let (digest, key) = (MessageDigest::sha256(), certificate.public_key());
    let signature = match jws_bytes.split_at_checked(32) {
        Some((r, s)) if s.len() == 32 => {
            let number = |bytes| openssl::bn::BigNum::from_slice(bytes).expect("a number");
            let pair = EcdsaSig::from_private_components(number(r), number(s));
            pair.and_then(|pair| pair.to_der()).expect("two numbers")
        }
        _ => jws_bytes.to_vec(),
    };
    Verifier::new(digest, key)
        .and_then(|mut verifier| verifier.verify_oneshot(&signature, MESSAGE))
        .unwrap_or(false)
}

fn issued() -> &'static IssuedCard {
    static ISSUED: OnceLock<IssuedCard> = OnceLock::new();
    ISSUED.get_or_init(|| {
        let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
        let pki = TestPki::shared().expect("a test PKI");
        pki.issue_card(&profile).expect("a card")
    })
}

fn image() -> CardImage {
    CardImage::from_issued(issued()).expect("a card's content")
}

fn good_certificate() -> CardCertificate {
    let der = issued().authentication.der.clone();
    let slot = KeyReference::Piv(PivSlot::Authentication);
    CardCertificate::parse(slot, der).expect("a card's certificate")
}

struct ScriptedTransport {
    card: VirtualCard,
    wire: Arc<Mutex<Wire>>,
}

impl CardTransport for ScriptedTransport {
    fn atr(&self) -> &[u8] {
        self.card.atr()
    }

    fn transaction(
        &mut self,
        work: &mut dyn FnMut(&mut dyn ApduChannel) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let wire = Arc::clone(&self.wire);
        {
            let mut wire = lock(&wire);
            assert!(!wire.is_open, "a transaction began within another");
            wire.is_open = true;
            wire.transactions += 1;
        }
        let outcome = self.card.transaction(&mut |channel| {
            work(&mut ScriptedChannel {
                channel,
                wire: Arc::clone(&wire),
            })
        });
        lock(&wire).is_open = false;
        outcome
    }
}

struct ScriptedChannel<'a> {
    channel: &'a mut dyn ApduChannel,
    wire: Arc<Mutex<Wire>>,
}

impl ApduChannel for ScriptedChannel<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        let next = lock(&self.wire).answers.next().unwrap_or(Answer::Good);
        let answer = match next {
            Answer::Instead(answer) => Ok(answer),
            Answer::Good => {
                let answer = self.channel.transmit(command)?;
                lock(&self.wire).good.push(answer.clone());
                Ok(answer)
            }
            Answer::Data(mut data) => {
                let answer = self.channel.transmit(command)?;
                let status = answer.split_last_chunk::<2>().map(|(_, status)| *status);
                data.extend(status.unwrap_or_default());
                Ok(data)
            }
            Answer::Cut(bytes) => {
                let mut answer = self.channel.transmit(command)?;
                answer.truncate(bytes);
                Ok(answer)
            }
        };
        let status = answer
            .as_deref()
            .ok()
            .and_then(|answer| answer.split_last_chunk::<2>());
        let status = status.map(|(_, status)| u16::from_be_bytes(*status));
        lock(&self.wire).commands.push((command.to_vec(), status));
        answer
    }
}

fn lock(wire: &Mutex<Wire>) -> MutexGuard<'_, Wire> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}

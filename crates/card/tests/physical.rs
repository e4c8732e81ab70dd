//! A real card in a real reader, for people who have one.
//!
//! Nothing runs unless `CARDEA_TEST_READER` names a reader (`opensc-tool -l` lists them). With
//! `CARDEA_TEST_PIN` set as well, one PIN entry is used to sign; a wrong one costs a try, and the
//! last try is never used.

use cardea_card::Card;
use cardea_card::{
    Backend, CountingTransport, LastTry, PcscTransport, Pin, PivCard, SignRequest,
    authentication_certificate,
};

fn reader() -> Option<String> {
    std::env::var("CARDEA_TEST_READER").ok()
}

#[test]
fn a_real_card_shows_its_certificates_and_pin_state() {
    let Some(reader) = reader() else { return };
    let mut card = Backend::Pcsc.open(&reader).unwrap();
    let certificates = card.certificates().unwrap();
    authentication_certificate(&certificates).unwrap();
    assert!(!card.serial().unwrap().is_empty());
    assert!(!card.pin_status().unwrap().blocked);
}

#[test]
fn a_real_card_signs_within_seven_commands() {
    let (Some(reader), Ok(typed)) = (reader(), std::env::var("CARDEA_TEST_PIN")) else {
        return;
    };
    let (transport, counter) = CountingTransport::new(PcscTransport::connect(&reader).unwrap());
    let mut card = PivCard::new(transport);
    let certificates = card.certificates().unwrap();
    let certificate = authentication_certificate(&certificates).unwrap();
    let pin = Pin::parse(&typed).unwrap();
    counter.take();
    let request = SignRequest::new(certificate, &pin, b"message").with_last_try(LastTry::Refused);
    card.sign(&request).unwrap();
    assert!(counter.count() <= 7, "{} commands", counter.count());
}

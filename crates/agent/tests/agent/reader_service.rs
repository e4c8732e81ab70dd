//! Readers and cards that come, go and change under the agent: real pcscd, virtual cards.

use cardea_assertion::UnverifiedAssertion;
use cardea_card::Backend;
use cardea_virtual_card::VirtualCard;
use openssl::x509::X509;
use serde_json::Value;

use crate::page::Stream;
use crate::readers::pharmacist;
use crate::service::{pin_status, run_in_own_process, wait_until};
use crate::sign_in::verify;
use crate::workstation::{Setup, Workstation};

async fn start(answers: &[&str]) -> Workstation {
    let workstation = Workstation::start_on(Backend::Pcsc, answers, Setup::default()).await;
    sees_card(&workstation).await;
    workstation
}

async fn sees_card(workstation: &Workstation) {
    wait_until("the agent sees the card", async || {
        workstation.page().status().await["card"] == "present"
    })
    .await;
}

/// Signs in and waits for the first proof of presence; returns the presence key's thumbprint.
async fn sign_in(workstation: &Workstation) -> (Value, String) {
    let challenge = workstation.issuer.challenge();
    let lines = workstation.page().sign_in(&challenge).await;
    let last = lines.last().unwrap().clone();
    let jkt = verify(&last, workstation, &challenge);
    assert_eq!(workstation.issuer.statement().await.jkt(), jkt);
    (last, jkt)
}

/// Begins a sign-in, up to the prompt.
async fn is_asked_for_the_pin(workstation: &Workstation) -> Stream {
    let challenge = workstation.issuer.challenge();
    let mut stream = workstation.page().begin(&challenge).await;
    stream.wait_for("\"pin_asked\"").await;
    workstation.person.is_asked("GETPIN").await;
    stream
}

/// The serial number of the card's certificate in an assertion.
fn certificate_serial(line: &Value) -> String {
    let assertion = UnverifiedAssertion::parse(line["assertion"].as_str().unwrap()).unwrap();
    let certificate = X509::from_der(assertion.leaf_certificate_der()).unwrap();
    let serial = certificate.serial_number().to_bn().unwrap();
    serial.to_hex_str().unwrap().to_string()
}

fn is_untouched(card: &VirtualCard) -> bool {
    const VERIFY: u8 = 0x20;
    let commands = card.command_headers();
    let verifies = commands.iter().any(|[_, command, ..]| *command == VERIFY);
    let pin = pin_status(card);
    !verifies && pin.tries_left == Some(3) && !pin.verified
}

/// The service's counters begin anew, and the same card is in the same reader: nobody can prove
/// that it stayed there.
#[test]
fn a_service_that_is_restarted_ends_sessions_and_serves_new_ones() {
    let name = "reader_service::a_service_that_is_restarted_ends_sessions_and_serves_new_ones";
    run_in_own_process(name, async |mut service| {
        let card = pharmacist();
        let _plugged = service.plug(&card);
        let workstation = start(&["pin 1234"]).await;
        let (_, jkt) = sign_in(&workstation).await;
        // The next service is there, with the card, before the first one has ended.
        let _plugged = service.replace_with_card(&card);
        assert_eq!(workstation.issuer.departure().await.jkt(), jkt);
        sees_card(&workstation).await;
        let (_, next) = sign_in(&workstation).await;
        assert_ne!(next, jkt);
    });
}

#[test]
fn a_service_that_ends_takes_the_prompt_away_and_is_found_again() {
    let name = "reader_service::a_service_that_ends_takes_the_prompt_away_and_is_found_again";
    run_in_own_process(name, async |mut service| {
        let card = pharmacist();
        let _plugged = service.plug(&card);
        let workstation = start(&["wait", "pin 1234"]).await;
        let stream = is_asked_for_the_pin(&workstation).await;
        service.stop();
        assert_eq!(stream.last_line().await["code"], "card.removed");
        wait_until("the agent knows of no reader", async || {
            workstation.page().status().await["card"] == "no_reader"
        })
        .await;
        service.start();
        let _plugged = service.plug(&card);
        sees_card(&workstation).await;
        sign_in(&workstation).await;
    });
}

/// The page is told at once what is the matter, and goes on by itself when it has changed.
#[test]
fn a_service_out_of_reach_is_told_to_the_page_and_waited_for() {
    let name = "reader_service::a_service_out_of_reach_is_told_to_the_page_and_waited_for";
    run_in_own_process(name, async |mut service| {
        service.stop();
        let card = pharmacist();
        let setup = Setup::default();
        let workstation = Workstation::start_on(Backend::Pcsc, &["pin 1234"], setup).await;
        let challenge = workstation.issuer.challenge();
        let mut stream = workstation.page().begin(&challenge).await;
        stream.wait_for("\"reader_service_down\"").await;
        service.start();
        stream.wait_for("\"insert_card\"").await;
        let _plugged = service.plug(&card);
        verify(&stream.last_line().await, &workstation, &challenge);
    });
}

/// D12: the card is exchanged for another one between the prompt and the signature.
#[test]
fn d12_cards_exchanged_under_a_prompt_end_it_and_the_other_card_gets_no_pin() {
    let name =
        "reader_service::d12_cards_exchanged_under_a_prompt_end_it_and_the_other_card_gets_no_pin";
    run_in_own_process(name, async |service| {
        let (first, second) = (pharmacist(), pharmacist());
        let plugged = service.plug(&first);
        let workstation = start(&["when told pin 1234"]).await;
        let stream = is_asked_for_the_pin(&workstation).await;
        drop(plugged);
        let _plugged = service.plug(&second);
        let last = stream.last_line().await;
        assert_eq!(last["code"], "card.removed", "{last}");
        assert!(is_untouched(&second));
        workstation.person.goes_on();
        sees_card(&workstation).await;
        sign_in(&workstation).await;
    });
}

/// D12: a card is pulled and another one put in before the service has looked, and the service
/// tells of no change, or too late.
#[test]
fn d12_an_exchange_that_the_service_misses_costs_no_try_of_the_other_card() {
    let name =
        "reader_service::d12_an_exchange_that_the_service_misses_costs_no_try_of_the_other_card";
    run_in_own_process(name, async |service| {
        let (first, second) = (pharmacist(), pharmacist());
        let plugged = service.plug(&first);
        let workstation = start(&["when told pin 1234"]).await;
        let stream = is_asked_for_the_pin(&workstation).await;
        let context = pcsc::Context::establish(pcsc::Scope::User).unwrap();
        let reader = std::ffi::CString::new(service.reader()).unwrap();
        let other = context
            .connect(&reader, pcsc::ShareMode::Shared, pcsc::Protocols::ANY)
            .unwrap();
        // The other program's command is what finds the first card gone. The service gives up that
        // connection, and takes the second card for the first.
        drop(plugged);
        let _plugged = service.plug(&second);
        let select = [0, 0xA4, 4, 0, 5, 0xA0, 0, 0, 3, 8, 0];
        let mut buffer = [0; 300];
        assert!(other.transmit(&select, &mut buffer).is_err());
        workstation.person.goes_on();
        let last = stream.last_line().await;
        assert_eq!(last["code"], "card.removed", "{last}");
        assert!(is_untouched(&second));
    });
}

#[test]
fn cards_put_in_and_out_quickly_are_each_told_apart() {
    let name = "reader_service::cards_put_in_and_out_quickly_are_each_told_apart";
    run_in_own_process(name, async |service| {
        let cards = [pharmacist(), pharmacist()];
        let mut plugged = service.plug(&cards[0]);
        let workstation = start(&["pin 1234"]).await;
        let mut serials = Vec::new();
        for turn in 0..4 {
            let (line, jkt) = sign_in(&workstation).await;
            serials.push(certificate_serial(&line));
            drop(plugged);
            plugged = service.plug(&cards[(turn + 1) % 2]);
            assert_eq!(workstation.issuer.departure().await.jkt(), jkt);
            sees_card(&workstation).await;
        }
        assert_eq!(serials[..2], serials[2..]);
        assert_ne!(serials[0], serials[1]);
    });
}

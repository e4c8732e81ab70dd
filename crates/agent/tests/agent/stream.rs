//! When the lines of a stream reach the page, and when it ends.

use std::time::{Duration, Instant};

use crate::readers::{Readers, pharmacist};
use crate::workstation::Workstation;

/// The last chunk of a response that ends in due form (RFC 9112 section 7.1).
const END_OF_RESPONSE: &str = "\r\n0\r\n\r\n";
/// A signature takes the card of the tests milliseconds; the rest is for a loaded machine. The
/// agent waits for a connection longer than this.
const PROMPT: Duration = Duration::from_secs(8);

#[tokio::test]
async fn the_last_line_and_the_end_of_the_stream_do_not_wait_for_the_presence_connection() {
    let workstation = Workstation::start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    workstation.issuer.leave_presence_unanswered();
    let challenge = workstation.issuer.challenge();
    let page = workstation.page();
    let mut stream = page.begin_on_lasting_connection(&challenge).await;
    stream.wait_for("\"signing\"").await;
    let signing = Instant::now();
    stream.wait_for("\"assertion\"").await;
    stream.wait_for(END_OF_RESPONSE).await;
    assert!(signing.elapsed() < PROMPT, "{:?}", signing.elapsed());
}

/// Attack D6: by this line a page tells an agent from a program that took its port.
#[tokio::test]
async fn the_first_line_names_the_enrolment_and_the_challenge() {
    let workstation = Workstation::start(&Readers::holding(&pharmacist()), &["pin 1234"]).await;
    let challenge = workstation.issuer.challenge();
    let answer = workstation.page().ask(&challenge).await;
    let first: serde_json::Value =
        serde_json::from_str(answer.body.lines().next().unwrap()).unwrap();
    let hash = cardea_jose::sha256_base64url(challenge.as_bytes());
    let issuer = &workstation.issuer.url;
    let expected = serde_json::json!({"type": "accepted", "issuer": issuer, "challenge": hash});
    assert_eq!(first, expected);
}

#[tokio::test]
async fn each_line_reaches_the_page_when_it_is_true() {
    let workstation = Workstation::start(&Readers::holding(&pharmacist()), &["wait"]).await;
    let challenge = workstation.issuer.challenge();
    let page = workstation.page();
    let mut stream = page.begin_on_lasting_connection(&challenge).await;
    // The prompt stays open: nothing that comes later pushes these lines out.
    stream.wait_for("\"card_found\"").await;
    stream.wait_for("\"pin_asked\"").await;
}

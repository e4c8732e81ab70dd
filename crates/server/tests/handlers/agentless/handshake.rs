//! The handshake itself, as `openssl s_client` sees it (attack H11).

use std::process::{Command, Stdio};

use super::stage::Stage;
use super::{in_files, pharmacist};
use crate::relying_party::Request;

/// What `openssl s_client` says, with a request for the listener's page on its input.
async fn s_client(stage: &Stage, arguments: &[&str]) -> String {
    let key = in_files(stage, &stage.card);
    let (certificate, key) = key.files();
    let mut command = Command::new("openssl");
    command
        .args([
            "s_client",
            "-connect",
            &stage.address,
            "-servername",
            "card.example.test",
        ])
        .args([
            "-cert",
            &certificate,
            "-cert_chain",
            &certificate,
            "-key",
            &key,
        ])
        .args(arguments)
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().expect("apt-get install openssl");
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    said
}

#[tokio::test]
async fn without_a_certificate_there_is_no_handshake() {
    let stage = Stage::open().await;
    let login = Request::new().begin(&stage.app).await;
    let refused = stage.visit(&login.id, None).await;
    assert_eq!(refused.status, 0, "{refused:?}");
    assert!(!refused.trouble.is_empty());
    // One whose key its holder does not have is none either.
    let card = stage.app.host.pki.issue_card(&pharmacist()).unwrap();
    let mut stolen = stage.card.clone();
    stolen.key = card.authentication.key.clone();
    let refused = stage
        .visit(&login.id, Some(&in_files(&stage, &stolen)))
        .await;
    assert_eq!(refused.status, 0, "{refused:?}");
}

/// A CPS3 signs PKCS#1 v1.5 alone, and TLS 1.3 does not take it.
#[tokio::test]
async fn tls_1_3_and_pss_are_offered_only_where_the_cards_can() {
    let stage = Stage::open().await;
    let refused = s_client(&stage, &["-tls1_3"]).await;
    assert!(refused.contains("alert protocol version"), "{refused}");
    let spoken = s_client(&stage, &[]).await;
    assert!(spoken.contains("Protocol  : TLSv1.2"), "{spoken}");
    assert!(spoken.contains("Client Certificate Types"), "{spoken}");
    let schemes = spoken
        .lines()
        .find(|line| line.starts_with("Requested Signature Algorithms:"))
        .unwrap();
    assert!(
        !schemes.contains("PSS") && !schemes.contains("SHA1"),
        "{schemes}"
    );
    assert!(schemes.contains("RSA+SHA256"), "{schemes}");
    // The names of the cards' authorities go along, so that browsers offer nothing else.
    assert!(spoken.contains("Acceptable client certificate CA names"));
    assert!(spoken.contains("PERSONNES"), "{spoken}");

    let limits = "per_address_and_minute = 600";
    let stage = Stage::with(limits, "cards_sign_pss = true").await;
    let spoken = s_client(&stage, &["-tls1_3"]).await;
    assert!(spoken.contains("TLSv1.3"), "{spoken}");
}

/// A resumed session would bring in the certificate of a card that has left.
#[tokio::test]
async fn no_session_is_resumed_and_nothing_negotiated_again() {
    for more in ["", "cards_sign_pss = true"] {
        let stage = Stage::with("per_address_and_minute = 600", more).await;
        let said = s_client(&stage, &["-reconnect", "-tls1_2"]).await;
        assert!(said.contains("New, TLSv1.2"), "{said}");
        assert!(!said.contains("Reused"), "{said}");
        assert!(!said.contains("TLS session ticket:"), "{said}");
        let session_ids: Vec<_> = said
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Session-ID: "))
            .filter(|id| !id.is_empty())
            .collect();
        assert!(session_ids.is_empty(), "{session_ids:?}");
    }
}

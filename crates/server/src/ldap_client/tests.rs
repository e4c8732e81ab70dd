//! Fetching from Debian's slapd, and from impostors that answer as they please
//! (attacks A20 and B12).

pub(crate) mod directory;
mod impostor;

use std::time::{Duration, Instant};

use cardea_test_pki::{AuthorityName, CrlSpec, TestPki};
use native_tls::TlsConnector;
use url::Url;

use self::directory::{ABSENT_NAME, Directory, ENTRY_NAME, REFERRAL_NAME, WITHOUT_DELTA_NAME};
use self::impostor::{Impostor, entry, entry_of, message, primitive, result, sequence};
use super::{LdapError, fetch, fetch_trusting};
use crate::http_client::Budget;

const BUDGET: Budget = Budget {
    time: Duration::from_secs(10),
    bytes_max: 1 << 20,
};
/// For what would never end.
const SHORT: Budget = Budget {
    time: Duration::from_millis(200),
    bytes_max: 4096,
};
const NEVER: Duration = Duration::from_secs(20);

fn crl(number: u64, delta_base: Option<u64>) -> Vec<u8> {
    let pki = TestPki::shared().unwrap();
    let mut list = CrlSpec::new(AuthorityName::FORT_PERSONNES, pki.at());
    list.number = Some(number);
    list.delta_base = delta_base;
    let authority = pki.authority(AuthorityName::FORT_PERSONNES).unwrap();
    authority.crl(&list).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_gives_the_attribute_that_was_named() {
    let (full, delta) = (crl(7, None), crl(8, Some(7)));
    let directory = Directory::start(&full, &delta);
    let complete = directory.url(ENTRY_NAME, "certificateRevocationList;binary?base");
    assert_eq!(fetch(&complete, BUDGET).await.unwrap(), full);
    let changes = directory.url(
        ENTRY_NAME,
        "deltarevocationlist;binary?base?objectClass=pkiCA",
    );
    assert_eq!(fetch(&changes, BUDGET).await.unwrap(), delta);
    let without_option = directory.url(ENTRY_NAME, "deltaRevocationList");
    assert_eq!(fetch(&without_option, BUDGET).await.unwrap(), delta);

    let missing = directory.url(WITHOUT_DELTA_NAME, "deltaRevocationList;binary");
    let refusal = fetch(&missing, BUDGET).await.unwrap_err();
    assert!(
        matches!(refusal, LdapError::AttributeMissing),
        "{refusal:?}"
    );
    let absent = directory.url(ABSENT_NAME, "deltaRevocationList;binary");
    let refusal = fetch(&absent, BUDGET).await.unwrap_err();
    assert!(matches!(refusal, LdapError::NoSuchEntry), "{refusal:?}");
    let elsewhere = directory.url(REFERRAL_NAME, "deltaRevocationList;binary");
    let refusal = fetch(&elsewhere, BUDGET).await.unwrap_err();
    assert!(matches!(refusal, LdapError::Referral), "{refusal:?}");
    let malformed = directory.url("not-a-name", "deltaRevocationList;binary");
    let refusal = fetch(&malformed, BUDGET).await.unwrap_err();
    assert!(
        matches!(refusal, LdapError::Refused { result_code: 34 }),
        "{refusal:?}"
    );

    let exact = Budget {
        bytes_max: full.len(),
        ..BUDGET
    };
    assert_eq!(fetch(&complete, exact).await.unwrap(), full);
    let tight = Budget {
        bytes_max: full.len() - 1,
        ..BUDGET
    };
    let refusal = fetch(&complete, tight).await.unwrap_err();
    assert!(matches!(refusal, LdapError::TooLarge { .. }), "{refusal:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_in_tls_is_asked_only_when_its_certificate_is_trusted() {
    let (full, delta) = (crl(7, None), crl(8, Some(7)));
    let directory = Directory::start(&full, &delta);
    let url = directory.tls_url(ENTRY_NAME, "certificateRevocationList;binary");
    let trusting = || {
        TlsConnector::builder()
            .add_root_certificate(directory.certificate())
            .build()
    };
    assert_eq!(fetch_trusting(&url, BUDGET, trusting).await.unwrap(), full);
    let refusal = fetch(&url, BUDGET).await.unwrap_err();
    assert!(matches!(refusal, LdapError::TlsFailed(_)), "{refusal:?}");
    let other_name = Url::parse(&url.as_str().replace("localhost", "127.0.0.1")).unwrap();
    let refusal = fetch_trusting(&other_name, BUDGET, trusting)
        .await
        .unwrap_err();
    assert!(matches!(refusal, LdapError::TlsFailed(_)), "{refusal:?}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_fails_at_once() {
    let url = Impostor::port_without_listener();
    let refusal = fetch(&url, BUDGET).await.unwrap_err();
    assert!(matches!(refusal, LdapError::Failed(_)), "{refusal:?}");
}

#[tokio::test]
async fn a_server_that_hangs_or_trickles_costs_no_more_than_the_time_budget() {
    let whole = entry(b"deltaRevocationList;binary", &[b"list"]);
    for impostor in [Impostor::silent(), Impostor::trickling(whole)] {
        let begin = Instant::now();
        let refusal = fetch(&impostor.url(), SHORT).await.unwrap_err();
        assert!(matches!(refusal, LdapError::TimedOut { .. }), "{refusal:?}");
        assert!(begin.elapsed() < NEVER);
    }
}

#[tokio::test]
async fn a_server_that_ends_early_fails() {
    let whole = entry(b"deltaRevocationList;binary", &[b"list"]);
    for answer in [Vec::new(), whole[..20].to_vec(), whole] {
        let impostor = Impostor::closing(answer);
        let refusal = fetch(&impostor.url(), BUDGET).await.unwrap_err();
        assert!(matches!(refusal, LdapError::Failed(_)), "{refusal:?}");
    }
}

#[tokio::test]
async fn an_honest_answer_by_hand_is_read() {
    for name in [
        b"deltaRevocationList;binary".as_slice(),
        b"DELTAREVOCATIONLIST",
    ] {
        let answer = [entry(name, &[b"list"]), result(0, &[])].concat();
        let value = fetch(&Impostor::closing(answer).url(), BUDGET)
            .await
            .unwrap();
        assert_eq!(value, b"list");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_at_the_byte_budget() {
    // The length alone says it; nothing of the 2 GiB is waited for.
    let announced = Impostor::held_open(vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02]);
    let long = entry(b"deltaRevocationList;binary", &[&[0; 30_000]]);
    let small = Budget {
        bytes_max: 4096,
        ..BUDGET
    };
    for impostor in [announced, Impostor::held_open(long)] {
        let refusal = fetch(&impostor.url(), small).await.unwrap_err();
        assert!(matches!(refusal, LdapError::TooLarge { .. }), "{refusal:?}");
    }
}

/// Each of a million small messages once cost a copy of all that followed it.
#[tokio::test]
async fn many_small_messages_are_refused_after_a_few() {
    let empty = message(0x64, &[primitive(4, b""), sequence(0x30, &[])].concat());
    let (gate, near) = tokio::net::UnixStream::pair().unwrap();
    // Nobody reads requests or answers there: the gate alone decides.
    let (client, mut far) = tokio::io::duplex(1 << 20);
    tokio::io::AsyncWriteExt::write_all(&mut far, &empty.repeat(1000))
        .await
        .unwrap();
    let refusal = super::answer_gate::relay(client, gate, 1 << 20).await;
    assert!(
        matches!(refusal, LdapError::Malformed { reason } if reason.starts_with("more messages")),
        "{refusal:?}"
    );
    drop(near);
}

#[tokio::test]
async fn answers_of_another_shape_are_refused() {
    let delta = b"deltaRevocationList;binary".as_slice();
    let done = result(0, &[]);
    // Beside an honest attribute, so that nothing but its depth is wrong with the entry.
    let nested = |depth| (0..depth).fold(primitive(4, b"x"), |inner, _| sequence(0x30, &[&inner]));
    let honest = primitive(4, b"list");
    let flat = entry_of(&[(delta, &honest), (b"cn", &nested(0))]);
    let flat = [flat, done.clone()].concat();
    let value = fetch(&Impostor::held_open(flat).url(), BUDGET)
        .await
        .unwrap();
    assert_eq!(value, b"list");
    let deep = entry_of(&[(delta, &honest), (b"cn", &nested(2000))]);
    let cases: [(&str, Vec<u8>); 16] = [
        ("garbage", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("zeros", vec![0; 64]),
        ("an unfinished header", vec![0x3f; 64]),
        (
            "indefinite length",
            vec![0x30, 0x80, 0x02, 0x01, 0x01, 0x00, 0x00],
        ),
        ("an empty message", sequence(0x30, &[])),
        ("no id", sequence(0x30, &[&sequence(0x65, &[])])),
        ("an unknown operation", message(0x7e, &[])),
        (
            "a notice of disconnection",
            message(0x78, &result_members()),
        ),
        ("nesting without end", [deep, done.clone()].concat()),
        (
            "a member longer than its entry",
            message(0x64, &[0x04, 0x7f, 0x00]),
        ),
        (
            "an entry of one member",
            [message(0x64, &primitive(4, b"cn=A")), done.clone()].concat(),
        ),
        (
            "several values",
            [entry(delta, &[b"one", b"two"]), done.clone()].concat(),
        ),
        (
            "two entries",
            [entry(delta, &[b"one"]), entry(delta, &[b"one"]), done].concat(),
        ),
        (
            "an answer to another request",
            [with_id(2, result(0, &[])), result(0, &[])].concat(),
        ),
        (
            "an answer to no request",
            [with_id(0, result(0, &[])), result(0, &[])].concat(),
        ),
        (
            "a result without texts",
            message(0x65, &primitive(10, &[0])),
        ),
    ];
    for (name, answer) in cases {
        let refusal = fetch(&Impostor::held_open(answer).url(), BUDGET)
            .await
            .unwrap_err();
        assert!(
            matches!(refusal, LdapError::Malformed { .. }),
            "{name}: {refusal:?}"
        );
    }
}

/// The message under another id than the request's.
fn with_id(id: u8, mut message: Vec<u8>) -> Vec<u8> {
    // The id's header follows the message's of six octets.
    assert_eq!(message[6..13], [2, 0x84, 0, 0, 0, 1, 1]);
    message[12] = id;
    message
}

fn result_members() -> Vec<u8> {
    [primitive(10, &[0]), primitive(4, b""), primitive(4, b"")].concat()
}

#[tokio::test]
async fn another_attribute_than_the_named_one_is_not_taken() {
    for name in [
        b"certificateRevocationList;binary".as_slice(),
        b"deltaRevocationList;x-other",
    ] {
        let answer = [entry(name, &[b"list"]), result(0, &[])].concat();
        let refusal = fetch(&Impostor::held_open(answer).url(), BUDGET)
            .await
            .unwrap_err();
        assert!(
            matches!(refusal, LdapError::AttributeMissing),
            "{refusal:?}"
        );
    }
}

#[tokio::test]
async fn referrals_in_either_form_are_not_followed() {
    let trap = Impostor::silent();
    let elsewhere = primitive(4, trap.url().as_str().as_bytes());
    let in_result = result(10, &sequence(0xa3, &[&elsewhere]));
    let as_reference = message(0x73, &elsewhere);
    for answer in [in_result, as_reference, result(10, &[])] {
        let refusal = fetch(&Impostor::held_open(answer).url(), BUDGET)
            .await
            .unwrap_err();
        assert!(matches!(refusal, LdapError::Referral), "{refusal:?}");
    }
    assert_eq!(trap.connections(), 0);
}

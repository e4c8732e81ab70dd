//! Who may talk to the agent at all (attacks D1 to D6).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cardea_agent::config::{Config, Environment};
use cardea_agent::peer_check::PeerOwner;
use cardea_agent::{Agent, LocalApi, LoopbackDoor, Pinentry};

use crate::page::raw;
use crate::readers::{Readers, pharmacist};
use crate::service::wait_until;
use crate::workstation::{Setup, Workstation};

/// Attacks D1, D3 and D4: a fetch, its preflight from a public address and whatever `Origin` may
/// look like the right one. The card hears nothing, and no answer may be read.
#[tokio::test]
async fn pages_of_other_origins_are_refused_before_anything_else_happens() {
    let card = pharmacist();
    let workstation = Workstation::start(&Readers::holding(&card), &["pin 1234"]).await;
    let own = workstation.issuer.url.clone();
    let origins = [
        "http://evil.test",
        "null",
        "",
        "http://127.0.0.1",
        "https://idp.example.test",
        &format!("{own}.evil.test"),
        &format!("{own}/"),
        &format!("{own}, {own}"),
        &format!("{own}\r\nOrigin: {own}"),
        &format!("{own}\r\nOrigin: http://evil.test"),
    ];
    for origin in origins {
        let page = workstation.page_of(origin);
        for answer in [
            page.ask(&workstation.issuer.challenge()).await,
            page.send("GET /v1/status", "", "").await,
            page.send("GET /nowhere", "", "").await,
            page.send(
                "OPTIONS /v1/assertion",
                "Access-Control-Request-Method: POST\r\n\
                Access-Control-Request-Private-Network: true\r\n",
                "",
            )
            .await,
        ] {
            assert_eq!(answer.status, 403, "{origin:?}");
            assert_eq!(answer.code(), "agent.origin_refused", "{origin:?}");
            assert_eq!(
                answer.header("content-type"),
                Some("application/problem+json")
            );
            let cors = answer
                .headers
                .iter()
                .any(|(name, _)| name.starts_with("access-control-"));
            assert!(!cors, "{answer:?}");
        }
    }
    assert!(card.command_headers().is_empty());
    assert!(workstation.person.was_told().is_empty());
}

/// Attacks D1 and D3: what a page can send without an `Origin`, or a program without a browser.
#[tokio::test]
async fn requests_without_an_origin_are_refused() {
    let card = pharmacist();
    let workstation = Workstation::start(&Readers::holding(&card), &["pin 1234"]).await;
    let agent = workstation.address;
    // An image, a form post and a WebSocket of a foreign page, or a program.
    let requests = [
        format!("GET /v1/status HTTP/1.1\r\nHost: {agent}\r\nConnection: close\r\n\r\n"),
        format!(
            "POST /v1/assertion HTTP/1.1\r\nHost: {agent}\r\nConnection: close\r\n\
            Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{{}}"
        ),
        format!(
            "GET /v1/status HTTP/1.1\r\nHost: {agent}\r\nConnection: Upgrade\r\n\
            Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: close\r\n\
            Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        ),
    ];
    for request in requests {
        let answer = raw(agent, &request).await.unwrap();
        assert_eq!(
            (answer.status, &*answer.code()),
            (403, "agent.origin_refused")
        );
    }
    assert!(card.command_headers().is_empty());
    assert!(workstation.person.was_told().is_empty());
}

/// Attack D2: DNS rebinding.
#[tokio::test]
async fn names_that_only_point_here_are_refused_whatever_the_origin_says() {
    let workstation = Workstation::start(&Readers::none(), &["pin 1234"]).await;
    let (agent, origin) = (workstation.address, &workstation.issuer.url);
    let port = agent.port();
    let hosts = [
        format!("evil.test:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", port ^ 1),
        format!("localhost.evil.test:{port}"),
        format!("127.0.0.1:{port}\r\nHost: evil.test:{port}"),
    ];
    for host in hosts {
        let request = format!(
            "GET /v1/status HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n\
             Connection: close\r\n\r\n"
        );
        let answer = raw(agent, &request).await.unwrap();
        // A doubled Host may be refused by the HTTP library before us.
        if answer.status != 400 {
            assert_eq!(
                (answer.status, &*answer.code()),
                (403, "agent.host_refused"),
                "{host}"
            );
        }
    }
    let absolute = format!(
        "GET http://evil.test/v1/status HTTP/1.1\r\nHost: {agent}\r\nOrigin: {origin}\r\n\
         Connection: close\r\n\r\n"
    );
    assert_eq!(
        raw(agent, &absolute).await.unwrap().code(),
        "agent.host_refused"
    );
    let localhost = format!(
        "GET /v1/status HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: {origin}\r\n\
         Connection: close\r\n\r\n"
    );
    assert_eq!(raw(agent, &localhost).await.unwrap().status, 200);
}

/// The other half of D4: the enrolled origin may come from a public address.
#[tokio::test]
async fn the_enrolled_page_gets_its_preflight_and_its_own_origin_back() {
    let workstation = Workstation::start(&Readers::none(), &["pin 1234"]).await;
    let page = workstation.page();
    let headers = "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: \
        content-type\r\nAccess-Control-Request-Private-Network: true\r\n";
    let answer = page.send("OPTIONS /v1/assertion", headers, "").await;
    assert_eq!(answer.status, 204);
    let header = |name| answer.header(name);
    assert_eq!(
        header("access-control-allow-origin"),
        Some(&*workstation.issuer.url)
    );
    assert_eq!(header("access-control-allow-methods"), Some("GET, POST"));
    assert_eq!(header("access-control-allow-headers"), Some("content-type"));
    assert_eq!(header("access-control-allow-private-network"), Some("true"));
    assert_eq!(header("access-control-allow-local-network"), None);
    assert_eq!(header("access-control-allow-credentials"), None);
    assert_eq!(header("vary"), Some("Origin"));

    let local = "Access-Control-Request-Local-Network: true\r\n";
    let answer = page.send("OPTIONS /v1/status", local, "").await;
    assert_eq!(
        answer.header("access-control-allow-local-network"),
        Some("true")
    );
    assert_eq!(answer.header("access-control-allow-private-network"), None);
}

#[tokio::test]
async fn the_status_says_whether_a_card_is_there_and_nothing_about_it() {
    let (readers, card) = (Readers::none(), pharmacist());
    let workstation = Workstation::start(&readers, &["pin 1234"]).await;
    let page = workstation.page();
    let version = env!("CARGO_PKG_VERSION");
    let expected =
        |card: &str| serde_json::json!({"version": version, "state": "ready", "card": card});
    assert_eq!(page.status().await, expected("no_reader"));
    readers.plug("Reader A");
    while page.status().await == expected("no_reader") {}
    assert_eq!(page.status().await, expected("absent"));
    readers.insert("Reader A", &card);
    while page.status().await == expected("absent") {}
    assert_eq!(page.status().await, expected("present"));
    assert!(card.command_headers().is_empty());
}

#[tokio::test]
async fn what_is_not_the_one_request_is_refused_with_its_code() {
    let workstation = Workstation::start(&Readers::none(), &["pin 1234"]).await;
    let page = workstation.page();
    let json = "Content-Type: application/json\r\n";
    let text = "Content-Type: text/plain\r\n";
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let long = format!("{{\"challenge\":\"{}\"}}", "x".repeat(9000));
    let cases = [
        ("GET /nowhere", "", "", "agent.not_found"),
        ("GET /v1/assertion", "", "", "agent.method_not_allowed"),
        ("PUT /v1/assertion", json, "{}", "agent.method_not_allowed"),
        ("POST /v1/status", json, "{}", "agent.method_not_allowed"),
        ("POST /v1/assertion", "", "{}", "agent.content_type_refused"),
        (
            "POST /v1/assertion",
            text,
            "{}",
            "agent.content_type_refused",
        ),
        (
            "POST /v1/assertion",
            form,
            "a=b",
            "agent.content_type_refused",
        ),
        (
            "POST /v1/assertion",
            &format!("{json}{text}"),
            "{}",
            "agent.content_type_refused",
        ),
        ("POST /v1/assertion", json, "", "agent.request_invalid"),
        ("POST /v1/assertion", json, "{}", "agent.request_invalid"),
        ("POST /v1/assertion", json, "\"x\"", "agent.request_invalid"),
        (
            "POST /v1/assertion",
            json,
            "{\"hash\":\"x\"}",
            "agent.request_invalid",
        ),
        ("POST /v1/assertion", json, &long, "agent.request_invalid"),
    ];
    for (line, headers, body, code) in cases {
        let answer = page.send(line, headers, body).await;
        let status = match code {
            "agent.not_found" => 404,
            "agent.method_not_allowed" => 405,
            "agent.content_type_refused" => 415,
            _ => 400,
        };
        assert_eq!(
            (answer.status, &*answer.code()),
            (status, code),
            "{line} {headers} {body:.40}"
        );
        // The page may read why.
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, Some(&*workstation.issuer.url));
    }
    assert!(workstation.person.was_told().is_empty());
}

/// Takes every connection for another user's.
struct Foreign;

impl PeerOwner for Foreign {
    fn is_own_user(&self, _peer: SocketAddr, _local: SocketAddr) -> bool {
        false
    }
}

/// Attack D6 at the port; two real users stand in the end-to-end tests.
#[tokio::test]
async fn another_users_program_is_turned_away_unread() {
    let setup = Setup {
        peers: Box::new(Foreign),
        ..Setup::default()
    };
    let workstation = Workstation::start_with(&Readers::none(), &["pin 1234"], setup).await;
    let page = workstation.page();
    let request = page.request("GET /v1/status", "", "");
    assert!(raw(workstation.address, &request).await.is_none());
}

/// Attacks D5 and D6: 127.0.0.1 and no IPv6, by the kernel's own table, as ss(8) reads it.
#[tokio::test]
async fn the_agent_listens_on_loopback_only_and_notices_a_squatted_port() {
    let api = LocalApi::bind(0).await.unwrap();
    let port = format!(":{:04X}", api.address().port());
    let listening: Vec<_> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .flat_map(|table| {
            let table = std::fs::read_to_string(table).unwrap_or_default();
            table.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace().skip(1).map(str::to_owned);
            let (local, _, state) = (fields.next()?, fields.next()?, fields.next()?);
            (state == "0A" && local.ends_with(&port)).then_some(local)
        })
        .collect();
    assert_eq!(listening, [format!("0100007F{port}")]);
    let error = LocalApi::bind(api.address().port()).await.unwrap_err();
    assert_eq!(error.code(), "agent.address_unavailable");
}

/// Attack D6: an account that is added while the agent runs ends what was decided without it.
#[tokio::test]
async fn an_open_port_is_shut_when_somebody_else_can_log_on() {
    static SEVERAL: AtomicBool = AtomicBool::new(false);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    let text = "state_dir = \"state\"\n";
    let mut config = Config::parse(text, &file, &Environment::default()).unwrap();
    config.several_users = || SEVERAL.load(Ordering::SeqCst);
    let free = LocalApi::bind(0).await.unwrap().address();
    config.port = free.port();
    let door = LoopbackDoor::of(&config).look_again_every(Duration::from_millis(20));
    let prompt = Pinentry::new("/nonexistent".into(), config.language);
    let agent = Agent::new(config, Readers::none(), prompt).unwrap();
    let peers = Box::new(Foreign);
    tokio::spawn(door.serve(agent, peers, std::future::pending()));
    let is_open = async || tokio::net::TcpStream::connect(free).await.is_ok();
    wait_until("the port is open", async || is_open().await).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(is_open().await);
    SEVERAL.store(true, Ordering::SeqCst);
    wait_until("the port is shut", async || !is_open().await).await;
    // It stays so: who was there once may have left a program behind.
    SEVERAL.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!is_open().await);
}

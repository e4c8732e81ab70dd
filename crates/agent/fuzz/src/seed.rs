//! Good inputs to start from, the same bytes each time.

use super::loopback_request::CHALLENGE;
use super::world::{CHALLENGE_KEY, ISSUER, PORT};
use cardea_agent::agent_socket::frame::encode;
use cardea_assertion::{LoginChallenge, Purpose, UserVerification};
use std::fs;
use std::path::Path;

/// A name and the bytes.
pub type Seed = (&'static str, Vec<u8>);

type Change = fn(&mut LoginChallenge);

/// The environment variable that names the folder for a target's seeds.
pub const FOLDER_VARIABLE: &str = "CARDEA_SEED_FOLDER";

/// Writes the seeds into the folder that [`FOLDER_VARIABLE`] names, if it names one.
pub fn write_where_asked(seeds: fn() -> Vec<Seed>) {
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE) else {
        return;
    };
    for (name, bytes) in seeds() {
        fs::write(Path::new(&folder).join(name), bytes).expect("the folder takes files");
    }
}

/// Challenges of the issuer; their signatures are made again at each use.
pub fn challenges() -> Vec<Seed> {
    let changes: [(&str, Change); 5] = [
        ("good", |_| {}),
        ("acr", |claims| claims.acr = Some("eidas3".to_owned())),
        ("cached", |claims| claims.uv = UserVerification::Cached),
        ("long", |claims| claims.exp = claims.iat + 86_400),
        ("strange-name", |claims| {
            claims.client_name = "\u{202e}x\n".to_owned()
        }),
    ];
    changes
        .into_iter()
        .map(|(name, change)| {
            let mut claims = claims();
            change(&mut claims);
            let compact = claims.sign(&CHALLENGE_KEY.0).expect("a good key");
            // The signature differs at each run, and is of no use with the placeholder inside.
            let unsigned = compact
                .rsplit_once('.')
                .map(|(signed, _)| signed.to_owned());
            (
                name,
                format!("{}.AAAA", unsigned.unwrap_or_default()).into_bytes(),
            )
        })
        .collect()
}

fn claims() -> LoginChallenge {
    LoginChallenge {
        device: None,
        host_account: None,
        iss: ISSUER.to_owned(),
        purpose: Purpose::Login,
        nonce: "n".repeat(43),
        jti: "j".repeat(22),
        iat: 1_000_000,
        exp: 1_000_120,
        client_id: "portal".to_owned(),
        client_name: "Portail".to_owned(),
        scope: "openid".to_owned(),
        acr: None,
        uv: UserVerification::Now,
        browser: "b".repeat(43),
    }
}

/// Requests of pages, of the issuer's and of others.
pub fn requests() -> Vec<Seed> {
    let request = |line: &str, headers: &str, body: &str| {
        format!(
            "{line} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n{headers}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    };
    let own = format!("Origin: {ISSUER}\r\n");
    let json = format!("{own}Content-Type: application/json\r\n");
    let body = format!("{{\"challenge\":\"{CHALLENGE}\"}}");
    let preflight = format!(
        "{own}Access-Control-Request-Method: POST\r\n\
         Access-Control-Request-Private-Network: true\r\n"
    );
    let chunked = format!(
        "POST /v1/assertion HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n{json}\
         Transfer-Encoding: chunked\r\n\r\n20\r\n{body}\r\n0\r\n\r\n"
    );
    vec![
        ("status", request("GET /v1/status", &own, "")),
        ("assertion", request("POST /v1/assertion", &json, &body)),
        ("chunked", chunked.into_bytes()),
        (
            "preflight",
            request("OPTIONS /v1/assertion", &preflight, ""),
        ),
        (
            "foreign",
            request("POST /v1/assertion", "Origin: http://evil.test\r\n", &body),
        ),
        ("no-origin", request("GET /v1/status", "", "")),
        (
            "rebound",
            b"GET /v1/status HTTP/1.1\r\nHost: evil.test:47110\r\n\r\n".to_vec(),
        ),
    ]
}

/// Frames of a host and of a browser.
pub fn frames() -> Vec<Seed> {
    let assertion =
        format!("{{\"type\":\"assertion\",\"origin\":\"{ISSUER}\",\"challenge\":\"{CHALLENGE}\"}}");
    let frame = |text: &str| encode(text.as_bytes()).expect("a short text");
    let origins = frame("{\"type\":\"origins\"}");
    let abort = frame("{\"type\":\"abort\"}");
    vec![
        ("assertion", [frame(&assertion), abort.clone()].concat()),
        ("two", [origins, abort].concat()),
        ("empty", vec![0; 4]),
        ("too-long", vec![1, 0, 1, 0, b'x']),
        (
            "longest",
            [vec![0, 0, 1, 0], vec![b' '; 64 * 1024]].concat(),
        ),
        ("bare", b"{\"type\":\"status\"}".to_vec()),
    ]
}

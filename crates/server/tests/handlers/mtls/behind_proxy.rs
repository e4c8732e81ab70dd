//! Certificates in a proxy's header: the configured proxy's alone (RFC 9440, attack F11).

use std::fs;

use super::FORM;
use super::stand::{SERVICE, Stand};

/// curl speaks from this address where it plays the proxy.
const PROXY: [&str; 2] = ["--interface", "127.0.0.2"];

#[tokio::test]
async fn f11_the_header_counts_from_the_configured_proxy_alone() {
    let stand = Stand::open("addresses = [\"127.0.0.2\"]").await;
    stand.issue("own", &stand.spec(SERVICE));
    stand.issue("other", &stand.spec("other.example.fr"));
    let (own, other) = (stand.binary("own"), stand.binary("other"));
    let send = async |from: &[&str], headers: &[String]| {
        let mut arguments = [&FORM[..], from].concat();
        for header in headers {
            arguments.extend(["--header", header]);
        }
        stand.curl(None, "/token", &arguments).await
    };
    let header = |name: &str, value: &str| format!("{name}: {value}");
    let leaf = header("Client-Cert", &own);
    let answer = send(&PROXY, std::slice::from_ref(&leaf)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let chain = header("Client-Cert-Chain", &format!("{other}, {other}"));
    let answer = send(&PROXY, &[leaf.clone(), chain.clone()]).await;
    assert_eq!(answer.status, 200, "{answer:?}");

    // Anybody else is not served here, with the header or without.
    for headers in [vec![leaf.clone()], Vec::new()] {
        let answer = send(&[], &headers).await;
        assert_eq!(answer.status, 403, "{answer:?}");
        assert_eq!(answer.body["code"], "server.proxy_unknown");
    }
    // At the main listener nothing reads it, whoever sends it.
    let arguments = [&FORM[..], &PROXY, &["--header", &leaf]].concat();
    let answer = stand.curl_main("/token", &arguments).await;
    let missing = (401, "invalid_client", "provider.client_certificate_missing");
    assert_eq!(answer.refusal(), missing);

    let malformed = "provider.client_certificate_header_malformed";
    for headers in [
        // A proxy that does not take away what callers write.
        vec![leaf.clone(), header("Client-Cert", &other)],
        vec![header("Client-Cert", &format!("{own}, {other}"))],
        vec![chain],
        vec![header("Client-Cert", own.trim_matches(':'))],
        vec![header("Client-Cert", ":!:")],
        vec![leaf.clone(), header("Client-Cert-Chain", "nonsense")],
        vec![
            leaf.clone(),
            header("Client-Cert-Chain", &[":AAAA:"; 12].join(", ")),
        ],
    ] {
        let answer = send(&PROXY, &headers).await;
        assert_eq!(answer.refusal(), (400, "invalid_request", malformed));
    }
    // Another form's header, and what is no certificate.
    let answer = send(&PROXY, &[header("X-SSL-Client-Cert", &own)]).await;
    assert_eq!(answer.refusal(), missing);
    let answer = send(&PROXY, &[header("Client-Cert", ":AAAA:")]).await;
    let unreadable = (
        401,
        "invalid_client",
        "provider.client_certificate_malformed",
    );
    assert_eq!(answer.refusal(), unreadable);
}

#[tokio::test]
async fn f11_nginx_s_form_is_read_where_it_is_configured() {
    let lines = "addresses = [\"127.0.0.2\"]\nheader = \"pem_urlencoded\"";
    let stand = Stand::open(lines).await;
    stand.issue("own", &stand.spec(SERVICE));
    let pem = fs::read_to_string(stand.path("own.pem")).unwrap();
    let encoded: String = pem.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let header = format!("X-SSL-Client-Cert: {encoded}");
    let arguments = [&FORM[..], &PROXY, &["--header", &header]].concat();
    let answer = stand.curl(None, "/token", &arguments).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let twice = [&arguments[..], &["--header", "X-SSL-Client-Cert: x"]].concat();
    let answer = stand.curl(None, "/token", &twice).await;
    let malformed = "provider.client_certificate_header_malformed";
    assert_eq!(answer.refusal(), (400, "invalid_request", malformed));
    let binary = format!("Client-Cert: {}", stand.binary("own"));
    let arguments = [&FORM[..], &PROXY, &["--header", &binary]].concat();
    let answer = stand.curl(None, "/token", &arguments).await;
    let missing = "provider.client_certificate_missing";
    assert_eq!(answer.refusal(), (401, "invalid_client", missing));
}

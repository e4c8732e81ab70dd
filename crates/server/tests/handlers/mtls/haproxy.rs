//! The way through a real HAProxy, configured as docs/mtls.md says (attack F11).

use std::fs;
use std::path::Path;

use super::FORM;
use super::stand::{SERVICE, Stand};
use crate::haproxy::Haproxy;
use crate::program::Program;

/// The lines of the document, with this test's places in them.
fn configuration(stand: &Stand, address: &str) -> String {
    let document = include_str!("../../../../../docs/mtls.md");
    let begin = document.find("frontend mtls").unwrap();
    let lines = document[begin..].split("```").next().unwrap();
    let backend = stand.url.trim_start_matches("http://");
    let lines = lines
        .replace("bind :443", &format!("bind {address}"))
        .replace("/etc/haproxy/mtls.pem", &stand.path("haproxy.pem"))
        .replace("/etc/haproxy/services.pem", &stand.path("anchors.pem"))
        .replace("127.0.0.1:8445", &format!("{backend} source 127.0.0.2"));
    format!(
        "global\n    tune.ssl.cachesize 0\ndefaults\n    mode http\n    timeout connect 10s\n    \
         timeout client 60s\n    timeout server 60s\n{lines}"
    )
}

async fn start(stand: &Stand) -> (Haproxy, String) {
    let pair = ["server.pem", "server.key"].map(|name| fs::read_to_string(stand.path(name)));
    let [chain, key] = pair.map(Result::unwrap);
    fs::write(stand.path("haproxy.pem"), chain + &key).unwrap();
    let address = Program::unused_address().await;
    let file = stand.path("haproxy.cfg");
    let haproxy = Haproxy::start(Path::new(&file), &configuration(stand, &address), &address).await;
    let port = address.rsplit(':').next().unwrap();
    (haproxy, format!("https://localhost:{port}"))
}

#[tokio::test]
async fn f11_the_proxy_says_which_certificate_it_saw_and_nobody_else_can() {
    let stand = Stand::open("addresses = [\"127.0.0.2\"]").await;
    stand.issue("own", &stand.spec(SERVICE));
    stand.issue("other", &stand.spec("other.example.fr"));
    stand.issue_elsewhere("stranger", &stand.spec(SERVICE));
    let (_haproxy, url) = start(&stand).await;
    let header = format!("Client-Cert: {}", stand.binary("own"));
    let chain = format!("Client-Cert-Chain: {}", stand.binary("own"));
    let spoofing = [&FORM[..], &["--header", &header, "--header", &chain]].concat();
    stand.check_proxy(&url, &spoofing).await;
}

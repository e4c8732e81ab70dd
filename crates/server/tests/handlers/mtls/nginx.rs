//! The way through a real nginx, configured as docs/mtls.md says (attack F11).

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;

use super::FORM;
use super::stand::{SERVICE, Stand};
use crate::program::Program;

/// Ended when dropped.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The lines of the document, with this test's places in them.
fn configuration(stand: &Stand, address: &str) -> String {
    let document = include_str!("../../../../../docs/mtls.md");
    let nginx = document.find("nginx, `header").unwrap();
    let lines = document[nginx..].split("```").nth(1).unwrap();
    let backend = stand.url.trim_start_matches("http://");
    let lines = lines
        .replace("listen 443 ssl", &format!("listen {address} ssl"))
        .replace("/etc/nginx/mtls-chain.pem", &stand.path("server.pem"))
        .replace("/etc/nginx/mtls-key.pem", &stand.path("server.key"))
        .replace(
            "proxy_pass http://127.0.0.1:8445;",
            &format!("proxy_pass http://{backend}; proxy_bind 127.0.0.2;"),
        );
    let kept = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("    {kind}_temp_path {};\n", stand.path(kind)))
        .concat();
    format!(
        "user root;\nmaster_process off;\ndaemon off;\npid {};\nerror_log stderr warn;\n\
         events {{}}\nhttp {{\n    access_log off;\n{kept}{lines}}}\n",
        stand.path("nginx.pid")
    )
}

async fn start(stand: &Stand) -> (Nginx, String) {
    let address = Program::unused_address().await;
    let file = stand.path("nginx.conf");
    fs::write(Path::new(&file), configuration(stand, &address)).unwrap();
    let child = Command::new("/usr/sbin/nginx")
        .args(["-e", "stderr", "-c", &file])
        .stdin(Stdio::null())
        .spawn()
        .expect("nginx is not here: cargo xtask test installs it (Debian: nginx-light)");
    let nginx = Nginx(child);
    let port = address.rsplit(':').next().unwrap();
    for _ in 0..600 {
        if TcpStream::connect(&address).await.is_ok() {
            return (nginx, format!("https://localhost:{port}"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nginx does not listen");
}

#[tokio::test]
async fn f11_nginx_says_which_certificate_it_saw_and_nobody_else_can() {
    let lines = "addresses = [\"127.0.0.2\"]\nheader = \"pem_urlencoded\"";
    let stand = Stand::open(lines).await;
    stand.issue("own", &stand.spec(SERVICE));
    stand.issue("other", &stand.spec("other.example.fr"));
    stand.issue_elsewhere("stranger", &stand.spec(SERVICE));
    let (_nginx, url) = start(&stand).await;
    let pem = fs::read(stand.path("own.pem")).unwrap();
    // As nginx itself writes it; with every byte escaped the line would be longer than nginx takes.
    let escaped = |&byte: &u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    let own: String = pem.iter().map(escaped).collect();
    let header = format!("X-SSL-Client-Cert: {own}");
    let spoofing = [&FORM[..], &["--header", &header]].concat();
    stand.check_proxy(&url, &spoofing).await;
}

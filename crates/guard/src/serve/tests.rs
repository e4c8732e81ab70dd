//! `[serve]`, and what keeps the program from beginning.

use std::path::Path;

use serde_json::{Value, json};

use super::ServeConfig;
use crate::Config;
use crate::test_issuer::merge;

#[test]
fn a_table_that_cannot_be_followed_is_refused() {
    let read = |changes: &Value| {
        let mut all = json!({
            "listen": "127.0.0.1:0", "proxies": ["127.0.0.1"], "request_headers": "original",
            "origins": ["https://api.example.fr"],
        });
        merge(&mut all, changes);
        serde_json::from_value::<ServeConfig>(all).map_err(|error| error.to_string())
    };
    assert!(read(&json!({})).is_ok());
    assert!(read(&json!({"listen": "[::1]:0", "rule": [{"path_prefix": "/a"}]})).is_ok());
    let beyond = json!({"listen": "0.0.0.0:0"});
    assert!(read(&beyond).unwrap_err().contains("in the clear"));
    let chosen = json!({"listen": "0.0.0.0:0", "plain_http_on_the_network": true});
    assert!(read(&chosen).is_ok());
    for changes in [
        json!({"proxies": []}),
        json!({"proxies": ["proxy"]}),
        json!({"origins": []}),
        json!({"request_headers": "any"}),
        json!({"stop_seconds": 301}),
        json!({"rule": [{"path_prefix": "a"}]}),
        json!({"rule": vec![json!({}); 257]}),
        json!({"proxy": []}),
    ] {
        assert!(read(&changes).is_err(), "{changes}");
    }
}

const TOKEN: &str = "[token]\nissuer = \"https://id.example.fr\"\naudience = \"a\"\n\
                     revocation = \"expiry_alone\"\n";

#[tokio::test]
async fn a_guard_that_lacks_a_table_or_its_port_does_not_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let serve = format!(
        "[serve]\nlisten = \"{}\"\nproxies = [\"127.0.0.1\"]\nrequest_headers = \"original\"\n\
         origins = [\"https://api.example.fr\"]\n",
        taken.local_addr().unwrap()
    );
    let file = Path::new("guard.toml");
    for (text, code) in [
        (String::new(), "guard.config_invalid"),
        (TOKEN.to_owned(), "guard.config_invalid"),
        (serve.clone(), "guard.config_invalid"),
        (format!("{TOKEN}{serve}"), "guard.listen_failed"),
    ] {
        let config = Config::parse(&text, file).unwrap();
        let refused = super::serve(&config, file).await.unwrap_err();
        assert_eq!(refused.code(), code, "{text}");
    }
}

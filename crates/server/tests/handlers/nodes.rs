//! Two programs on one PostgreSQL database behind a real HAProxy, configured as docs/operations.md
//! says.

use crate::haproxy::Haproxy;
use crate::program::Program;
use crate::test_app::{Changes, TestApp};
use crate::two_nodes::on_postgres;

pub(crate) struct Nodes {
    /// What browsers, portals and agents see: the proxy.
    pub(crate) app: TestApp,
    /// One node alone.
    pub(crate) one: TestApp,
    /// The other alone.
    pub(crate) other: TestApp,
    pub(crate) programs: [Program; 2],
    pub(crate) addresses: [String; 2],
    pub(crate) database: String,
    _haproxy: Haproxy,
}

impl Nodes {
    pub(crate) async fn start(mut changes: Changes) -> Self {
        let proxy = Program::unused_address().await;
        changes.issuer = Some(format!("http://{proxy}").leak());
        let settings = "[limits]\nclient_address = \"x_forwarded_for\"\n\
                        per_address_and_minute = 100000\n\
                        challenges_per_address_and_minute = 100000\n\
                        [operations]\ndrain_seconds = 2\n[keys]";
        changes.replace.push(("[keys]", settings.to_owned()));
        let (app, database) = on_postgres(changes).await;
        app.stop();
        let addresses = [
            Program::unused_address().await,
            Program::unused_address().await,
        ];
        let [first, second] = &addresses;
        let programs = [
            Program::start(app.folder(), first).await,
            Program::start(app.folder(), second).await,
        ];
        let file = app.folder().join("haproxy.cfg");
        let text = configuration(&proxy, &addresses);
        let _haproxy = Haproxy::start(&file, &text, &proxy).await;
        Self {
            one: app.at(format!("http://{first}")),
            other: app.at(format!("http://{second}")),
            app: app.at(format!("http://{proxy}")),
            programs,
            addresses,
            database,
            _haproxy,
        }
    }
}

/// The lines of the document, with this test's places in them, without TLS, and looking oftener.
fn configuration(proxy: &str, [one, other]: &[String; 2]) -> String {
    let document = include_str!("../../../../docs/operations.md");
    let lines = document.split("```haproxy\n").nth(1).unwrap();
    let lines = lines.split("```").next().unwrap();
    let bind = "bind :443 ssl crt /etc/haproxy/login.pem alpn h2,http/1.1";
    let mut text = lines.to_owned();
    for (from, to) in [
        (bind, format!("bind {proxy}").as_str()),
        ("10.0.0.1:8080", one),
        ("10.0.0.2:8080", other),
        ("inter 2s", "inter 250ms"),
    ] {
        assert!(text.contains(from), "the document has no {from}");
        text = text.replace(from, to);
    }
    text
}

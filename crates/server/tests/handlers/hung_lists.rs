//! A host of revocation lists that takes connections and never answers: nobody waits for it who
//! does not ask about its own cards, and nobody is let in without its word.

use std::fs;
use std::time::Duration;

use cardea_jose::{Algorithm, SigningKey};
use cardea_test_pki::{
    AuthorityName, CardProfile, KeyKind, PkiSettings, PublicationSettings, TestPki,
};
use reqwest::Method;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};

use crate::admin::{self, Operator};
use crate::anchors::refused;
use crate::card::Card;
use crate::reload::{ADDED, until_known};
use crate::relying_party::{Request, sign_in};
use crate::revocation_host::now;
use crate::test_app::{REDIRECT_URI, TestApp};

/// A download is given up after a minute.
const WITHIN: Duration = Duration::from_secs(30);

/// Authorities whose lists are at a host that hangs.
async fn hung_authorities() -> TestPki {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await.unwrap());
        }
    });
    let mut settings = PkiSettings::fast(now());
    settings.publication = PublicationSettings {
        ocsp_url: format!("{base_url}/ocsp"),
        base_url,
        ..PublicationSettings::default()
    };
    TestPki::new(&settings).unwrap()
}

fn pem_of(pki: &TestPki, is_wanted: impl Fn(&AuthorityName) -> bool) -> Vec<String> {
    let names = AuthorityName::all().filter(is_wanted);
    names
        .map(|name| pki.authority(name).unwrap().certificate_pem())
        .collect()
}

/// Puts authorities beside those of the files.
fn add_to_files(app: &TestApp, pki: &TestPki) {
    for (name, is_root) in [("anchors.pem", true), ("intermediates.pem", false)] {
        let file = app.folder().join(name);
        let own = fs::read_to_string(&file).unwrap();
        let more = pem_of(pki, |name| name.is_root() == is_root).concat();
        fs::write(&file, own + &more).unwrap();
    }
}

/// Attack H14: what is on record as replaced is replaced, though whoever asked for it has hung up.
#[tokio::test(flavor = "multi_thread")]
async fn h14_an_abandoned_reload_is_done_whole_and_names_the_operators_that_it_changes() {
    let app = TestApp::start_with(admin::changes()).await;
    let operator = Operator::sign_in(&app).await;
    let clients = async || operator.told(Method::GET, "/admin/clients", None).await;
    assert_eq!(clients().await.0, 200);
    add_to_files(&app, &hung_authorities().await);
    let config = app.folder().join("cardea.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        text.replace("\"899700000029\"", "\"899700000000\""),
    )
    .unwrap();
    let begun = Instant::now();
    let mut patience = Duration::from_millis(200);
    while clients().await.1["code"] != "provider.admin_not_operator" {
        assert!(begun.elapsed() < WITHIN, "she operates on");
        // An answer may come or not. A busy machine may not even have heard the question by then.
        let reload = operator.ask(Method::POST, "/admin/reload", None);
        let _ = timeout(patience, reload).await;
        patience *= 2;
    }
    let events = app.events().await;
    let of_operators = |details: &str| details.contains("\"operators\"");
    let event = events
        .iter()
        .find(|it| it.kind == "configuration.reloaded" && of_operators(&it.details));
    let details = &event.unwrap().details;
    let digest = |id: &str| cardea_jose::sha256_base64url(format!("rpps:{id}").as_bytes());
    for part in [
        "\"operators\"".to_owned(),
        format!("\"operators_added\":[\"{}\"]", digest("899700000000")),
        format!("\"operators_removed\":[\"{}\"]", digest("899700000029")),
    ] {
        assert!(details.contains(&part), "{part}: {details}");
    }
    assert!(!details.contains("8997000000"), "{details}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_waits_for_no_list_and_without_one_its_cards_are_refused() {
    let app = TestApp::start().await;
    let pki = hung_authorities().await;
    add_to_files(&app, &pki);
    let report = timeout(WITHIN, app.reload()).await.unwrap().unwrap();
    assert!(report.replaced.contains(&"trust_anchors"), "{report:?}");
    // The next is not kept waiting either.
    timeout(WITHIN, app.reload()).await.unwrap().unwrap();
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    let card = Card {
        issued: pki.issue_card(&profile).unwrap(),
        instance_key: SigningKey::generate(Algorithm::Es256).unwrap(),
        presence_key: SigningKey::generate(Algorithm::Es256).unwrap(),
    };
    let code = refused(&app, &card).await;
    assert_eq!(code.as_deref(), Some("login.revocation_unavailable"));
    let events = app.events().await;
    let mut refusals = events.iter().filter(|it| it.kind == "login.refused");
    assert!(refusals.any(|it| it.code.as_deref() == Some("pki.revocation_unreachable")));
    sign_in(&app, &Request::new(), &Card::pharmacist(&app)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_and_anchors_are_followed_while_a_host_of_lists_hangs() {
    let app = TestApp::start().await;
    let pki = hung_authorities().await;
    for (is_root, role) in [(true, None), (false, Some("--intermediate"))] {
        for (index, pem) in pem_of(&pki, |name| name.is_root() == is_root)
            .iter()
            .enumerate()
        {
            let file = app.folder().join(format!("{is_root}-{index}.pem"));
            fs::write(&file, pem).unwrap();
            let mut arguments = vec!["add", file.to_str().unwrap(), "--yes"];
            arguments.extend(role);
            app.operate_on("anchors", &arguments).await;
        }
    }
    // The followers take the anchors up, and ask for their lists.
    sleep(Duration::from_secs(3)).await;
    let public = ["--token-endpoint-auth-method", "none"];
    let named = ["--name", "Ajouté", "--redirect-uri", REDIRECT_URI];
    let add = ["add", "--client-id", ADDED];
    app.operate(&[&add[..], &named, &public].concat()).await;
    timeout(WITHIN, until_known(&app, true)).await.unwrap();
    app.operate(&["remove", ADDED]).await;
    timeout(WITHIN, until_known(&app, false)).await.unwrap();
    timeout(WITHIN, app.reload()).await.unwrap().unwrap();
}

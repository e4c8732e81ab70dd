//! Addresses in a certificate that the anchor does not name are not asked (attack A20).

use cardea_pki::revocation::SourcePreference;
use cardea_test_pki::OcspStatus;

use super::publisher::Canary;
use super::world::{AUTHORITY, World, distribution_points, freshest_crl, list_path, responders};

/// What a certificate may write to reach `canary` past the allowed publisher.
fn forged_urls(canary: &Canary, publisher: &str) -> Vec<(&'static str, String)> {
    let port = canary.address.port();
    let allowed = publisher.trim_start_matches("http://");
    vec![
        (
            "loopback at another port",
            format!("http://127.0.0.1:{port}/x"),
        ),
        ("loopback by name", format!("http://localhost:{port}/x")),
        (
            "loopback as a number",
            format!("http://2130706433:{port}/x"),
        ),
        ("loopback, short", format!("http://127.1:{port}/x")),
        (
            "user information",
            format!("http://{allowed}@127.0.0.1:{port}/x"),
        ),
        (
            "user of the allowed host",
            format!("http://user@{allowed}/x"),
        ),
        (
            "backslash",
            format!("http://127.0.0.1:{port}\\@{allowed}/x"),
        ),
        (
            "directory",
            format!("ldap://127.0.0.1:{port}/cn=x?certificateRevocationList;binary"),
        ),
        (
            "link-local",
            "http://169.254.169.254/latest/meta-data".to_owned(),
        ),
        ("file", "file:///etc/passwd".to_owned()),
        ("gopher", format!("gopher://127.0.0.1:{port}/x")),
        ("relative", "//127.0.0.1/x".to_owned()),
    ]
}

#[tokio::test]
async fn a_card_cannot_choose_where_lists_are_fetched() {
    let world = World::new(SourcePreference::CrlOnly).await;
    let canary = Canary::silent().await;
    let fetcher = world.fetcher();
    for (name, url) in forged_urls(&canary, &world.publisher.base_url()) {
        let card = world.card_naming(vec![distribution_points(&[&url])]);
        let judged = world.judge(&fetcher, &card).await;
        let expected = ["pki.revocation_unreachable", "pki.revocation_unknown"];
        assert!(expected.contains(&judged.unwrap_err()), "{name}");
        assert_eq!(canary.connections(), 0, "{name}");
        assert_eq!(world.publisher.requests("/x"), 0, "{name}");
    }
}

#[tokio::test]
async fn a_card_cannot_choose_which_responder_is_asked() {
    let world = World::new(SourcePreference::OcspOnly).await;
    let canary = Canary::silent().await;
    let fetcher = world.fetcher();
    for (name, url) in forged_urls(&canary, &world.publisher.base_url()) {
        let card = world.card_naming(vec![responders(&[&url])]);
        let judged = world.judge(&fetcher, &card).await;
        let expected = ["pki.revocation_unreachable", "pki.revocation_unknown"];
        assert!(expected.contains(&judged.unwrap_err()), "{name}");
        assert_eq!(canary.connections(), 0, "{name}");
        assert_eq!(world.publisher.requests("/x"), 0, "{name}");
    }
}

#[tokio::test]
async fn a_card_cannot_choose_where_delta_lists_are_fetched() {
    let world = World::new(SourcePreference::CrlOnly).await;
    let canary = Canary::silent().await;
    let fetcher = world.fetcher();
    let list = format!("{}{}", world.publisher.base_url(), list_path(AUTHORITY));
    for (name, url) in forged_urls(&canary, &world.publisher.base_url()) {
        let card = world.card_naming(vec![distribution_points(&[&list]), freshest_crl(&[&url])]);
        let judged = world.judge(&fetcher, &card).await;
        assert!(judged.is_ok(), "{name}: the complete list says enough");
        assert_eq!(canary.connections(), 0, "{name}");
        assert_eq!(world.publisher.requests("/x"), 0, "{name}");
    }
}

#[tokio::test]
async fn the_same_addresses_are_asked_where_the_configuration_names_them() {
    let mut world = World::new(SourcePreference::CrlOnly).await;
    let canary = Canary::closing().await;
    world.allow(&canary.address.to_string());
    let url = format!("http://{}/x", canary.address);
    let card = world.card_naming(vec![distribution_points(&[&url])]);
    let fetcher = world.fetcher();
    world.judge(&fetcher, &card).await.unwrap_err();
    assert_eq!(canary.connections(), 1);
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let world = World::new(SourcePreference::OcspThenCrl).await;
    let canary = Canary::silent().await;
    world.publisher.change(|content| {
        content.ocsp = Some(OcspStatus::Good);
        content.redirect = Some(format!("http://{}/x", canary.address));
    });
    let (fetcher, card) = (world.fetcher(), world.card());
    let judged = world.judge(&fetcher, &card).await;
    assert_eq!(judged, Err("pki.revocation_unreachable"));
    assert!(world.publisher.ocsp_requests() > 0 && world.publisher.list_requests() > 0);
    assert_eq!(canary.connections(), 0);
}

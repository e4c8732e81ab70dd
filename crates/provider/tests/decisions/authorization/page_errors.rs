use cardea_provider::AuthorizationError;

use super::super::world::{PORTAL, World};

#[tokio::test]
async fn an_unknown_client_is_shown_a_page_and_sent_nowhere() {
    let world = World::new().await;
    for client_id in [None, Some("unheard-of"), Some("Portal"), Some("portal ")] {
        let refused = world
            .authorize(|p| p.client_id = client_id.map(str::to_owned))
            .await;
        let Err(AuthorizationError::Page(error)) = refused else {
            panic!("{client_id:?}")
        };
        assert_eq!(error.code(), "provider.client_unknown");
    }
    let event = world.event("authorization.refused").await;
    assert_eq!(event.code.as_deref(), Some("provider.client_unknown"));
    assert_eq!(
        event.client_id, None,
        "a stranger's text does not get into the log"
    );
}

/// Attack E1.
#[tokio::test]
async fn a_redirect_uri_that_is_not_registered_to_the_letter_is_sent_nowhere() {
    let world = World::new().await;
    for uri in [
        "https://portal.example.fr/cb/",
        "https://portal.example.fr/cb.",
        "https://portal.example.fr/cb/../cb",
        "https://portal.example.fr/%2e/cb",
        "https://portal.example.fr:8443/cb",
        "https://portal.example.fr/cb?",
        "https://portal.example.fr/cbx",
        " https://portal.example.fr/cb",
        "https://portal.example.fr/c",
        "https://portal.example.fr/cb?x=1",
        "https://portal.example.fr/cb#",
        "https://portal.example.fr:443/cb",
        "https://portal.example.fr./cb",
        "http://portal.example.fr/cb",
        "https://PORTAL.example.fr/cb",
        "https://portal.example.fr/CB",
        "https://user@portal.example.fr/cb",
        "https://portal.example.fr@evil.test/cb",
        "https://portal.example.fr/x/../cb",
        "https://portal.example.fr/%63b",
        "https://portal.example.fr/cb%00",
        "https://portal.example.fr\\@evil.test/cb",
        "https://portaı.example.fr/cb",
        "https://second.example.fr/cb",
        "javascript:alert(1)",
    ] {
        let refused = world
            .authorize(|asked| asked.redirect_uri = Some(uri.to_owned()))
            .await;
        let Err(AuthorizationError::Page(error)) = refused else {
            panic!("{uri}")
        };
        assert_eq!(error.code(), "provider.redirect_uri_mismatch", "{uri}");
    }
    let event = world.event("authorization.refused").await;
    assert_eq!(event.client_id.as_deref(), Some(PORTAL));
}

/// Attack E3: several are registered, and even one would have to be named (OIDC Core 3.1.2.1).
#[tokio::test]
async fn a_missing_redirect_uri_is_shown_a_page() {
    let world = World::new().await;
    let refused = world.authorize(|asked| asked.redirect_uri = None).await;
    let Err(AuthorizationError::Page(error)) = refused else {
        panic!("a page")
    };
    assert_eq!(error.code(), "provider.redirect_uri_missing");
}

/// What E1 and E3 refuse is all that is refused: each registered address is served.
#[tokio::test]
async fn every_registered_address_is_served() {
    let world = World::new().await;
    for uri in [
        "https://portal.example.fr/cb",
        "https://portal.example.fr/other",
    ] {
        let begun = world
            .authorize(|asked| asked.redirect_uri = Some(uri.to_owned()))
            .await;
        assert!(begun.is_ok(), "{uri}");
    }
}

use super::super::world::{ISSUER, PORTAL, World};

#[tokio::test]
async fn an_answer_from_our_own_page_is_accepted() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    assert_eq!(answer.claims.origin, ISSUER);
    assert!(world.post(&begun, &answer).await.is_ok());
}

/// Attack C4: relayed by a look-alike page.
#[tokio::test]
async fn an_answer_from_another_page_is_refused_however_similar() {
    let world = World::new().await;
    for origin in [
        "https://id.example.fr.evil.test",
        "https://id.example.fr:8443",
        "http://id.example.fr",
        "https://ID.example.fr",
        "https://id.example.fr/",
        "null",
        "",
    ] {
        let refusal = world
            .refusal_of(|answer| answer.claims.origin = origin.to_owned())
            .await;
        assert_eq!(
            refusal,
            ("assertion.origin_mismatch", "login.refused"),
            "{origin}"
        );
    }
}

/// Attack C4: for another audience or client.
#[tokio::test]
async fn an_answer_for_another_issuer_or_client_is_refused() {
    let world = World::new().await;
    let refusal = world
        .refusal_of(|a| a.claims.aud = "https://other.example.fr".to_owned())
        .await;
    assert_eq!(refusal, ("assertion.audience_mismatch", "login.refused"));
    let refusal = world
        .refusal_of(|a| a.claims.client_id = "second".to_owned())
        .await;
    assert_eq!(refusal, ("assertion.client_mismatch", "login.refused"));
}

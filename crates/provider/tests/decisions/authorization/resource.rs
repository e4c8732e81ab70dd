//! Resource indicators (RFC 8707): registered ones alone, each an absolute URI.

use cardea_provider::AuthorizationError;

use super::super::world::Settings;

#[tokio::test]
async fn a_client_may_name_the_resource_servers_that_it_is_registered_for() {
    let mut settings = Settings::baseline();
    settings.config.clients[0].resources = vec![
        "https://api.example.fr/patients".to_owned(),
        "urn:example:records".to_owned(),
    ];
    let world = settings.build().await;
    let ask = async |resources: &[&str]| {
        let begun = world
            .authorize(|asked| asked.resource = resources.iter().map(|&r| r.to_owned()).collect())
            .await;
        match begun {
            Ok(_) => "begun",
            Err(AuthorizationError::Redirect { error, source, .. }) => {
                assert_eq!(error.as_str(), "invalid_target");
                source.code()
            }
            Err(AuthorizationError::Page(error)) => panic!("{error}"),
        }
    };
    for good in [
        &["https://api.example.fr/patients"][..],
        &["urn:example:records", "https://api.example.fr/patients"],
        &["urn:example:records", "urn:example:records"],
    ] {
        assert_eq!(ask(good).await, "begun", "{good:?}");
    }
    for bad in [
        "https://api.example.fr/patients#fragment",
        "https://api.example.fr/patients/",
        "https://api.example.fr",
        "/patients",
        "api",
    ] {
        let refused = ask(&["urn:example:records", bad]).await;
        assert_eq!(refused, "provider.resource_not_allowed", "{bad}");
    }
}

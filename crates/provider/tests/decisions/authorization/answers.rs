//! How answers travel: by query or by form post, each with the issuer (attacks E8, E19).

use cardea_oauth2_types::ResponseMode;
use cardea_provider::{AuthorizationError, AuthorizationResponse, BegunAuthorization};

use super::super::world::{ISSUER, PORTAL, World, parameters};

fn value<'a>(response: &'a AuthorizationResponse, name: &str) -> Option<&'a str> {
    let mut found = response.parameters.iter().filter(|(key, _)| *key == name);
    let (_, value) = found.next()?;
    assert!(found.next().is_none(), "{name} stands twice");
    Some(value)
}

#[tokio::test]
async fn a_code_and_an_error_travel_in_the_mode_that_was_asked_for() {
    let world = World::new().await;
    let (logged_in, _) = world.log_in(PORTAL, None).await;
    for (asked, mode) in [
        (None, ResponseMode::Query),
        (Some("query"), ResponseMode::Query),
        (Some("form_post"), ResponseMode::FormPost),
    ] {
        for (max_age, named) in [(None, "code"), (Some("-1"), "error")] {
            let mut request = parameters(PORTAL);
            request.response_mode = asked.map(str::to_owned);
            request.max_age = max_age.map(str::to_owned);
            request.state = Some("\"><script>".to_owned());
            let cookie = logged_in.session_cookie.expose();
            let begun = world.provider.begin_authorization(request, Some(cookie));
            let response = match begun.await {
                Ok(BegunAuthorization::Completed { response })
                | Err(AuthorizationError::Redirect { response, .. }) => response,
                other => panic!("{asked:?} {named}: {other:?}"),
            };
            assert_eq!(response.mode, mode, "{asked:?} {named}");
            assert_eq!(response.redirect_uri, "https://portal.example.fr/cb");
            assert_eq!(response.form_action(), "https://portal.example.fr");
            assert!(value(&response, named).is_some(), "{asked:?} {named}");
            assert_eq!(value(&response, "state"), Some("\"><script>"));
            assert_eq!(value(&response, "iss"), Some(ISSUER), "E19");
        }
    }
}

/// Attack E8: no mode brings a token to the front channel, and none reaches a page's scripts.
#[tokio::test]
async fn a_token_in_the_front_channel_is_refused_in_every_mode() {
    let world = World::new().await;
    for mode in ["query", "form_post"] {
        let refused = world
            .authorize(|asked| {
                asked.response_type = Some("id_token token".to_owned());
                asked.response_mode = Some(mode.to_owned());
            })
            .await;
        let Err(AuthorizationError::Redirect {
            response, source, ..
        }) = refused
        else {
            panic!("{mode}")
        };
        assert_eq!(source.code(), "provider.response_type_unsupported");
        assert_eq!(response.mode.as_str(), mode);
        assert_eq!(value(&response, "error"), Some("unsupported_response_type"));
    }
}

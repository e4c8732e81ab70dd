//! Signed request objects (RFC 9101; attacks E10, E11 and E12).

mod forged;
mod token_claims;

use cardea_jose::{Algorithm, JwkSet, SigningKey};
use cardea_oauth2_types::AuthorizationParameters;
use cardea_provider::{AuthorizationError, BegunAuthorization, Demand};
use serde_json::{Value, json};

use super::super::world::{ISSUER, PORTAL, Settings, World, parameters, query_value};

const TYP: &str = "oauth-authz-req+jwt";

struct Signing {
    world: World,
    key: SigningKey,
    /// The other client's.
    other_key: SigningKey,
}

impl Signing {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let other_key = SigningKey::generate(Algorithm::Es256).unwrap();
        let mut settings = Settings::baseline();
        let set = |key: &SigningKey| JwkSet {
            keys: vec![key.public_jwk().clone()],
        };
        settings.config.clients[0].jwks = set(&key);
        settings.config.clients[1].jwks = set(&other_key);
        change(&mut settings);
        Self {
            world: settings.build().await,
            key,
            other_key,
        }
    }

    /// The claims of a valid object; cases change one.
    fn claims(&self) -> Value {
        let now = self.world.now().unix_timestamp();
        let asked = parameters(PORTAL);
        let mut claims = json!({
            "iss": PORTAL, "aud": ISSUER, "exp": now + 60, "nbf": now, "iat": now, "jti": "1",
        });
        for (name, value) in asked.to_pairs() {
            claims[name] = json!(value);
        }
        claims
    }

    fn sign(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims();
        change(&mut claims);
        self.key.sign_jwt(TYP, &claims).unwrap()
    }

    /// Sends an object with the parameters that must stand outside, and a redirect URI.
    async fn send(&self, object: &str) -> Result<BegunAuthorization, AuthorizationError> {
        let outside = AuthorizationParameters {
            client_id: Some(PORTAL.to_owned()),
            redirect_uri: Some("https://portal.example.fr/cb".to_owned()),
            response_type: Some("code".to_owned()),
            scope: Some("openid".to_owned()),
            state: Some("outside".to_owned()),
            request: Some(object.to_owned()),
            ..AuthorizationParameters::default()
        };
        self.world.provider.begin_authorization(outside, None).await
    }

    /// The OAuth name and the code of a refusal.
    async fn refusal(&self, object: &str) -> (&'static str, &'static str) {
        match self.send(object).await {
            Err(AuthorizationError::Redirect { error, source, .. }) => {
                (error.as_str(), source.code())
            }
            other => panic!("not refused at the redirect URI: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_signed_object_is_the_request_and_nothing_outside_counts() {
    let signing = Signing::new().await;
    // E12: what stands outside would ask for another address, state and scope.
    let object = signing.sign(|claims| {
        claims["redirect_uri"] = json!("https://portal.example.fr/other");
        claims["max_age"] = json!(-1);
    });
    let Err(AuthorizationError::Redirect {
        response, source, ..
    }) = signing.send(&object).await
    else {
        panic!("max_age inside counts")
    };
    assert_eq!(source.code(), "provider.max_age_invalid");
    let location = response.location();
    assert!(location.starts_with("https://portal.example.fr/other?"));
    assert_eq!(
        query_value(&location, "state").as_deref(),
        Some("the state"),
        "the state outside is nobody's"
    );

    // A request that is whole outside, and lacks its challenge inside.
    let object = signing.sign(|claims| {
        claims.as_object_mut().unwrap().remove("code_challenge");
    });
    let mut outside = parameters(PORTAL);
    outside.request = Some(object);
    let begun = signing
        .world
        .provider
        .begin_authorization(outside, None)
        .await;
    assert_eq!(begun.unwrap_err().code(), "provider.pkce_missing");
}

#[tokio::test]
async fn honest_variants_are_accepted() {
    let signing = Signing::new().await;
    let now = signing.world.now().unix_timestamp();
    type Change = Box<dyn FnOnce(&mut Value)>;
    let variants: Vec<(&str, Change)> = vec![
        ("as it is", Box::new(|_| {})),
        (
            "several audiences",
            Box::new(|c| c["aud"] = json!(["https://other.example", ISSUER])),
        ),
        (
            "clock 8 s ahead",
            Box::new(move |c| c["nbf"] = json!(now + 8)),
        ),
        (
            "an hour old and an hour to go",
            Box::new(move |c| {
                c["nbf"] = json!(now - 3600);
                c["exp"] = json!(now + 3600);
            }),
        ),
        (
            "no nbf",
            Box::new(|c| {
                c.as_object_mut().unwrap().remove("nbf");
            }),
        ),
        (
            "claims as an object and max_age as a number",
            Box::new(|c| {
                c["claims"] = json!({ "userinfo": { "name": null } });
                c["max_age"] = json!(300);
                c["unheard-of"] = json!({ "a": [1] });
            }),
        ),
        (
            "client_id inside left out",
            Box::new(|c| {
                c.as_object_mut().unwrap().remove("client_id");
            }),
        ),
    ];
    for (name, change) in variants {
        let begun = signing.send(&signing.sign(change)).await;
        assert!(
            matches!(begun, Ok(BegunAuthorization::Login { .. })),
            "{name}: {begun:?}"
        );
    }
    let plain = signing.key.sign_jwt("JWT", &signing.claims()).unwrap();
    assert!(signing.send(&plain).await.is_ok(), "typ JWT");
    let outside = AuthorizationParameters {
        client_id: Some(PORTAL.to_owned()),
        request: Some(signing.sign(|_| {})),
        ..AuthorizationParameters::default()
    };
    let begun = signing
        .world
        .provider
        .begin_authorization(outside, None)
        .await;
    assert!(begun.is_ok(), "client_id and request suffice");
}

#[tokio::test]
async fn a_client_that_must_sign_is_refused_without() {
    let signing = Signing::with(|settings| {
        settings.config.clients[0].signed_request_object = Demand::Required;
    })
    .await;
    let refused = signing.world.authorize(|_| {}).await.unwrap_err();
    assert_eq!(refused.code(), "provider.request_object_missing");
    assert!(signing.send(&signing.sign(|_| {})).await.is_ok());
}

/// An object that is refused says nothing: where no good address stands outside, nobody is sent
/// anywhere.
#[tokio::test]
async fn a_bad_object_without_a_good_address_outside_leads_to_a_page() {
    let signing = Signing::new().await;
    for redirect_uri in [None, Some("https://evil.test/cb")] {
        let outside = AuthorizationParameters {
            client_id: Some(PORTAL.to_owned()),
            redirect_uri: redirect_uri.map(str::to_owned),
            request: Some("a.b.c".to_owned()),
            ..AuthorizationParameters::default()
        };
        let refused = signing
            .world
            .provider
            .begin_authorization(outside, None)
            .await;
        assert!(matches!(refused, Err(AuthorizationError::Page(_))));
    }
    let object = signing.sign(|c| c["redirect_uri"] = json!("https://evil.test/cb"));
    let refused = signing.send(&object).await;
    assert!(
        matches!(refused, Err(AuthorizationError::Page(_))),
        "E1 holds inside an object too"
    );
}

/// Attack E11: nothing is fetched, from wherever it is.
#[tokio::test]
async fn a_request_by_reference_is_never_fetched() {
    let signing = Signing::new().await;
    for uri in [
        "https://portal.example.fr/request.jwt",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "data:text/plain,x",
        "urn:example:unknown",
    ] {
        let refused = signing
            .world
            .authorize(|asked| asked.request_uri = Some(uri.to_owned()))
            .await;
        let Err(AuthorizationError::Redirect { error, source, .. }) = refused else {
            panic!("{uri}")
        };
        assert_eq!(error.as_str(), "request_uri_not_supported", "{uri}");
        assert_eq!(source.code(), "provider.request_uri_unsupported", "{uri}");
    }
}

#[tokio::test]
async fn a_request_is_given_once() {
    let signing = Signing::new().await;
    for uri in ["urn:ietf:params:oauth:request_uri:x", "https://x.test/"] {
        let mut outside = parameters(PORTAL);
        outside.request = Some(signing.sign(|_| {}));
        outside.request_uri = Some(uri.to_owned());
        let begun = signing.world.provider.begin_authorization(outside, None);
        let Err(AuthorizationError::Redirect { error, source, .. }) = begun.await else {
            panic!("{uri}")
        };
        let told = (error.as_str(), source.code());
        assert_eq!(told, ("invalid_request", "provider.request_given_twice"));
    }
}

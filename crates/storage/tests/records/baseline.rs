//! One valid record of each kind, tied to each other; cases change a field.

use cardea_storage::access_grant::AccessGrant;
use cardea_storage::authorization_code::AuthorizationCode;
use cardea_storage::authorization_request::AuthorizationRequest;
use cardea_storage::challenge::Challenge;
use cardea_storage::session::{Session, SessionState};
use cardea_storage::subject::PersonId;
use cardea_storage::{
    SecretDigest, Store, authorization_request, client_session, session, subject,
};
use time::{Duration, OffsetDateTime};

use super::databases::committed;

/// The moment at which everything in the tests begins.
pub(crate) fn start() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).expect("a moment in 2027")
}

pub(crate) fn after_seconds(seconds: i64) -> OffsetDateTime {
    start() + Duration::seconds(seconds)
}

pub(crate) fn request() -> AuthorizationRequest {
    AuthorizationRequest {
        id: "request".to_owned(),
        cookie: SecretDigest::of("login cookie"),
        client_id: "portal".to_owned(),
        parameters: r#"{"nonce":"n"}"#.to_owned(),
        session_id: None,
        created_at: start(),
        expires_at: after_seconds(600),
        completed_at: None,
    }
}

pub(crate) fn challenge() -> Challenge {
    Challenge {
        jti: "challenge".to_owned(),
        authorization_request_id: "request".to_owned(),
        challenge_sha256: "digest".to_owned(),
        nonce: "nonce".to_owned(),
        issued_at: start(),
        expires_at: after_seconds(120),
    }
}

pub(crate) fn pending_session(sub: &str) -> Session {
    Session {
        id: "session".to_owned(),
        sub: sub.to_owned(),
        identity: r#"{"given_name":"Camille"}"#.to_owned(),
        card_sha256: "card".to_owned(),
        instance_jkt: "instance".to_owned(),
        presence_jkt: "presence".to_owned(),
        acr: "urn:cardea:acr:card-pin".to_owned(),
        revocation_age: None,
        state: SessionState::Pending,
        cookie: None,
        authenticated_at: start(),
        present_at: None,
        used_at: start(),
    }
}

pub(crate) fn code() -> AuthorizationCode {
    AuthorizationCode {
        code: SecretDigest::of("code"),
        sid: "sid".to_owned(),
        client_id: "portal".to_owned(),
        redirect_uri: "https://portal.example.fr/cb".to_owned(),
        code_challenge: Some("challenge".to_owned()),
        claims: Some("{}".to_owned()),
        resources: "[]".to_owned(),
        dpop_jkt: Some("jkt".to_owned()),
        scope: "openid".to_owned(),
        nonce: None,
        issued_at: start(),
        expires_at: after_seconds(60),
    }
}

pub(crate) fn grant() -> AccessGrant {
    AccessGrant {
        jti: "token".to_owned(),
        code: Some(SecretDigest::of("code")),
        family: None,
        sid: Some("sid".to_owned()),
        audience: "[]".to_owned(),
        claims: None,
        dpop_jkt: None,
        x5t_s256: Some("x5t".to_owned()),
        client_id: "portal".to_owned(),
        scope: "openid".to_owned(),
        issued_at: start(),
        expires_at: after_seconds(120),
        revoked_at: None,
    }
}

/// A person, an authorization request, an active session and the client "portal" in it.
pub(crate) async fn with_active_session(store: &Store) -> Session {
    committed(store, async |transaction| {
        let person = PersonId {
            scheme: "rpps",
            value: "899700000001",
        };
        let sub = subject::load_or_create(transaction, person, "sub", start())
            .await
            .expect("a subject");
        authorization_request::insert(transaction, &request())
            .await
            .expect("a request");
        let session = pending_session(&sub);
        session::insert(transaction, &session)
            .await
            .expect("a session");
        assert!(
            session::activate(transaction, "session", start())
                .await
                .expect("activation")
        );
        let sid =
            client_session::load_or_create(transaction, "session", "portal", "sid", start()).await;
        assert_eq!(sid.expect("a client session"), "sid");
        session
    })
    .await
}

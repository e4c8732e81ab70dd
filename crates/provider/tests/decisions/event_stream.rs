//! The event stream: which resource server is told what of whose end, and what its stream says of
//! itself.

use cardea_jose::{Algorithm, SigningKey, UnverifiedJws, VerifyingKey};
use cardea_oauth2_types::{ErrorCode, GrantType, TokenParameters};
use cardea_provider::{
    Client, ClientAuthentication, ClientCredentials, EventPoll, EventStream, SubjectType,
    TokenError, TokenLookup, TrustedInstances,
};
use cardea_storage::SecretDigest;
use serde_json::{Value, json};
use time::Duration;

use super::world::{API, Answer, ISSUER, PORTAL, SECOND, Settings, World, claims_of, token_key};

/// The resource server of the portal's tokens.
const RECEIVER: &str = "receiver";
/// Another one.
const STRANGER: &str = "stranger";
/// The one of tokens that name none.
const OF_ISSUER: &str = "of-issuer";
/// A resource server that asks about tokens and does not listen.
const DEAF: &str = "deaf";

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const TOKEN_REVOKED: &str = "https://schemas.openid.net/secevent/oauth/event-type/token-revoked";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

fn settings() -> Settings {
    let mut settings = Settings::refreshing();
    // What tokens call their person is not what we do.
    settings.client(PORTAL).subject_type = SubjectType::Pairwise;
    for (client_id, resource, event_stream) in [
        (RECEIVER, API, true),
        (STRANGER, "https://x.example.fr", true),
        (OF_ISSUER, ISSUER, true),
        (DEAF, API, false),
    ] {
        let secret = SecretDigest::of("its secret");
        let authentication = ClientAuthentication::SecretPost(secret.into());
        settings.config.clients.push(Client {
            grant_types: vec![GrantType::ClientCredentials],
            resource_server_of: vec![resource.to_owned()],
            event_stream,
            ..Client::new(client_id, "API", authentication)
        });
    }
    settings
}

async fn world() -> World {
    settings().build().await
}

fn credentials(client_id: &str) -> ClientCredentials {
    let mut parameters = TokenParameters::default();
    if ![PORTAL, SECOND].contains(&client_id) {
        parameters.client_secret = Some("its secret".to_owned());
    }
    World::credentials(client_id, &mut parameters)
}

fn question(question: &Value) -> EventPoll {
    EventPoll::from_json(question.as_object().unwrap()).unwrap()
}

async fn open(world: &World, client_id: &str, asked: &Value) -> Result<EventStream, TokenError> {
    let (credentials, poll) = (credentials(client_id), question(asked));
    world.provider.open_event_stream(&credentials, &poll).await
}

/// What is answered at once: the events, and the heartbeat where there is one.
struct Polled {
    events: Vec<Value>,
    heartbeat: Option<Value>,
    more_available: bool,
}

async fn poll(world: &World, client_id: &str, asked: &Value) -> Polled {
    let stream = open(world, client_id, asked).await.unwrap();
    let waiting = world.provider.waiting_events(&stream).await.unwrap();
    let answer = world.provider.sign_events(&stream, &waiting).unwrap();
    let answer = serde_json::to_value(answer).unwrap();
    let sets = answer["sets"].as_object().unwrap();
    let mut claims: Vec<_> = sets
        .iter()
        .map(|(jti, set)| {
            let claims = claims_of(set.as_str().unwrap());
            assert_eq!(claims["jti"], json!(jti));
            assert_eq!(claims["iss"], ISSUER);
            assert_eq!(claims["aud"], client_id);
            assert_eq!(claims["iat"], world.now().unix_timestamp());
            for absent in ["exp", "sub", "nonce", "sid"] {
                assert!(claims.get(absent).is_none(), "{absent}");
            }
            claims
        })
        .collect();
    let is_heartbeat = |it: &Value| it["events"].get(VERIFICATION).is_some();
    let heartbeat = claims.iter().position(is_heartbeat);
    let heartbeat = heartbeat.map(|at| claims.remove(at));
    claims.sort_by_key(|it| it["sequence"].as_i64());
    Polled {
        events: claims,
        heartbeat,
        more_available: answer["moreAvailable"].as_bool().unwrap(),
    }
}

/// Every receiver listens, and the portal has a token for the API.
async fn signed_in(world: &World) -> (Answer, Value) {
    for receiver in [RECEIVER, STRANGER, OF_ISSUER] {
        assert!(poll(world, receiver, &json!({})).await.events.is_empty());
    }
    let begun = world
        .begin_with(|asked| asked.resource = vec![API.to_owned()])
        .await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let completing = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None);
    let location = completing.await.unwrap().response.location();
    let tokens = world.redeem(&location).await.unwrap();
    (answer, serde_json::to_value(tokens).unwrap())
}

fn access_token(tokens: &Value) -> Value {
    claims_of(tokens["access_token"].as_str().unwrap())
}

/// Whatever ends a session, the resource server of its tokens is told by the tokens' own names, and
/// nobody else is.
#[tokio::test]
async fn each_end_of_a_session_is_told_to_the_resource_server_of_its_tokens() {
    for (who, name) in [
        ("user", "departed"),
        ("admin", "an operator's word"),
        ("system", "silence"),
        ("admin", "a revoked workstation"),
    ] {
        let world = world().await;
        let (answer, tokens) = signed_in(&world).await;
        let token = access_token(&tokens);
        world.pass(Duration::seconds(5));
        match name {
            "departed" => drop(world.depart(&answer.presence_key).await),
            "silence" => {
                let ended = world.pass_sweeping(Duration::seconds(60)).await;
                assert_eq!(ended.len(), 1);
            }
            "a revoked workstation" => {
                let instances = TrustedInstances::new(world.records());
                let instance_jkt = world.instance.key.kid();
                let (_, ended) = instances.revoke(instance_jkt, None).await.unwrap();
                assert_eq!(ended.len(), 1);
            }
            _ => {
                let session = world.event("tokens.issued").await.session_id.unwrap();
                let ended = world.provider.end_session(&session).await.unwrap();
                assert!(ended.is_some());
            }
        }
        let polled = poll(&world, RECEIVER, &json!({})).await;
        let [event] = polled.events.as_slice() else {
            panic!("{name}: {:?}", polled.events);
        };
        assert_eq!(
            event["sub_id"],
            json!({
                "format": "complex",
                "user": {"format": "iss_sub", "iss": ISSUER, "sub": token["sub"]},
                "session": {"format": "opaque", "id": token["sid"]},
            }),
            "{name}"
        );
        let payload = &event["events"][SESSION_REVOKED];
        assert_eq!(payload["initiating_entity"], who, "{name}");
        assert!(payload["event_timestamp"].as_i64().unwrap() <= world.now().unix_timestamp());
        assert!(event.get("since").is_none());
        let heartbeat = polled.heartbeat.unwrap();
        assert_eq!(heartbeat["sequence"], event["sequence"]);
        assert!(!polled.more_available);
        // Attack G13: of whose tokens it is not the resource server, nobody hears.
        for other in [STRANGER, OF_ISSUER] {
            let polled = poll(&world, other, &json!({})).await;
            assert!(polled.events.is_empty(), "{name} {other}");
            assert_eq!(polled.heartbeat.unwrap()["sequence"], 0);
        }
    }
}

#[tokio::test]
async fn a_session_whose_tokens_have_all_expired_is_not_told() {
    let world = world().await;
    let (answer, _) = signed_in(&world).await;
    for _ in 0..20 {
        world.pass(Duration::seconds(10));
        world.present(&answer.presence_key).await;
    }
    world.depart(&answer.presence_key).await;
    assert_eq!(
        world.event("session.ended").await.code.as_deref(),
        Some("departed")
    );
    assert!(poll(&world, RECEIVER, &json!({})).await.events.is_empty());
}

#[tokio::test]
async fn a_token_for_the_issuer_itself_is_told_to_who_the_issuer_is() {
    let world = world().await;
    poll(&world, OF_ISSUER, &json!({})).await;
    poll(&world, RECEIVER, &json!({})).await;
    let location = world.log_in_with(|_| ()).await;
    let tokens = world.redeem(&location).await.unwrap();
    let session = world.event("tokens.issued").await.session_id.unwrap();
    world.provider.end_session(&session).await.unwrap();
    let polled = poll(&world, OF_ISSUER, &json!({})).await;
    let sid = &claims_of(&tokens.access_token)["sid"];
    assert_eq!(&polled.events[0]["sub_id"]["session"]["id"], sid);
    assert!(poll(&world, RECEIVER, &json!({})).await.events.is_empty());
}

#[tokio::test]
async fn a_token_that_is_given_back_is_told_by_its_jti() {
    // A family's end is told alike, whether it was given back or stolen.
    for (member, who) in [("access_token", "user"), ("refresh_token", "policy")] {
        let world = world().await;
        let (_, tokens) = signed_in(&world).await;
        let lookup = TokenLookup {
            credentials: &credentials(PORTAL),
            token: tokens[member].as_str(),
        };
        world.provider.revoke_token(lookup).await.unwrap();
        let events = poll(&world, RECEIVER, &json!({})).await.events;
        assert_eq!(events.len(), 1, "{member}");
        let jti = &access_token(&tokens)["jti"];
        assert_eq!(
            events[0]["sub_id"],
            json!({"format": "jwt_id", "iss": ISSUER, "jti": jti})
        );
        assert_eq!(events[0]["events"][TOKEN_REVOKED]["initiating_entity"], who);
    }
}

/// Attack F6: what a stolen refresh token gave is told as soon as the theft shows.
#[tokio::test]
async fn a_refresh_token_in_two_hands_is_told() {
    let world = world().await;
    let (_, tokens) = signed_in(&world).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    world.refresh(PORTAL, refresh).await.unwrap();
    world.refresh(PORTAL, refresh).await.unwrap_err();
    let events = poll(&world, RECEIVER, &json!({})).await.events;
    assert!(!events.is_empty());
    for event in &events {
        assert_eq!(
            event["events"][TOKEN_REVOKED]["initiating_entity"],
            "policy"
        );
    }
}

#[tokio::test]
async fn a_set_is_signed_by_a_token_key_with_a_type_of_its_own() {
    for (registered, expected) in [
        (None, Algorithm::Rs256),
        (Some(Algorithm::Es256), Algorithm::Es256),
    ] {
        let mut settings = settings();
        settings.client(RECEIVER).introspection_signed_response_alg = registered;
        let world = settings.build().await;
        let stream = open(&world, RECEIVER, &json!({})).await.unwrap();
        let waiting = world.provider.waiting_events(&stream).await.unwrap();
        let answer = world.provider.sign_events(&stream, &waiting).unwrap();
        let set = answer.sets().values().next().unwrap();
        let key: SigningKey = token_key(expected);
        let key = VerifyingKey::from_jwk(key.public_jwk()).unwrap();
        let parse = || UnverifiedJws::parse(set, 8192).unwrap();
        assert!(parse().verify(&key, "secevent+jwt").is_ok());
        // Attack G5: it passes for no other token of ours.
        for typ in ["at+jwt", "logout+jwt", "JWT"] {
            assert!(parse().verify(&key, typ).is_err(), "{typ}");
        }
    }
}

#[tokio::test]
async fn g13_only_a_proven_receiver_is_let_in() {
    let world = world().await;
    for (client_id, code, error) in [
        (
            DEAF,
            "provider.event_stream_not_allowed",
            ErrorCode::UnauthorizedClient,
        ),
        (
            PORTAL,
            "provider.event_stream_not_allowed",
            ErrorCode::UnauthorizedClient,
        ),
        (
            SECOND,
            "provider.event_stream_not_allowed",
            ErrorCode::UnauthorizedClient,
        ),
        (
            "unknown",
            "provider.client_authentication_failed",
            ErrorCode::InvalidClient,
        ),
    ] {
        let refusal = open(&world, client_id, &json!({})).await.unwrap_err();
        assert_eq!(
            (refusal.code(), refusal.error),
            (code, error),
            "{client_id}"
        );
        assert_eq!(
            world.event("token_lookup.refused").await.code.as_deref(),
            Some(code)
        );
    }
    let parameters = TokenParameters {
        client_id: Some(RECEIVER.to_owned()),
        client_secret: Some("a guess".to_owned()),
        ..TokenParameters::default()
    };
    let guess = ClientCredentials::read(None, &parameters).unwrap();
    let poll = question(&json!({}));
    let refusal = world.provider.open_event_stream(&guess, &poll).await;
    assert_eq!(refusal.unwrap_err().error, ErrorCode::InvalidClient);
}

#[tokio::test]
async fn an_event_comes_again_until_its_own_receiver_takes_it() {
    let world = world().await;
    let (_, tokens) = signed_in(&world).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    world.refresh(PORTAL, refresh).await.unwrap();
    let session = world.event("tokens.issued").await.session_id.unwrap();
    let lookup = TokenLookup {
        credentials: &credentials(PORTAL),
        token: tokens["access_token"].as_str(),
    };
    world.provider.revoke_token(lookup).await.unwrap();
    world.provider.end_session(&session).await.unwrap();

    let first = poll(&world, RECEIVER, &json!({"maxEvents": 1})).await;
    assert!(first.more_available);
    assert!(first.heartbeat.is_none(), "there is no place for it");
    let all = poll(&world, RECEIVER, &json!({})).await;
    assert_eq!(all.events.len(), 2);
    assert_eq!(all.events[0], first.events[0]);
    assert!(!all.more_available);
    let [one, two] = [&all.events[0], &all.events[1]];
    assert!(one["sequence"].as_i64() < two["sequence"].as_i64());

    // Attack G13: another's acknowledgement, or one under another name, changes nothing.
    let jtis = json!({"ack": [one["jti"], two["jti"]]});
    poll(&world, STRANGER, &jtis).await;
    let mut elsewhere = jtis.clone();
    elsewhere["stream"] = json!("another");
    poll(&world, RECEIVER, &elsewhere).await;
    poll(&world, RECEIVER, &elsewhere).await;
    assert_eq!(poll(&world, RECEIVER, &json!({})).await.events.len(), 2);

    let only_acknowledged = json!({"maxEvents": 0, "ack": [two["jti"], "unknown"]});
    let nothing = poll(&world, RECEIVER, &only_acknowledged).await;
    assert!(nothing.events.is_empty() && nothing.heartbeat.is_none());
    assert!(nothing.more_available);
    let refused = json!({"setErrs": {one["jti"].as_str().unwrap(): {"err": "jwtIss"}}});
    let rest = poll(&world, RECEIVER, &refused).await;
    assert!(rest.events.is_empty() && !rest.more_available);
    // The number of what was taken stays.
    assert_eq!(rest.heartbeat.unwrap()["sequence"], two["sequence"]);
}

#[tokio::test]
async fn a_stream_says_from_when_on_it_is_whole() {
    let world = world().await;
    let since = async |world: &World, name: &str| {
        let polled = poll(world, RECEIVER, &json!({"stream": name})).await;
        polled.heartbeat.unwrap()["since"].as_i64().unwrap()
    };
    let begun = world.now().unix_timestamp();
    assert_eq!(since(&world, "a").await, begun + 10);
    for _ in 0..20 {
        world.pass(Duration::minutes(1));
        assert_eq!(since(&world, "a").await, begun + 10, "in use");
    }
    let fresh = world.now().unix_timestamp();
    assert_eq!(since(&world, "b").await, fresh + 10, "a name of its own");
    // Told of a gap: nobody asked for longer than a stream is kept.
    world.pass(Duration::seconds(611));
    let anew = world.now().unix_timestamp();
    assert_eq!(since(&world, "a").await, anew + 10);

    // Another resource server, of which nothing was noted so far.
    world.pass(Duration::seconds(30));
    let mut settings = settings();
    let other = "https://other.example.fr".to_owned();
    settings.client(RECEIVER).resource_server_of.push(other);
    let changed = world.restarted_with(settings);
    let anew = world.now().unix_timestamp();
    assert_eq!(since(&changed, "a").await, anew + 10);
    assert_eq!(since(&changed, "a").await, anew + 10);
    let begun = world.events().await;
    let begun = begun.iter().filter(|it| it.kind == "event_stream.begun");
    assert_eq!(begun.count(), 4);
}

/// Attack H9: a receiver that takes a new name each time fills nothing.
#[tokio::test]
async fn a_receiver_has_a_bounded_number_of_streams() {
    let world = world().await;
    for number in 0..16 {
        let name = json!({"stream": format!("s{number}")});
        poll(&world, RECEIVER, &name).await;
    }
    let one_more = json!({"stream": "one-more"});
    let refusal = open(&world, RECEIVER, &one_more).await.unwrap_err();
    assert_eq!(refusal.code(), "provider.event_streams_exceeded");
    poll(&world, STRANGER, &one_more).await;
    poll(&world, RECEIVER, &json!({"stream": "s3"})).await;
    world.pass(Duration::seconds(61));
    poll(&world, RECEIVER, &one_more).await;
}

#[tokio::test]
async fn what_nobody_can_need_any_more_is_forgotten() {
    let world = world().await;
    signed_in(&world).await;
    let session = world.event("tokens.issued").await.session_id.unwrap();
    world.provider.end_session(&session).await.unwrap();
    let backlog = async || world.provider.event_backlog().await.unwrap();
    assert_eq!((backlog().await.streams, backlog().await.events), (3, 1));
    world.pass(Duration::seconds(179));
    world.provider.forget_ended().await.unwrap();
    assert_eq!(backlog().await.events, 1);
    world.pass(Duration::seconds(2));
    world.provider.forget_ended().await.unwrap();
    assert_eq!((backlog().await.streams, backlog().await.events), (3, 0));
    world.pass(Duration::minutes(15));
    world.provider.forget_ended().await.unwrap();
    assert_eq!(backlog().await.streams, 0);
}

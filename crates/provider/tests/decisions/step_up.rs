//! A fresh signature that a guard asks for: a valid one, of which cases change one part.

use cardea_assertion::{
    AssertionClaims, SigningInput, StepUpAttestationClaims, StepUpClaims, UserVerification,
};
use cardea_jose::{SigningKey, UnverifiedJws, sha256_base64url};
use cardea_oauth2_types::{GrantType, TokenParameters};
use cardea_provider::{
    AuthenticationError, Client, ClientAuthentication, ClientCredentials, EndReason, EventPoll,
    GuardReports, StepUpAttempt, StepUpDecline, SubjectType,
};
use cardea_storage::SecretDigest;
use cardea_test_pki::{CardProfile, KeyKind};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::world::{
    API, HeldEvidence, ISSUER, Instance, PORTAL, Settings, World, algorithm_of, claims_of,
    sign_by_card,
};

const GUARD: &str = "guard";
const OTHER_GUARD: &str = "other-guard";
const SIGNED: &str = "https://schemas.openid.net/secevent/caep/event-type/assurance-level-change";

async fn world() -> World {
    let mut settings = Settings::refreshing();
    settings.client(PORTAL).subject_type = SubjectType::Pairwise;
    for client_id in [GUARD, OTHER_GUARD] {
        let secret = SecretDigest::of("its secret");
        let authentication = ClientAuthentication::SecretPost(secret.into());
        settings.config.clients.push(Client {
            grant_types: vec![GrantType::ClientCredentials],
            resource_server_of: vec![API.to_owned()],
            guard: true,
            event_stream: true,
            ..Client::new(client_id, "Guard", authentication)
        });
    }
    settings.build().await
}

fn credentials(client_id: &str) -> ClientCredentials {
    let mut parameters = TokenParameters {
        client_secret: Some("its secret".to_owned()),
        ..TokenParameters::default()
    };
    World::credentials(client_id, &mut parameters)
}

/// The claims of a token for the API, and the presence key of its session.
async fn signed_in(world: &World) -> (Value, SigningKey) {
    for client_id in [GUARD, OTHER_GUARD] {
        assert!(told(world, client_id).await.is_empty());
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
    (claims_of(&tokens.access_token), answer.presence_key)
}

async fn report(world: &World, token: &Value, event_id: &str, answer: &str) {
    report_of(world, token, (event_id, world.now()), answer).await;
}

async fn report_of(
    world: &World,
    token: &Value,
    (event_id, at): (&str, OffsetDateTime),
    answer: &str,
) {
    let report = json!({
        "event_id": event_id, "at": at.unix_timestamp() * 1_000, "sub": token["sub"],
        "client_id": token["client_id"], "sid": token["sid"], "jti": token["jti"],
        "service": "records", "kind": "look_up", "patients": [format!("p-{event_id}"), "p-0"],
        "answer": answer, "reasons": [{"code": "per_hour", "count": 61, "limit": 60},
                                      {"code": "no_pause", "count": 400, "limit": 300}],
    });
    let reports = json!({"reports": [report]});
    let reports = GuardReports::from_json(reports.as_object().unwrap()).unwrap();
    let taken = world
        .provider
        .take_guard_reports(&credentials(GUARD), &reports)
        .await
        .unwrap();
    assert_eq!(taken.accepted(), 1);
}

/// The challenge that waits for a presence key; none where nobody is asked.
async fn asked(world: &World, key: &SigningKey) -> Option<String> {
    let waiting = world.provider.waiting_step_ups().await.unwrap();
    assert!(waiting.len() <= 1);
    let waiting = waiting.into_iter().next()?;
    assert_eq!(waiting.presence_jkt, key.kid());
    Some(waiting.challenge)
}

/// What a guard hears beside its heartbeat; nothing is acknowledged.
async fn told(world: &World, client_id: &str) -> Vec<Value> {
    let question = EventPoll::from_json(json!({}).as_object().unwrap()).unwrap();
    let stream = world
        .provider
        .open_event_stream(&credentials(client_id), &question)
        .await
        .unwrap();
    let waiting = world.provider.waiting_events(&stream).await.unwrap();
    let answer = world.provider.sign_events(&stream, &waiting).unwrap();
    let sets = answer.sets().values().map(|set| claims_of(set));
    let sets = sets.filter(|it| it.get("since").is_none());
    sets.collect()
}

/// Everything that goes into an answer.
struct Answer {
    claims: StepUpClaims,
    card_key: openssl::pkey::PKey<openssl::pkey::Private>,
    certificate: Vec<u8>,
    instance: Instance,
    attested_uv: UserVerification,
    /// The key that the answer's connection has proven.
    connection: String,
}

impl Answer {
    fn to(world: &World, challenge: &str) -> Self {
        let jws = UnverifiedJws::parse(challenge, 4096).unwrap();
        let asked: Value = jws.unverified_claims().unwrap();
        let text = |name: &str| asked[name].as_str().unwrap().to_owned();
        Self {
            claims: StepUpClaims {
                aud: text("iss"),
                client_id: text("client_id"),
                service: text("service"),
                patients: u32::try_from(asked["patients"].as_u64().unwrap()).unwrap(),
                challenge: sha256_base64url(challenge.as_bytes()),
                nonce: text("nonce"),
                jti: text("jti"),
                iat: asked["iat"].as_i64().unwrap(),
                exp: asked["exp"].as_i64().unwrap(),
                card_serial: "0000000001".to_owned(),
                uv: UserVerification::Now,
                presence: text("presence"),
                instance_jkt: world.instance.key.kid().to_owned(),
            },
            card_key: world.card.key.clone(),
            certificate: world.card.der.clone(),
            instance: world.instance.clone(),
            attested_uv: UserVerification::Now,
            connection: text("presence"),
        }
    }

    async fn send(&self, world: &World) -> Result<(), AuthenticationError> {
        let algorithm = algorithm_of(&self.card_key);
        let input = SigningInput::new(algorithm, &[&self.certificate], &self.claims).unwrap();
        let signature = sign_by_card(&self.card_key, algorithm, input.as_bytes());
        let statement = input.into_assertion(&signature);
        let attestation = StepUpAttestationClaims::new(&statement, self.attested_uv);
        let attestation = attestation.sign(&self.instance.key).unwrap();
        let attempt = StepUpAttempt {
            presence_jkt: &self.connection,
            statement: &statement,
            attestation: &attestation,
        };
        world
            .provider
            .accept_step_up(attempt, &world.evidence)
            .await
    }
}

#[tokio::test]
async fn a_guard_asks_the_card_signs_and_that_guard_alone_hears_of_it() {
    let world = world().await;
    let (token, key) = signed_in(&world).await;
    report(&world, &token, "one", "allow").await;
    assert_eq!(asked(&world, &key).await, None, "nobody asks");
    report(&world, &token, "two", "step_up").await;
    let challenge = asked(&world, &key).await.unwrap();
    let said: Value = UnverifiedJws::parse(&challenge, 4096)
        .unwrap()
        .unverified_claims()
        .unwrap();
    assert_eq!(said["iss"], ISSUER);
    assert_eq!(said["purpose"], "step_up");
    assert_eq!(said["client_id"], PORTAL);
    assert_eq!(said["service"], "records");
    // What the guard counted of patients; other numbers of its reasons are of something else.
    assert_eq!(said["patients"], 61);
    let event = world.event("step_up.asked").await;
    assert!(event.session_id.is_some() && event.sub.is_some());
    Answer::to(&world, &challenge).send(&world).await.unwrap();
    assert_eq!(asked(&world, &key).await, None);
    let given = world.event("step_up.given").await;
    assert_eq!(given.session_id, event.session_id);
    let told_guard = told(&world, GUARD).await;
    assert_eq!(told_guard.len(), 1);
    let level = &told_guard[0]["events"][SIGNED];
    assert_eq!(level["current_level"], "urn:cardea:acr:card-pin");
    let subject = &told_guard[0]["sub_id"];
    assert_eq!(subject["user"]["sub"], token["sub"]);
    assert_eq!(subject["session"]["id"], token["sid"]);
    assert!(told(&world, OTHER_GUARD).await.is_empty());
    // It is no login: the session is what it was.
    let mut transaction = world.store.begin_read().await.unwrap();
    let session_id = event.session_id.unwrap();
    let session = cardea_storage::session::find(&mut transaction, &session_id);
    let session = session.await.unwrap().unwrap();
    assert_eq!(
        json!(session.authenticated_at.unix_timestamp()),
        token["auth_time"]
    );
}

type Change = fn(&World, &mut Answer);

/// What is changed, the precise code, and what the agent learns.
const CHANGED: [(&str, Change, &str, &str); 15] = [
    (
        "audience",
        |_, a| a.claims.aud.push('/'),
        "assertion.audience_mismatch",
        "login.refused",
    ),
    (
        "portal",
        |_, a| a.claims.client_id.push('x'),
        "assertion.client_mismatch",
        "login.refused",
    ),
    (
        "service",
        |_, a| a.claims.service.push('x'),
        "assertion.challenge_mismatch",
        "login.refused",
    ),
    (
        "patients",
        |_, a| a.claims.patients = 1,
        "assertion.challenge_mismatch",
        "login.refused",
    ),
    (
        "another session's key inside",
        |_, a| a.claims.presence.push('x'),
        "assertion.challenge_mismatch",
        "login.refused",
    ),
    (
        "longer",
        |_, a| a.claims.exp += 1,
        "assertion.challenge_mismatch",
        "login.refused",
    ),
    (
        "nonce",
        |_, a| a.claims.nonce.push('x'),
        "assertion.challenge_mismatch",
        "login.refused",
    ),
    (
        "challenge",
        |_, a| a.claims.challenge.push('x'),
        "assertion.challenge_mismatch",
        "login.refused",
    ),
    (
        "late",
        |world, _| world.pass(Duration::seconds(120)),
        "assertion.challenge_expired",
        "login.refused",
    ),
    (
        "signature",
        |world, a| a.card_key = other_card(world).key,
        "assertion.signature_invalid",
        "login.refused",
    ),
    (
        "countersignature",
        |_, a| a.instance = Instance::new(),
        "assertion.attestation_mismatch",
        "login.refused",
    ),
    (
        "weaker countersignature",
        |_, a| a.attested_uv = UserVerification::Cached,
        "assertion.attestation_mismatch",
        "login.refused",
    ),
    (
        "kept PIN",
        |_, a| {
            a.claims.uv = UserVerification::Cached;
            a.attested_uv = UserVerification::Cached;
        },
        "provider.user_verification_insufficient",
        "login.card_not_accepted",
    ),
    (
        "another card",
        |world, a| {
            let card = other_card(world);
            (a.card_key, a.certificate) = (card.key, card.der);
        },
        "provider.step_up_other_card",
        "login.card_not_accepted",
    ),
    (
        "another workstation",
        |_, a| {
            a.instance = Instance::new();
            a.claims.instance_jkt = a.instance.key.kid().to_owned();
        },
        "provider.step_up_other_workstation",
        "login.card_not_accepted",
    ),
];

/// Attacks C1 to C5, C9 and D12: an answer that is replayed, late, another session's, changed, by
/// another card, or of another kind. Each closes the question, is on record by its precise code,
/// and tells no guard anything.
#[tokio::test]
async fn an_answer_with_one_thing_changed_is_refused_and_closes_the_question() {
    for (name, change, code, public) in CHANGED {
        let world = world().await;
        let (token, key) = signed_in(&world).await;
        report(&world, &token, "one", "step_up").await;
        let challenge = asked(&world, &key).await.unwrap();
        let mut answer = Answer::to(&world, &challenge);
        change(&world, &mut answer);
        let error = answer.send(&world).await.unwrap_err();
        assert_eq!(
            (error.code(), error.public.code()),
            (code, public),
            "{name}"
        );
        let event = world.event("step_up.refused").await;
        assert_eq!(event.code.as_deref(), Some(code), "{name}");
        assert!(event.session_id.is_some(), "{name}");
        // The right answer comes too late now.
        let again = Answer::to(&world, &challenge).send(&world).await;
        let replayed = "assertion.challenge_replayed";
        assert_eq!(again.unwrap_err().code(), replayed, "{name}");
        assert!(told(&world, GUARD).await.is_empty(), "{name}");
    }
}

fn other_card(world: &World) -> cardea_test_pki::IssuedCertificate {
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    world.pki.issue_card(&profile).unwrap().authentication
}

/// Attacks C2 and D12: what one session was asked is no other connection's to answer or to decline.
#[tokio::test]
async fn only_the_sessions_own_connection_answers() {
    let world = world().await;
    let (token, key) = signed_in(&world).await;
    report(&world, &token, "one", "step_up").await;
    let challenge = asked(&world, &key).await.unwrap();
    let mut foreign = Answer::to(&world, &challenge);
    foreign.connection = "another key".to_owned();
    let error = foreign.send(&world).await.unwrap_err();
    assert_eq!(error.code(), "assertion.challenge_unknown");
    let jti = foreign.claims.jti.clone();
    let provider = &world.provider;
    let declined = provider.decline_step_up("another key", &jti, StepUpDecline::Cancelled);
    declined.await.unwrap();
    // It is open still.
    Answer::to(&world, &challenge).send(&world).await.unwrap();
    assert_eq!(told(&world, GUARD).await.len(), 1);
}

/// Attack C10: what the card signs for one thing serves for no other.
#[tokio::test]
async fn a_login_is_no_answer_and_an_answer_is_no_login() {
    let world = world().await;
    let (token, key) = signed_in(&world).await;
    report(&world, &token, "one", "step_up").await;
    let challenge = asked(&world, &key).await.unwrap();
    let begun = world.begin(PORTAL).await;
    let login = world.answer(&begun).await;
    let (assertion, attestation) = login.sign();
    let attempt = StepUpAttempt {
        presence_jkt: key.kid(),
        statement: &assertion,
        attestation: &attestation,
    };
    let error = world
        .provider
        .accept_step_up(attempt, &world.evidence)
        .await;
    assert_eq!(error.unwrap_err().code(), "jose.claims_malformed");
    let answer = Answer::to(&world, &challenge);
    let algorithm = algorithm_of(&answer.card_key);
    let input = SigningInput::new(algorithm, &[&answer.certificate], &answer.claims).unwrap();
    let signature = sign_by_card(&answer.card_key, algorithm, input.as_bytes());
    let statement = input.into_assertion(&signature);
    let error = world.post_texts(&begun, &statement, &attestation).await;
    assert_eq!(error.unwrap_err().code(), "jose.claims_malformed");
    // Nor does a login for the challenge of a step-up.
    let claims = AssertionClaims {
        jti: answer.claims.jti.clone(),
        nonce: answer.claims.nonce.clone(),
        challenge: answer.claims.challenge.clone(),
        ..login.claims.clone()
    };
    let input = SigningInput::new(algorithm, &[&answer.certificate], &claims).unwrap();
    let signature = sign_by_card(&answer.card_key, algorithm, input.as_bytes());
    let assertion = input.into_assertion(&signature);
    let error = world
        .post_texts(&begun, &assertion, &login.attest(&assertion))
        .await;
    assert_eq!(error.unwrap_err().code(), "assertion.challenge_unknown");
}

#[tokio::test]
async fn a_card_that_was_revoked_meanwhile_restores_nothing() {
    let mut world = world().await;
    let (token, key) = signed_in(&world).await;
    report(&world, &token, "one", "step_up").await;
    let challenge = asked(&world, &key).await.unwrap();
    world.evidence = HeldEvidence::revoking(&world.card);
    let error = Answer::to(&world, &challenge).send(&world).await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), "pki.certificate_revoked");
    assert_eq!(error.public.code(), "login.card_revoked");
    assert!(told(&world, GUARD).await.is_empty());
}

#[tokio::test]
async fn a_session_that_is_over_is_neither_asked_nor_heard() {
    let world = world().await;
    let (token, key) = signed_in(&world).await;
    report(&world, &token, "one", "step_up").await;
    let challenge = asked(&world, &key).await.unwrap();
    world.depart(&key).await;
    let error = Answer::to(&world, &challenge).send(&world).await;
    assert_eq!(error.unwrap_err().code(), "provider.step_up_session_over");
    let ended = world.event("session.ended").await;
    assert_eq!(ended.code.as_deref(), Some(EndReason::Departed.as_str()));
    world.pass(Duration::minutes(2));
    report(&world, &token, "two", "step_up").await;
    assert_eq!(asked(&world, &key).await, None);
}

/// What lay at the guard while the server was away: who waited for it has gone on, and is not asked
/// for it hours later.
#[tokio::test]
async fn a_question_that_reaches_us_late_is_on_record_and_asked_of_nobody() {
    let world = world().await;
    let (token, key) = signed_in(&world).await;
    for (event_id, seconds, is_asked) in [("late", 121, false), ("in time", 119, true)] {
        let at = world.now() - Duration::seconds(seconds);
        report_of(&world, &token, (event_id, at), "step_up").await;
        assert_eq!(asked(&world, &key).await.is_some(), is_asked, "{event_id}");
    }
}

/// Attack D7: neither a guard that was taken over nor a robot in the session makes prompts rain.
#[tokio::test]
async fn one_question_is_open_and_after_a_refusal_there_is_a_pause_and_an_hour_has_ten() {
    let world = world().await;
    let (token, key) = signed_in(&world).await;
    report(&world, &token, "first", "step_up").await;
    let first = asked(&world, &key).await.unwrap();
    report(&world, &token, "while it is open", "slow").await;
    assert_eq!(asked(&world, &key).await.as_ref(), Some(&first));
    let jti = Answer::to(&world, &first).claims.jti;
    let provider = &world.provider;
    let declined = provider.decline_step_up(key.kid(), &jti, StepUpDecline::Cancelled);
    declined.await.unwrap();
    let event = world.event("step_up.declined").await;
    assert!(event.session_id.is_some());
    report(&world, &token, "at once", "step_up").await;
    assert_eq!(asked(&world, &key).await, None);
    world.pass(Duration::seconds(60));
    // One that nobody answers ends by itself, and counts.
    for number in 1..10 {
        report(&world, &token, &format!("{number}"), "slow").await;
        assert!(asked(&world, &key).await.is_some(), "{number}");
        world.pass(Duration::seconds(119));
        assert!(asked(&world, &key).await.is_some(), "{number}");
        world.pass(Duration::seconds(1));
        assert_eq!(asked(&world, &key).await, None, "{number}");
        report(&world, &token, &format!("{number}, too soon"), "step_up").await;
        assert_eq!(asked(&world, &key).await, None, "{number}");
        world.pass(Duration::seconds(60));
        world.present(&key).await;
    }
    report(&world, &token, "one too many", "step_up").await;
    assert_eq!(asked(&world, &key).await, None);
}

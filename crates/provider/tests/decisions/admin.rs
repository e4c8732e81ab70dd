//! Who may use the admin API (attack H14): each condition by itself, on one good token.

use cardea_assertion::UserVerification;
use cardea_jose::{Algorithm, DpopTarget, SigningKey};
use cardea_oauth2_types::Scope;
use cardea_provider::{
    ADMIN_SCOPE, AdminOperator, AdminRules, Author, DpopRequest, Error, FourEyes, OperatorProven,
    Permission, PresentedToken, TokenScheme, UserVerificationPolicy, fingerprint,
};
use cardea_storage::trust_anchor::{self, TrustAnchorRecord};
use time::{Duration, OffsetDateTime};

use super::world::{ISSUER, PORTAL, Settings, World};

const URL: &str = "https://id.example.fr/admin/clients";

fn rules() -> AdminRules {
    AdminRules {
        operators: vec![AdminOperator {
            subject_id: "899700000029".to_owned(),
            subject_id_type: "rpps".to_owned(),
            trust_anchor: None,
            person: None,
        }],
        authentication_age_max: Duration::minutes(1),
        anchors: Permission::Refused,
        four_eyes: FourEyes::NotAsked,
    }
}

fn settings() -> Settings {
    let mut settings = Settings::baseline();
    let portal = settings.client(PORTAL);
    portal.resources = vec![format!("{ISSUER}/admin")];
    portal.scope = Scope::parse(&format!("openid profile {ADMIN_SCOPE}")).unwrap();
    settings
}

/// An access token of a login, the key that it is bound to, and the presence key.
struct Token {
    text: String,
    key: SigningKey,
    presence_key: SigningKey,
}

async fn token(world: &World, verification: UserVerification) -> Token {
    let begun = world.begin_with(|asked| {
        asked.resource = vec![format!("{ISSUER}/admin")];
        asked.scope = Some(format!("openid {ADMIN_SCOPE}"));
    });
    let begun = begun.await;
    let mut answer = world.answer(&begun).await;
    answer.claims.uv = verification;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let completed = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None)
        .await
        .unwrap();
    let location = completed.response.location();
    let (credentials, parameters) = World::token_request(PORTAL, &location);
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let issued = world.issue_with(&key, &credentials, &parameters).await;
    Token {
        text: issued.unwrap().access_token.clone(),
        key,
        presence_key: answer.presence_key,
    }
}

async fn judge(world: &World, rules: &AdminRules, token: &Token) -> Result<OperatorProven, Error> {
    let target = DpopTarget {
        method: "GET",
        url: URL,
        access_token: Some(&token.text),
    };
    let proof = world.proof(&token.key, &target);
    let presented = PresentedToken {
        token: &token.text,
        scheme: TokenScheme::Dpop,
        dpop: DpopRequest {
            proof: Some(&proof),
            method: "GET",
            url: URL,
        },
        certificate: None,
    };
    world.provider.authorize_operator(rules, presented).await
}

async fn code(world: &World, rules: &AdminRules, token: &Token) -> &'static str {
    match judge(world, rules, token).await {
        Ok(_) => "accepted",
        Err(error) => error.code(),
    }
}

#[tokio::test]
async fn h14_an_operator_is_let_in_while_her_login_is_fresh() {
    let world = settings().build().await;
    let token = token(&world, UserVerification::Now).await;
    let proven = judge(&world, &rules(), &token).await.unwrap();
    let login = world.event("login.accepted").await;
    let expected = Author::Person {
        sub: login.sub.unwrap(),
        client_id: PORTAL.to_owned(),
    };
    assert_eq!(*proven.author(), expected);
    world.pass(Duration::seconds(60));
    world.present(&token.presence_key).await;
    assert_eq!(code(&world, &rules(), &token).await, "accepted");
    world.pass(Duration::seconds(1));
    let too_old = "provider.admin_authentication_insufficient";
    assert_eq!(code(&world, &rules(), &token).await, too_old);
    let event = world.event("admin.refused").await;
    assert_eq!(event.code.as_deref(), Some(too_old));
    assert!(event.sub.is_some());
}

#[tokio::test]
async fn h14_another_persons_card_is_nobodys_to_operate_with() {
    let world = settings().build().await;
    let token = token(&world, UserVerification::Now).await;
    let not_operator = "provider.admin_not_operator";
    for (subject_id, subject_id_type) in [
        ("899700000029", "adeli"),
        ("899700000030", "rpps"),
        ("89970000002", "rpps"),
        ("", ""),
    ] {
        let mut rules = rules();
        rules.operators[0] = AdminOperator {
            subject_id: subject_id.to_owned(),
            subject_id_type: subject_id_type.to_owned(),
            trust_anchor: None,
            person: None,
        };
        assert_eq!(code(&world, &rules, &token).await, not_operator);
    }
    let mut nobody = rules();
    nobody.operators.clear();
    assert_eq!(code(&world, &nobody, &token).await, not_operator);
}

/// An operator who may add a root could make a card that says her colleague's number.
#[tokio::test]
async fn h14_the_number_counts_by_the_trust_anchor_of_the_operator_alone() {
    let settings = settings();
    let card_rules = settings.config.card_rules[0].clone();
    let name = card_rules.name;
    let world = settings.build().await;
    let token = token(&world, UserVerification::Now).await;
    for (trust_anchor, outcome) in [
        (name.as_str(), "accepted"),
        ("another", "provider.admin_not_operator"),
    ] {
        let mut rules = rules();
        rules.operators[0].trust_anchor = Some(trust_anchor.to_owned());
        assert_eq!(code(&world, &rules, &token).await, outcome);
    }
    // Its root is one that was added while servers ran.
    for anchor in card_rules.trust_store.anchors() {
        let record = TrustAnchorRecord {
            rules: name.clone(),
            sha256: fingerprint(anchor),
            role: "anchor".to_owned(),
            certificate: cardea_jose::base64url(anchor.der()),
            added_at: OffsetDateTime::UNIX_EPOCH,
            added_by: "{}".to_owned(),
        };
        let mut transaction = world.store.begin().await.unwrap();
        let inserted = trust_anchor::insert(&mut transaction, &record).await;
        assert!(inserted.unwrap());
        transaction.commit().await.unwrap();
    }
    let refused = code(&world, &rules(), &token).await;
    assert_eq!(refused, "provider.admin_anchor_added");
}

#[tokio::test]
async fn h14_a_pin_of_earlier_is_not_enough() {
    let mut settings = settings();
    settings.config.user_verification = UserVerificationPolicy::PinCached;
    let world = settings.build().await;
    let token = token(&world, UserVerification::Cached).await;
    let weak = "provider.admin_authentication_insufficient";
    assert_eq!(code(&world, &rules(), &token).await, weak);
}

#[tokio::test]
async fn h14_a_token_of_a_card_that_has_left_opens_nothing() {
    let world = settings().build().await;
    let token = token(&world, UserVerification::Now).await;
    assert_eq!(code(&world, &rules(), &token).await, "accepted");
    world.depart(&token.presence_key).await;
    let revoked = "provider.access_token_revoked";
    assert_eq!(code(&world, &rules(), &token).await, revoked);
}

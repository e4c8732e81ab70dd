//! What the issuer says of a token, and what it does not.

use serde_json::{Value, json};

use crate::TokenCheck;
use crate::access_token::Demand;
use crate::test_issuer::{NOW, TestClient, TestIssuer, ask, merge};

struct Stand {
    issuer: TestIssuer,
    client: TestClient,
    check: TokenCheck,
    token: String,
}

async fn stand(changes: Value) -> Stand {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let mut config = json!({"revocation": "introspection"});
    merge(&mut config, &changes);
    let check = issuer.check(&config).await;
    let token = issuer.token(&issuer.claims(&client.key));
    Stand {
        issuer,
        client,
        check,
        token,
    }
}

impl Stand {
    async fn ask(&self) -> Result<(), &'static str> {
        let headers = self.client.headers(&self.token);
        ask(&self.check, &headers, &Demand::default())
            .await
            .map(|_| ())
    }

    fn signed(&self, changes: &Value) -> String {
        let mut claims = json!({
            "iss": self.issuer.url, "aud": "api", "iat": NOW,
            "token_introspection": {"active": true, "jti": "a-token"},
        });
        merge(&mut claims, changes);
        self.issuer
            .key
            .sign_jwt("token-introspection+jwt", &claims)
            .unwrap()
    }
}

#[tokio::test]
async fn only_an_active_token_that_is_this_one_is_let_in() {
    let stand = stand(json!({})).await;
    let failed = Err("guard.introspection_failed");
    for (answer, expected) in [
        (json!({"active": true}), Ok(())),
        (
            json!({"active": true, "jti": "a-token", "sub": "a-person"}),
            Ok(()),
        ),
        (json!({"active": false}), Err("guard.token_inactive")),
        (json!({"active": true, "jti": "another"}), failed),
        (json!({"active": true, "sub": "another"}), failed),
        (json!({"active": true, "client_id": "another"}), failed),
        (json!({"active": "true"}), failed),
        (json!({}), failed),
        (json!([]), failed),
        (json!({"active": true, "x": "x".repeat(70_000)}), failed),
    ] {
        stand.issuer.say(|says| says.introspection = answer.clone());
        assert_eq!(stand.ask().await, expected, "{answer}");
    }
    stand.issuer.say(|says| says.is_down = true);
    assert_eq!(stand.ask().await, failed);
}

#[tokio::test]
async fn an_answer_counts_for_a_moment_and_many_at_once_ask_once() {
    let stand = stand(json!({"introspection_kept_milliseconds": 1000})).await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let headers = stand.client.headers(&stand.token);
        let check = stand.check.clone();
        asking.spawn(async move { ask(&check, &headers, &Demand::default()).await.is_ok() });
    }
    while let Some(outcome) = asking.join_next().await {
        assert!(outcome.unwrap());
    }
    // One, where all of them come within the moment; a busy machine may take longer.
    let asked = stand.issuer.introspections();
    assert!(asked <= 5, "{asked}");
    stand
        .issuer
        .say(|says| says.introspection = json!({"active": false}));
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(stand.ask().await, Err("guard.token_inactive"));
}

/// RFC 9701.
#[tokio::test]
async fn a_signed_answer_is_the_issuers_for_this_guard_and_of_now() {
    let stand = stand(json!({"introspection_signed": true})).await;
    let failed = Err("guard.introspection_failed");
    let foreign = TestClient::new().key;
    let cases = [
        (stand.signed(&json!({})), Ok(())),
        (stand.signed(&json!({"iat": NOW - 8})), Ok(())),
        (stand.signed(&json!({"iat": NOW - 9})), failed),
        (stand.signed(&json!({"aud": "another"})), failed),
        (
            stand.signed(&json!({"iss": "https://id.evil.test"})),
            failed,
        ),
        (
            stand.signed(&json!({"token_introspection": {"active": false}})),
            Err("guard.token_inactive"),
        ),
        (
            foreign
                .sign_jwt("token-introspection+jwt", &json!({}))
                .unwrap(),
            failed,
        ),
        (
            stand.issuer.key.sign_jwt("JWT", &json!({})).unwrap(),
            failed,
        ),
        ("{\"active\":true}".to_owned(), failed),
    ];
    for (answer, expected) in cases {
        stand
            .issuer
            .say(|says| says.signed_introspection = Some(answer.clone()));
        assert_eq!(stand.ask().await, expected, "{answer}");
    }
}

//! The issuer's part in a card grant: its challenge, and a token endpoint that asks for a nonce
//! first.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use cardea_assertion::{GrantChallenge, Purpose};
use cardea_jose::{DpopProof, DpopTarget, random_base64url};
use serde_json::{Value, json};

use super::{Issuer, Server};

const NONCE: &str = "a-nonce-for-proofs";

/// What the issuer hands out at its two endpoints, and what came in.
#[derive(Default)]
pub(crate) struct GrantDesk {
    challenge: Option<String>,
    refusal: Option<Value>,
    asked: Vec<HashMap<String, String>>,
    redeemed: Vec<Redeemed>,
}

/// A token request with its proof.
#[derive(Clone, Debug)]
pub(crate) struct Redeemed {
    pub(crate) form: HashMap<String, String>,
    pub(crate) proof_jkt: String,
    pub(crate) proof_nonce: Option<String>,
}

impl Issuer {
    /// Good claims for a grant's challenge; tests change one.
    pub(crate) fn grant_claims(&self) -> GrantChallenge {
        GrantChallenge {
            iss: self.url.clone(),
            purpose: Purpose::Grant,
            nonce: random_base64url(32).unwrap(),
            jti: random_base64url(32).unwrap(),
            iat: 1_000_000,
            exp: 1_000_120,
            client_id: "officine".to_owned(),
            client_name: "Logiciel d’officine".to_owned(),
            scope: "openid".to_owned(),
            resource: Vec::new(),
        }
    }

    /// Hands this challenge out.
    pub(crate) fn offer(&self, challenge: String) {
        self.desk(|desk| desk.challenge = Some(challenge));
    }

    pub(crate) fn offer_grant(&self) -> String {
        let challenge = self.grant_claims().sign(&self.challenge_key).unwrap();
        self.offer(challenge.clone());
        challenge
    }

    /// Refuses token requests with this body.
    pub(crate) fn refuse_grants(&self, body: Value) {
        self.desk(|desk| desk.refusal = Some(body));
    }

    /// The forms that asked for a challenge.
    pub(crate) fn asked(&self) -> Vec<HashMap<String, String>> {
        self.desk(|desk| desk.asked.clone())
    }

    /// The token requests so far.
    pub(crate) fn redeemed(&self) -> Vec<Redeemed> {
        self.desk(|desk| desk.redeemed.clone())
    }

    fn desk<R>(&self, change: impl FnOnce(&mut GrantDesk) -> R) -> R {
        change(&mut self.server.grants.lock().unwrap())
    }
}

pub(super) async fn challenge(
    State(server): State<Arc<Server>>,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let mut desk = server.grants.lock().unwrap();
    desk.asked.push(form);
    match &desk.challenge {
        Some(challenge) => {
            axum::Json(json!({"challenge": challenge, "expires_in": 120})).into_response()
        }
        None => {
            let uri = "https://id.example/errors/provider.grant_type_not_allowed";
            let body = json!({"error": "unauthorized_client", "error_uri": uri});
            (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
        }
    }
}

pub(super) async fn token(
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let url = format!("{}/token", server.url.lock().unwrap());
    let target = DpopTarget {
        method: "POST",
        url: &url,
        access_token: None,
    };
    let proof = DpopProof::verify(headers["dpop"].to_str().unwrap(), &target).unwrap();
    // The time is the issuer's, whatever the workstation's clock says.
    let tolerance = cardea_jose::DpopTolerance {
        past_seconds: 0,
        future_seconds: 60,
    };
    proof.check_time(1_000_000, tolerance).unwrap();
    let mut desk = server.grants.lock().unwrap();
    let nonce = proof.nonce().map(str::to_owned);
    desk.redeemed.push(Redeemed {
        form,
        proof_jkt: proof.jkt().to_owned(),
        proof_nonce: nonce.clone(),
    });
    let headers = [("dpop-nonce", NONCE)];
    if nonce.as_deref() != Some(NONCE) {
        let body = json!({"error": "use_dpop_nonce"});
        return (StatusCode::BAD_REQUEST, headers, axum::Json(body)).into_response();
    }
    match &desk.refusal {
        Some(body) => (StatusCode::BAD_REQUEST, headers, axum::Json(body.clone())).into_response(),
        None => {
            let tokens = json!({
                "access_token": "a.b.c", "token_type": "DPoP", "expires_in": 120, "scope": "openid",
            });
            (headers, axum::Json(tokens)).into_response()
        }
    }
}

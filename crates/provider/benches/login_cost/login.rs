//! One login from the portal's request to the person's name, with the server's share measured.

use cardea_provider::{
    BegunAuthorization, ClientCredentials, DpopRequest, LoginAttempt, PresenceOutcome,
    PresentedToken, TokenRequest, TokenScheme, UserinfoAnswer,
};
use cardea_test_pki::TestPki;

use crate::Failure;
use crate::evidence::{CachedLists, FetchedEvidence};
use crate::samples::Samples;
use crate::server::{Server, authorization_request, token_request};
use crate::stopwatch::{Cost, Stopwatch};
use crate::workstation::{Answer, Workstation};

/// The name of the row that holds the sum of all steps.
pub(crate) const WHOLE: &str = "**whole login**";

/// What went over the wire: the messages whose signatures are then measured bare.
pub(crate) struct Traffic {
    pub(crate) challenge: String,
    pub(crate) answer: Answer,
    pub(crate) ocsp_response: Vec<u8>,
    pub(crate) presence: String,
    pub(crate) access_token: String,
    pub(crate) id_token: String,
}

/// The steps of one login so far.
struct Account<'a> {
    samples: &'a mut Samples,
    whole: Cost,
}

impl Account<'_> {
    fn add(&mut self, step: &'static str, cost: Cost) {
        self.samples.add(step, cost);
        self.whole = self.whole.plus(cost);
    }
}

/// Logs a person in. What the portal, the agent, the card and the OCSP responder do is not
/// measured.
pub(crate) async fn log_in(
    server: &Server,
    workstation: &Workstation,
    pki: &TestPki,
    lists: &CachedLists,
    samples: &mut Samples,
) -> Result<Traffic, Failure> {
    let provider = &server.provider;
    let now = server.clock.step();
    let mut account = Account {
        samples,
        whole: Cost::default(),
    };

    let asked = authorization_request();
    let watch = Stopwatch::start();
    let begun = provider.begin_authorization(asked, None).await?;
    account.add("begin_authorization", watch.stop());
    let BegunAuthorization::Login {
        request_id,
        login_cookie,
        ..
    } = begun
    else {
        return Err("the login page was not asked for".into());
    };
    let login_cookie = login_cookie.expose();

    let watch = Stopwatch::start();
    let challenge = provider.issue_challenge(&request_id, login_cookie).await?;
    account.add("issue_challenge", watch.stop());

    let answer = workstation.answer(&challenge)?;
    let evidence = FetchedEvidence::new(lists, pki, &workstation.card, now);
    let attempt = LoginAttempt {
        request_id: &request_id,
        login_cookie,
        assertion: &answer.assertion,
        attestation: &answer.attestation,
    };
    let watch = Stopwatch::start();
    provider.authenticate(attempt, &evidence).await?;
    account.add(
        "authenticate",
        watch.stop().minus(evidence.responder_cost()),
    );

    let presence = prove_presence(server, &answer, &mut account).await?;

    let watch = Stopwatch::start();
    let completed = provider
        .complete_authorization(&request_id, login_cookie, None)
        .await?;
    account.add("complete_authorization", watch.stop());

    let (access_token, id_token) =
        collect(server, &completed.response.location(), &mut account).await?;
    let whole = account.whole;
    samples.add(WHOLE, whole);
    Ok(Traffic {
        challenge,
        answer,
        ocsp_response: evidence.response(),
        presence,
        access_token,
        id_token,
    })
}

async fn prove_presence(
    server: &Server,
    answer: &Answer,
    account: &mut Account<'_>,
) -> Result<String, Failure> {
    let watch = Stopwatch::start();
    let nonce = server.provider.new_presence_nonce()?;
    let asking = watch.stop();
    let statement = answer.present(&nonce)?;
    let watch = Stopwatch::start();
    let outcome = server
        .provider
        .accept_presence(&statement, Some(&nonce))
        .await?;
    account.add("accept_presence", watch.stop().plus(asking));
    match outcome {
        PresenceOutcome::Activated { .. } => Ok(statement),
        _ => Err("the session was not activated".into()),
    }
}

/// The portal's part after the redirect: tokens, then the person.
async fn collect(
    server: &Server,
    location: &str,
    account: &mut Account<'_>,
) -> Result<(String, String), Failure> {
    let (header, parameters) = token_request(location)?;
    let watch = Stopwatch::start();
    let credentials = ClientCredentials::read(Some(&header), &parameters)?;
    let request = TokenRequest {
        credentials: &credentials,
        parameters: &parameters,
        dpop: DpopRequest::default(),
    };
    let tokens = server.provider.issue_tokens(request).await?;
    account.add("issue_tokens", watch.stop());

    let watch = Stopwatch::start();
    let request = PresentedToken {
        token: &tokens.access_token,
        scheme: TokenScheme::Bearer,
        dpop: DpopRequest::default(),
        certificate: None,
    };
    let answer = server.provider.userinfo(request).await?;
    account.add("userinfo", watch.stop());
    let UserinfoAnswer::Claims(claims) = answer else {
        return Err("userinfo is signed".into());
    };
    if !claims.contains_key("family_name") {
        return Err("userinfo does not name the person".into());
    }
    let id_token = tokens.id_token.ok_or("no ID token")?;
    Ok((tokens.access_token, id_token))
}

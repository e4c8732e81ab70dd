//! What the guard decided over a look-up, as an answer over HTTP.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::accept_language::language_of;
use super::{TOO_MANY_SECONDS, allowed, error_list, problem, problem_with};
use crate::access_token::TokenCheck;
use crate::adapter::Judgement;
use crate::{AccessError, Answer, Error, Language, ReasonCode};

/// When to try again while somebody types her PIN.
const SIGNING_SECONDS: &str = "5";

/// What challenges and problem details take from the token check.
#[derive(Clone, Debug)]
pub(crate) struct Challenging {
    issuer_origin: String,
    algorithms: String,
}

impl Challenging {
    pub(crate) fn of(check: &TokenCheck) -> Self {
        let algorithms: Vec<_> = check.algorithms().iter().map(|it| it.as_str()).collect();
        Self {
            issuer_origin: check.issuer_origin().to_owned(),
            algorithms: algorithms.join(" "),
        }
    }
}

/// The answer to a look-up that is not allowed; [`Answer::Allow`] has none.
pub(crate) fn judged(
    challenging: &Challenging,
    judgement: &Judgement,
    headers: &HeaderMap,
) -> Response {
    let answer = judgement.decision.answer;
    let status = match answer {
        Answer::StepUp => 401,
        Answer::Slow { .. } => 429,
        Answer::Allow | Answer::StopSession | Answer::StopAccount => 403,
    };
    let code = answer.code().unwrap_or("guard.statement_missing");
    let language = language_of(headers);
    let mut detail = judgement.decision.explain(language);
    if asks_a_person(judgement) {
        detail.push(' ');
        detail.push_str(who_asks(judgement.is_asked_at_workstation, language));
    }
    let origin = &challenging.issuer_origin;
    let reasons = judgement.decision.reasons.iter();
    let reasons: Vec<_> = reasons.map(|reason| reason.code()).collect();
    let mut response = problem_with(origin, status, code, headers, Some((&detail, &reasons)));
    let answer_headers = response.headers_mut();
    match answer {
        Answer::StepUp => {
            let challenge = HeaderValue::from_str(&step_up(challenging, judgement.is_dpop));
            if let Ok(challenge) = challenge {
                answer_headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            if judgement.is_asked_at_workstation {
                let seconds = HeaderValue::from_static(SIGNING_SECONDS);
                answer_headers.insert(header::RETRY_AFTER, seconds);
            }
        }
        Answer::Slow { wait } => {
            let seconds = HeaderValue::from(wait.as_secs().max(1));
            answer_headers.insert(header::RETRY_AFTER, seconds);
        }
        Answer::Allow | Answer::StopSession | Answer::StopAccount => {}
    }
    response
}

/// Whether a card is waited for; a service has none.
fn asks_a_person(judgement: &Judgement) -> bool {
    let decision = &judgement.decision;
    let waits = matches!(decision.answer, Answer::StepUp | Answer::Slow { .. });
    let unattended = ReasonCode::Unattended.word();
    waits && decision.reasons.iter().all(|it| it.code() != unattended)
}

/// Who asks for the card: a portal that does not know RFC 9470 need only try again where the
/// workstation does. The guard does not know what the issuer has made of the question, so that the
/// other way is named, too.
fn who_asks(is_asked_at_workstation: bool, language: Language) -> &'static str {
    match (is_asked_at_workstation, language) {
        (true, Language::English) => {
            "Your workstation asks you for it: answer there, and the portal tries again in a few \
             seconds. If no window opens within a minute, sign in again."
        }
        (true, Language::French) => {
            "Votre poste vous la demande : répondez-y, et le portail réessaiera dans quelques \
             secondes. Si aucune fenêtre ne s'ouvre d'ici une minute, reconnectez-vous."
        }
        (false, Language::English) => {
            "Nobody can ask you for it at your workstation: sign in to the portal again."
        }
        (false, Language::French) => {
            "Votre poste ne peut pas vous la demander : reconnectez-vous au portail."
        }
    }
}

/// RFC 9470 section 3. Whatever was signed before now is too old.
fn step_up(challenging: &Challenging, is_dpop: bool) -> String {
    let scheme = if is_dpop {
        format!("DPoP algs=\"{}\"", challenging.algorithms)
    } else {
        "Bearer realm=\"cardea\"".to_owned()
    };
    let code = Answer::StepUp.code().unwrap_or_default();
    let meaning = error_list::find(code, Language::English);
    let meaning = allowed(meaning.map_or("", |row| row.meaning));
    let origin = &challenging.issuer_origin;
    format!(
        "{scheme}, error=\"insufficient_user_authentication\", \
         error_description=\"{code}: {meaning}\", error_uri=\"{origin}/errors/{code}\", \
         max_age=\"0\""
    )
}

/// The answer where nothing could be judged.
pub(crate) fn fault(challenging: &Challenging, error: &Error, headers: &HeaderMap) -> Response {
    let status = match error {
        Error::Adapter(error) => error.status(),
        Error::Access(error) => AccessError::status(error),
        _ => 503,
    };
    let mut response = problem(&challenging.issuer_origin, status, error.code(), headers);
    if status == 503 {
        let seconds = HeaderValue::from_static(TOO_MANY_SECONDS);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::{HeaderMap, header};

    use super::{Challenging, judged};
    use crate::adapter::Judgement;
    use crate::{Answer, Decision, Reason, ReasonCode};

    async fn said(answer: Answer, code: ReasonCode, is_asked: bool) -> (HeaderMap, String) {
        let challenging = Challenging {
            issuer_origin: "https://id.example.fr".to_owned(),
            algorithms: "ES256".to_owned(),
        };
        let judgement = Judgement {
            decision: Decision {
                answer,
                reasons: vec![Reason::new(code, 61, 60)],
            },
            is_dpop: true,
            is_asked_at_workstation: is_asked,
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, "en".parse().unwrap());
        let response = judged(&challenging, &judgement, &headers);
        let headers = response.headers().clone();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await;
        (headers, String::from_utf8(body.unwrap().to_vec()).unwrap())
    }

    /// A portal that does not know RFC 9470 learns whether trying again is enough.
    #[tokio::test]
    async fn a_refusal_says_who_asks_for_the_card() {
        let slow = Answer::Slow {
            wait: Duration::from_secs(60),
        };
        let (headers, body) = said(Answer::StepUp, ReasonCode::PerHour, true).await;
        assert!(body.contains("Your workstation asks you"), "{body}");
        // She may have been asked a moment ago, or her agent may be older than the question.
        assert!(body.contains("within a minute, sign in again"), "{body}");
        assert_eq!(headers[header::RETRY_AFTER], "5");
        assert!(headers.contains_key(header::WWW_AUTHENTICATE));
        let (headers, body) = said(Answer::StepUp, ReasonCode::PerHour, false).await;
        assert!(body.contains("Nobody can ask you"), "{body}");
        assert!(!headers.contains_key(header::RETRY_AFTER));
        assert!(headers.contains_key(header::WWW_AUTHENTICATE));
        let (headers, body) = said(slow, ReasonCode::SignatureAwaited, true).await;
        assert!(body.contains("Your workstation asks you"), "{body}");
        assert_eq!(headers[header::RETRY_AFTER], "60");
        // A service has no card, and who is stopped is not asked any more.
        for (answer, code) in [
            (slow, ReasonCode::Unattended),
            (Answer::StopSession, ReasonCode::SessionStopped),
        ] {
            let (_, body) = said(answer, code, true).await;
            assert!(!body.contains("orkstation"), "{body}");
        }
    }
}

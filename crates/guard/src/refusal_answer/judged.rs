//! What the guard decided over a look-up, as an answer over HTTP.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::accept_language::language_of;
use super::{TOO_MANY_SECONDS, allowed, error_list, problem, problem_with};
use crate::access_token::TokenCheck;
use crate::adapter::Judgement;
use crate::{AccessError, Answer, Error, Language};

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
    let detail = judgement.decision.explain(language_of(headers));
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
        }
        Answer::Slow { wait } => {
            let seconds = HeaderValue::from(wait.as_secs().max(1));
            answer_headers.insert(header::RETRY_AFTER, seconds);
        }
        Answer::Allow | Answer::StopSession | Answer::StopAccount => {}
    }
    response
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

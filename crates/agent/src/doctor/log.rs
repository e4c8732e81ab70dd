//! Whether an issuer's log would keep somebody from signing in, asked as a sign-in asks.

use std::path::Path;
use std::sync::Arc;

use super::PROBE_LIMIT;
use super::cause::Cause;
use super::finding::Finding;
use crate::Error;
use crate::enrolled_issuers::EnrolledIssuer;
use crate::enrolment::Enrolment;
use crate::language::Language;
use crate::log_memory::Outcome;
use crate::message::doubt_advice;
use crate::presence;

/// Looks at the log of an issuer; none where nothing is wrong with it, or nobody answers.
pub(super) async fn look(enrolment: &Enrolment, state_dir: &Path, name: &str) -> Option<Finding> {
    let issuer = Arc::new(EnrolledIssuer::new(enrolment.clone(), state_dir).ok()?);
    let looked = tokio::time::timeout(PROBE_LIMIT, presence::look_at_log(&issuer)).await;
    finding(name, looked.ok()??)
}

fn finding(name: &str, looked: Result<Outcome, Error>) -> Option<Finding> {
    let (cause, error) = match looked {
        Ok(Outcome::GoesOn | Outcome::Restored { .. }) => return None,
        Ok(Outcome::Doubtful(why)) => (Cause::LogDoubtful, Error::Log(why)),
        Err(error) => (Cause::LogRefused, error),
    };
    let said = |language: Language| {
        let advice = match cause {
            Cause::LogDoubtful => doubt_advice(language).into(),
            _ => error.advice(language).unwrap_or_default(),
        };
        (error.title(language).to_owned(), advice.into_owned())
    };
    let (french, english) = (said(Language::French), said(Language::English));
    let finding = Finding::new(cause)
        .with("issuer", name)
        .with_words("reason", (french.0, english.0))
        .with_words("advice", (french.1, english.1))
        .with("code", error.code())
        .with("said", crate::display_text::for_display(&error.to_string()));
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_memory::{LogRefusal, WatchDiffers};

    #[test]
    fn what_is_refused_is_said_in_both_languages_with_what_differs() {
        let refusal = LogRefusal::NotCosigned {
            cosigned: 1,
            quorum: 2,
            missing: vec!["b.example".to_owned()],
            differs: Some(WatchDiffers {
                unasked: vec!["b.example".to_owned()],
                other_key: Vec::new(),
                quorum: Some(1),
            }),
        };
        let finding = finding("https://id.example", Err(refusal.into())).unwrap();
        assert_eq!(finding.cause(), Cause::LogRefused);
        for (language, words) in [
            (Language::French, "Le service ne sollicite pas"),
            (Language::English, "The service does not ask"),
        ] {
            let fix = finding.fix(language).replace('\u{a0}', " ");
            assert!(fix.contains(words) && fix.contains("b.example"), "{fix}");
            let detail = finding.detail(language);
            assert!(detail.contains("agent.log_not_cosigned"), "{detail}");
            assert!(detail.contains("https://id.example"), "{detail}");
        }
    }

    #[test]
    fn what_is_doubtful_is_a_warning_and_the_rest_is_nothing() {
        let why = LogRefusal::NotGrown { size: 9, hours: 2 };
        let doubtful = finding("id", Ok(Outcome::Doubtful(why))).unwrap();
        assert_eq!(doubtful.cause(), Cause::LogDoubtful);
        assert!(
            doubtful
                .detail(Language::English)
                .contains("agent.log_not_grown")
        );
        assert_eq!(finding("id", Ok(Outcome::GoesOn)), None);
    }
}

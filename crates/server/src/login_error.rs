//! What a browser learns of the provider's refusals during a login.

use cardea_provider::{Error, PublicRefusal};

use crate::problem::Problem;
use crate::refusal::Refusal;

/// For the steps around the card: page, challenge, completion.
pub(crate) fn problem_of(error: &Error) -> Problem {
    match error {
        Error::ConsentMismatch
        | Error::NewWorkstationsMismatch
        | Error::CardNewsMismatch
        | Error::GuardNewsMismatch
        | Error::RefusedUsesMismatch
        | Error::RequestUriReused
        | Error::AuthorizationRequestUnknown
        | Error::AuthorizationRequestExpired
        | Error::AuthorizationRequestCompleted
        // Waiting does not help: this login never gets another.
        | Error::ChallengeLimitReached
        | Error::DeviceAuthorizationOver
        | Error::ClientUnknown => Problem::LoginExpired,
        Error::AgentlessConfirmationMismatch
        | Error::AgentlessLimitReached
        | Error::AgentlessCodeUnknown
        | Error::AgentlessCodeReplayed
        | Error::AgentlessCodeExpired => Problem::LoginExpired,
        Error::AgentlessRefused => Problem::AgentlessRefused,
        Error::AgentlessInsufficient => Problem::AgentlessInsufficient,
        Error::AgentlessCodeForeignBrowser | Error::LoginCookieMismatch => Problem::OtherBrowser,
        Error::PresencePending | Error::SessionEnded => Problem::PresenceMissing,
        error if error.is_internal() => Problem::LoginUnavailable,
        _ => Problem::LoginRefused,
    }
}

/// The same as a page, with the precise code for the log.
pub(crate) fn page_refusal(error: &Error) -> Refusal {
    Refusal::page(problem_of(error)).because(error.code())
}

/// For a card that answered a TLS handshake: what concerns the login is said as elsewhere, what
/// concerns the card as after a proven signature.
pub(crate) fn agentless_refusal(error: &Error) -> Refusal {
    let problem = match problem_of(error) {
        Problem::LoginRefused => problem_of_card(PublicRefusal::after_proof(error)),
        other => other,
    };
    Refusal::page(problem).because(error.code())
}

/// For the judgement of the card itself: the provider has said what may be shown.
pub(crate) fn problem_of_card(public: PublicRefusal) -> Problem {
    match public {
        PublicRefusal::Refused => Problem::LoginRefused,
        PublicRefusal::CardExpired => Problem::CardExpired,
        PublicRefusal::CardRevoked => Problem::CardRevoked,
        PublicRefusal::CardSuspended => Problem::CardSuspended,
        PublicRefusal::RevocationUnavailable => Problem::RevocationUnavailable,
        PublicRefusal::CardNotAccepted => Problem::CardNotAccepted,
        PublicRefusal::NotACard => Problem::NotACard,
        PublicRefusal::CardOfOtherEnvironment => Problem::CardOfOtherEnvironment,
        PublicRefusal::CardFamilyNotAccepted => Problem::CardFamilyNotAccepted,
        PublicRefusal::IdentifierNotAccepted => Problem::IdentifierNotAccepted,
        PublicRefusal::ProfessionNotAccepted => Problem::ProfessionNotAccepted,
        PublicRefusal::WorkstationNotKnown => Problem::WorkstationNotKnown,
        PublicRefusal::WorkstationNotManaged => Problem::WorkstationNotManaged,
        PublicRefusal::WorkstationRevoked => Problem::WorkstationRevoked,
        PublicRefusal::Unavailable => Problem::LoginUnavailable,
    }
}

#[cfg(test)]
mod tests {
    use cardea_provider::PublicRefusal;

    use super::problem_of_card;

    #[test]
    fn codes_are_passed_on_unchanged() {
        for public in [
            PublicRefusal::Refused,
            PublicRefusal::CardExpired,
            PublicRefusal::CardRevoked,
            PublicRefusal::CardSuspended,
            PublicRefusal::RevocationUnavailable,
            PublicRefusal::CardNotAccepted,
            PublicRefusal::NotACard,
            PublicRefusal::CardOfOtherEnvironment,
            PublicRefusal::CardFamilyNotAccepted,
            PublicRefusal::IdentifierNotAccepted,
            PublicRefusal::ProfessionNotAccepted,
            PublicRefusal::WorkstationNotKnown,
            PublicRefusal::WorkstationNotManaged,
            PublicRefusal::WorkstationRevoked,
            PublicRefusal::Unavailable,
        ] {
            assert_eq!(problem_of_card(public).code(), public.code());
        }
    }
}

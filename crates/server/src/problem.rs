//! What HTTP callers and the people behind them are told when something is refused.
//!
//! The set is small on purpose: until a card's signature is proven every refusal is
//! `login.refused`, whatever the cause, and the precise code goes to the log alone.

mod agentless;
mod refused_card;
pub(crate) mod workstation;

use axum::http::StatusCode;

use crate::language::Text;

/// A refusal that a browser or another caller may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Problem {
    /// The card could not be checked; nothing more is said.
    LoginRefused,
    /// The signature is good, the card's certificate has expired.
    CardExpired,
    /// The signature is good, the card's certificate is revoked.
    CardRevoked,
    /// The signature is good, the card is suspended at this server.
    CardSuspended,
    /// The signature is good, no revocation evidence can be had.
    RevocationUnavailable,
    /// The signature is good, a policy does not accept this card.
    CardNotAccepted,
    /// The signature is good, the certificate is not a card's.
    NotACard,
    /// The signature is good, a test card met a real service or the other way round.
    CardOfOtherEnvironment,
    /// The signature is good, a policy does not accept this family of cards.
    CardFamilyNotAccepted,
    /// The signature is good, a policy does not accept this kind of person identifier.
    IdentifierNotAccepted,
    /// The signature is good, the portal does not accept this profession.
    ProfessionNotAccepted,
    /// Logins without the agent are not let in, here or by this portal.
    AgentlessRefused,
    /// The portal asks for more than a login without the agent can show.
    AgentlessInsufficient,
    /// The card signed, its presence was not proven in time.
    PresenceMissing,
    /// Nothing was decided about the card: the fault is ours.
    LoginUnavailable,
    /// The login is unknown, over or too old.
    LoginExpired,
    /// The login was begun by another browser, or cookies are off.
    OtherBrowser,
    /// The portal asks for a workstation that the person is known to use.
    WorkstationNotKnown,
    /// The portal asks for a workstation that its operator manages.
    WorkstationNotManaged,
    /// The workstation was revoked.
    WorkstationRevoked,
    /// The person cannot decide about this workstation from where she sits.
    WorkstationNotEntitled,
    /// The account page is not open in this browser, or not any more.
    AccountClosed,
    /// The operators' console is not open in this browser, or not any more.
    ConsoleClosed,
    /// The person is no operator.
    ConsoleRefused,
    /// The authorization request cannot be answered by a redirect.
    AuthorizationRefused,
    /// The request came from another site's page.
    OriginRefused,
    /// The listener serves a proxy alone, and the caller is another.
    ProxyUnknown,
    /// Too many requests from one address.
    TooManyRequests,
    /// The body is too long.
    BodyTooLarge,
    /// The address, its query included, is too long.
    AddressTooLong,
    /// The body's form is not the one that this address takes.
    MediaTypeUnsupported,
    /// The request cannot be understood.
    RequestMalformed,
    /// Nothing is at this address.
    NotFound,
    /// This address does not take this method.
    MethodNotAllowed,
    /// The request took too long.
    TimedOut,
    /// The database does not answer.
    Unavailable,
    /// A fault of this program.
    Internal,
}

impl Problem {
    /// Every problem, in the order of the documentation.
    pub(crate) const ALL: &'static [Self] = &[
        Self::LoginRefused,
        Self::CardExpired,
        Self::CardRevoked,
        Self::CardSuspended,
        Self::RevocationUnavailable,
        Self::CardNotAccepted,
        Self::NotACard,
        Self::CardOfOtherEnvironment,
        Self::CardFamilyNotAccepted,
        Self::IdentifierNotAccepted,
        Self::ProfessionNotAccepted,
        Self::AgentlessRefused,
        Self::AgentlessInsufficient,
        Self::PresenceMissing,
        Self::LoginUnavailable,
        Self::LoginExpired,
        Self::OtherBrowser,
        Self::WorkstationNotKnown,
        Self::WorkstationNotManaged,
        Self::WorkstationRevoked,
        Self::WorkstationNotEntitled,
        Self::AccountClosed,
        Self::ConsoleClosed,
        Self::ConsoleRefused,
        Self::AuthorizationRefused,
        Self::OriginRefused,
        Self::ProxyUnknown,
        Self::TooManyRequests,
        Self::BodyTooLarge,
        Self::AddressTooLong,
        Self::MediaTypeUnsupported,
        Self::RequestMalformed,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::TimedOut,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The stable code.
    #[must_use]
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::LoginRefused => "login.refused",
            Self::CardExpired => "login.card_expired",
            Self::CardRevoked => "login.card_revoked",
            Self::CardSuspended => "login.card_suspended",
            Self::RevocationUnavailable => "login.revocation_unavailable",
            Self::CardNotAccepted => "login.card_not_accepted",
            Self::NotACard => "login.not_a_card",
            Self::CardOfOtherEnvironment => "login.card_of_other_environment",
            Self::CardFamilyNotAccepted => "login.card_family_not_accepted",
            Self::IdentifierNotAccepted => "login.identifier_not_accepted",
            Self::ProfessionNotAccepted => "login.profession_not_accepted",
            Self::AgentlessRefused => "login.agentless_refused",
            Self::AgentlessInsufficient => "login.agentless_insufficient",
            Self::PresenceMissing => "login.presence_missing",
            Self::LoginUnavailable => "login.unavailable",
            Self::LoginExpired => "login.expired",
            Self::OtherBrowser => "login.other_browser",
            Self::WorkstationNotKnown => "login.workstation_not_known",
            Self::WorkstationNotManaged => "login.workstation_not_managed",
            Self::WorkstationRevoked => "login.workstation_revoked",
            Self::WorkstationNotEntitled => "login.workstation_not_entitled",
            Self::AccountClosed => "login.account_closed",
            Self::ConsoleClosed => "login.console_closed",
            Self::ConsoleRefused => "login.console_refused",
            Self::AuthorizationRefused => "login.authorization_refused",
            Self::OriginRefused => "server.origin_refused",
            Self::ProxyUnknown => "server.proxy_unknown",
            Self::TooManyRequests => "server.too_many_requests",
            Self::BodyTooLarge => "server.body_too_large",
            Self::AddressTooLong => "server.address_too_long",
            Self::MediaTypeUnsupported => "server.media_type_unsupported",
            Self::RequestMalformed => "server.request_malformed",
            Self::NotFound => "server.not_found",
            Self::MethodNotAllowed => "server.method_not_allowed",
            Self::TimedOut => "server.timed_out",
            Self::Unavailable => "server.unavailable",
            Self::Internal => "server.internal",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::LoginRefused
            | Self::CardExpired
            | Self::CardRevoked
            | Self::CardSuspended
            | Self::CardNotAccepted
            | Self::NotACard
            | Self::CardOfOtherEnvironment
            | Self::CardFamilyNotAccepted
            | Self::IdentifierNotAccepted
            | Self::ProfessionNotAccepted
            | Self::AgentlessRefused
            | Self::AgentlessInsufficient
            | Self::OtherBrowser
            | Self::AccountClosed
            | Self::ConsoleClosed
            | Self::ConsoleRefused
            | Self::WorkstationNotKnown
            | Self::WorkstationNotManaged
            | Self::WorkstationRevoked
            | Self::WorkstationNotEntitled
            | Self::OriginRefused
            | Self::ProxyUnknown => StatusCode::FORBIDDEN,
            Self::RevocationUnavailable | Self::LoginUnavailable | Self::Unavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::PresenceMissing => StatusCode::GATEWAY_TIMEOUT,
            Self::LoginExpired => StatusCode::GONE,
            Self::AuthorizationRefused | Self::RequestMalformed => StatusCode::BAD_REQUEST,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::AddressTooLong => StatusCode::URI_TOO_LONG,
            Self::MediaTypeUnsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What happened, for a person.
    #[must_use]
    pub(crate) const fn title(self) -> Text {
        match self {
            Self::LoginRefused => Text::new("Signing in was refused", "La connexion a été refusée"),
            Self::CardExpired => Text::new("The card has expired", "La carte est expirée"),
            Self::CardRevoked => Text::new("The card is revoked", "La carte est révoquée"),
            Self::CardSuspended => refused_card::SUSPENDED,
            Self::RevocationUnavailable => Text::new(
                "The card cannot be checked for now",
                "La carte ne peut pas être vérifiée pour l’instant",
            ),
            Self::CardNotAccepted
            | Self::NotACard
            | Self::CardOfOtherEnvironment
            | Self::CardFamilyNotAccepted
            | Self::IdentifierNotAccepted
            | Self::ProfessionNotAccepted => refused_card::title(self),
            Self::AgentlessRefused => agentless::REFUSED,
            Self::AgentlessInsufficient => agentless::INSUFFICIENT,
            Self::PresenceMissing => Text::new(
                "The card's presence was not confirmed",
                "La présence de la carte n’a pas été confirmée",
            ),
            Self::LoginExpired => {
                Text::new("This page is too old", "Cette page n’est plus valable")
            }
            Self::OtherBrowser => Text::new(
                "This sign-in was begun elsewhere",
                "Cette connexion a été commencée ailleurs",
            ),
            Self::WorkstationNotKnown => workstation::NOT_KNOWN,
            Self::WorkstationNotManaged => workstation::NOT_MANAGED,
            Self::WorkstationRevoked => workstation::REVOKED,
            Self::WorkstationNotEntitled => workstation::NOT_ENTITLED,
            Self::AccountClosed => ACCOUNT_CLOSED,
            Self::ConsoleClosed => CONSOLE_CLOSED,
            Self::ConsoleRefused => CONSOLE_REFUSED,
            Self::AuthorizationRefused => Text::new(
                "The portal's request cannot be accepted",
                "La demande du portail ne peut pas être acceptée",
            ),
            Self::ProxyUnknown => Text::new(
                "This address serves a proxy alone",
                "Cette adresse ne sert qu’un serveur mandataire",
            ),
            Self::OriginRefused => Text::new(
                "The request came from another site",
                "La demande vient d’un autre site",
            ),
            Self::TooManyRequests => Text::new("Too many requests", "Trop de demandes"),
            Self::BodyTooLarge | Self::AddressTooLong => {
                Text::new("The request is too long", "La demande est trop longue")
            }
            Self::MediaTypeUnsupported | Self::RequestMalformed => Text::new(
                "The request cannot be understood",
                "La demande n’est pas compréhensible",
            ),
            Self::NotFound => Text::new("Nothing is here", "Cette adresse n’existe pas"),
            Self::MethodNotAllowed => Text::new(
                "This method is not offered here",
                "Cette méthode n’est pas proposée ici",
            ),
            Self::TimedOut => Text::new("The request took too long", "Le délai est dépassé"),
            Self::LoginUnavailable | Self::Unavailable => Text::new(
                "The server cannot answer for now",
                "Le serveur ne peut pas répondre pour l’instant",
            ),
            Self::Internal => Text::new("The server has a fault", "Le serveur a un défaut"),
        }
    }

    /// What to do about it, for a person.
    #[must_use]
    pub(crate) const fn advice(self) -> Text {
        match self {
            Self::LoginRefused => Text::new(
                "Try again. If it happens again, give your support the reference.",
                "Réessayez. Si cela se reproduit, donnez la référence à votre assistance.",
            ),
            Self::CardExpired | Self::CardRevoked => Text::new(
                "Use your new card, or ask the card's issuer for one.",
                "Utilisez votre nouvelle carte, ou demandez-en une à l’émetteur.",
            ),
            Self::CardSuspended => refused_card::SUSPENDED_ADVICE,
            Self::RevocationUnavailable
            | Self::LoginUnavailable
            | Self::Unavailable
            | Self::TimedOut => Text::new(
                "Your card is not at fault. Try again in a few minutes.",
                "Votre carte n’est pas en cause. Réessayez dans quelques minutes.",
            ),
            Self::CardNotAccepted
            | Self::NotACard
            | Self::CardOfOtherEnvironment
            | Self::CardFamilyNotAccepted
            | Self::IdentifierNotAccepted
            | Self::ProfessionNotAccepted => refused_card::advice(self),
            Self::AgentlessRefused | Self::AgentlessInsufficient => agentless::ADVICE,
            Self::PresenceMissing => Text::new(
                "Leave the card in the reader, check the network, then try again.",
                "Laissez la carte dans le lecteur, vérifiez le réseau, puis réessayez.",
            ),
            Self::LoginExpired => Text::new(
                "Go back to the portal and start signing in again.",
                "Retournez sur le portail et recommencez la connexion.",
            ),
            Self::OtherBrowser => Text::new(
                "Allow cookies for this site, then start again from the portal in one browser.",
                "Autorisez les cookies pour ce site, puis recommencez depuis le portail dans un \
                 seul navigateur.",
            ),
            Self::WorkstationNotKnown => workstation::NOT_KNOWN_ADVICE,
            Self::WorkstationNotManaged => workstation::NOT_MANAGED_ADVICE,
            Self::WorkstationRevoked => workstation::REVOKED_ADVICE,
            Self::WorkstationNotEntitled => workstation::NOT_ENTITLED_ADVICE,
            Self::AccountClosed => ACCOUNT_CLOSED_ADVICE,
            Self::ConsoleClosed => CONSOLE_CLOSED_ADVICE,
            Self::ConsoleRefused => CONSOLE_REFUSED_ADVICE,
            Self::AuthorizationRefused => AUTHORIZATION_REFUSED_ADVICE,
            Self::ProxyUnknown => PROXY_UNKNOWN_ADVICE,
            Self::OriginRefused => Text::new(
                "Start again from the portal.",
                "Recommencez depuis le portail.",
            ),
            Self::TooManyRequests => Text::new(
                "Wait one minute, then try again.",
                "Patientez une minute, puis réessayez.",
            ),
            Self::BodyTooLarge
            | Self::AddressTooLong
            | Self::MediaTypeUnsupported
            | Self::RequestMalformed
            | Self::NotFound
            | Self::MethodNotAllowed => Text::new(
                "Check the address, or start again from the portal.",
                "Vérifiez l’adresse, ou recommencez depuis le portail.",
            ),
            Self::Internal => Text::new(
                "Give your support the reference.",
                "Donnez la référence à votre assistance.",
            ),
        }
    }

    /// The problem whose code this is.
    #[must_use]
    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|problem| problem.code() == code)
    }
}

const PROXY_UNKNOWN_ADVICE: Text = Text::new(
    "Nothing can be done here but by the configured proxy.",
    "Rien ne peut être fait ici que par le serveur mandataire configuré.",
);

const ACCOUNT_CLOSED: Text = Text::new("Your account page is closed", "Votre compte est fermé");
const CONSOLE_CLOSED: Text = Text::new("The console is closed", "La console est fermée");
const CONSOLE_REFUSED: Text = Text::new(
    "The console is for this server's operators",
    "La console est réservée aux exploitants de ce serveur",
);
const CONSOLE_CLOSED_ADVICE: Text = Text::new(
    "Open it again with your card and PIN, at /console. What you sent was not taken.",
    "Ouvrez-la à nouveau avec votre carte et votre code, à l’adresse /console. Ce que vous avez \
     envoyé n’a pas été pris en compte.",
);
const CONSOLE_REFUSED_ADVICE: Text = Text::new(
    "If you are to operate it, ask whoever looks after the server to add you to its configuration. \
     For your own account, go to /account.",
    "Si vous devez l’exploiter, demandez à la personne qui administre le serveur de vous ajouter à \
     sa configuration. Pour votre propre compte, allez à l’adresse /account.",
);
const ACCOUNT_CLOSED_ADVICE: Text = Text::new(
    "Nothing was changed. Open it again with your card: /account",
    "Rien n’a été modifié. Ouvrez-le à nouveau avec votre carte : /account",
);

const AUTHORIZATION_REFUSED_ADVICE: Text = Text::new(
    "You have done nothing wrong: give the portal's support the code and reference.",
    "Vous n’avez commis aucune erreur : donnez le code et la référence à l’assistance du portail.",
);

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Problem;

    #[test]
    fn codes_are_distinct() {
        let codes: HashSet<_> = Problem::ALL.iter().map(|problem| problem.code()).collect();
        assert_eq!(codes.len(), Problem::ALL.len());
        assert_eq!(
            Problem::from_code("login.card_revoked"),
            Some(Problem::CardRevoked)
        );
    }
}

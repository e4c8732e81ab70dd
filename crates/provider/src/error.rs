//! Why the provider refused, each with a stable code and, where one exists, its OAuth name.

mod from_other_crates;
mod names;

use cardea_oauth2_types::ErrorCode;

use crate::instances::{InstanceRefusal, RefusedInstance};

/// Every refusal of the provider.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the message of each variant is its documentation"
)]
pub enum Error {
    #[error("the issuer identifier is not usable: {reason}")]
    IssuerInvalid { reason: &'static str },
    #[error("the registration of client {client_id} is not usable: {key} {reason}")]
    ClientInvalid {
        client_id: String,
        key: &'static str,
        reason: &'static str,
    },
    #[error("the client_id {client_id} is registered already")]
    ClientExists { client_id: String },
    #[error("the client has no secret that could be replaced")]
    ClientSecretMissing,
    #[error("the replaced secret would be accepted for longer than {days_max} days")]
    SecretOverlapTooLong { days_max: i64 },
    #[error("the metadata of the client cannot be registered: {key} {reason}")]
    ClientMetadataInvalid {
        key: &'static str,
        reason: &'static str,
    },
    #[error("a redirect_uri cannot be registered: it {reason}")]
    ClientRedirectUriInvalid { reason: &'static str },
    #[error("the name looks like that of another client")]
    ClientNameTaken,
    #[error("software statements are not believed here")]
    SoftwareStatementUnapproved,
    #[error("the initial access token is missing or not one of this server")]
    InitialAccessTokenInvalid,
    #[error("the initial access token has expired")]
    InitialAccessTokenExpired,
    #[error("the initial access token was used as often as it may be")]
    InitialAccessTokenUsedUp,
    #[error("the initial access token was taken back")]
    InitialAccessTokenRevoked,
    #[error("there is no such initial access token that could be taken back")]
    InitialAccessTokenUnknown,
    #[error("such an initial access token is not made: {reason}")]
    InitialAccessTokenTermsInvalid { reason: &'static str },
    #[error("the registration access token is not that of this client")]
    RegistrationAccessTokenInvalid,
    #[error("as many clients have registered themselves as this server takes")]
    RegistrationLimitReached,
    /// A client changes its registration too often.
    #[error("the client has changed its registration 20 times within the hour")]
    RegistrationChangesTooMany,
    #[error("the certificate is not an authority's")]
    AnchorNotAuthority,
    #[error("the certificate does not have the SHA-256 that was given with it")]
    AnchorFingerprintMismatch,
    #[error("the trust anchor has this certificate already")]
    AnchorExists,
    #[error("the trust anchor has no such certificate that was added")]
    AnchorUnknown,
    #[error("no trust anchor is configured by the name {name}")]
    AnchorRulesUnknown { name: String },
    #[error("as many certificates were added as this server takes")]
    AnchorLimitReached,
    #[error("the access token is not for the admin API")]
    AdminAudienceMismatch,
    #[error("the access token's scope lacks cardea:admin")]
    AdminScopeMissing,
    #[error("the access token is bound to no key")]
    AdminTokenUnbound,
    #[error("the login is too old, or was not with card and PIN")]
    AdminAuthenticationInsufficient,
    #[error("the person is not an operator of this server")]
    AdminNotOperator,
    /// An operator's card leads to a certificate that was added while servers ran.
    #[error("the card of the login leads to a certificate that is in no file of the configuration")]
    AdminAnchorAdded,
    /// Trust anchors are not for the admin API to change.
    #[error("trust anchors are not changed through the admin API here")]
    AdminAnchorsOff,
    #[error("there is no such proposal")]
    ApprovalUnknown,
    #[error("another person has to confirm it: the proposal, or the account, is her own")]
    ApprovalOwn,
    #[error("the proposal was confirmed or taken back already")]
    ApprovalDecided,
    #[error("nobody has confirmed the proposal in time")]
    ApprovalExpired,
    #[error("the same change is proposed already, and waits")]
    ApprovalExists,
    #[error("as many proposals wait as this server takes")]
    ApprovalLimitReached,
    /// Somebody has taken a proposal over, or nobody has yet, or a stop has come since.
    #[error("the proposal is not what it was when it was looked at")]
    ApprovalChanged,
    #[error("a proposal is confirmed with an operator's card alone")]
    ApprovalNeedsPerson,
    #[error("there is no token key for {algorithm}")]
    KeyMissing { algorithm: &'static str },
    #[error("what holds the token key does not sign now")]
    SignerUnavailable,
    #[error("no token key has this kid")]
    TokenKeyUnknown,
    #[error("the next key for {algorithm} is published already; it signs once every cache has it")]
    KeyRotationPending { algorithm: &'static str },
    #[error("there are as many keys for {algorithm} as there may be")]
    TokenKeysTooMany { algorithm: &'static str },
    #[error("other token keys were changed meanwhile")]
    TokenKeysChanged,
    #[error("this machine's clock and the one it is compared with are {seconds} s apart")]
    ClockApart { seconds: i64 },

    #[error("no rules say which cards are accepted")]
    CardRulesMissing,
    #[error("a sandbox takes test cards alone, but {rules} takes real ones")]
    SandboxTakesRealCards { rules: String },

    #[error("the client is not registered")]
    ClientUnknown,
    #[error("the request names no redirect_uri")]
    RedirectUriMissing,
    #[error("the redirect_uri is not registered for this client")]
    RedirectUriMismatch,
    #[error("the response_type is missing")]
    ResponseTypeMissing,
    #[error("the response_type is not code")]
    ResponseTypeUnsupported,
    #[error("the response_mode is not one that is offered to this client")]
    ResponseModeUnsupported,
    #[error("request_uri is an address, and nothing is ever fetched")]
    RequestUriUnsupported,
    #[error("the code_challenge is missing")]
    PkceMissing,
    #[error("the state is missing")]
    StateMissing,
    #[error("the nonce is missing")]
    NonceMissing,
    #[error("the code_challenge_method is not S256")]
    PkceMethodUnsupported,
    #[error("the scope lacks openid")]
    ScopeOpenidMissing,
    #[error("the scope has a value that this client may not ask for")]
    ScopeNotAllowed,
    #[error("the prompt is unknown or contradicts itself")]
    PromptInvalid,
    #[error("max_age is not a number of seconds")]
    MaxAgeInvalid,
    #[error("the id_token_hint is not an ID token of this issuer for this client")]
    IdTokenHintInvalid,
    #[error("nobody is logged in for this client")]
    LoginRequired,

    #[error("the request object is not a signed JWT")]
    RequestObjectMalformed,
    /// The subject of a request object is its client, as in a client assertion.
    #[error("the request object has the client for its subject, as a client assertion has")]
    RequestObjectIsClientAssertion,
    #[error("request objects must be signed by a key that the client has registered")]
    RequestObjectUnsupported,
    #[error("the request object is not signed by a key of this client with its algorithm")]
    RequestObjectUnproven,
    #[error("the request object names another client as its issuer")]
    RequestObjectIssuerMismatch,
    #[error("the request object is meant for another authorization server")]
    RequestObjectAudienceMismatch,
    #[error("the request object is expired, not valid yet, or valid for too long")]
    RequestObjectOutOfTime,
    #[error("the request is not a signed object, as is demanded here")]
    RequestObjectMissing,
    #[error("request and request_uri came together")]
    RequestGivenTwice,
    #[error("the request_uri leads to no pushed request of this client")]
    RequestUriUnknown,
    #[error("the request_uri has expired")]
    RequestUriExpired,
    #[error("the request_uri was used before")]
    RequestUriReused,
    #[error("a request cannot be pushed by reference")]
    RequestUriPushed,
    #[error("this client must push its authorization requests")]
    PushedRequestMissing,
    #[error("the client has pushed too many requests that wait for their browser")]
    PushedRequestLimitReached,
    #[error("as many logins wait for a card as this provider lets wait")]
    WaitingLoginsLimitReached,
    #[error("the claims parameter is malformed")]
    ClaimsParameterInvalid,
    #[error("the resource is not one that this client may ask tokens for")]
    ResourceNotAllowed,
    #[error("dpop_jkt is not the thumbprint of a key")]
    DpopJktMalformed,
    #[error("the DPoP proof was made by another key than dpop_jkt names")]
    DpopJktMismatch,
    #[error("the person has not consented yet")]
    ConsentRequired,
    #[error("the person refused")]
    ConsentRefused,
    #[error("the answer is to another question than the one that stands")]
    ConsentMismatch,
    #[error("there is something about her cards that was never shown to the person")]
    CardNewsUnshown,
    #[error("the answer is about other news of her cards than there are")]
    CardNewsMismatch,
    #[error("a guard has stopped something of the person's that was never shown to her")]
    GuardNewsUnshown,
    #[error("the answer is about other stops than those that are news")]
    GuardNewsMismatch,
    #[error("the person has not been told of refused uses of her card")]
    RefusedUsesUnshown,
    #[error("the answer is about other refused uses than those that are news")]
    RefusedUsesMismatch,
    #[error("the person's log has no such line")]
    NotMeLineUnknown,
    #[error("the person has said of as many lines today as are taken up that it was not her")]
    NotMeTooMany,
    #[error("there is a workstation that was never shown to the person")]
    NewWorkstationsUnshown,
    #[error("the answer is about other workstations than those that are new")]
    NewWorkstationsMismatch,

    #[error("the authorization request is unknown")]
    AuthorizationRequestUnknown,
    #[error("the authorization request has expired")]
    AuthorizationRequestExpired,
    #[error("the authorization request was answered before")]
    AuthorizationRequestCompleted,
    #[error("the authorization request belongs to another browser")]
    LoginCookieMismatch,
    #[error("the person went back to the portal without signing in")]
    LoginCancelled,
    #[error("too many challenges were issued for one authorization request")]
    ChallengeLimitReached,

    #[error("the cards of this issuer do not sign with {algorithm}")]
    AssertionAlgorithmNotAccepted { algorithm: &'static str },
    #[error("the user verification is weaker than this provider accepts")]
    UserVerificationInsufficient,
    #[error("the level reached is below the one that was asked for")]
    AcrUnmet,
    #[error("the client does not accept cards of this family")]
    CardFamilyNotAccepted,
    #[error("the client does not accept this profession")]
    ProfessionNotAccepted,
    #[error("the card belongs to another person than the client asked for")]
    SubjectNotExpected,
    #[error("{reason}")]
    InstanceRefused {
        reason: InstanceRefusal,
        about: Option<Box<RefusedInstance>>,
    },
    #[error("the thumbprint of the workstation's key is not one")]
    InstanceThumbprintMalformed,
    #[error("the name or the note of the workstation is empty, too long or not plain text")]
    InstanceTextInvalid,
    #[error("operators have decided about as many workstations as there may be")]
    InstanceLimitReached,
    #[error("no operator has decided about this workstation")]
    InstanceUndecided,
    #[error("no person has used this workstation and nothing was decided about it: check it")]
    InstanceUnseen,
    #[error("the person has never used this workstation")]
    WorkstationUnknown,
    #[error("the person cannot decide about this workstation from the one that she sits at")]
    WorkstationNotEntitled,
    #[error("the card is suspended")]
    CardSuspended {
        card_id: String,
        sub: String,
        since: time::OffsetDateTime,
    },
    #[error("the code that suspends a card has a typing mistake")]
    SuspendCodeMistyped,
    #[error("no card has this code")]
    SuspendCodeUnknown,
    #[error("the yes to a suspension is unknown, used or too old")]
    SuspendTicketUnknown,
    #[error("there is no such card")]
    CardUnknown,
    #[error("the card is suspended already")]
    CardSuspendedAlready,
    #[error("the card is not suspended")]
    CardNotSuspended,
    #[error("an operator does not lift the suspension of a card of her own")]
    CardOwn,
    #[error("she suspends neither the card in the reader nor another from a workstation not known")]
    CardSuspensionNotEntitled,
    #[error("the card's code is replaced from a workstation that its person knows alone")]
    SuspendCodeNotEntitled,
    #[error("the reason must be 1 to 500 bytes of printable text")]
    SuspensionReasonInvalid,
    #[error("the presence key was used for another session")]
    PresenceKeyReused,

    #[error("the presence key has not answered yet")]
    PresencePending,
    #[error("the statement of presence answers another nonce")]
    PresenceNonceMismatch,
    #[error("the session is over")]
    SessionEnded,

    #[error("the client did not authenticate")]
    ClientAuthenticationMissing,
    #[error("the client's credentials are wrong")]
    ClientAuthenticationFailed,
    #[error("the client authenticated by another method than it registered")]
    ClientAuthenticationMethodMismatch,
    #[error("too many attempts to authenticate as the client failed")]
    ClientAuthenticationThrottled,
    #[error("the client authenticated in two ways at once")]
    ClientAuthenticationRepeated,
    #[error("the client's assertion is not acceptable: {reason}")]
    ClientAssertionInvalid { reason: &'static str },
    #[error("the client's assertion is not meant for this server")]
    ClientAssertionAudienceMismatch,
    #[error("the client's assertion has expired, lasts too long, or is from the future")]
    ClientAssertionTimeInvalid,
    #[error("the client's assertion was used before")]
    ClientAssertionReplayed,
    #[error("the client assertion may be from before the database was restored")]
    ClientAssertionBeforeRestore,
    #[error("the DPoP proof is missing")]
    DpopProofMissing,
    #[error("the request has two DPoP proofs")]
    DpopProofRepeated,
    #[error("the DPoP proof was used before")]
    DpopProofReplayed,
    #[error("the DPoP proof lacks a nonce of this server")]
    DpopNonceMissing,
    #[error("the nonce of the DPoP proof is too old or not this server's")]
    DpopNonceInvalid,
    #[error("the DPoP key belongs to another client")]
    DpopKeyOfOtherClient,
    #[error(transparent)]
    DpopProofInvalid(cardea_jose::Error),
    #[error("the grant_type is missing")]
    GrantTypeMissing,
    #[error("the grant_type is not offered")]
    GrantTypeUnsupported,
    #[error("the client is not registered for this grant_type")]
    GrantTypeNotAllowed,
    #[error("the scope has a value that was not granted")]
    ScopeNotGranted,
    #[error("the resource is not one that was granted")]
    ResourceNotGranted,
    #[error("the code is missing")]
    CodeMissing,
    #[error("the code is unknown")]
    CodeUnknown,
    #[error("the code has expired")]
    CodeExpired,
    #[error("the code was used before")]
    CodeReused,
    #[error("the code was issued to another client")]
    CodeClientMismatch,
    #[error("the redirect_uri is not the one that the code was sent to")]
    CodeRedirectUriMismatch,
    #[error("the session of the code is over")]
    CodeSessionEnded,
    #[error("the code_verifier is missing or malformed")]
    CodeVerifierMissing,
    #[error("the code_verifier does not fit the code_challenge")]
    CodeVerifierMismatch,

    #[error("the code is bound to another DPoP key")]
    CodeKeyMismatch,
    #[error("the presence of the card is not proven, so the code gives nothing")]
    CodePresenceLost,

    #[error("the refresh_token is missing")]
    RefreshTokenMissing,
    #[error("the refresh token is unknown")]
    RefreshTokenUnknown,
    #[error("the refresh token was used before")]
    RefreshTokenReused,
    #[error("the refresh token was given to another client")]
    RefreshTokenClientMismatch,
    #[error("the refresh token is bound to another DPoP key")]
    RefreshTokenKeyMismatch,
    #[error("the refresh token was revoked")]
    RefreshTokenRevoked,
    #[error("the refresh token has lain for too long")]
    RefreshTokenExpired,
    #[error("the session of the refresh token is over")]
    RefreshTokenSessionEnded,
    #[error("the presence of the card is not proven, so nothing is refreshed")]
    RefreshTokenPresenceLost,
    #[error("a login like that of the refresh token would not be let in any more")]
    RefreshTokenNotAdmitted,
    #[error("the token is missing")]
    TokenMissing,
    #[error("the work on a request ended in a fault of this program")]
    WorkAbandoned,

    #[error("the assertion or the attestation of a card grant is missing")]
    CardGrantAssertionMissing,
    #[error("a login without the agent is not let in here")]
    AgentlessRefused,
    #[error("the request asks for more than a login without the agent can show")]
    AgentlessInsufficient,
    #[error("the connection brought no certificate")]
    AgentlessCertificateMissing,
    #[error("the answer on the confirmation page is not to this login with this certificate")]
    AgentlessConfirmationMismatch,
    #[error("the login without the agent has too many answers already")]
    AgentlessLimitReached,
    #[error("the code of the login without the agent is unknown")]
    AgentlessCodeUnknown,
    #[error("the code of the login without the agent was used before")]
    AgentlessCodeReplayed,
    #[error("the code of the login without the agent has expired")]
    AgentlessCodeExpired,
    #[error("the code of the login without the agent came with another browser or login")]
    AgentlessCodeForeignBrowser,

    #[error("the card grant confirms another key than the DPoP proof was made by")]
    CardGrantKeyMismatch,
    #[error("the presence key of a card grant did not answer in time")]
    CardGrantPresenceMissing,
    #[error("the client has too many challenges that nobody has answered")]
    CardGrantChallengeLimitReached,

    #[error("no device that waits shows this code")]
    DeviceUserCodeUnknown,
    #[error("the client has too many devices that wait for an answer")]
    DeviceAuthorizationLimitReached,
    #[error("the device's request was answered, was taken back, has expired, or went elsewhere")]
    DeviceAuthorizationOver,
    #[error("what the host says about its account is too long, or no plain text")]
    HostAccountInvalid,
    #[error("the device_code is missing")]
    DeviceCodeMissing,
    #[error("the device code is unknown")]
    DeviceCodeUnknown,
    #[error("the device code was given to another client")]
    DeviceCodeClientMismatch,
    #[error("the person has not answered yet")]
    DeviceCodePending,
    #[error("the person has not answered yet, and the device asks too often")]
    DeviceCodePolledTooOften,
    #[error("the device code has expired")]
    DeviceCodeExpired,
    #[error("the person refused the device")]
    DeviceCodeRefused,

    #[error("the client is not registered to hear of sessions that end")]
    EventStreamNotAllowed,
    #[error("the question for events is not what RFC 8936 has: {reason}")]
    EventPollInvalid { reason: &'static str },
    #[error("the receiver has as many event streams as one may have")]
    EventStreamsExceeded,
    #[error("the receiver waits for events as often as one may at once")]
    EventPollsExceeded,

    #[error("the client is not registered as a guard")]
    GuardReportsNotAllowed,
    #[error("the reports are not what a guard sends: {reason}")]
    GuardReportsInvalid { reason: &'static str },
    #[error("the report is about no token that was issued for this guard")]
    GuardReportForeign,
    #[error("too many reports about tokens that are forgotten have come within a day")]
    GuardReportsUnprovenTooMany,
    #[error("another card signed than the one that holds the session")]
    StepUpOtherCard,
    #[error("another workstation answered than the one where the session began")]
    StepUpOtherWorkstation,
    #[error("the session that was asked is over")]
    StepUpSessionOver,
    #[error("no account is stopped by this id")]
    StopUnknown,
    #[error("a lift needs words of at most 500 bytes that say why")]
    StopReasonInvalid,
    #[error("there is no incident of this id")]
    IncidentUnknown,
    #[error("the incident is closed")]
    IncidentClosed,
    #[error("what is written about an incident is text of 1 to 2000 bytes")]
    IncidentWordsInvalid,
    #[error("as many incidents of this person wait as may")]
    IncidentsTooMany,
    #[error("the incident has as many notes as one may have")]
    IncidentNotesTooMany,
    #[error("an incident report needs a person, a session, a card or a span of time")]
    IncidentScopeMissing,
    #[error("the span of time ends before it begins")]
    IncidentScopeInvalid,
    #[error("nobody with this number has signed in here")]
    IncidentPersonUnknown,
    #[error("nothing is on record of the {what} that is named")]
    IncidentNameUnknown { what: &'static str },
    #[error("{incidents} incidents about this person are open")]
    ErasureHeld { incidents: i64 },
    #[error("the log's key is not open, and nothing is erased without its signature")]
    LogKeyClosed,
    #[error("what was to be erased goes on being changed by somebody else")]
    ErasureOvertaken,

    #[error("the access token is not a valid one of this issuer")]
    AccessTokenInvalid,
    #[error("the access token has expired")]
    AccessTokenExpired,
    #[error("the access token was revoked")]
    AccessTokenRevoked,
    #[error("the access token's scope lacks openid")]
    AccessTokenScopeInsufficient,
    #[error("the access token is for another resource server")]
    AccessTokenAudienceMismatch,
    #[error("the access token came by another scheme than it was issued for")]
    AccessTokenSchemeMismatch,
    #[error("the access token is bound to another DPoP key")]
    AccessTokenKeyMismatch,
    #[error("the presence of the card is not proven, so the access token opens nothing")]
    AccessTokenPresenceLost,

    #[error("the post_logout_redirect_uri is not registered for this client")]
    PostLogoutRedirectUriMismatch,
    #[error("the client refused the logout token")]
    LogoutRefused,
    #[error("the client could not be told in time that the session is over")]
    LogoutUndelivered,
    #[error("the receiver has refused the security event")]
    EventPushRefused,
    #[error("the receiver could not be told in time of a security event")]
    EventPushUndelivered,
    #[error("more security events wait for the receiver than are kept")]
    EventPushesExceeded,
    #[error("many agents are silent at once")]
    MassPresenceLoss,

    #[error("the client authenticates by a certificate, and the connection has none")]
    ClientCertificateMissing,
    #[error("the client's certificate cannot be read")]
    ClientCertificateMalformed(#[source] cardea_pki::Error),
    #[error("the client's certificate does not bear the name that is registered")]
    ClientCertificateSubjectMismatch,
    #[error("neither the client's certificate nor its key is registered")]
    ClientCertificateUnregistered,
    #[error("the header of the client's certificate is not what the proxy writes")]
    ClientCertificateHeaderMalformed,
    #[error(transparent)]
    ClientCertificateRefused(cardea_pki::Error),
    #[error("the client's tokens are bound to a certificate, and the connection has none")]
    CertificateBindingMissing,
    #[error("the client's tokens are bound to a certificate, and it sent a DPoP proof too")]
    KeyBindingAmbiguous,
    #[error("the access token is bound to a certificate, and the connection has none")]
    AccessTokenCertificateMissing,
    #[error("the access token is bound to another certificate than the connection's")]
    AccessTokenCertificateMismatch,

    #[error(transparent)]
    CardGrant(crate::card_grant::CardGrantRefusal),
    #[error(transparent)]
    Parameters(#[from] cardea_oauth2_types::Error),
    #[error(transparent)]
    Assertion(#[from] cardea_assertion::Error),
    #[error(transparent)]
    Pki(#[from] cardea_pki::Error),
    #[error(transparent)]
    Jose(cardea_jose::Error),
    #[error(transparent)]
    Storage(#[from] cardea_storage::Error),
    #[error(transparent)]
    Ledger(cardea_ledger::Error),
    #[error("a stored value does not have the shape that this version writes")]
    StoredValueUnreadable(#[source] serde_json::Error),
}

impl Error {
    /// The stable machine code of this refusal, listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.names().0
    }

    /// The name that an OAuth client learns (RFC 6749 sections 4.1.2.1 and 5.2).
    #[must_use]
    pub fn oauth_error(&self) -> ErrorCode {
        self.names().1
    }
}

#[cfg(test)]
mod tests {
    use super::Error;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_distinct_and_has_a_row_in_the_error_list() {
        let list = include_str!("../../../docs/errors.md");
        for code in Error::ALL_CODES {
            assert!(code.starts_with("provider."), "{code}");
            assert!(
                list.contains(&format!("| `{code}` |")),
                "{code} is not in docs/errors.md"
            );
        }
        let distinct: BTreeSet<_> = Error::ALL_CODES.iter().collect();
        assert_eq!(distinct.len(), Error::ALL_CODES.len());
    }
}

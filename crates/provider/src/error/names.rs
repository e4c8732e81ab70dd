//! What each refusal is called: our stable code, and its OAuth name.

use cardea_oauth2_types::ErrorCode;

use super::Error;
use crate::instances::InstanceRefusal;

/// Writes the codes once: the list of all of them and the names of each error follow from it. The
/// match is complete, so an error without a code does not compile.
macro_rules! names {
    (own { $($own:pat => $code:literal, $name:ident;)* }
     passed_on { $($variant:ident, $passed_name:ident;)* }) => {
        impl Error {
            /// Every code of this crate's own; `code` also passes on those of the crates below.
            pub const ALL_CODES: &'static [&'static str] = &[$($code),*];

            pub(super) fn names(&self) -> (&'static str, ErrorCode) {
                match self {
                    $($own => ($code, ErrorCode::$name),)*
                    $(Self::$variant(error) => (error.code(), ErrorCode::$passed_name),)*
                }
            }
        }
    };
}

names! {
    own {
        Self::IssuerInvalid { .. } => "provider.issuer_invalid", ServerError;
        Self::ClientInvalid { .. } => "provider.client_invalid", ServerError;
        Self::ClientExists { .. } => "provider.client_exists", ServerError;
        Self::ClientSecretMissing => "provider.client_secret_missing", ServerError;
        Self::SecretOverlapTooLong { .. } => "provider.secret_overlap_too_long", ServerError;
        Self::ClientMetadataInvalid { .. } =>
            "provider.client_metadata_invalid", InvalidClientMetadata;
        Self::ClientRedirectUriInvalid { .. } =>
            "provider.client_redirect_uri_invalid", InvalidRedirectUri;
        Self::ClientNameTaken => "provider.client_name_taken", InvalidClientMetadata;
        Self::SoftwareStatementUnapproved =>
            "provider.software_statement_unapproved", UnapprovedSoftwareStatement;
        Self::InitialAccessTokenInvalid => "provider.initial_access_token_invalid", InvalidToken;
        Self::InitialAccessTokenExpired => "provider.initial_access_token_expired", InvalidToken;
        Self::InitialAccessTokenUsedUp => "provider.initial_access_token_used_up", InvalidToken;
        Self::InitialAccessTokenRevoked => "provider.initial_access_token_revoked", InvalidToken;
        Self::InitialAccessTokenUnknown => "provider.initial_access_token_unknown", InvalidRequest;
        Self::InitialAccessTokenTermsInvalid { .. } =>
            "provider.initial_access_token_terms_invalid", InvalidRequest;
        Self::RegistrationAccessTokenInvalid =>
            "provider.registration_access_token_invalid", InvalidToken;
        Self::RegistrationLimitReached =>
            "provider.registration_limit_reached", TemporarilyUnavailable;
        Self::RegistrationChangesTooMany =>
            "provider.registration_changes_too_many", TemporarilyUnavailable;
        Self::AnchorNotAuthority => "provider.anchor_not_authority", InvalidRequest;
        Self::AnchorFingerprintMismatch =>
            "provider.anchor_fingerprint_mismatch", InvalidRequest;
        Self::AnchorExists => "provider.anchor_exists", InvalidRequest;
        Self::AnchorUnknown => "provider.anchor_unknown", InvalidRequest;
        Self::AnchorRulesUnknown { .. } => "provider.anchor_rules_unknown", InvalidRequest;
        Self::AnchorLimitReached => "provider.anchor_limit_reached", InvalidRequest;
        Self::AdminAudienceMismatch => "provider.admin_audience_mismatch", InsufficientScope;
        Self::AdminScopeMissing => "provider.admin_scope_missing", InsufficientScope;
        Self::AdminTokenUnbound => "provider.admin_token_unbound", InvalidToken;
        Self::AdminAuthenticationInsufficient =>
            "provider.admin_authentication_insufficient", InsufficientUserAuthentication;
        Self::AdminNotOperator => "provider.admin_not_operator", AccessDenied;
        Self::AdminAnchorAdded => "provider.admin_anchor_added", AccessDenied;
        Self::AdminAnchorsOff => "provider.admin_anchors_off", AccessDenied;
        Self::ApprovalUnknown => "provider.approval_unknown", InvalidRequest;
        Self::ApprovalOwn => "provider.approval_own", AccessDenied;
        Self::ApprovalDecided => "provider.approval_decided", InvalidRequest;
        Self::ApprovalExpired => "provider.approval_expired", InvalidRequest;
        Self::ApprovalExists => "provider.approval_exists", InvalidRequest;
        Self::ApprovalLimitReached => "provider.approval_limit_reached", InvalidRequest;
        Self::ApprovalChanged => "provider.approval_changed", InvalidRequest;
        Self::ApprovalNeedsPerson => "provider.approval_needs_person", AccessDenied;
        Self::KeyMissing { .. } => "provider.key_missing", ServerError;
        Self::SignerUnavailable => "provider.signer_unavailable", TemporarilyUnavailable;
        Self::TokenKeyUnknown => "provider.token_key_unknown", ServerError;
        Self::KeyRotationPending { .. } => "provider.key_rotation_pending", ServerError;
        Self::TokenKeysTooMany { .. } => "provider.token_keys_too_many", ServerError;
        Self::TokenKeysChanged => "provider.token_keys_changed", ServerError;
        Self::ClockApart { .. } => "provider.clock_apart", ServerError;
        Self::CardRulesMissing => "provider.card_rules_missing", ServerError;
        Self::SandboxTakesRealCards { .. } => "provider.sandbox_takes_real_cards", ServerError;
        Self::ClientUnknown => "provider.client_unknown", InvalidRequest;
        Self::RedirectUriMissing => "provider.redirect_uri_missing", InvalidRequest;
        Self::RedirectUriMismatch => "provider.redirect_uri_mismatch", InvalidRequest;
        Self::ResponseTypeMissing => "provider.response_type_missing", InvalidRequest;
        Self::ResponseTypeUnsupported =>
            "provider.response_type_unsupported", UnsupportedResponseType;
        Self::ResponseModeUnsupported => "provider.response_mode_unsupported", InvalidRequest;
        Self::RequestUriUnsupported => "provider.request_uri_unsupported", RequestUriNotSupported;
        Self::PkceMissing => "provider.pkce_missing", InvalidRequest;
        Self::StateMissing => "provider.state_missing", InvalidRequest;
        Self::NonceMissing => "provider.nonce_missing", InvalidRequest;
        Self::PkceMethodUnsupported => "provider.pkce_method_unsupported", InvalidRequest;
        Self::ScopeOpenidMissing => "provider.scope_openid_missing", InvalidScope;
        Self::ScopeNotAllowed => "provider.scope_not_allowed", InvalidScope;
        Self::PromptInvalid => "provider.prompt_invalid", InvalidRequest;
        Self::MaxAgeInvalid => "provider.max_age_invalid", InvalidRequest;
        Self::IdTokenHintInvalid => "provider.id_token_hint_invalid", InvalidRequest;
        Self::LoginRequired => "provider.login_required", LoginRequired;
        Self::RequestObjectMalformed => "provider.request_object_malformed", InvalidRequestObject;
        Self::RequestObjectIsClientAssertion =>
            "provider.request_object_is_client_assertion", InvalidRequestObject;
        Self::RequestObjectUnsupported =>
            "provider.request_object_unsupported", RequestNotSupported;
        Self::RequestObjectUnproven => "provider.request_object_unproven", InvalidRequestObject;
        Self::RequestObjectIssuerMismatch =>
            "provider.request_object_issuer_mismatch", InvalidRequestObject;
        Self::RequestObjectAudienceMismatch =>
            "provider.request_object_audience_mismatch", InvalidRequestObject;
        Self::RequestObjectOutOfTime =>
            "provider.request_object_out_of_time", InvalidRequestObject;
        Self::RequestObjectMissing => "provider.request_object_missing", InvalidRequest;
        Self::RequestGivenTwice => "provider.request_given_twice", InvalidRequest;
        Self::RequestUriUnknown => "provider.request_uri_unknown", InvalidRequestUri;
        Self::RequestUriExpired => "provider.request_uri_expired", InvalidRequestUri;
        Self::RequestUriReused => "provider.request_uri_reused", InvalidRequestUri;
        Self::RequestUriPushed => "provider.request_uri_pushed", InvalidRequest;
        Self::PushedRequestMissing => "provider.pushed_request_missing", InvalidRequest;
        Self::PushedRequestLimitReached =>
            "provider.pushed_request_limit_reached", TemporarilyUnavailable;
        Self::WaitingLoginsLimitReached =>
            "provider.waiting_logins_limit_reached", TemporarilyUnavailable;
        Self::ClaimsParameterInvalid => "provider.claims_parameter_invalid", InvalidRequest;
        Self::ResourceNotAllowed => "provider.resource_not_allowed", InvalidTarget;
        Self::DpopJktMalformed => "provider.dpop_jkt_malformed", InvalidRequest;
        Self::DpopJktMismatch => "provider.dpop_jkt_mismatch", InvalidDpopProof;
        Self::ConsentRequired => "provider.consent_required", ConsentRequired;
        Self::ConsentRefused => "provider.consent_refused", AccessDenied;
        Self::ConsentMismatch => "provider.consent_mismatch", InvalidRequest;
        Self::CardNewsUnshown => "provider.card_news_unshown", InteractionRequired;
        Self::CardNewsMismatch => "provider.card_news_mismatch", InvalidRequest;
        Self::GuardNewsUnshown => "provider.guard_news_unshown", InteractionRequired;
        Self::GuardNewsMismatch => "provider.guard_news_mismatch", InvalidRequest;
        Self::RefusedUsesUnshown => "provider.refused_uses_unshown", InteractionRequired;
        Self::RefusedUsesMismatch => "provider.refused_uses_mismatch", InvalidRequest;
        Self::NotMeLineUnknown => "provider.not_me_line_unknown", InvalidRequest;
        Self::NotMeTooMany => "provider.not_me_too_many", InvalidRequest;
        Self::NewWorkstationsUnshown =>
            "provider.new_workstations_unshown", InteractionRequired;
        Self::NewWorkstationsMismatch => "provider.new_workstations_mismatch", InvalidRequest;
        Self::AuthorizationRequestUnknown =>
            "provider.authorization_request_unknown", InvalidRequest;
        Self::AuthorizationRequestExpired =>
            "provider.authorization_request_expired", InvalidRequest;
        Self::AuthorizationRequestCompleted =>
            "provider.authorization_request_completed", InvalidRequest;
        Self::LoginCookieMismatch => "provider.login_cookie_mismatch", InvalidRequest;
        Self::LoginCancelled => "provider.login_cancelled", AccessDenied;
        Self::ChallengeLimitReached => "provider.challenge_limit_reached", InvalidRequest;
        Self::AssertionAlgorithmNotAccepted { .. } =>
            "provider.assertion_algorithm_not_accepted", AccessDenied;
        Self::UserVerificationInsufficient =>
            "provider.user_verification_insufficient", AccessDenied;
        Self::AcrUnmet => "provider.acr_unmet", UnmetAuthenticationRequirements;
        Self::CardFamilyNotAccepted => "provider.card_family_not_accepted", AccessDenied;
        Self::ProfessionNotAccepted => "provider.profession_not_accepted", AccessDenied;
        Self::SubjectNotExpected => "provider.subject_not_expected", LoginRequired;
        Self::InstanceRefused { reason: InstanceRefusal::NotKnown, .. } =>
            "provider.instance_not_known", AccessDenied;
        Self::InstanceRefused { reason: InstanceRefusal::NotManaged, .. } =>
            "provider.instance_not_managed", AccessDenied;
        Self::InstanceRefused { reason: InstanceRefusal::Revoked, .. } =>
            "provider.instance_revoked", AccessDenied;
        Self::InstanceRefused { reason: InstanceRefusal::RevokedByOwner, .. } =>
            "provider.instance_revoked_by_owner", AccessDenied;
        Self::InstanceThumbprintMalformed =>
            "provider.instance_thumbprint_malformed", InvalidRequest;
        Self::InstanceTextInvalid => "provider.instance_text_invalid", InvalidRequest;
        Self::InstanceLimitReached => "provider.instance_limit_reached", InvalidRequest;
        Self::InstanceUndecided => "provider.instance_undecided", InvalidRequest;
        Self::InstanceUnseen => "provider.instance_unseen", InvalidRequest;
        Self::WorkstationUnknown => "provider.workstation_unknown", InvalidRequest;
        Self::WorkstationNotEntitled => "provider.workstation_not_entitled", AccessDenied;
        Self::CardSuspended { .. } => "provider.card_suspended", AccessDenied;
        Self::SuspendCodeMistyped => "provider.suspend_code_mistyped", InvalidRequest;
        Self::SuspendCodeUnknown => "provider.suspend_code_unknown", InvalidRequest;
        Self::SuspendTicketUnknown => "provider.suspend_ticket_unknown", InvalidRequest;
        Self::CardUnknown => "provider.card_unknown", InvalidRequest;
        Self::CardSuspendedAlready => "provider.card_suspended_already", InvalidRequest;
        Self::CardNotSuspended => "provider.card_not_suspended", InvalidRequest;
        Self::CardOwn => "provider.card_own", AccessDenied;
        Self::CardSuspensionNotEntitled => "provider.card_suspension_not_entitled", AccessDenied;
        Self::SuspendCodeNotEntitled => "provider.suspend_code_not_entitled", AccessDenied;
        Self::SuspensionReasonInvalid =>
            "provider.suspension_reason_invalid", InvalidRequest;
        Self::PresenceKeyReused => "provider.presence_key_reused", AccessDenied;
        Self::PresencePending => "provider.presence_pending", InteractionRequired;
        Self::PresenceNonceMismatch => "provider.presence_nonce_mismatch", AccessDenied;
        Self::SessionEnded => "provider.session_ended", AccessDenied;
        Self::ClientAuthenticationMissing =>
            "provider.client_authentication_missing", InvalidClient;
        Self::ClientAuthenticationFailed => "provider.client_authentication_failed", InvalidClient;
        Self::ClientAuthenticationMethodMismatch =>
            "provider.client_authentication_method_mismatch", InvalidClient;
        Self::ClientAuthenticationThrottled =>
            "provider.client_authentication_throttled", InvalidClient;
        Self::ClientAuthenticationRepeated =>
            "provider.client_authentication_repeated", InvalidRequest;
        Self::ClientAssertionInvalid { .. } => "provider.client_assertion_invalid", InvalidClient;
        Self::ClientAssertionAudienceMismatch =>
            "provider.client_assertion_audience_mismatch", InvalidClient;
        Self::ClientAssertionTimeInvalid => "provider.client_assertion_time_invalid", InvalidClient;
        Self::ClientAssertionBeforeRestore =>
            "provider.client_assertion_before_restore", InvalidClient;
        Self::ClientAssertionReplayed => "provider.client_assertion_replayed", InvalidClient;
        Self::ClientCertificateMissing => "provider.client_certificate_missing", InvalidClient;
        Self::ClientCertificateMalformed(_) =>
            "provider.client_certificate_malformed", InvalidClient;
        Self::ClientCertificateSubjectMismatch =>
            "provider.client_certificate_subject_mismatch", InvalidClient;
        Self::ClientCertificateUnregistered =>
            "provider.client_certificate_unregistered", InvalidClient;
        Self::ClientCertificateHeaderMalformed =>
            "provider.client_certificate_header_malformed", InvalidRequest;
        Self::CertificateBindingMissing => "provider.certificate_binding_missing", InvalidRequest;
        Self::KeyBindingAmbiguous => "provider.key_binding_ambiguous", InvalidRequest;
        Self::AccessTokenCertificateMissing =>
            "provider.access_token_certificate_missing", InvalidToken;
        Self::AccessTokenCertificateMismatch =>
            "provider.access_token_certificate_mismatch", InvalidToken;
        Self::DpopProofMissing => "provider.dpop_proof_missing", InvalidDpopProof;
        Self::DpopProofRepeated => "provider.dpop_proof_repeated", InvalidDpopProof;
        Self::DpopProofReplayed => "provider.dpop_proof_replayed", InvalidDpopProof;
        Self::DpopNonceMissing => "provider.dpop_nonce_missing", UseDpopNonce;
        Self::DpopNonceInvalid => "provider.dpop_nonce_invalid", UseDpopNonce;
        Self::DpopKeyOfOtherClient => "provider.dpop_key_of_other_client", InvalidDpopProof;
        Self::GrantTypeMissing => "provider.grant_type_missing", InvalidRequest;
        Self::GrantTypeUnsupported => "provider.grant_type_unsupported", UnsupportedGrantType;
        Self::GrantTypeNotAllowed => "provider.grant_type_not_allowed", UnauthorizedClient;
        Self::ScopeNotGranted => "provider.scope_not_granted", InvalidScope;
        Self::ResourceNotGranted => "provider.resource_not_granted", InvalidTarget;
        Self::CodeMissing => "provider.code_missing", InvalidRequest;
        Self::CodeUnknown => "provider.code_unknown", InvalidGrant;
        Self::CodeExpired => "provider.code_expired", InvalidGrant;
        Self::CodeReused => "provider.code_reused", InvalidGrant;
        Self::CodeClientMismatch => "provider.code_client_mismatch", InvalidGrant;
        Self::CodeRedirectUriMismatch => "provider.code_redirect_uri_mismatch", InvalidGrant;
        Self::CodeSessionEnded => "provider.code_session_ended", InvalidGrant;
        Self::CodeVerifierMissing => "provider.code_verifier_missing", InvalidGrant;
        Self::CodeVerifierMismatch => "provider.code_verifier_mismatch", InvalidGrant;
        Self::CodeKeyMismatch => "provider.code_key_mismatch", InvalidGrant;
        Self::CodePresenceLost => "provider.code_presence_lost", InvalidGrant;
        Self::RefreshTokenMissing => "provider.refresh_token_missing", InvalidRequest;
        Self::RefreshTokenUnknown => "provider.refresh_token_unknown", InvalidGrant;
        Self::RefreshTokenReused => "provider.refresh_token_reused", InvalidGrant;
        Self::RefreshTokenClientMismatch =>
            "provider.refresh_token_client_mismatch", InvalidGrant;
        Self::RefreshTokenKeyMismatch => "provider.refresh_token_key_mismatch", InvalidGrant;
        Self::RefreshTokenRevoked => "provider.refresh_token_revoked", InvalidGrant;
        Self::RefreshTokenExpired => "provider.refresh_token_expired", InvalidGrant;
        Self::RefreshTokenSessionEnded => "provider.refresh_token_session_ended", InvalidGrant;
        Self::RefreshTokenPresenceLost => "provider.refresh_token_presence_lost", InvalidGrant;
        Self::RefreshTokenNotAdmitted => "provider.refresh_token_not_admitted", InvalidGrant;
        Self::TokenMissing => "provider.token_missing", InvalidRequest;
        Self::WorkAbandoned => "provider.work_abandoned", ServerError;
        Self::CardGrantAssertionMissing =>
            "provider.card_grant_assertion_missing", InvalidRequest;
        Self::AgentlessRefused => "provider.agentless_refused", AccessDenied;
        Self::AgentlessInsufficient =>
            "provider.agentless_insufficient", UnmetAuthenticationRequirements;
        Self::AgentlessCertificateMissing =>
            "provider.agentless_certificate_missing", AccessDenied;
        Self::AgentlessConfirmationMismatch =>
            "provider.agentless_confirmation_mismatch", InvalidRequest;
        Self::AgentlessLimitReached => "provider.agentless_limit_reached", InvalidRequest;
        Self::AgentlessCodeUnknown => "provider.agentless_code_unknown", InvalidRequest;
        Self::AgentlessCodeReplayed => "provider.agentless_code_replayed", InvalidRequest;
        Self::AgentlessCodeExpired => "provider.agentless_code_expired", InvalidRequest;
        Self::AgentlessCodeForeignBrowser =>
            "provider.agentless_code_foreign_browser", InvalidRequest;
        Self::CardGrantKeyMismatch => "provider.card_grant_key_mismatch", InvalidGrant;
        Self::CardGrantPresenceMissing => "provider.card_grant_presence_missing", InvalidGrant;
        Self::CardGrantChallengeLimitReached =>
            "provider.card_grant_challenge_limit_reached", TemporarilyUnavailable;
        Self::DeviceUserCodeUnknown => "provider.device_user_code_unknown", InvalidRequest;
        Self::DeviceAuthorizationLimitReached =>
            "provider.device_authorization_limit_reached", TemporarilyUnavailable;
        Self::DeviceAuthorizationOver => "provider.device_authorization_over", InvalidRequest;
        Self::HostAccountInvalid => "provider.host_account_invalid", InvalidRequest;
        Self::DeviceCodeMissing => "provider.device_code_missing", InvalidRequest;
        Self::DeviceCodeUnknown => "provider.device_code_unknown", InvalidGrant;
        Self::DeviceCodeClientMismatch =>
            "provider.device_code_client_mismatch", InvalidGrant;
        Self::DeviceCodePending => "provider.device_code_pending", AuthorizationPending;
        Self::DeviceCodePolledTooOften =>
            "provider.device_code_polled_too_often", SlowDown;
        Self::DeviceCodeExpired => "provider.device_code_expired", ExpiredToken;
        Self::DeviceCodeRefused => "provider.device_code_refused", AccessDenied;
        Self::EventStreamNotAllowed => "provider.event_stream_not_allowed", UnauthorizedClient;
        Self::EventPollInvalid { .. } => "provider.event_poll_invalid", InvalidRequest;
        Self::EventStreamsExceeded => "provider.event_streams_exceeded", TemporarilyUnavailable;
        Self::EventPollsExceeded => "provider.event_polls_exceeded", TemporarilyUnavailable;
        Self::GuardReportsNotAllowed => "provider.guard_reports_not_allowed", UnauthorizedClient;
        Self::GuardReportsInvalid { .. } => "provider.guard_reports_invalid", InvalidRequest;
        Self::GuardReportForeign => "provider.guard_report_foreign", InvalidRequest;
        Self::GuardReportsUnprovenTooMany =>
            "provider.guard_reports_unproven_too_many", InvalidRequest;
        Self::StepUpOtherCard => "provider.step_up_other_card", AccessDenied;
        Self::StepUpOtherWorkstation => "provider.step_up_other_workstation", AccessDenied;
        Self::StepUpSessionOver => "provider.step_up_session_over", AccessDenied;
        Self::StopUnknown => "provider.stop_unknown", InvalidRequest;
        Self::StopReasonInvalid => "provider.stop_reason_invalid", InvalidRequest;
        Self::IncidentUnknown => "provider.incident_unknown", InvalidRequest;
        Self::IncidentClosed => "provider.incident_closed", InvalidRequest;
        Self::IncidentWordsInvalid => "provider.incident_words_invalid", InvalidRequest;
        Self::IncidentsTooMany => "provider.incidents_too_many", InvalidRequest;
        Self::IncidentNotesTooMany => "provider.incident_notes_too_many", InvalidRequest;
        Self::IncidentScopeMissing => "provider.incident_scope_missing", InvalidRequest;
        Self::IncidentScopeInvalid => "provider.incident_scope_invalid", InvalidRequest;
        Self::IncidentPersonUnknown => "provider.incident_person_unknown", InvalidRequest;
        Self::IncidentNameUnknown { .. } => "provider.incident_name_unknown", InvalidRequest;
        Self::ErasureHeld { .. } => "provider.erasure_held", InvalidRequest;
        Self::LogKeyClosed => "provider.log_key_closed", ServerError;
        Self::ErasureOvertaken => "provider.erasure_overtaken", TemporarilyUnavailable;
        Self::AccessTokenInvalid => "provider.access_token_invalid", InvalidToken;
        Self::AccessTokenExpired => "provider.access_token_expired", InvalidToken;
        Self::AccessTokenRevoked => "provider.access_token_revoked", InvalidToken;
        Self::AccessTokenScopeInsufficient =>
            "provider.access_token_scope_insufficient", InsufficientScope;
        Self::AccessTokenAudienceMismatch =>
            "provider.access_token_audience_mismatch", InvalidToken;
        Self::AccessTokenSchemeMismatch => "provider.access_token_scheme_mismatch", InvalidToken;
        Self::AccessTokenKeyMismatch => "provider.access_token_key_mismatch", InvalidToken;
        Self::AccessTokenPresenceLost => "provider.access_token_presence_lost", InvalidToken;
        Self::PostLogoutRedirectUriMismatch =>
            "provider.post_logout_redirect_uri_mismatch", InvalidRequest;
        Self::LogoutRefused => "provider.logout_refused", ServerError;
        Self::LogoutUndelivered => "provider.logout_undelivered", ServerError;
        Self::EventPushRefused => "provider.event_push_refused", ServerError;
        Self::EventPushUndelivered => "provider.event_push_undelivered", ServerError;
        Self::EventPushesExceeded => "provider.event_pushes_exceeded", ServerError;
        Self::MassPresenceLoss => "provider.mass_presence_loss", ServerError;
        Self::StoredValueUnreadable(_) => "provider.stored_value_unreadable", ServerError;
    }
    passed_on {
        CardGrant, InvalidGrant;
        Parameters, InvalidRequest;
        Assertion, AccessDenied;
        Pki, AccessDenied;
        ClientCertificateRefused, InvalidClient;
        DpopProofInvalid, InvalidDpopProof;
        Jose, ServerError;
        Storage, TemporarilyUnavailable;
        Ledger, TemporarilyUnavailable;
    }
}

impl Error {
    /// Whether the fault is ours: the database or a key failed, and no decision was taken.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        matches!(
            self,
            Self::Storage(_)
                | Self::Ledger(_)
                | Self::StoredValueUnreadable(_)
                | Self::KeyMissing { .. }
                | Self::SignerUnavailable
        )
    }
}

//! What can go wrong in the portal, each with a stable code (docs/errors.md).

use std::path::PathBuf;

/// Everything that can fail in the portal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings can't be read or make no sense.
    #[error("the settings in {path} are wrong: {reason}")]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The address can't be listened on.
    #[error("can't listen on {address}")]
    Listen {
        /// The address from the settings.
        address: String,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The OpenID provider did not answer, or not with what the specification asks.
    #[error("the OpenID provider gave no usable answer while {during}: {reason}")]
    Provider {
        /// What the portal was doing.
        during: &'static str,
        /// The library's reason.
        reason: String,
    },
    /// The provider sent the browser back without a code (OAuth error of RFC 6749).
    #[error("the OpenID provider refused the login: {error}")]
    LoginRefused {
        /// The `error` parameter.
        error: String,
    },
    /// The browser came back from a login that this browser did not begin (RFC 6749, 10.12).
    #[error("this login was not begun in this browser, or it was begun too long ago")]
    LoginUnknown,
    /// The provider ended the session while the portal was still opening its own.
    #[error("the session was over before the login was finished")]
    LoginOvertaken,
    /// The ID token did not pass its checks (OpenID Connect Core, 3.1.3.7).
    #[error("the ID token is not acceptable: {reason}")]
    IdToken {
        /// The library's reason.
        reason: String,
    },
    /// The logout token did not pass its checks (OpenID Connect Back-Channel Logout, 2.6).
    #[error("the logout token is not acceptable: {reason}")]
    LogoutToken {
        /// The check that failed.
        reason: &'static str,
    },
    /// The agent on this machine refused or stopped the scripted login.
    #[error("the agent did not sign: {code}")]
    Agent {
        /// The agent's error code.
        code: String,
    },
    /// A step of the scripted login was answered with something else than it needs.
    #[error("the scripted login stopped at {step}: {reason}")]
    Script {
        /// The step.
        step: &'static str,
        /// What came instead.
        reason: String,
    },
    /// The look-up service could not be tried.
    #[error("the look-up service can't be tried: {reason}")]
    LookUp {
        /// What happened.
        reason: String,
    },
    /// The robot went through all patients.
    #[error("nothing has stopped the robot")]
    RobotNotStopped,
    /// The system's random generator failed.
    #[error("the system gave no random bytes")]
    Random,
    /// The result can't be written.
    #[error("can't write the result")]
    Output {
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Every code, in the order of the variants.
    pub const ALL_CODES: [&'static str; 14] = [
        "portal.configuration_invalid",
        "portal.listen_failed",
        "portal.provider_unusable",
        "portal.login_refused",
        "portal.login_unknown",
        "portal.login_overtaken",
        "portal.id_token_invalid",
        "portal.logout_token_invalid",
        "portal.agent_refused",
        "portal.script_stopped",
        "portal.look_up_failed",
        "portal.robot_not_stopped",
        "portal.random_unavailable",
        "portal.output_failed",
    ];

    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Configuration { .. } => "portal.configuration_invalid",
            Self::Listen { .. } => "portal.listen_failed",
            Self::Provider { .. } => "portal.provider_unusable",
            Self::LoginRefused { .. } => "portal.login_refused",
            Self::LoginUnknown => "portal.login_unknown",
            Self::LoginOvertaken => "portal.login_overtaken",
            Self::IdToken { .. } => "portal.id_token_invalid",
            Self::LogoutToken { .. } => "portal.logout_token_invalid",
            Self::Agent { .. } => "portal.agent_refused",
            Self::Script { .. } => "portal.script_stopped",
            Self::LookUp { .. } => "portal.look_up_failed",
            Self::RobotNotStopped => "portal.robot_not_stopped",
            Self::Random => "portal.random_unavailable",
            Self::Output { .. } => "portal.output_failed",
        }
    }

    /// The error with all its causes, for the operator.
    #[must_use]
    pub fn chain(&self) -> String {
        chain(self)
    }
}

/// An error and all its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn every_code_has_a_row_in_the_documentation() {
        let page = include_str!("../../../docs/errors.md");
        for code in Error::ALL_CODES {
            assert!(
                page.contains(&format!("| `{code}` |")),
                "docs/errors.md lacks {code}"
            );
        }
    }
}

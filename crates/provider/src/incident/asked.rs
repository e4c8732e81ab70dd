//! What ties the further pages of a report to its first one: that somebody asked is on record once,
//! and no page can be had of what nobody is on record for having asked.
//!
//! It is a tag and no record: every node knows it again, and it is good for one session's question.

use cardea_jose::{base64url, constant_time_eq};

use super::ReportScope;
use crate::{ConsoleSession, Error, Provider};

const LABEL: &str = "cardea incident report 1";

impl Provider {
    /// The tag of a report that an operator has asked for, and that is on record.
    ///
    /// # Errors
    /// Those of the cryptography.
    pub fn report_tag(
        &self,
        session: &ConsoleSession,
        scope: &ReportScope,
    ) -> Result<String, Error> {
        let key = self.keys().challenge_key.derive_mac_key(LABEL)?;
        // Neither part can hold a line feed.
        let asked = format!("{}\n{}", session.session_id, scope.digest()?);
        Ok(base64url(&key.tag(asked.as_bytes())?))
    }

    /// Whether a tag says that this operator has asked for this very report.
    ///
    /// # Errors
    /// Those of the cryptography.
    pub fn is_report_tag(
        &self,
        session: &ConsoleSession,
        scope: &ReportScope,
        presented: &str,
    ) -> Result<bool, Error> {
        let expected = self.report_tag(session, scope)?;
        Ok(constant_time_eq(expected.as_bytes(), presented.as_bytes()))
    }
}

//! Forgetting: what is over is deleted, personal data with it. Of events the rows stay, but for
//! what strangers bring about: logins that nobody answered, and refusals that concern nobody; what
//! is personal in the others is erased ([`next_place`]). What an open incident is about stays.
//!
//! A flood leaves more than one transaction may delete: SQLite has one writer, and whoever signs in
//! waits for it. So a call deletes one batch and lets go of the writer; the caller comes again.

mod walk;

use time::OffsetDateTime;

pub use walk::{
    Held, UnclosedIncidents, advance, hold, let_go, list_held, next_place, unclosed_incidents,
};

use crate::event::EventRecord;
use crate::sql;
use crate::{Error, Store, Transaction};

/// The most rows of a kind that one transaction deletes, not counting what hangs on them.
const BATCH: i64 = 500;
/// The same of pushed requests: one may have 40 KiB.
const BATCH_OF_PUSHED: i64 = 100;
/// The most refresh tokens at once: a family may have thousands.
const TOKENS_MAX: u64 = 2_000;

/// What is forgotten, each kind by its own time. In this order children go before their parents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Authorization requests that expired without an answer, with their challenges, and with the
    /// events that they began unless a card answered: anybody can begin a login and leave it.
    UnansweredRequest,
    /// Pushed authorization requests that expired.
    PushedRequest,
    /// Challenges of card grants that expired, answered or not: anybody can answer them with junk.
    GrantChallenge,
    /// Codes of agentless logins that expired, redeemed or not.
    AgentlessCode,
    /// Device authorizations that expired, answered or not.
    DeviceAuthorization,
    /// What a resource server was to be told and nobody can need any more: a receiver that is away.
    SecurityEvent,
    /// Streams of security events that nobody asks for any more, with what waited for them.
    SecurityEventStream,
    /// What guards reported, with the patients that it names.
    GuardReport,
    /// What people were told of guards' stops, or would have been.
    GuardNotice,
    /// What people were told of refused uses of their cards, or would have been.
    RefusedUse,
    /// Stops of accounts that an operator lifted.
    LiftedStop,
    /// Incidents that were closed, with what was written about them.
    Incident,
    /// Proposals of operators that were decided.
    Approval,
    /// Fresh signatures that guards asked for, given or not.
    StepUp,
    /// Marks of proofs and assertions that would be refused for their age by now.
    SpentProof,
    /// DPoP keys that nobody uses any more.
    DpopKey,
    /// Refusals on record that concern no person and no session, and logins that were cancelled
    /// without a card. Every other event stays. `provider` has a test that knows every kind.
    RefusalOfNobody,
    /// Access tokens that expired.
    AccessGrant,
    /// Refresh tokens whose family expired, and the family.
    RefreshTokenFamily,
    /// Authorization codes that expired.
    AuthorizationCode,
    /// Consents that expired.
    Consent,
    /// Authorization requests that expired, answered or not, with their challenges, and with the
    /// events that they began where no card answered.
    AuthorizationRequest,
    /// Clients' parts in ended sessions, once no token names them.
    ClientSession,
    /// Ended sessions, once no client's part and no authorization request names them.
    Session,
    /// What clients called ended sessions whose rows have gone.
    SessionName,
}

/// The kinds of [`REFUSALS_OF_NOBODY`].
const KINDS_OF_NOBODY: [&str; 16] = [
    "device.asked",
    "device.code_typed",
    "device.refused",
    "device.withdrawn",
    "authorization.refused",
    "authorization.pushed",
    "login.refused",
    "login.cancelled",
    "card_grant.refused",
    "token.refused",
    "token_lookup.refused",
    "userinfo.refused",
    "logout.unconfirmed",
    "registration.refused",
    "account.refused",
    "suspend_code.refused",
];
/// Goes with a login that no card answered.
pub(crate) const BEGINNING: &str = "authorization.begun";

/// Whether an event may be forgotten one day, for what it is: strangers bring such about, and it
/// concerns nobody.
#[must_use]
pub fn may_be_forgotten(event: &EventRecord) -> bool {
    let is_of_nobody = event.sub.is_none() && event.session_id.is_none();
    is_of_nobody && KINDS_OF_NOBODY.contains(&event.kind.as_str())
}

/// Whether an event goes with the login that it began, unless a card answers that: there are as
/// many as strangers like.
#[must_use]
pub fn goes_with_its_login(kind: &str) -> bool {
    kind == BEGINNING
}

/// What strangers bring about, who name nobody and nothing of ours. An event whose personal part
/// was erased named somebody.
const REFUSALS_OF_NOBODY: &str = "SELECT id AS key FROM event
     WHERE sub IS NULL AND session_id IS NULL AND commitment IS NULL AND occurred_at < $1
     AND kind IN ('device.asked', 'device.code_typed', 'device.refused',
                  'device.withdrawn', 'authorization.refused',
                  'authorization.pushed', 'login.refused',
                  'login.cancelled', 'card_grant.refused', 'token.refused',
                  'token_lookup.refused', 'userinfo.refused', 'logout.unconfirmed',
                  'registration.refused', 'account.refused',
                  'suspend_code.refused') LIMIT $2";

/// What an open incident needs stays, here and below.
const LOOK_UPS: &str = "SELECT id AS key FROM guard_report AS old WHERE received_at < $1
     AND NOT EXISTS (SELECT 1 FROM incident
                     WHERE sub = old.sub AND state <> 'closed')
     AND NOT EXISTS (SELECT 1 FROM incident
                     WHERE sub = old.said_sub AND state <> 'closed')
     AND NOT EXISTS (SELECT 1 FROM incident
                     WHERE session_id = old.session_id AND state <> 'closed')
     LIMIT $2";

const NOTICES: &str = "SELECT id AS key FROM guard_notice AS old WHERE occurred_at < $1
     AND NOT EXISTS (SELECT 1 FROM incident
                     WHERE sub = old.sub AND state <> 'closed') LIMIT $2";

const REFUSED_USES: &str = "SELECT id AS key FROM refused_use AS old WHERE last_at < $1
     AND NOT EXISTS (SELECT 1 FROM incident
                     WHERE sub = old.sub AND state <> 'closed') LIMIT $2";

const LIFTED_STOPS: &str = "SELECT id AS key FROM account_stop AS old WHERE lifted_at < $1
     AND NOT EXISTS (SELECT 1 FROM incident
                     WHERE sub = old.sub AND state <> 'closed') LIMIT $2";

/// A part of a session that something still hangs on stays with it.
const SESSIONS_OF_CLIENTS: &str = "SELECT part.sid AS key FROM session
     JOIN client_session AS part ON part.session_id = session.id
     WHERE session.ended_at < $1
     AND NOT EXISTS (SELECT 1 FROM access_grant WHERE sid = part.sid)
     AND NOT EXISTS (SELECT 1 FROM refresh_token_family WHERE sid = part.sid)
     AND NOT EXISTS (SELECT 1 FROM authorization_code WHERE sid = part.sid) LIMIT $2";

const SESSIONS: &str = "SELECT id AS key FROM session WHERE ended_at < $1
     AND NOT EXISTS (SELECT 1 FROM client_session WHERE session_id = session.id)
     AND NOT EXISTS (SELECT 1 FROM authorization_request
                     WHERE session_id = session.id) LIMIT $2";

impl Kind {
    #[cfg(test)]
    const ALL: [Self; 25] = [
        Self::UnansweredRequest,
        Self::PushedRequest,
        Self::GrantChallenge,
        Self::AgentlessCode,
        Self::DeviceAuthorization,
        Self::SecurityEvent,
        Self::SecurityEventStream,
        Self::GuardReport,
        Self::GuardNotice,
        Self::RefusedUse,
        Self::LiftedStop,
        Self::Incident,
        Self::Approval,
        Self::StepUp,
        Self::SpentProof,
        Self::DpopKey,
        Self::RefusalOfNobody,
        Self::AccessGrant,
        Self::RefreshTokenFamily,
        Self::AuthorizationCode,
        Self::Consent,
        Self::AuthorizationRequest,
        Self::ClientSession,
        Self::Session,
        Self::SessionName,
    ];

    const fn batch(self) -> i64 {
        match self {
            Self::PushedRequest => BATCH_OF_PUSHED,
            _ => BATCH,
        }
    }

    /// Finds the keys of rows that ended before `$1`, at most `$2`; by an index, however many
    /// others there are.
    const fn due(self) -> &'static str {
        match self {
            Self::UnansweredRequest => {
                "SELECT id AS key FROM authorization_request
                 WHERE completed_at IS NULL AND expires_at < $1 LIMIT $2"
            }
            Self::PushedRequest => {
                "SELECT id AS key FROM pushed_authorization_request
                 WHERE expires_at < $1 LIMIT $2"
            }
            Self::GrantChallenge => {
                "SELECT jti AS key FROM grant_challenge WHERE expires_at < $1 LIMIT $2"
            }
            Self::AgentlessCode => {
                "SELECT code_sha256 AS key FROM agentless_code WHERE expires_at < $1 LIMIT $2"
            }
            Self::DeviceAuthorization => {
                "SELECT id AS key FROM device_authorization WHERE expires_at < $1 LIMIT $2"
            }
            Self::SecurityEvent => {
                "SELECT jti AS key FROM security_event WHERE expires_at < $1 LIMIT $2"
            }
            Self::SecurityEventStream => {
                "SELECT id AS key FROM security_event_stream WHERE polled_at < $1 LIMIT $2"
            }
            Self::GuardReport => LOOK_UPS,
            Self::GuardNotice => NOTICES,
            Self::RefusedUse => REFUSED_USES,
            Self::LiftedStop => LIFTED_STOPS,
            Self::Incident => "SELECT id AS key FROM incident WHERE closed_at < $1 LIMIT $2",
            Self::Approval => "SELECT id AS key FROM approval WHERE decided_at < $1 LIMIT $2",
            Self::StepUp => "SELECT jti AS key FROM step_up WHERE expires_at < $1 LIMIT $2",
            Self::SpentProof => {
                "SELECT jti_sha256 AS key FROM spent_jti WHERE expires_at < $1 LIMIT $2"
            }
            Self::DpopKey => "SELECT jkt AS key FROM dpop_key WHERE expires_at < $1 LIMIT $2",
            Self::RefusalOfNobody => REFUSALS_OF_NOBODY,
            Self::AccessGrant => {
                "SELECT jti AS key FROM access_grant WHERE expires_at < $1 LIMIT $2"
            }
            Self::RefreshTokenFamily => {
                "SELECT id AS key FROM refresh_token_family WHERE expires_at < $1 LIMIT $2"
            }
            Self::AuthorizationCode => {
                "SELECT code_sha256 AS key FROM authorization_code WHERE expires_at < $1 LIMIT $2"
            }
            Self::Consent => "SELECT sub AS key FROM consent WHERE expires_at < $1 LIMIT $2",
            Self::AuthorizationRequest => {
                "SELECT id AS key FROM authorization_request WHERE expires_at < $1 LIMIT $2"
            }
            Self::ClientSession => SESSIONS_OF_CLIENTS,
            Self::Session => SESSIONS,
            Self::SessionName => "SELECT sid AS key FROM session_name WHERE ended_at < $1 LIMIT $2",
        }
    }

    /// Delete by those keys, which stand where `(keys)` does; children first. `$1` is the moment,
    /// for what may be used again meanwhile, and where a key has several rows.
    const fn deletes(self) -> &'static [&'static str] {
        match self {
            Self::UnansweredRequest | Self::AuthorizationRequest => REQUEST,
            Self::PushedRequest => &["DELETE FROM pushed_authorization_request WHERE id IN (keys)"],
            Self::GrantChallenge => &["DELETE FROM grant_challenge WHERE jti IN (keys)"],
            Self::AgentlessCode => &["DELETE FROM agentless_code WHERE code_sha256 IN (keys)"],
            Self::DeviceAuthorization => &["DELETE FROM device_authorization WHERE id IN (keys)"],
            Self::SecurityEvent => &["DELETE FROM security_event WHERE jti IN (keys)"],
            Self::SecurityEventStream => &[
                "DELETE FROM security_event WHERE stream_id IN (keys)",
                "DELETE FROM security_event_stream WHERE polled_at < $1 AND id IN (keys)",
            ],
            Self::GuardReport => &[
                "DELETE FROM guard_report_patient WHERE report_id IN (keys)",
                "DELETE FROM guard_report WHERE received_at < $1 AND id IN (keys)",
            ],
            Self::GuardNotice => &["DELETE FROM guard_notice WHERE id IN (keys)"],
            Self::RefusedUse => &["DELETE FROM refused_use WHERE last_at < $1 AND id IN (keys)"],
            Self::LiftedStop => &["DELETE FROM account_stop WHERE id IN (keys)"],
            Self::Incident => &[
                "DELETE FROM incident_note WHERE incident_id IN (keys)",
                "DELETE FROM not_me WHERE incident_id IN (keys)",
                "DELETE FROM incident WHERE id IN (keys)",
            ],
            Self::Approval => &["DELETE FROM approval WHERE id IN (keys)"],
            Self::StepUp => &["DELETE FROM step_up WHERE jti IN (keys)"],
            Self::SpentProof => &["DELETE FROM spent_jti WHERE jti_sha256 IN (keys)"],
            Self::DpopKey => &["DELETE FROM dpop_key WHERE expires_at < $1 AND jkt IN (keys)"],
            Self::RefusalOfNobody => &["DELETE FROM event WHERE id IN (keys)"],
            Self::AccessGrant => &["DELETE FROM access_grant WHERE jti IN (keys)"],
            Self::RefreshTokenFamily => &[
                "DELETE FROM refresh_token WHERE token_sha256 IN
                     (SELECT token_sha256 FROM refresh_token WHERE family_id IN (keys)
                      LIMIT 2000)",
                "DELETE FROM refresh_token_family WHERE id IN (keys)",
            ],
            Self::AuthorizationCode => {
                &["DELETE FROM authorization_code WHERE code_sha256 IN (keys)"]
            }
            Self::Consent => &["DELETE FROM consent WHERE expires_at < $1 AND sub IN (keys)"],
            Self::ClientSession => &[
                NAMES_OF_SESSIONS,
                "DELETE FROM client_session WHERE sid IN (keys)",
            ],
            Self::Session => &[
                "DELETE FROM session_card WHERE session_id IN (keys)",
                "DELETE FROM session WHERE id IN (keys)",
            ],
            Self::SessionName => &["DELETE FROM session_name WHERE sid IN (keys)"],
        }
    }
}

/// What a client called a session is kept for whoever has to find what is on record of it.
const NAMES_OF_SESSIONS: &str = "INSERT INTO session_name
         (sid, session_id, client_id, sub, ended_at)
     SELECT part.sid, part.session_id, part.client_id, session.sub, session.ended_at
     FROM client_session AS part JOIN session ON session.id = part.session_id
     WHERE part.sid IN (keys) AND session.ended_at IS NOT NULL
     ON CONFLICT (sid) DO NOTHING";

/// A login that a card answered has a history of its own; its beginning stays with it.
const REQUEST: &[&str] = &[
    "DELETE FROM event WHERE kind = 'authorization.begun' AND authorization_request_id IN
         (SELECT id FROM authorization_request WHERE session_id IS NULL AND id IN (keys))",
    "DELETE FROM challenge WHERE authorization_request_id IN (keys)",
    "DELETE FROM authorization_request WHERE id IN (keys)",
];

/// Deletes one batch of what ended before `before`, in a transaction of its own, and says how many
/// rows went, children included: after 0 nothing is left to do. Without anything to delete, the
/// writer is left alone.
///
/// `before` lies far enough back that a replayed challenge or a reused code is still recognised
/// for some time after it expired, and that nobody is about to use what is deleted.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn delete_batch(store: &Store, kind: Kind, before: OffsetDateTime) -> Result<u64, Error> {
    let mut reading = store.begin_read().await?;
    let keys = find_due(&mut reading, kind.due(), before, kind.batch()).await?;
    drop(reading);
    if keys.is_empty() {
        return Ok(0);
    }
    let mut transaction = store.begin().await?;
    let mut rows = 0;
    for &delete in kind.deletes() {
        let gone = delete_by_keys(&mut transaction, delete, before, &keys).await?;
        rows += gone;
        if kind == Kind::RefreshTokenFamily && gone == TOKENS_MAX {
            break;
        }
    }
    transaction.commit().await?;
    Ok(rows)
}

/// Deletes the oldest authorization requests that nobody answered, at most `count_max` and one
/// batch of those that expire before `before`, with their challenges and the events that they
/// began, and says how many requests went. One that a card has answered already stays.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn delete_oldest_unanswered(
    transaction: &mut Transaction,
    before: OffsetDateTime,
    count_max: i64,
) -> Result<u64, Error> {
    let keys = find_due(transaction, OLDEST_UNANSWERED, before, count_max.min(BATCH)).await?;
    if keys.is_empty() {
        return Ok(0);
    }
    let mut rows = 0;
    for &delete in REQUEST {
        // The last statement's are the requests.
        rows = delete_by_keys(transaction, delete, before, &keys).await?;
    }
    Ok(rows)
}

const OLDEST_UNANSWERED: &str = "SELECT id AS key FROM authorization_request
     WHERE completed_at IS NULL AND session_id IS NULL AND expires_at < $1
     ORDER BY expires_at LIMIT $2";

async fn find_due(
    transaction: &mut Transaction,
    due: &'static str,
    before: OffsetDateTime,
    count_max: i64,
) -> Result<Vec<String>, Error> {
    let rows = sql::query(due)
        .bind(before.unix_timestamp())
        .bind(count_max)
        .fetch_all(transaction.connection())
        .await?;
    let keys = rows.iter().map(|row| row.try_get("key"));
    keys.collect()
}

async fn delete_by_keys(
    transaction: &mut Transaction,
    delete: &'static str,
    before: OffsetDateTime,
    keys: &[String],
) -> Result<u64, Error> {
    let (text, has_moment) = with_places(delete, keys.len());
    // Not kept prepared: its text depends on the number of keys.
    let mut query = sql::query_built(text);
    if has_moment {
        query = query.bind(before.unix_timestamp());
    }
    for key in keys {
        query = query.bind(key.as_str());
    }
    let done = query.execute(transaction.connection()).await?;
    Ok(done.rows_affected())
}

/// The statement with a place for each key, and whether the moment comes before them.
fn with_places(delete: &'static str, keys: usize) -> (String, bool) {
    let has_moment = delete.contains("$1");
    let first = 1 + usize::from(has_moment);
    let places: Vec<_> = (first..first + keys).map(|at| format!("${at}")).collect();
    let text = delete.replace("(keys)", &format!("({})", places.join(",")));
    (text, has_moment)
}

#[cfg(test)]
mod tests;

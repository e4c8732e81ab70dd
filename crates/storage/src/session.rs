//! Sessions: one authentication by card, alive while its card is present.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, SecretDigest, Transaction, session_card, timestamp};

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// The card has signed; the presence key has not answered yet.
    Pending,
    /// The card is present.
    Active,
    /// Over for good.
    Ended,
}

/// A stored session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Random; never leaves the server.
    pub id: String,
    /// The person.
    pub sub: String,
    /// What the card's certificate says about the person, as JSON; the caller owns its shape.
    pub identity: String,
    /// SHA-256 of the card's authentication certificate, base64url.
    pub card_sha256: String,
    /// Thumbprint of the agent instance's key.
    pub instance_jkt: String,
    /// Thumbprint of the presence key.
    pub presence_jkt: String,
    /// The level reached.
    pub acr: String,
    /// Age at the login of the evidence that the card was not revoked, in seconds; none in rows of
    /// versions that kept the age of stale evidence alone.
    pub revocation_age: Option<i64>,
    /// Where it stands.
    pub state: SessionState,
    /// The browser's session cookie, once it has one.
    pub cookie: Option<SecretDigest>,
    /// When the card signed.
    pub authenticated_at: OffsetDateTime,
    /// When the presence key last answered.
    pub present_at: Option<OffsetDateTime>,
    /// When the person last did something through a client.
    pub used_at: OffsetDateTime,
}

/// Moments before which a session counts as over.
#[derive(Clone, Copy, Debug)]
pub struct Cutoffs {
    /// Pending sessions authenticated before this were never claimed by a presence key.
    pub pending_since: OffsetDateTime,
    /// Active sessions last used before this.
    pub used: OffsetDateTime,
    /// Sessions authenticated before this.
    pub authenticated: OffsetDateTime,
}

/// Stores a new session.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`] when its presence key belongs to another session.
pub async fn insert(transaction: &mut Transaction, session: &Session) -> Result<(), Error> {
    sql::query(
        "INSERT INTO session
             (id, sub, identity, card_sha256, instance_jkt, presence_jkt, acr, revocation_age,
              state, cookie_sha256, authenticated_at, present_at, used_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(session.id.as_str())
    .bind(session.sub.as_str())
    .bind(session.identity.as_str())
    .bind(session.card_sha256.as_str())
    .bind(session.instance_jkt.as_str())
    .bind(session.presence_jkt.as_str())
    .bind(session.acr.as_str())
    .bind(session.revocation_age)
    .bind(session.state.as_str())
    .bind(session.cookie.as_ref().map(SecretDigest::as_str))
    .bind(session.authenticated_at.unix_timestamp())
    .bind(session.present_at.map(OffsetDateTime::unix_timestamp))
    .bind(session.used_at.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Finds a session by its id.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(transaction: &mut Transaction, id: &str) -> Result<Option<Session>, Error> {
    let query = sql::query(
        "SELECT id, sub, identity, card_sha256, instance_jkt, presence_jkt, acr, revocation_age,
                state, cookie_sha256, authenticated_at, present_at, used_at
         FROM session WHERE id = $1",
    );
    let row = query
        .bind(id)
        .fetch_optional(transaction.connection())
        .await?;
    row.as_ref().map(read).transpose()
}

/// Finds a session by the thumbprint of its presence key.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find_by_presence_key(
    transaction: &mut Transaction,
    presence_jkt: &str,
) -> Result<Option<Session>, Error> {
    let query = sql::query(
        "SELECT id, sub, identity, card_sha256, instance_jkt, presence_jkt, acr, revocation_age,
                state, cookie_sha256, authenticated_at, present_at, used_at
         FROM session WHERE presence_jkt = $1",
    );
    let row = query
        .bind(presence_jkt)
        .fetch_optional(transaction.connection())
        .await?;
    row.as_ref().map(read).transpose()
}

/// Finds the session that a client's `sid` belongs to now; none when the client was taken out. It
/// is one statement, so that a move to another session is seen whole or not at all.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find_by_sid(
    transaction: &mut Transaction,
    sid: &str,
) -> Result<Option<Session>, Error> {
    let query = sql::query(
        "SELECT id, sub, identity, card_sha256, instance_jkt, presence_jkt, acr, revocation_age,
                state, cookie_sha256, authenticated_at, present_at, used_at
         FROM session WHERE id =
             (SELECT session_id FROM client_session WHERE sid = $1 AND ended_at IS NULL)",
    );
    let row = query
        .bind(sid)
        .fetch_optional(transaction.connection())
        .await?;
    row.as_ref().map(read).transpose()
}

/// Finds a session by the browser's session cookie.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find_by_cookie(
    transaction: &mut Transaction,
    cookie: &SecretDigest,
) -> Result<Option<Session>, Error> {
    let query = sql::query(
        "SELECT id, sub, identity, card_sha256, instance_jkt, presence_jkt, acr, revocation_age,
                state, cookie_sha256, authenticated_at, present_at, used_at
         FROM session WHERE cookie_sha256 = $1",
    );
    let row = query
        .bind(cookie.as_str())
        .fetch_optional(transaction.connection())
        .await?;
    row.as_ref().map(read).transpose()
}

/// Lists the sessions of a card that are not over and that another agent instance holds.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_card_elsewhere(
    transaction: &mut Transaction,
    card_sha256: &str,
    instance_jkt: &str,
) -> Result<Vec<Session>, Error> {
    let rows = sql::query(
        "SELECT id, sub, identity, card_sha256, instance_jkt, presence_jkt, acr, revocation_age,
                state, cookie_sha256, authenticated_at, present_at, used_at
         FROM session WHERE card_sha256 = $1 AND instance_jkt <> $2 AND state <> 'ended'",
    )
    .bind(card_sha256)
    .bind(instance_jkt)
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Lists the sessions of a person that are not over.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_person(
    transaction: &mut Transaction,
    sub: &str,
) -> Result<Vec<Session>, Error> {
    let rows = sql::query(
        "SELECT id, sub, identity, card_sha256, instance_jkt, presence_jkt, acr, revocation_age,
                state, cookie_sha256, authenticated_at, present_at, used_at
         FROM session WHERE sub = $1 AND state <> 'ended' ORDER BY id",
    )
    .bind(sub)
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Lists the sessions of a card that are not over; and those of its owner of which nobody has noted
/// by which card they were opened.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_card(
    transaction: &mut Transaction,
    card_id: &str,
    sub: &str,
) -> Result<Vec<Session>, Error> {
    let rows = sql::query(
        "SELECT id, sub, identity, card_sha256, instance_jkt, presence_jkt, acr, revocation_age,
                state, cookie_sha256, authenticated_at, present_at, used_at
         FROM session
         WHERE sub = $2 AND state <> 'ended'
         AND NOT EXISTS (SELECT 1 FROM session_card WHERE session_card.session_id = session.id
                         AND session_card.card_id IS NOT NULL AND session_card.card_id <> $1)
         ORDER BY id",
    )
    .bind(card_id)
    .bind(sub)
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Lists the sessions that are not over at an agent instance.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_instance(
    transaction: &mut Transaction,
    instance_jkt: &str,
) -> Result<Vec<Session>, Error> {
    // By the index of states: an operator asks, and ended sessions are many more.
    let rows = sql::query(
        "SELECT id, sub, identity, card_sha256, instance_jkt, presence_jkt, acr, revocation_age,
                state, cookie_sha256, authenticated_at, present_at, used_at
         FROM session WHERE state IN ('pending', 'active') AND instance_jkt = $1 ORDER BY id",
    )
    .bind(instance_jkt)
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Lists up to `count_max` sessions that are over by one of the cut-offs but not ended yet; those
/// that fell silent are listed by [`list_silent`].
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_overdue(
    transaction: &mut Transaction,
    cutoffs: &Cutoffs,
    count_max: u32,
) -> Result<Vec<Session>, Error> {
    let rows = sql::query(
        "SELECT id, sub, identity, card_sha256, instance_jkt, presence_jkt, acr, revocation_age,
                state, cookie_sha256, authenticated_at, present_at, used_at
         FROM session
         WHERE (state = 'pending' AND authenticated_at < $1)
            OR (state = 'active' AND used_at < $2)
            OR (state = 'active' AND authenticated_at < $3)
         ORDER BY authenticated_at LIMIT $4",
    )
    .bind(cutoffs.pending_since.unix_timestamp())
    .bind(cutoffs.used.unix_timestamp())
    .bind(cutoffs.authenticated.unix_timestamp())
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Lists up to `count_max` active sessions whose presence key last answered before `cutoff`, the
/// longest silent first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_silent(
    transaction: &mut Transaction,
    cutoff: OffsetDateTime,
    count_max: u32,
) -> Result<Vec<Session>, Error> {
    let rows = sql::query(
        "SELECT id, sub, identity, card_sha256, instance_jkt, presence_jkt, acr, revocation_age,
                state, cookie_sha256, authenticated_at, present_at, used_at
         FROM session WHERE state = 'active' AND present_at < $1
         ORDER BY present_at LIMIT $2",
    )
    .bind(cutoff.unix_timestamp())
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Lists up to `count_max` active sessions that no presence key answers for and that were
/// authenticated before `cutoff`, the oldest first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_unwatched_overdue(
    transaction: &mut Transaction,
    cutoff: OffsetDateTime,
    count_max: u32,
) -> Result<Vec<Session>, Error> {
    let rows = sql::query(
        "SELECT id, sub, identity, card_sha256, instance_jkt, presence_jkt, acr, revocation_age,
                state, cookie_sha256, authenticated_at, present_at, used_at
         FROM session WHERE state = 'active' AND present_at IS NULL AND authenticated_at < $1
         ORDER BY authenticated_at LIMIT $2",
    )
    .bind(cutoff.unix_timestamp())
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Counts the agents of sessions that fell silent before `silent_before`, or ended for `reason`
/// since `ended_since`: so many agent instances, and so many people, whichever are fewer. Sessions
/// are not counted, for one agent opens as many as it likes.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_lost_agents(
    transaction: &mut Transaction,
    silent_before: OffsetDateTime,
    reason: &str,
    ended_since: OffsetDateTime,
) -> Result<i64, Error> {
    let row = sql::query(
        "SELECT COUNT(DISTINCT instance_jkt) AS instances, COUNT(DISTINCT sub) AS people
         FROM session
         WHERE (state = 'active' AND present_at < $1) OR (ended_at >= $3 AND end_reason = $2)",
    )
    .bind(silent_before.unix_timestamp())
    .bind(reason)
    .bind(ended_since.unix_timestamp())
    .fetch_one(transaction.connection())
    .await?;
    read_agents(&row)
}

/// Counts the agents of sessions that are active and watched, or ended for `reason` since
/// `ended_since`, in the way of [`count_lost_agents`].
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_live_agents(
    transaction: &mut Transaction,
    reason: &str,
    ended_since: OffsetDateTime,
) -> Result<i64, Error> {
    let row = sql::query(
        "SELECT COUNT(DISTINCT instance_jkt) AS instances, COUNT(DISTINCT sub) AS people
         FROM session WHERE (state = 'active' AND present_at IS NOT NULL)
                             OR (ended_at >= $2 AND end_reason = $1)",
    )
    .bind(reason)
    .bind(ended_since.unix_timestamp())
    .fetch_one(transaction.connection())
    .await?;
    read_agents(&row)
}

fn read_agents(row: &Row) -> Result<i64, Error> {
    let instances: i64 = row.try_get("instances")?;
    let people: i64 = row.try_get("people")?;
    Ok(instances.min(people))
}

/// Why a session ended; none when it is unknown or goes on.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find_end_reason(
    transaction: &mut Transaction,
    id: &str,
) -> Result<Option<String>, Error> {
    let row = sql::query("SELECT end_reason FROM session WHERE id = $1")
        .bind(id)
        .fetch_optional(transaction.connection())
        .await?;
    Ok(row
        .map(|row| row.try_get("end_reason"))
        .transpose()?
        .flatten())
}

/// Turns a pending session active. False when it is not pending any more.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn activate(
    transaction: &mut Transaction,
    id: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let updated = sql::query(
        "UPDATE session SET state = 'active', present_at = $2
         WHERE id = $1 AND state = 'pending'",
    )
    .bind(id)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Turns a pending session active that no presence key will ever answer for. False when it is not
/// pending any more.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn activate_unwatched(transaction: &mut Transaction, id: &str) -> Result<bool, Error> {
    let updated =
        sql::query("UPDATE session SET state = 'active' WHERE id = $1 AND state = 'pending'")
            .bind(id)
            .execute(transaction.connection())
            .await?;
    Ok(updated.rows_affected() == 1)
}

/// Notes that the presence key of an active session has answered. False when it is not active.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn record_presence(
    transaction: &mut Transaction,
    id: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let updated =
        sql::query("UPDATE session SET present_at = $2 WHERE id = $1 AND state = 'active'")
            .bind(id)
            .bind(now.unix_timestamp())
            .execute(transaction.connection())
            .await?;
    Ok(updated.rows_affected() == 1)
}

/// Sessions whose presence one statement notes.
pub const PRESENCES_MAX: usize = 64;

/// Notes that the presence keys of up to [`PRESENCES_MAX`] active sessions have answered. Gives how
/// many of them are active.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn record_presences(
    transaction: &mut Transaction,
    ids: &[String],
    now: OffsetDateTime,
) -> Result<u64, Error> {
    // Not "state = 'active'": SQLite would take the index of states, and read each active session.
    let mut query = sql::query(
        "UPDATE session SET present_at = $1 WHERE state NOT IN ('pending', 'ended') AND id IN (
             $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
             $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34,
             $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50,
             $51, $52, $53, $54, $55, $56, $57, $58, $59, $60, $61, $62, $63, $64, $65)",
    )
    .bind(now.unix_timestamp());
    // The text is one for any number; no session has an empty id.
    let padded = ids.iter().map(String::as_str).chain(std::iter::repeat(""));
    for id in padded.take(PRESENCES_MAX) {
        query = query.bind(id);
    }
    let updated = query.execute(transaction.connection()).await?;
    Ok(updated.rows_affected())
}

/// Notes that the person did something through a client. False when the session is not active.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn record_use(
    transaction: &mut Transaction,
    id: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let updated = sql::query("UPDATE session SET used_at = $2 WHERE id = $1 AND state = 'active'")
        .bind(id)
        .bind(now.unix_timestamp())
        .execute(transaction.connection())
        .await?;
    Ok(updated.rows_affected() == 1)
}

/// Gives an active session the cookie of its browser. False when the session is not active.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`].
pub async fn set_cookie(
    transaction: &mut Transaction,
    id: &str,
    cookie: &SecretDigest,
) -> Result<bool, Error> {
    let updated =
        sql::query("UPDATE session SET cookie_sha256 = $2 WHERE id = $1 AND state = 'active'")
            .bind(id)
            .bind(cookie.as_str())
            .execute(transaction.connection())
            .await?;
    Ok(updated.rows_affected() == 1)
}

/// Ends a session for good and forgets its cookie, its card and what that said about the person.
/// False when it was over already.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn end(
    transaction: &mut Transaction,
    id: &str,
    reason: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let updated = sql::query(
        "UPDATE session SET state = 'ended', end_reason = $2, ended_at = $3, cookie_sha256 = NULL,
                            identity = '{}'
         WHERE id = $1 AND state <> 'ended'",
    )
    .bind(id)
    .bind(reason)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    session_card::delete(transaction, id).await?;
    Ok(updated.rows_affected() == 1)
}

impl SessionState {
    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Ended => "ended",
        }
    }

    fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "pending" => Ok(Self::Pending),
            "active" => Ok(Self::Active),
            "ended" => Ok(Self::Ended),
            _ => Err(Error::Corrupt {
                column: "session.state".to_owned(),
            }),
        }
    }
}

fn read(row: &Row) -> Result<Session, Error> {
    let cookie: Option<String> = row.try_get("cookie_sha256")?;
    Ok(Session {
        id: row.try_get("id")?,
        sub: row.try_get("sub")?,
        identity: row.try_get("identity")?,
        card_sha256: row.try_get("card_sha256")?,
        instance_jkt: row.try_get("instance_jkt")?,
        presence_jkt: row.try_get("presence_jkt")?,
        acr: row.try_get("acr")?,
        revocation_age: row.try_get("revocation_age")?,
        state: SessionState::parse(row.try_get("state")?)?,
        cookie: cookie.map(SecretDigest::from_stored),
        authenticated_at: timestamp::required(row, "authenticated_at")?,
        present_at: timestamp::optional(row, "present_at")?,
        used_at: timestamp::required(row, "used_at")?,
    })
}

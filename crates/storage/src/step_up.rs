//! Fresh signatures that guards have asked for: each is answered once, and one waits a session.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, Redemption, Transaction, redemption, timestamp};

/// One question to the holder of a session's card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepUp {
    /// Its own id, inside the challenge and inside what the card signs.
    pub jti: String,
    /// The session that is asked.
    pub session_id: String,
    /// Its presence key: the connection that is asked over.
    pub presence_jkt: String,
    /// The guard that wants it, as a client.
    pub guard_client_id: String,
    /// The client whose token it was.
    pub client_id: String,
    /// That client's session id.
    pub sid: String,
    /// The service, in the guard's words.
    pub service: String,
    /// How many patients the person is told of.
    pub patients: u32,
    /// The signed challenge.
    pub challenge: String,
    /// The nonce inside it.
    pub nonce: String,
    /// When the guard refused what it wants the signature for, by its clock, in milliseconds; 0
    /// where nobody knows.
    pub refused_at_ms: i64,
    /// When it was asked.
    pub asked_at: OffsetDateTime,
    /// When it stops being accepted.
    pub expires_at: OffsetDateTime,
}

/// A question that waits for its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingStepUp {
    /// The presence key of the session that is asked.
    pub presence_jkt: String,
    /// The signed challenge.
    pub challenge: String,
}

/// How often a session was asked lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AskedLately {
    /// So often.
    pub count: i64,
    /// When the last question was closed without a signature.
    pub refused_at: Option<OffsetDateTime>,
}

/// The word of a question that a signature has answered.
pub const GIVEN: &str = "given";
/// The word of one that nobody has answered in time.
const EXPIRED: &str = "expired";

/// Asks. False where a question of this session waits already.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn ask(transaction: &mut Transaction, step_up: &StepUp) -> Result<bool, Error> {
    let done = sql::query(
        "INSERT INTO step_up (jti, session_id, presence_jkt, guard_client_id, client_id, sid,
                              service, patients, challenge, nonce, asked_at, expires_at,
                              refused_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (session_id) WHERE answered_at IS NULL DO NOTHING",
    )
    .bind(step_up.jti.as_str())
    .bind(step_up.session_id.as_str())
    .bind(step_up.presence_jkt.as_str())
    .bind(step_up.guard_client_id.as_str())
    .bind(step_up.client_id.as_str())
    .bind(step_up.sid.as_str())
    .bind(step_up.service.as_str())
    .bind(i64::from(step_up.patients))
    .bind(step_up.challenge.as_str())
    .bind(step_up.nonce.as_str())
    .bind(step_up.asked_at.unix_timestamp())
    .bind(step_up.expires_at.unix_timestamp())
    .bind(step_up.refused_at_ms)
    .execute(transaction.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Closes a session's question that has expired, and says how often it was asked since `since`.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn asked_lately(
    transaction: &mut Transaction,
    session_id: &str,
    since: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<AskedLately, Error> {
    sql::query(
        "UPDATE step_up SET answered_at = expires_at, outcome = $3
         WHERE session_id = $1 AND answered_at IS NULL AND expires_at <= $2",
    )
    .bind(session_id)
    .bind(now.unix_timestamp())
    .bind(EXPIRED)
    .execute(transaction.connection())
    .await?;
    let row = sql::query(
        "SELECT COUNT(*) AS asked,
                MAX(CASE WHEN outcome = $3 THEN NULL ELSE answered_at END) AS refused_at
         FROM step_up WHERE session_id = $1 AND asked_at > $2",
    )
    .bind(session_id)
    .bind(since.unix_timestamp())
    .bind(GIVEN)
    .fetch_one(transaction.connection())
    .await?;
    Ok(AskedLately {
        count: row.try_get("asked")?,
        refused_at: timestamp::optional(&row, "refused_at")?,
    })
}

/// Lists questions that wait, the oldest first; up to `count_max`.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn list_waiting(
    transaction: &mut Transaction,
    now: OffsetDateTime,
    count_max: u32,
) -> Result<Vec<WaitingStepUp>, Error> {
    let rows = sql::query(
        "SELECT presence_jkt, challenge FROM step_up
         WHERE answered_at IS NULL AND expires_at > $1 ORDER BY asked_at LIMIT $2",
    )
    .bind(now.unix_timestamp())
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    let read = |row: &Row| {
        Ok(WaitingStepUp {
            presence_jkt: row.try_get("presence_jkt")?,
            challenge: row.try_get("challenge")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Takes a question that was put to a presence key. One statement decides, so of parallel answers
/// exactly one gets it; `outcome` stands until another is [noted](note_outcome).
///
/// Expiry and everything else is compared by the caller afterwards: a wrong answer closes the
/// question all the same.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn redeem(
    transaction: &mut Transaction,
    (jti, presence_jkt): (&str, &str),
    outcome: &str,
    now: OffsetDateTime,
) -> Result<Redemption<StepUp>, Error> {
    let taking = sql::query(
        "UPDATE step_up SET answered_at = $3, outcome = $4
         WHERE jti = $1 AND presence_jkt = $2 AND answered_at IS NULL
         RETURNING jti, session_id, presence_jkt, guard_client_id, client_id, sid, service,
                   patients, challenge, nonce, asked_at, expires_at, refused_at_ms",
    )
    .bind(jti)
    .bind(presence_jkt)
    .bind(now.unix_timestamp())
    .bind(outcome);
    let finding = sql::query(
        "SELECT jti, session_id, presence_jkt, guard_client_id, client_id, sid, service, patients,
                challenge, nonce, asked_at, expires_at, refused_at_ms
         FROM step_up WHERE jti = $1 AND presence_jkt = $2",
    )
    .bind(jti)
    .bind(presence_jkt);
    redemption::redeem(transaction, taking, finding, read).await
}

/// Notes what came of a question that was taken.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn note_outcome(
    transaction: &mut Transaction,
    jti: &str,
    outcome: &str,
) -> Result<(), Error> {
    sql::query("UPDATE step_up SET outcome = $2 WHERE jti = $1")
        .bind(jti)
        .bind(outcome)
        .execute(transaction.connection())
        .await?;
    Ok(())
}

fn read(row: &Row) -> Result<StepUp, Error> {
    let patients: i64 = row.try_get("patients")?;
    Ok(StepUp {
        jti: row.try_get("jti")?,
        session_id: row.try_get("session_id")?,
        presence_jkt: row.try_get("presence_jkt")?,
        guard_client_id: row.try_get("guard_client_id")?,
        client_id: row.try_get("client_id")?,
        sid: row.try_get("sid")?,
        service: row.try_get("service")?,
        patients: u32::try_from(patients).map_err(|_| Error::Corrupt {
            column: "step_up.patients".to_owned(),
        })?,
        challenge: row.try_get("challenge")?,
        nonce: row.try_get("nonce")?,
        refused_at_ms: row.try_get("refused_at_ms")?,
        asked_at: timestamp::required(row, "asked_at")?,
        expires_at: timestamp::required(row, "expires_at")?,
    })
}

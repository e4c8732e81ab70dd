//! Forgetting: what is over is deleted, personal data with it. Events and subjects stay, but for
//! what strangers bring about: logins that nobody answered, and refusals that concern nobody.

use time::OffsetDateTime;

use crate::{Error, Transaction};

/// Deletes, children first, what ended before `before`, and says how many rows went.
///
/// `before` lies far enough back that a replayed challenge or a reused code is still recognised
/// for some time after it expired.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn delete_ended_before(
    transaction: &mut Transaction,
    before: OffsetDateTime,
) -> Result<u64, Error> {
    const STATEMENTS: &[&str] = &[
        "DELETE FROM access_grant WHERE expires_at < $1",
        "DELETE FROM grant_challenge WHERE expires_at < $1",
        "DELETE FROM refresh_token WHERE family_id IN
             (SELECT id FROM refresh_token_family WHERE expires_at < $1)",
        "DELETE FROM refresh_token_family WHERE expires_at < $1",
        "DELETE FROM authorization_code WHERE expires_at < $1",
        "DELETE FROM consent WHERE expires_at < $1",
        "DELETE FROM challenge WHERE authorization_request_id IN
             (SELECT id FROM authorization_request WHERE expires_at < $1)",
        "DELETE FROM authorization_request WHERE expires_at < $1",
        "DELETE FROM client_session WHERE session_id IN
             (SELECT id FROM session WHERE state = 'ended' AND ended_at < $1)
             AND sid NOT IN (SELECT sid FROM access_grant WHERE sid IS NOT NULL)
             AND sid NOT IN (SELECT sid FROM refresh_token_family)
             AND sid NOT IN (SELECT sid FROM authorization_code)",
        "DELETE FROM session_card WHERE session_id IN
             (SELECT id FROM session WHERE state = 'ended' AND ended_at < $1)",
        "DELETE FROM session WHERE state = 'ended' AND ended_at < $1
             AND id NOT IN (SELECT session_id FROM client_session)
             AND id NOT IN (SELECT session_id FROM authorization_request
                            WHERE session_id IS NOT NULL)",
    ];
    delete(transaction, STATEMENTS, before).await
}

/// Deletes the authorization requests that expired before `before` without an answer, with their
/// challenges and the events that they began, and says how many rows went.
///
/// Anybody can begin a login and leave it; such records need not be kept as long as those of a
/// login that somebody completed.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn delete_incomplete_requests_before(
    transaction: &mut Transaction,
    before: OffsetDateTime,
) -> Result<u64, Error> {
    const STATEMENTS: &[&str] = &[
        "DELETE FROM event WHERE kind = 'authorization.begun' AND authorization_request_id IN
             (SELECT id FROM authorization_request
              WHERE completed_at IS NULL AND expires_at < $1)",
        "DELETE FROM challenge WHERE authorization_request_id IN
             (SELECT id FROM authorization_request
              WHERE completed_at IS NULL AND expires_at < $1)",
        "DELETE FROM authorization_request WHERE completed_at IS NULL AND expires_at < $1",
        "DELETE FROM pushed_authorization_request WHERE expires_at < $1",
        "DELETE FROM grant_challenge WHERE redeemed_at IS NULL AND expires_at < $1",
    ];
    delete(transaction, STATEMENTS, before).await
}

/// Deletes the marks of proofs and assertions that would be refused for their age by now, and DPoP
/// keys that nobody uses any more, and says how many rows went.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn delete_spent_proofs_before(
    transaction: &mut Transaction,
    before: OffsetDateTime,
) -> Result<u64, Error> {
    const STATEMENTS: &[&str] = &[
        "DELETE FROM spent_jti WHERE expires_at < $1",
        "DELETE FROM dpop_key WHERE expires_at < $1",
    ];
    delete(transaction, STATEMENTS, before).await
}

/// Deletes the refusals on record before `before` that concern no person and no session, and says
/// how many rows went. Every other event stays.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn delete_refusals_of_nobody_before(
    transaction: &mut Transaction,
    before: OffsetDateTime,
) -> Result<u64, Error> {
    const STATEMENTS: &[&str] = &["DELETE FROM event
         WHERE sub IS NULL AND session_id IS NULL AND occurred_at < $1
         AND kind IN ('authorization.refused', 'authorization.pushed', 'login.refused',
                      'card_grant.refused', 'token.refused', 'token_lookup.refused',
                      'userinfo.refused', 'logout.unconfirmed')"];
    delete(transaction, STATEMENTS, before).await
}

/// Deletes the oldest authorization requests that nobody answered, at most `count_max` of those
/// that expire before `before`, with their challenges and the events that they began, and says how
/// many requests went. One that a card has answered already stays.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn delete_oldest_unanswered(
    transaction: &mut Transaction,
    before: OffsetDateTime,
    count_max: i64,
) -> Result<u64, Error> {
    const STATEMENTS: &[&str] = &[
        "DELETE FROM event WHERE kind = 'authorization.begun' AND authorization_request_id IN
             (SELECT id FROM authorization_request
              WHERE completed_at IS NULL AND session_id IS NULL AND expires_at < $1
              ORDER BY expires_at, id LIMIT $2)",
        "DELETE FROM challenge WHERE authorization_request_id IN
             (SELECT id FROM authorization_request
              WHERE completed_at IS NULL AND session_id IS NULL AND expires_at < $1
              ORDER BY expires_at, id LIMIT $2)",
        "DELETE FROM authorization_request WHERE id IN
             (SELECT id FROM authorization_request
              WHERE completed_at IS NULL AND session_id IS NULL AND expires_at < $1
              ORDER BY expires_at, id LIMIT $2)",
    ];
    let mut rows = 0;
    for &statement in STATEMENTS {
        let done = sqlx::query(statement)
            .bind(before.unix_timestamp())
            .bind(count_max)
            .execute(transaction.connection())
            .await?;
        // The last statement's are the requests.
        rows = done.rows_affected();
    }
    Ok(rows)
}

async fn delete(
    transaction: &mut Transaction,
    statements: &[&'static str],
    before: OffsetDateTime,
) -> Result<u64, Error> {
    let mut rows = 0;
    for &statement in statements {
        let done = sqlx::query(statement)
            .bind(before.unix_timestamp())
            .execute(transaction.connection())
            .await?;
        rows += done.rows_affected();
    }
    Ok(rows)
}

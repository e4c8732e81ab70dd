//! What the agents of a person's other sessions are told at once: a workstation that is new to her,
//! and a use of her card that was refused.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, Transaction, timestamp};

/// Notices of one look: more than that at once are a flood, and wait for the next login.
const LOOK_MAX: i64 = 200;

/// A notice, and the presence key of a session whose agent is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveNotice {
    /// The presence key of the session.
    pub presence_jkt: String,
    /// What happened.
    pub news: News,
    /// When.
    pub at: OffsetDateTime,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Her card was used at a workstation for the first time.
    NewWorkstation {
        /// The thumbprint of its key.
        instance_jkt: String,
        /// What it calls itself.
        name: Option<String>,
    },
    /// A use of her card was refused.
    RefusedUse {
        /// The row's id.
        id: String,
        /// What the login page said.
        code: String,
        /// What the workstation calls itself.
        name: Option<String>,
    },
}

/// Lists what happened since `since` for all sessions that run elsewhere than where it happened.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_since(
    transaction: &mut Transaction,
    since: OffsetDateTime,
) -> Result<Vec<LiveNotice>, Error> {
    let rows = sql::query(
        "SELECT session.presence_jkt AS presence_jkt, own.instance_jkt AS instance_jkt,
                own.instance_name AS instance_name, own.first_seen_at AS first_seen_at
         FROM agent_instance AS own
         JOIN session ON session.sub = own.sub AND session.instance_jkt <> own.instance_jkt
                         AND session.state = 'active'
         WHERE own.first_seen_at >= $1 AND own.acknowledged_at IS NULL AND own.revoked_at IS NULL
         ORDER BY own.first_seen_at DESC LIMIT $2",
    )
    .bind(since.unix_timestamp())
    .bind(LOOK_MAX)
    .fetch_all(transaction.connection())
    .await?;
    let mut notices: Vec<_> = rows
        .iter()
        .map(read_workstation)
        .collect::<Result<_, _>>()?;
    let rows = sql::query(
        "SELECT session.presence_jkt AS presence_jkt, refused.id AS id, refused.code AS code,
                refused.last_instance_name AS instance_name, refused.news_at AS news_at
         FROM refused_use AS refused
         JOIN session ON session.sub = refused.sub AND session.state = 'active'
              AND session.instance_jkt <> COALESCE(refused.last_instance_jkt, '')
         WHERE refused.news_at >= $1 AND refused.told_at IS NULL
         ORDER BY refused.news_at DESC LIMIT $2",
    )
    .bind(since.unix_timestamp())
    .bind(LOOK_MAX)
    .fetch_all(transaction.connection())
    .await?;
    for row in &rows {
        notices.push(read_refused(row)?);
    }
    Ok(notices)
}

/// Lists the workstations that are new to a person since `since`, for a session of hers that ends
/// because her card is used elsewhere.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_workstations_for(
    transaction: &mut Transaction,
    presence_jkt: &str,
    since: OffsetDateTime,
) -> Result<Vec<LiveNotice>, Error> {
    let rows = sql::query(
        "SELECT session.presence_jkt AS presence_jkt, own.instance_jkt AS instance_jkt,
                own.instance_name AS instance_name, own.first_seen_at AS first_seen_at
         FROM session
         JOIN agent_instance AS own
              ON own.sub = session.sub AND own.instance_jkt <> session.instance_jkt
         WHERE session.presence_jkt = $1 AND own.first_seen_at >= $2
           AND own.acknowledged_at IS NULL AND own.revoked_at IS NULL
         ORDER BY own.first_seen_at DESC LIMIT $3",
    )
    .bind(presence_jkt)
    .bind(since.unix_timestamp())
    .bind(LOOK_MAX)
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read_workstation).collect()
}

fn read_workstation(row: &Row) -> Result<LiveNotice, Error> {
    Ok(LiveNotice {
        presence_jkt: row.try_get("presence_jkt")?,
        news: News::NewWorkstation {
            instance_jkt: row.try_get("instance_jkt")?,
            name: row.try_get("instance_name")?,
        },
        at: timestamp::required(row, "first_seen_at")?,
    })
}

fn read_refused(row: &Row) -> Result<LiveNotice, Error> {
    Ok(LiveNotice {
        presence_jkt: row.try_get("presence_jkt")?,
        news: News::RefusedUse {
            id: row.try_get("id")?,
            code: row.try_get("code")?,
            name: row.try_get("instance_name")?,
        },
        at: timestamp::required(row, "news_at")?,
    })
}

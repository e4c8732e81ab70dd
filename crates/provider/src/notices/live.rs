//! What the agents of a person's other sessions are told at once. It is read from the records, by
//! each node for the connections that it has: whichever of them took the login.

use cardea_assertion::{Notice, NoticeKind};
use cardea_jose::sha256_base64url;
use cardea_storage::live_notice::{self, News};
use time::{Duration, OffsetDateTime};

use crate::{Error, Provider};

/// How long something is told to an agent whose connection is just being made anew; later it waits
/// for the next login.
const TOLD_FOR: Duration = Duration::minutes(2);
/// Letters of a digest that tell one notice from another.
const ID_LETTERS: usize = 22;

/// A notice, and whose connection is to tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveNotice {
    /// The presence key of the session.
    pub presence_jkt: String,
    /// The notice.
    pub notice: Notice,
}

impl Provider {
    /// Lists what the agents of running sessions are to be told; the same ones again and again for
    /// two minutes.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn live_notices(&self) -> Result<Vec<LiveNotice>, Error> {
        let since = self.now() - TOLD_FOR;
        let mut transaction = self.store.begin_brief_read().await?;
        let found = live_notice::list_since(&mut transaction, since).await?;
        Ok(found.into_iter().map(LiveNotice::of).collect())
    }

    /// What the agent of a session is to be told before it ends because the card is used elsewhere.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn notices_before_the_end(
        &self,
        presence_jkt: &str,
    ) -> Result<Vec<LiveNotice>, Error> {
        let since = self.now() - TOLD_FOR;
        let mut transaction = self.store.begin_brief_read().await?;
        let found =
            live_notice::list_workstations_for(&mut transaction, presence_jkt, since).await?;
        Ok(found.into_iter().map(LiveNotice::of).collect())
    }
}

impl LiveNotice {
    fn of(found: live_notice::LiveNotice) -> Self {
        let (kind, key, code, name) = match found.news {
            News::NewWorkstation { instance_jkt, name } => {
                (NoticeKind::NewWorkstation, instance_jkt, None, name)
            }
            News::RefusedUse { id, code, name } => (NoticeKind::RefusedUse, id, Some(code), name),
        };
        Self {
            notice: Notice {
                id: id_of(&key, found.at),
                kind,
                at: found.at.unix_timestamp(),
                workstation: name,
                code,
            },
            presence_jkt: found.presence_jkt,
        }
    }
}

/// Another one for what becomes news again, and nothing of ours by which something could be asked.
fn id_of(key: &str, at: OffsetDateTime) -> String {
    let digest = sha256_base64url(format!("{key}\n{}", at.unix_timestamp()).as_bytes());
    digest.chars().take(ID_LETTERS).collect()
}

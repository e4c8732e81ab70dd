//! What a person is told about her cards between a login and the portal: that one was suspended,
//! until she has seen it; and once for each card, where the operator wants it, the offer of the
//! code that suspends it. She may go on without one: it waits on her account page.

use cardea_jose::{constant_time_eq, sha256_base64url};
use cardea_storage::card::{self, Card, EarlierCode};
use cardea_storage::session::Session;
use cardea_storage::{SecretDigest, Transaction};
use time::OffsetDateTime;

use crate::event::{Event, SuspensionEvent};
use crate::suspension::{CardSuspension, SuspendCodeOffer, new_code, suspension_of};
use crate::{Error, MadeSuspendCode, Provider};

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardNews {
    /// Her cards that were suspended since she looked last, the earliest first.
    pub suspended: Vec<SuspendedCard>,
    /// The family of the card in the reader, if it has no code yet that suspends it.
    pub offered_for: Option<String>,
    /// The client's display name.
    pub client_name: String,
    /// Stands for all of this; the answer must bring it back.
    pub shown: String,
    /// The languages that the client asked for, space-separated.
    pub ui_locales: Option<String>,
    /// What a policy must allow as the target of the page's form, beside ourselves; see
    /// [`AuthorizationResponse::form_action`](crate::AuthorizationResponse::form_action).
    pub form_action: String,
}

/// A suspended card of hers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspendedCard {
    /// Its family.
    pub family: String,
    /// Its number.
    pub number: String,
    /// Since when, and by whom.
    pub suspension: CardSuspension,
    /// When somebody last tried to sign in with it since then.
    pub refused_at: Option<OffsetDateTime>,
}

/// What she says on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardNewsAnswer {
    /// She has seen it, and goes on.
    GoOn,
    /// She wants the code that suspends her card.
    MakeCode,
}

struct News {
    suspended: Vec<Card>,
    offered: Option<Card>,
}

impl News {
    fn is_empty(&self) -> bool {
        self.suspended.is_empty() && self.offered.is_none()
    }
}

impl Provider {
    /// Says what the page shows, to the browser that began the login alone.
    ///
    /// # Errors
    /// As [`Provider::complete_authorization`].
    pub async fn describe_card_news(
        &self,
        request_id: &str,
        login_cookie: &str,
    ) -> Result<CardNews, Error> {
        let now = self.now();
        let mut transaction = self.store.begin_read().await?;
        let answerable = self
            .load_answerable(&mut transaction, request_id, login_cookie, now)
            .await?;
        let news = self
            .find_card_news(&mut transaction, &answerable.session)
            .await?;
        let shown = shown(&news, login_cookie);
        let suspended = news.suspended.into_iter().filter_map(|card| {
            Some(SuspendedCard {
                suspension: suspension_of(&card)?,
                refused_at: card.refused_at,
                family: card.family,
                number: card.number,
            })
        });
        Ok(CardNews {
            suspended: suspended.collect(),
            offered_for: news.offered.map(|card| card.family),
            client_name: answerable.client.name.clone(),
            shown,
            form_action: super::respond::form_action(&answerable.parameters.redirect_uri),
            ui_locales: answerable.parameters.ui_locales,
        })
    }

    /// Takes her answer, and gives the code where she wants one: this is the only time that anybody
    /// sees it. `shown_before` is what [`Provider::describe_card_news`] gave.
    ///
    /// # Errors
    /// [`Error::CardNewsMismatch`] for another answer, and those of
    /// [`Provider::complete_authorization`].
    pub async fn answer_card_news(
        &self,
        request_id: &str,
        login_cookie: &str,
        shown_before: &str,
        answer: CardNewsAnswer,
    ) -> Result<Option<MadeSuspendCode>, Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        let answerable = self
            .load_answerable(&mut transaction, request_id, login_cookie, now)
            .await?;
        let session = &answerable.session;
        let news = self.find_card_news(&mut transaction, session).await?;
        let shown = shown(&news, login_cookie);
        if !constant_time_eq(shown_before.as_bytes(), shown.as_bytes()) {
            return Err(Error::CardNewsMismatch);
        }
        let about = |event: Event| {
            event
                .of_request(&answerable.request.id)
                .of_session(&session.id, &session.sub)
        };
        for card in &news.suspended {
            card::record_told(&mut transaction, &card.id, now).await?;
            let card = card.id.clone();
            let event = Event::new(SuspensionEvent::SuspensionSeen { card }, now);
            self.record(&mut transaction, about(event)).await?;
        }
        let mut code = None;
        if let Some(card) = news.offered {
            card::record_offer(&mut transaction, &card.id, now).await?;
            if answer == CardNewsAnswer::MakeCode {
                let (made, event) =
                    new_code(&mut transaction, &card, EarlierCode::Kept, now).await?;
                self.record(&mut transaction, about(event)).await?;
                code = Some(MadeSuspendCode::new(made, session, card, now));
            }
        }
        transaction.commit().await?;
        Ok(code)
    }

    /// Refuses while the person has to be shown something about her cards.
    pub(super) async fn check_card_news_shown(
        &self,
        transaction: &mut Transaction,
        session: &Session,
    ) -> Result<(), Error> {
        match self.find_card_news(transaction, session).await?.is_empty() {
            true => Ok(()),
            false => Err(Error::CardNewsUnshown),
        }
    }

    async fn find_card_news(
        &self,
        transaction: &mut Transaction,
        session: &Session,
    ) -> Result<News, Error> {
        let suspended = card::list_untold(transaction, &session.sub).await?;
        let offered = match self.authorization_rules.suspend_code_offer {
            SuspendCodeOffer::OnAccountPage => None,
            SuspendCodeOffer::AtFirstLogin => {
                let card = card::find_of_session(transaction, &session.id).await?;
                card.filter(|card| card.code_digest.is_none() && card.code_offered_at.is_none())
            }
        };
        Ok(News { suspended, offered })
    }
}

/// Stands for what was shown, in this browser's login.
fn shown(news: &News, login_cookie: &str) -> String {
    let mut text = SecretDigest::of(login_cookie).as_str().to_owned();
    for card in news.suspended.iter().chain(&news.offered) {
        text.push('\n');
        text.push_str(&card.id);
    }
    text.push(if news.offered.is_some() { '+' } else { '.' });
    sha256_base64url(text.as_bytes())
}

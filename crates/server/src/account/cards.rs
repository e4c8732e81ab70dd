//! "My cards": with which cards she signs in, the code that suspends the one in the reader, and the
//! button that suspends another one, which is lost.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use cardea_provider::{ACCOUNT_PATH, AccountSession, Error, OwnCard, SuspendedBy};

use super::{Section, SignedIn, unavailable};
use crate::error_response::language_of;
use crate::form::Body;
use crate::handler::account::show;
use crate::handler::card_news::show_code;
use crate::language::{Language, Text};
use crate::moment::Moments;
use crate::page::SUSPEND_PATH;
use crate::page::card_words::kind;
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

#[derive(Template)]
#[template(path = "account_cards.html")]
struct Cards<'a> {
    language: Language,
    moments: Moments,
    form_token: &'a str,
    cards: &'a [OwnCard],
}

/// The section.
pub(crate) async fn section(
    state: &AppState,
    session: &AccountSession,
    language: Language,
) -> Result<Section, Refusal> {
    let cards = state.provider().list_own_cards(session).await;
    let cards = cards.map_err(|error| unavailable(&error))?;
    let section = Section::render(&Cards {
        language,
        moments: state.moments(language),
        form_token: &session.form_token,
        cards: &cards,
    })?;
    Ok(section.reached_by("cards", HEADING.in_language(language)))
}

/// Makes a new code for the card in the reader, and shows it once.
pub(crate) async fn post_suspend_code(
    State(state): State<AppState>,
    signed_in: SignedIn,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    signed_in.read_form(&state, &headers, body)?;
    let (all, account) = (state.clone(), signed_in.0.clone());
    let made = to_the_end(async move { all.provider().make_suspend_code(&account).await });
    let made = made.await.ok_or_else(|| Refusal::page(Problem::Internal))?;
    let language = language_of(&uri, &headers);
    let made = match made {
        Ok(made) => made,
        // The page has no button there, unless it is of before the first code.
        Err(error @ Error::SuspendCodeNotEntitled) => {
            tracing::warn!(code = error.code(), "no new code is made from here");
            let mut told = show(&state, &signed_in, language, Some(CODE_BOUND)).await?;
            *told.status_mut() = StatusCode::FORBIDDEN;
            return Ok(told);
        }
        Err(error) => return Err(unavailable(&error)),
    };
    let onward = format!("{ACCOUNT_PATH}?lang={}", language.tag());
    Ok(show_code(&state, language, &made, &onward))
}

/// Suspends another card of hers, and tells everybody whose session ends with it.
pub(crate) async fn post_card(
    State(state): State<AppState>,
    signed_in: SignedIn,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = signed_in.read_form(&state, &headers, body)?;
    let malformed = || Refusal::page(Problem::RequestMalformed);
    let [(first, card), (second, word)] = pairs.as_slice() else {
        return Err(malformed());
    };
    if first != "card" || second != "change" || word != "suspend" {
        return Err(malformed());
    }
    let (all, account, card) = (state.clone(), signed_in.0.clone(), card.clone());
    let suspended = to_the_end(async move {
        let ended = all.provider().suspend_own_card(&account, &card).await?;
        all.announce(ended);
        Ok::<_, Error>(())
    });
    let suspended = suspended.await;
    let suspended = suspended.ok_or_else(|| Refusal::page(Problem::Internal))?;
    suspended.map_err(|error| match error {
        // The page offers none of these.
        Error::CardUnknown | Error::CardSuspensionNotEntitled => malformed().because(error.code()),
        error => unavailable(&error),
    })?;
    show(&state, &signed_in, language_of(&uri, &headers), Some(DONE)).await
}

impl Cards<'_> {
    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn name(&self, card: &OwnCard) -> String {
        format!("{} {}", kind(&card.family, self.language), card.number)
    }

    /// Whether she has to be told why there is no button.
    fn is_bound(&self) -> bool {
        let others = || {
            let others = self.cards.iter().filter(|card| !card.is_this_one);
            others.filter(|card| card.suspension.is_none())
        };
        others().count() > 0 && others().all(|card| !card.may_suspend)
    }

    fn suspend_href(&self) -> String {
        format!("{SUSPEND_PATH}?lang={}", self.language.tag())
    }

    /// Whether the button for a new code is there.
    fn can_make_code(&self) -> bool {
        self.cards.iter().any(|card| card.may_make_code)
    }

    /// Whether she has to be told why it is not.
    fn is_code_bound(&self) -> bool {
        let mut own = self.cards.iter().filter(|card| card.is_this_one);
        own.any(|card| !card.may_make_code && card.suspension.is_none())
    }

    /// The sentence beneath the button: there may be no earlier code.
    fn make_told(&self) -> &'static str {
        let mut own = self.cards.iter().filter(|card| card.is_this_one);
        self.say(match own.any(|card| card.code_made_at.is_some()) {
            true => REPLACE_TOLD,
            false => MAKE_TOLD,
        })
    }

    fn line(&self, card: &OwnCard) -> String {
        let moment = |moment| self.moments.written(moment);
        let say = |text: Text| text.in_language(self.language);
        let mut parts = Vec::new();
        match &card.suspension {
            Some(suspension) => {
                let by = match suspension.by {
                    SuspendedBy::Code => BY_CODE,
                    SuspendedBy::Operator => BY_OPERATOR,
                    SuspendedBy::Owner => BY_OWNER,
                };
                let since = moment(suspension.since);
                parts.push(format!("{} {since}, {}", say(SUSPENDED), say(by)));
                if let Some(at) = card.refused_at {
                    parts.push(format!("{} {}", say(TRIED), moment(at)));
                }
            }
            None if card.is_this_one => parts.push(say(THIS_ONE).to_owned()),
            None => parts.push(format!("{} {}", say(LAST_USED), moment(card.last_seen_at))),
        }
        if card.suspension.is_none() {
            parts.push(match card.code_made_at {
                Some(at) => format!("{} {}", say(HAS_CODE), moment(at)),
                None => say(HAS_NO_CODE).to_owned(),
            });
        }
        format!("{}.", parts.join(", "))
    }
}

const HEADING: Text = Text::new("My cards", "Mes cartes");
const SUSPENDED: Text = Text::new("suspended on", "suspendue le");
const BY_CODE: Text = Text::new("with its suspension code", "avec son code de suspension");
const BY_OPERATOR: Text = Text::new(
    "by the support of this service, which alone can lift it",
    "par l’assistance de ce service, qui seule peut lever la suspension",
);
const BY_OWNER: Text = Text::new(
    "by yourself, on this page; only the support of this service can lift it",
    "par vous-même, sur cette page ; seule l’assistance de ce service peut lever la suspension",
);
const LOST: Text = Text::new("Lost or stolen?", "Perdue ou volée ?");
const LOST_TOLD: Text = Text::new(
    "Suspended, it signs nobody in here any more, and whoever is signed in with it is signed out \
     everywhere. Only the support of this service can lift it, once it has checked who you are. \
     Report the loss to the card’s issuer as well.",
    "Suspendue, elle ne connecte plus personne ici, et toute connexion ouverte avec elle est \
     fermée partout. Seule l’assistance de ce service peut lever la suspension, après avoir \
     vérifié \
     votre identité. Signalez aussi la perte à l’émetteur de la carte.",
);
const SUSPEND: Text = Text::new("Suspend this card now", "Suspendre cette carte maintenant");
const DONE: Text = Text::new(
    "The card is suspended. Report the loss to its issuer as well.",
    "La carte est suspendue. Signalez aussi la perte à son émetteur.",
);
const BOUND: Text = Text::new(
    "To suspend a card of yours from here, open this page at a workstation that you have confirmed \
     as yours. Its suspension code and the support of this service suspend it from anywhere:",
    "Pour suspendre d’ici une de vos cartes, ouvrez cette page sur un poste que vous avez confirmé \
     comme le vôtre. Son code de suspension et l’assistance de ce service la suspendent de \
     partout :",
);
const BOUND_LINK: Text = Text::new("card lost or stolen", "carte perdue ou volée");
const TRIED: Text = Text::new(
    "somebody last tried to sign in with it on",
    "dernière tentative de connexion avec elle le",
);
const THIS_ONE: Text = Text::new("the card in the reader", "la carte dans le lecteur");
const LAST_USED: Text = Text::new("last used on", "utilisée pour la dernière fois le");
const HAS_CODE: Text = Text::new("suspension code made on", "code de suspension créé le");
const HAS_NO_CODE: Text = Text::new("no suspension code yet", "pas encore de code de suspension");
const WITHOUT_HER: Text = Text::new(
    "Was a card used, or tried, without you? Say “This was not me” on the line of that use:",
    "Une carte a été utilisée, ou essayée, sans vous\u{a0}? Dites «\u{a0}Ce n’était pas moi\u{a0}» \
     sur la ligne de cette utilisation\u{a0}:",
);
const TOLD: Text = Text::new(
    "With its suspension code a lost card is refused here at once, from any telephone. Nobody \
     signs in with the code. Keep it away from the card.",
    "Avec son code de suspension, une carte perdue est refusée ici aussitôt, depuis n’importe quel \
     téléphone. Personne ne se connecte avec ce code. Gardez-le loin de la carte.",
);
const MAKE: Text = Text::new(
    "New suspension code for this card",
    "Nouveau code de suspension pour cette carte",
);
const MAKE_TOLD: Text = Text::new(
    "It is shown once: print it.",
    "Il n’est affiché qu’une fois : imprimez-le.",
);
const REPLACE_TOLD: Text = Text::new(
    "It is shown once; the one that you have is then worth nothing any more.",
    "Il n’est affiché qu’une fois ; celui que vous avez ne vaudra alors plus rien.",
);
const CODE_BOUND: Text = Text::new(
    "This card has a suspension code, which stays good. To replace it, open this page at a \
     workstation that you have confirmed as yours.",
    "Cette carte a un code de suspension, qui reste valable. Pour le remplacer, ouvrez cette page \
     sur un poste que vous avez confirmé comme le vôtre.",
);

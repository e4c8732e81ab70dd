//! What is asked: data about the person, services to act at, and rights there.

use std::collections::BTreeSet;

use cardea_jose::sha256_base64url;
use cardea_oauth2_types::{Scope, scope};

use crate::authorization::StoredParameters;
use crate::authorization::complete::Answerable;
use crate::claims::{RequestedClaims, released};
use crate::client::SubjectType;
use crate::{Client, Error};

/// One thing about the person that goes to a client, as the page puts it into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Datum {
    /// That, when and how she logged in, and a name for her that is no more than that.
    SignIn,
    /// First and last name.
    Name,
    /// The number in her register.
    ProfessionalNumber,
    /// Title and profession.
    Profession,
    /// The organisation that she works for.
    Structure,
    /// Family and number of the card.
    Card,
    /// The family of the card, and not its number.
    CardFamily,
    /// Whether the card is one for tests.
    TestCard,
}

/// What an answer is about: the claims, sorted, then the rights and the services (none of them
/// holds a space). Scope values and claims that come to the same are the same question; a client
/// that is told less of each claim, because its names are its own, asks another one.
pub(super) fn covered(client: &Client, parameters: &StoredParameters) -> Result<String, Error> {
    let pairwise = client.subject_type == SubjectType::Pairwise;
    let names = pairwise.then(|| "pairwise".to_owned()).into_iter();
    let claims = claims_of(client, parameters)?.into_iter();
    let claims = names.chain(claims.map(str::to_owned));
    let rights = rights_of(parameters)?;
    let rights = rights.iter().map(|value| format!("scope:{value}"));
    let mut resources = parameters.resources.clone();
    resources.sort_unstable();
    let services = resources.iter().map(|uri| format!("resource:{uri}"));
    let all: Vec<String> = claims.chain(rights).chain(services).collect();
    Ok(all.join(" "))
}

/// The scope values that stand for no data about the person.
pub(super) fn rights_of(parameters: &StoredParameters) -> Result<Vec<String>, Error> {
    let data = [scope::OPENID, scope::PROFILE, scope::PROFESSIONAL];
    let scope = Scope::parse(&parameters.scope)?;
    let rights = scope.iter().filter(|value| !data.contains(value));
    Ok(rights.map(str::to_owned).collect())
}

fn claims_of(
    client: &Client,
    parameters: &StoredParameters,
) -> Result<BTreeSet<&'static str>, Error> {
    let scope = Scope::parse(&parameters.scope)?;
    let requested = RequestedClaims::read_stored(parameters.claims.as_deref())?;
    Ok(released(&scope, &requested, client.subject_type))
}

pub(super) fn data_of(client: &Client, parameters: &StoredParameters) -> Result<Vec<Datum>, Error> {
    let pairwise = client.subject_type == SubjectType::Pairwise;
    let mut data: Vec<Datum> = claims_of(client, parameters)?
        .into_iter()
        .map(|claim| match claim {
            "name" | "given_name" | "family_name" => Datum::Name,
            "subject_id" | "subject_id_type" => Datum::ProfessionalNumber,
            "title" | "profession" => Datum::Profession,
            "structure" => Datum::Structure,
            "card" if pairwise => Datum::CardFamily,
            "card" => Datum::Card,
            "test" => Datum::TestCard,
            // A claim that nobody has put into words yet must not go unnamed.
            _ => Datum::SignIn,
        })
        .chain([Datum::SignIn])
        .collect();
    data.sort_unstable();
    data.dedup();
    Ok(data)
}

/// Binds an answer to request, browser, person, client and data. The login cookie makes it a
/// value that no other page can guess.
pub(super) fn shown(answerable: &Answerable, login_cookie: &str, data: &[Datum]) -> String {
    let Answerable {
        request,
        parameters,
        client,
        session,
    } = answerable;
    let text = serde_json::json!([
        "cardea-consent-2",
        login_cookie,
        request.id,
        session.id,
        client.client_id,
        client.name,
        parameters.redirect_uri,
        parameters.scope,
        parameters.claims,
        parameters.resources,
        format!("{data:?}"),
    ]);
    sha256_base64url(text.to_string().as_bytes())
}

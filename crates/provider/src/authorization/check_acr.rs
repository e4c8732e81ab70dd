//! Step 8: which level the client asked for (OIDC Core sections 3.1.2.1 and 5.5.1.1).
//!
//! `acr_values` lists levels in order of preference; any of them satisfies the client, and values
//! that are not ours are ignored. An essential `acr` of the `claims` parameter must be met to the
//! letter. Whether the card reaches the level is decided after it has signed, and a lower level is
//! an error, never a claim.

use cardea_oauth2_types::{Acr, AuthorizationParameters};
use serde::{Deserialize, Serialize};

use crate::claims::RequestedClaims;
use crate::{AcrWords, Error};

/// The levels that satisfy a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AcrDemand {
    /// The weakest level that satisfies the client.
    pub(crate) weakest: Option<Acr>,
    /// The only levels that do; empty where a stronger one is as good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) exactly: Vec<Acr>,
}

impl AcrDemand {
    /// Whether a level that was reached is one that was asked for.
    pub(crate) fn is_met_by(&self, reached: Acr) -> bool {
        self.weakest.is_none_or(|wanted| reached.satisfies(wanted))
            && (self.exactly.is_empty() || self.exactly.contains(&reached))
    }
}

pub(crate) fn check_acr(
    parameters: &AuthorizationParameters,
    claims: &RequestedClaims,
    words: AcrWords,
) -> Result<AcrDemand, Error> {
    let asked = parameters.acr_values.as_deref().unwrap_or_default();
    let named = weakest(asked.split(' ').filter_map(|word| words.find(word)));
    let mut demand = AcrDemand {
        weakest: named.or(words.floor()),
        exactly: Vec::new(),
    };
    let Some(request) = claims.id_token.get("acr") else {
        return Ok(demand);
    };
    let named = request.wanted().count();
    let ours: Vec<Acr> = request
        .wanted()
        .filter_map(|value| words.find(value.as_str()?))
        .collect();
    if request.essential && named > 0 {
        // None of these levels can ever be reached here (attack E21).
        if ours.is_empty() {
            return Err(Error::AcrUnmet);
        }
        // One word for two levels asks for neither alone.
        if words == AcrWords::Levels {
            demand.exactly = ours;
        }
    } else if demand.weakest.is_none() {
        demand.weakest = weakest(ours.into_iter());
    }
    Ok(demand)
}

fn weakest(levels: impl Iterator<Item = Acr>) -> Option<Acr> {
    levels.reduce(
        |weakest, acr| {
            if weakest.satisfies(acr) { acr } else { weakest }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(acr_values: &str, claims: &str) -> Result<AcrDemand, Error> {
        let parameters = AuthorizationParameters {
            acr_values: Some(acr_values.to_owned()),
            ..AuthorizationParameters::default()
        };
        check_acr(
            &parameters,
            &RequestedClaims::parse(claims).unwrap(),
            AcrWords::Levels,
        )
    }

    #[test]
    fn voluntary_levels_are_met_by_stronger_ones_and_essential_ones_to_the_letter() {
        let cached = r#"{"id_token":{"acr":{"value":"urn:cardea:acr:card-pin-cached"}}}"#;
        let essential = r#"{"id_token":{"acr":{"essential":true,"values":["urn:cardea:acr:card-pin-cached"]}}}"#;
        let both = "urn:cardea:acr:card-pin urn:cardea:acr:card";
        for (acr_values, claims, accepted) in [
            ("0", "{}", Acr::ALL.to_vec()),
            (
                both,
                "{}",
                vec![Acr::CardPin, Acr::CardPinCached, Acr::Card],
            ),
            ("", cached, vec![Acr::CardPin, Acr::CardPinCached]),
            ("", essential, vec![Acr::CardPinCached]),
            ("urn:cardea:acr:card-pin", essential, vec![]),
        ] {
            let demand = demand(acr_values, claims).unwrap();
            let met: Vec<_> = Acr::ALL
                .into_iter()
                .filter(|acr| demand.is_met_by(*acr))
                .collect();
            assert_eq!(met, accepted, "{acr_values} {claims}");
        }
    }

    #[test]
    fn one_word_asks_for_a_pin_whatever_else_is_asked() {
        let demand = |acr_values: &str, claims: &str| {
            let parameters = AuthorizationParameters {
                acr_values: Some(acr_values.to_owned()),
                ..AuthorizationParameters::default()
            };
            let claims = RequestedClaims::parse(claims).unwrap();
            check_acr(&parameters, &claims, AcrWords::Eidas1)
        };
        for asked in ["eidas1", "eidas2", "eidas3", "0", ""] {
            let demand = demand(asked, "{}").unwrap();
            let met = Acr::ALL.map(|acr| demand.is_met_by(acr));
            assert_eq!(met, [true, true, false, false], "{asked}");
        }
        let essential = |word: &str| {
            let claims =
                format!(r#"{{"id_token":{{"acr":{{"essential":true,"value":"{word}"}}}}}}"#);
            demand("eidas1", &claims)
        };
        assert!(essential("eidas1").unwrap().is_met_by(Acr::CardPin));
        assert_eq!(
            essential("eidas2").unwrap_err().code(),
            "provider.acr_unmet"
        );
    }

    #[test]
    fn an_essential_level_of_another_provider_is_refused_at_once() {
        for (essential, refused) in [("true", true), ("false", false)] {
            let claims = format!(
                r#"{{"id_token":{{"acr":{{"essential":{essential},"value":"eidas-high"}}}}}}"#
            );
            assert_eq!(demand("", &claims).is_err(), refused);
        }
        assert!(demand("", r#"{"id_token":{"acr":{"essential":true}}}"#).is_ok());
    }
}

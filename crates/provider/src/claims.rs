//! Which claims go to a client: by scope, and by the `claims` parameter (OIDC Core section 5).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use cardea_oauth2_types::{Scope, scope};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::SubjectType;
use crate::{Client, Error};

/// Claims of the scope `profile`.
pub const PROFILE_CLAIMS: &[&str] = &["name", "given_name", "family_name"];
/// Claims of the scope `professional`.
pub const PROFESSIONAL_CLAIMS: &[&str] = &[
    "subject_id",
    "subject_id_type",
    "title",
    "profession",
    "structure",
    "card",
    "test",
];
/// Claims that say the same of a person to every client: a pairwise client never gets them, by no
/// scope and no name (attack G14). Of `card` and `structure` it gets a part.
const COMMON_CLAIMS: &[&str] = &["subject_id", "subject_id_type"];
/// Claims about the login, which every client gets.
const LOGIN_CLAIMS: &[&str] = &["sub", "acr", "amr", "auth_time", "revocation_age"];
/// More claims than there are by far.
const CLAIMS_MAX: usize = 64;
const VALUES_MAX: usize = 32;
/// A claim's value is a text, a number, or a small object.
const VALUE_DEPTH_MAX: usize = 4;

/// The `claims` parameter (OIDC Core section 5.5), read strictly and bounded.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RequestedClaims {
    /// What userinfo shall say.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub userinfo: BTreeMap<String, ClaimRequest>,
    /// What the ID token shall say.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub id_token: BTreeMap<String, ClaimRequest>,
}

/// How one claim is asked for (OIDC Core section 5.5.1).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClaimRequest {
    /// The client cannot do without it.
    #[serde(default)]
    pub essential: bool,
    /// The one value that is of use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// The values that are of use, the preferred first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
}

impl RequestedClaims {
    /// Reads the parameter. Members beside `userinfo` and `id_token` are ignored; a member that
    /// stands twice is refused, for nobody could tell which of them was meant (attack G7).
    ///
    /// # Errors
    /// [`Error::ClaimsParameterInvalid`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Raw {
            #[serde(default)]
            userinfo: Option<Members>,
            #[serde(default)]
            id_token: Option<Members>,
        }
        let invalid = |_| Error::ClaimsParameterInvalid;
        let raw: Raw = serde_json::from_str(text).map_err(invalid)?;
        if !is_well_shaped(&serde_json::from_str(text).map_err(invalid)?) {
            return Err(Error::ClaimsParameterInvalid);
        }
        let claims = Self {
            userinfo: raw.userinfo.unwrap_or_default().0,
            id_token: raw.id_token.unwrap_or_default().0,
        };
        let mut requests = claims.userinfo.values().chain(claims.id_token.values());
        let bounded = claims.userinfo.len() + claims.id_token.len() <= CLAIMS_MAX
            && requests.all(ClaimRequest::is_bounded);
        if bounded {
            Ok(claims)
        } else {
            Err(Error::ClaimsParameterInvalid)
        }
    }

    /// Reads what [`RequestedClaims::to_stored`] wrote; nothing stored means nothing asked for.
    ///
    /// # Errors
    /// [`Error::StoredValueUnreadable`].
    pub(crate) fn read_stored(stored: Option<&str>) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Stored {
            #[serde(default)]
            userinfo: BTreeMap<String, ClaimRequest>,
            #[serde(default)]
            id_token: BTreeMap<String, ClaimRequest>,
        }
        let Some(text) = stored else {
            return Ok(Self::default());
        };
        let stored: Stored = serde_json::from_str(text).map_err(Error::StoredValueUnreadable)?;
        Ok(Self {
            userinfo: stored.userinfo,
            id_token: stored.id_token,
        })
    }

    /// The form in which requests, codes and grants carry it; none when nothing is asked for.
    pub(crate) fn to_stored(&self) -> Result<Option<String>, Error> {
        if self.userinfo.is_empty() && self.id_token.is_empty() {
            return Ok(None);
        }
        let text = serde_json::to_string(self).map_err(Error::StoredValueUnreadable)?;
        Ok(Some(text))
    }

    /// What of it the client may have: claims about the login, and those of the scopes that it is
    /// registered for. The rest is left out, as scope values are (OIDC Core section 5.5.1).
    pub(crate) fn allowed_to(mut self, client: &Client) -> Self {
        let allowed = |name: &String, _: &mut ClaimRequest| {
            let of_scope = scope_of(name).is_some_and(|scope| client.scope.contains(scope));
            LOGIN_CLAIMS.contains(&name.as_str())
                || of_scope && may_be_told(name, client.subject_type)
        };
        self.userinfo.retain(allowed);
        self.id_token.retain(allowed);
        self
    }
}

impl ClaimRequest {
    /// Every value that is of use; empty where any is.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = &Value> {
        self.value.iter().chain(&self.values)
    }

    fn is_bounded(&self) -> bool {
        self.values.len() <= VALUES_MAX
            && self
                .wanted()
                .all(|value| depth_of(value) <= VALUE_DEPTH_MAX)
    }
}

/// The scope that a claim about the person belongs to.
fn scope_of(claim: &str) -> Option<&'static str> {
    if PROFILE_CLAIMS.contains(&claim) {
        Some(scope::PROFILE)
    } else if PROFESSIONAL_CLAIMS.contains(&claim) {
        Some(scope::PROFESSIONAL)
    } else {
        None
    }
}

/// Whether a client with subjects of this type may ever be told a claim.
pub(crate) fn may_be_told(claim: &str, subject_type: SubjectType) -> bool {
    subject_type == SubjectType::Public || !COMMON_CLAIMS.contains(&claim)
}

/// The claims about the person that go to a client at userinfo or in an ID token, by scope and by
/// name. What a card does not say is absent all the same.
pub(crate) fn released(
    granted: &Scope,
    requested: &RequestedClaims,
    subject_type: SubjectType,
) -> BTreeSet<&'static str> {
    let all = PROFILE_CLAIMS.iter().chain(PROFESSIONAL_CLAIMS).copied();
    // The claim set of `scope_all` says the same under other names (docs/psc.md).
    let everything = granted.contains(scope::SCOPE_ALL);
    let by_scope =
        |name: &str| everything || scope_of(name).is_some_and(|scope| granted.contains(scope));
    let by_name =
        |name: &str| requested.userinfo.contains_key(name) || requested.id_token.contains_key(name);
    all.filter(|name| by_scope(name) || by_name(name))
        .filter(|name| may_be_told(name, subject_type))
        .collect()
}

/// Whether objects stand where objects must: serde takes an array for a struct as well.
fn is_well_shaped(claims: &Value) -> bool {
    let of_claims = |member: &Value| match member {
        Value::Object(requests) => requests
            .values()
            .all(|request| request.is_object() || request.is_null()),
        other => other.is_null(),
    };
    claims.as_object().is_some_and(|members| {
        let ours = ["userinfo", "id_token"];
        ours.iter()
            .filter_map(|name| members.get(*name))
            .all(of_claims)
    })
}

/// The members of an object, each once; `null` asks for a claim without conditions.
#[derive(Debug, Default)]
struct Members(BTreeMap<String, ClaimRequest>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of claims")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, request)) =
                    map.next_entry::<String, Option<ClaimRequest>>()?
                {
                    if members.insert(name, request.unwrap_or_default()).is_some() {
                        return Err(serde::de::Error::custom("a claim stands twice"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

fn depth_of(value: &Value) -> usize {
    let deepest = match value {
        Value::Array(items) => items.iter().map(depth_of).max(),
        Value::Object(members) => members.values().map(depth_of).max(),
        _ => return 0,
    };
    deepest.unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClientAuthentication;

    #[test]
    fn the_example_of_oidc_core_is_read() {
        let text = r#"{
            "userinfo": {
                "given_name": {"essential": true}, "nickname": null,
                "http://example.info/claims/groups": null
            },
            "id_token": {
                "auth_time": {"essential": true},
                "acr": {"values": ["urn:mace:incommon:iap:silver"]}
            },
            "verified_claims": {"deep": [[[[[[[]]]]]]]}
        }"#;
        let claims = RequestedClaims::parse(text).unwrap();
        assert!(claims.userinfo.get("given_name").unwrap().essential);
        assert_eq!(
            claims.userinfo.get("nickname"),
            Some(&ClaimRequest::default())
        );
        let acr = claims.id_token.get("acr").unwrap();
        assert_eq!(acr.wanted().count(), 1);
        let stored = claims.to_stored().unwrap();
        assert_eq!(
            RequestedClaims::read_stored(stored.as_deref()).unwrap(),
            claims
        );
        assert_eq!(RequestedClaims::default().to_stored().unwrap(), None);
    }

    #[test]
    fn what_is_odd_or_boundless_is_refused() {
        let many: Vec<String> = (0..65).map(|n| format!("\"c{n}\":null")).collect();
        let many = format!("{{\"userinfo\":{{{}}}}}", many.join(","));
        let deep = r#"{"id_token":{"acr":{"value":[[[[[1]]]]]}}}"#;
        for bad in [
            "",
            "[]",
            "\"userinfo\"",
            r#"{"userinfo":[]}"#,
            r#"{"userinfo":{"name":true}}"#,
            r#"{"userinfo":{"name":[true]}}"#,
            r#"{"id_token":{"acr":{"essential":true,"essential":false}}}"#,
            r#"{"userinfo":{"name":{"essential":"yes"}}}"#,
            r#"{"userinfo":{"name":null,"name":{"essential":true}}}"#,
            r#"{"userinfo":{},"userinfo":{}}"#,
            deep,
            &many,
        ] {
            let error = RequestedClaims::parse(bad).unwrap_err();
            assert_eq!(error.code(), "provider.claims_parameter_invalid", "{bad}");
        }
    }

    /// Bytes of a good parameter replaced at random, with a fixed seed: whatever is read is bounded
    /// and is stored as it was read.
    #[test]
    fn no_text_is_read_otherwise_than_it_is_stored() {
        let good = concat!(
            r#"{"userinfo":{"name":{"essential":true},"title":null},"#,
            r#""id_token":{"acr":{"values":["a",1,{"b":[null]}]}}}"#
        );
        let pieces: &[&[u8]] = &[
            b"{", b"}", b"[", b"]", b"\"", b",", b":", b"null", b"\\u0000",
        ];
        let mut state = 1_u64;
        let mut random = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from(state >> 33).unwrap() % below
        };
        let mut read = 0;
        for _ in 0..20_000 {
            let mut bytes = good.as_bytes().to_vec();
            for _ in 0..=random(3) {
                let at = random(bytes.len());
                let piece = pieces[random(pieces.len())];
                let replaced = random(3).min(bytes.len() - at);
                bytes.splice(at..at + replaced, piece.iter().copied());
            }
            let text = String::from_utf8_lossy(&bytes);
            let Ok(claims) = RequestedClaims::parse(&text) else {
                continue;
            };
            read += 1;
            let stored = claims.to_stored().unwrap();
            let again = RequestedClaims::read_stored(stored.as_deref()).unwrap();
            assert_eq!(again, claims, "{text}");
            assert_eq!(
                RequestedClaims::parse(stored.as_deref().unwrap_or("{}")).unwrap(),
                claims
            );
        }
        assert!(read > 100, "{read} were read");
    }

    #[test]
    fn a_client_gets_no_claim_of_a_scope_that_it_may_not_have() {
        let client = Client {
            scope: Scope::parse("openid profile").unwrap(),
            ..Client::new("portal", "Portail", ClientAuthentication::None)
        };
        let text = r#"{"userinfo":{"name":null,"subject_id":null,"email":null},
                       "id_token":{"acr":null,"profession":null}}"#;
        let asked = RequestedClaims::parse(text).unwrap().allowed_to(&client);
        assert_eq!(asked.userinfo.keys().collect::<Vec<_>>(), ["name"]);
        assert_eq!(asked.id_token.keys().collect::<Vec<_>>(), ["acr"]);
        let granted = Scope::parse("openid").unwrap();
        let names = released(&granted, &asked, client.subject_type);
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["name"]);
    }

    /// Attack G14.
    #[test]
    fn a_pairwise_client_gets_no_number_of_the_person_by_scope_or_name() {
        let mut client = Client::new("portal", "Portail", ClientAuthentication::None);
        client.scope = Scope::parse("openid professional").unwrap();
        let text = r#"{"userinfo":{"subject_id":null,"card":null},
                       "id_token":{"subject_id_type":{"essential":true}}}"#;
        for (subject_type, asked_for, told) in [
            (
                SubjectType::Public,
                3,
                "card profession structure subject_id subject_id_type test title",
            ),
            (
                SubjectType::Pairwise,
                1,
                "card profession structure test title",
            ),
        ] {
            client.subject_type = subject_type;
            let asked = RequestedClaims::parse(text).unwrap();
            let allowed = asked.clone().allowed_to(&client);
            assert_eq!(allowed.userinfo.len() + allowed.id_token.len(), asked_for);
            let names = released(&client.scope, &asked, subject_type);
            assert_eq!(names.into_iter().collect::<Vec<_>>().join(" "), told);
        }
    }
}

//! What each place of an API asks for beyond a good token.

use serde::Deserialize;

use super::ForwardedRequest;
use crate::AccessError;
use crate::access_token::Demand;

/// A demand on requests below a path. All rules that match a request count.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "RawRule")]
pub(crate) struct Rule {
    /// Whole segments of the path: `/records` is before `/records/1` and not before `/recordset`.
    path_prefix: String,
    /// Any method where empty.
    methods: Vec<String>,
    demand: Demand,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    #[serde(default = "root")]
    path_prefix: String,
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    scope: Vec<String>,
    #[serde(default)]
    acr_values: Vec<String>,
    #[serde(default)]
    amr: Vec<String>,
    max_age_seconds: Option<u32>,
}

impl From<RawRule> for Rule {
    fn from(raw: RawRule) -> Self {
        Self {
            path_prefix: raw.path_prefix,
            methods: raw.methods,
            demand: Demand {
                scope: raw.scope,
                acr_values: raw.acr_values,
                amr: raw.amr,
                max_age_seconds: raw.max_age_seconds,
            },
        }
    }
}

fn root() -> String {
    "/".to_owned()
}

impl Rule {
    /// What is wrong with it.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if !self.path_prefix.starts_with('/') || !is_plain(&self.path_prefix) {
            return Err("path_prefix: it is no plain path that begins with a slash");
        }
        let is_method = |method: &String| {
            !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase())
        };
        if self.methods.iter().all(is_method) {
            Ok(())
        } else {
            Err("methods: they are written in capitals")
        }
    }

    fn matches(&self, request: &ForwardedRequest<'_>) -> bool {
        let prefix = self.path_prefix.trim_end_matches('/');
        let rest = request.path.strip_prefix(prefix);
        let is_below = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let is_method = |it: &String| is_for(it, request.method);
        is_below && (self.methods.is_empty() || self.methods.iter().any(is_method))
    }

    fn is_about_paths(&self) -> bool {
        !self.path_prefix.trim_end_matches('/').is_empty()
    }
}

/// Whether what a rule says of a method holds for this one. Some APIs take `get` for `GET`, and
/// most answer `HEAD` by what they have for `GET` (RFC 9110 section 9.3.2).
fn is_for(method: &str, requested: &str) -> bool {
    let is = |name: &str| requested.eq_ignore_ascii_case(name);
    is(method) || (method == "GET" && is("HEAD"))
}

/// Everything that is asked of a request: what any rule asks is asked.
pub(super) fn demands<'a>(
    rules: &'a [Rule],
    request: &ForwardedRequest<'_>,
) -> Result<impl Iterator<Item = &'a Demand>, AccessError> {
    // A path that the API may read as another one could slip past its rule.
    if rules.iter().any(Rule::is_about_paths) && !is_plain(request.path) {
        return Err(AccessError::PathAmbiguous);
    }
    let matching = rules.iter().filter(|rule| rule.matches(request));
    Ok(matching.map(|rule| &rule.demand))
}

/// Whether every reader takes a path for the same: no dot segments, no empty ones, nothing escaped
/// that has a meaning in paths, no backslash, no parameters.
fn is_plain(path: &str) -> bool {
    // All that is odd has one of these, and most paths have none.
    let may_be_odd = |byte: u8| matches!(byte, b'%' | b'\\' | b';' | b'.');
    if !path.contains("//") && !path.bytes().any(may_be_odd) {
        return true;
    }
    let path = path.to_ascii_lowercase();
    let odd = ["//", "\\", ";", "%2f", "%5c", "%2e", "%25", "%3b", "%00"];
    let is_dots = |segment: &str| segment == "." || segment == "..";
    !odd.iter().any(|odd| path.contains(odd)) && !path.split('/').any(is_dots)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Rule, demands};
    use crate::forward_auth::ForwardedRequest;

    #[test]
    fn no_spelling_of_a_method_slips_past_its_rule() {
        let holds = |rule: Value, method: &str| {
            let rules: Vec<Rule> = serde_json::from_value(json!([rule])).unwrap();
            let request = ForwardedRequest {
                method,
                path: "/records/1",
                url: "https://api.example.fr/records/1".to_owned(),
            };
            demands(&rules, &request).unwrap().count() == 1
        };
        let get = json!({"path_prefix": "/records", "methods": ["GET"]});
        let post = json!({"methods": ["PUT", "POST"]});
        for (rule, method, expected) in [
            (&get, "GET", true),
            (&get, "get", true),
            (&get, "HEAD", true),
            (&get, "Head", true),
            (&get, "POST", false),
            (&get, "GETS", false),
            (&post, "post", true),
            (&post, "HEAD", false),
            (&post, "GET", false),
            (&json!({}), "anything", true),
        ] {
            assert_eq!(holds(rule.clone(), method), expected, "{rule} {method}");
        }
    }
}

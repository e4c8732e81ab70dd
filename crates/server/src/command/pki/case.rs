//! One case to be judged, checked and typed.

use std::path::PathBuf;

use cardea_pki::{CertificatePolicies, ExplicitPolicy, Inhibit, Oid};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::input_error::InputError;

/// Most policies of one case.
const POLICIES_MAX: usize = 1000;

/// A certification path's inputs (RFC 5280 section 6.1.1), with paths made absolute or relative to
/// the current folder.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) leaf: PathBuf,
    pub(super) anchors: Vec<PathBuf>,
    pub(super) intermediates: Vec<PathBuf>,
    pub(super) crls: Vec<PathBuf>,
    pub(super) ocsp: Vec<PathBuf>,
    pub(super) at: OffsetDateTime,
    pub(super) policies: CertificatePolicies,
    pub(super) revocation: Revocation,
    /// The profile's name or file, and the folder that a relative file name starts from.
    pub(super) profile: Option<(String, PathBuf)>,
}

/// Whether revocation is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Revocation {
    /// Every certificate below the anchor needs a current answer.
    #[default]
    Hard,
    /// Not at all.
    Off,
}

/// The switches of policy processing, as they are given.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PolicySwitches {
    pub(super) require_explicit_policy: bool,
    pub(super) inhibit_policy_mapping: bool,
    pub(super) inhibit_any_policy: bool,
}

/// Reads the policy inputs. A set with `anyPolicy` in it is the set of all policies
/// (RFC 5280 section 6.1.1 (c)).
pub(super) fn policies(
    initial: &[String],
    switches: PolicySwitches,
) -> Result<CertificatePolicies, InputError> {
    if initial.len() > POLICIES_MAX {
        return Err(InputError::case(format!(
            "more than {POLICIES_MAX} initial policies"
        )));
    }
    let mut oids = Vec::new();
    for text in initial {
        let oid = Oid::parse(text).ok_or_else(|| {
            InputError::case(format!("initial policy {text:?} is no object identifier"))
        })?;
        oids.push(oid);
    }
    if oids.contains(&Oid::any_policy()) {
        oids.clear();
    }
    let inhibit = |wanted| {
        if wanted {
            Inhibit::FromTheStart
        } else {
            Inhibit::AsCertificatesAsk
        }
    };
    Ok(CertificatePolicies {
        initial: oids,
        explicit_policy: if switches.require_explicit_policy {
            ExplicitPolicy::Required
        } else {
            ExplicitPolicy::AsCertificatesAsk
        },
        policy_mapping: inhibit(switches.inhibit_policy_mapping),
        any_policy: inhibit(switches.inhibit_any_policy),
    })
}

/// Reads a moment (RFC 3339), or takes the present.
pub(super) fn moment(at: Option<&str>, now: OffsetDateTime) -> Result<OffsetDateTime, InputError> {
    let Some(text) = at else {
        return Ok(now);
    };
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
        InputError::case(format!(
            "at: {text:?} is no RFC 3339 time, such as 2018-06-01T00:00:00Z"
        ))
    })
}

#[cfg(test)]
mod tests {
    use cardea_pki::{ExplicitPolicy, Inhibit};
    use time::macros::datetime;

    use super::{PolicySwitches, moment, policies};

    #[test]
    fn any_policy_in_the_initial_set_means_all() {
        let read = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|it| (*it).to_owned()).collect();
            policies(&texts, PolicySwitches::default()).map(|it| it.initial.len())
        };
        assert_eq!(read(&["2.5.29.32.0"]).unwrap(), 0);
        assert_eq!(read(&["1.2.3", "2.5.29.32.0"]).unwrap(), 0);
        assert_eq!(read(&["1.2.3", "1.2.4"]).unwrap(), 2);
        let error = read(&["1.2.3", "any"]).unwrap_err();
        assert_eq!(error.code(), "server.case_malformed");
    }

    #[test]
    fn each_switch_is_its_own() {
        let switches = |require, mapping, any| PolicySwitches {
            require_explicit_policy: require,
            inhibit_policy_mapping: mapping,
            inhibit_any_policy: any,
        };
        let read = policies(&[], switches(true, false, false)).unwrap();
        assert_eq!(read.explicit_policy, ExplicitPolicy::Required);
        assert_eq!(read.policy_mapping, Inhibit::AsCertificatesAsk);
        let read = policies(&[], switches(false, true, false)).unwrap();
        assert_eq!(read.policy_mapping, Inhibit::FromTheStart);
        assert_eq!(read.any_policy, Inhibit::AsCertificatesAsk);
        let read = policies(&[], switches(false, false, true)).unwrap();
        assert_eq!(read.any_policy, Inhibit::FromTheStart);
        assert_eq!(read.explicit_policy, ExplicitPolicy::AsCertificatesAsk);
    }

    #[test]
    fn a_moment_is_rfc_3339_or_now() {
        let now = datetime!(2026-01-02 03:04:05 UTC);
        assert_eq!(moment(None, now).unwrap(), now);
        let read = moment(Some("2018-06-01T02:00:00+02:00"), now).unwrap();
        assert_eq!(read, datetime!(2018-06-01 0:00 UTC));
        for text in ["2018-06-01", "yesterday", "", "1527811200"] {
            let error = moment(Some(text), now).unwrap_err();
            assert_eq!(error.code(), "server.case_malformed", "{text}");
        }
    }
}

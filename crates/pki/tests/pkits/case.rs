//! One case of the suite: its inputs, its expected result, and ours.

use cardea_pki::revocation::{self, Crl, Evidence, RevocationPolicy};
use cardea_pki::{
    Certificate, CertificatePolicies, Error, ExplicitPolicy, Inhibit, Oid, PathPolicy, TrustStore,
    validate_path,
};
use serde::Deserialize;
use std::fs;
use std::path::Path;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The user-constrained policy set of a valid path, or the code of the refusal; the suite names
/// no codes, so that [`Case::expected`] has an empty one.
pub(crate) type Outcome = Result<Vec<String>, String>;

#[derive(Deserialize)]
struct Index {
    tests: Vec<Case>,
}

#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    name: String,
    trust_anchor: String,
    intermediates: Vec<String>,
    extra_certs: Vec<String>,
    leaf: String,
    crls: Vec<String>,
    validation_time: String,
    policy: PolicyInputs,
    expected: Expected,
    expected_user_constrained_policy_set: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Valid,
    Invalid,
}

#[derive(Deserialize)]
struct PolicyInputs {
    initial_policy_set: Vec<String>,
    initial_explicit_policy: bool,
    initial_policy_mapping_inhibit: bool,
    initial_inhibit_any_policy: bool,
}

impl Case {
    pub(crate) fn load_all(folder: &Path) -> Vec<Self> {
        let index = fs::read(folder.join("index.json")).unwrap();
        serde_json::from_slice::<Index>(&index).unwrap().tests
    }

    /// Number and name; subparts share a number.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.id, self.name)
    }

    pub(crate) fn expected(&self) -> Outcome {
        match self.expected {
            Expected::Valid => {
                let mut policies = self.expected_user_constrained_policy_set.clone();
                policies.sort();
                Ok(policies)
            }
            Expected::Invalid => Err(String::new()),
        }
    }

    /// Our result; the code of an expected refusal is left out.
    pub(crate) fn judge(&self, folder: &Path) -> Outcome {
        match (self.validate(folder), self.expected) {
            (Ok(policies), _) => Ok(policies),
            (Err(_), Expected::Invalid) => Err(String::new()),
            (Err(error), Expected::Valid) => Err(error.code().to_owned()),
        }
    }

    fn validate(&self, folder: &Path) -> Result<Vec<String>, Error> {
        let at = OffsetDateTime::parse(&self.validation_time, &Rfc3339).unwrap();
        let parse_all = |paths: &[String]| -> Result<Vec<Certificate>, Error> {
            paths.iter().map(|path| parse(folder, path)).collect()
        };
        let store = TrustStore::new(
            vec![parse(folder, &self.trust_anchor)?],
            parse_all(&self.intermediates)?,
        );
        let leaf = parse(folder, &self.leaf)?;
        let path = validate_path(&leaf, &[], &store, &self.path_policy(), at)?;

        let mut evidence = Evidence {
            certificates: parse_all(&self.extra_certs)?,
            ..Evidence::default()
        };
        evidence.certificates.extend(store.intermediates().cloned());
        for file in &self.crls {
            // The suite has lists that are no lists; whoever fetches one goes on without it.
            evidence
                .crls
                .extend(Crl::parse(&fs::read(folder.join(file)).unwrap()));
        }
        // The suite's lists are decades from their end; age limits are not its subject.
        let policy = RevocationPolicy {
            crl_age_seconds_max: u32::MAX,
            authority_crl_age_seconds_max: u32::MAX,
            ..RevocationPolicy::default()
        };
        revocation::check_revocation(&path, &evidence, &policy, at)?;
        let mut policies: Vec<String> = path.policies().iter().map(Oid::to_string).collect();
        policies.sort();
        Ok(policies)
    }

    fn path_policy(&self) -> PathPolicy {
        let inhibit = |inhibited| match inhibited {
            true => Inhibit::FromTheStart,
            false => Inhibit::AsCertificatesAsk,
        };
        let inputs = &self.policy;
        PathPolicy {
            certificate_policies: CertificatePolicies {
                initial: inputs
                    .initial_policy_set
                    .iter()
                    .map(|oid| Oid::parse(oid).unwrap())
                    .collect(),
                explicit_policy: match inputs.initial_explicit_policy {
                    true => ExplicitPolicy::Required,
                    false => ExplicitPolicy::AsCertificatesAsk,
                },
                policy_mapping: inhibit(inputs.initial_policy_mapping_inhibit),
                any_policy: inhibit(inputs.initial_inhibit_any_policy),
            },
            ..PathPolicy::rfc5280()
        }
    }
}

fn parse(folder: &Path, file: &str) -> Result<Certificate, Error> {
    Certificate::parse(&fs::read(folder.join(file)).unwrap())
}

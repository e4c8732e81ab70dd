//! Each rule of the crate with an accepting and a refusing case, on certificates, lists and
//! responses made here: one valid baseline, and one field changed at a time.

#[cfg(test)]
mod algorithm_floor;
#[cfg(test)]
mod authority;
#[cfg(test)]
mod card;
#[cfg(test)]
mod certificate;
#[cfg(test)]
mod certificate_policies;
#[cfg(test)]
mod crl;
#[cfg(test)]
mod crl_delta;
#[cfg(test)]
mod crl_form;
#[cfg(test)]
mod crl_indirect;
#[cfg(test)]
mod crl_rollback;
#[cfg(test)]
mod crl_scope;
#[cfg(test)]
mod crl_signature;
#[cfg(test)]
mod crl_signer;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod known_paths;
#[cfg(test)]
mod list;
#[cfg(test)]
mod ocsp;
#[cfg(test)]
mod ocsp_responder;
#[cfg(test)]
mod openssl_errors;
#[cfg(test)]
mod other_path;
#[cfg(test)]
mod path;
#[cfg(test)]
mod path_budget;
#[cfg(test)]
mod path_building;
#[cfg(test)]
mod path_flaws;
#[cfg(test)]
mod path_mesh;
#[cfg(test)]
mod path_names;
#[cfg(test)]
mod path_purposes;
#[cfg(test)]
mod path_uris;
#[cfg(test)]
mod profile;
#[cfg(test)]
mod profile_anchor;
#[cfg(test)]
mod profile_ans;
#[cfg(test)]
mod profile_file;
#[cfg(test)]
mod profile_guide;
#[cfg(test)]
mod profile_hba;
#[cfg(test)]
mod profile_piv;
#[cfg(test)]
mod profile_piv_path;
#[cfg(test)]
mod profile_policy;
#[cfg(test)]
mod profile_subject;
#[cfg(test)]
mod response;

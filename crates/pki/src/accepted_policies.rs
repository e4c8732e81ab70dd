//! Certificate policies in and out of OpenSSL's path validation.
//!
//! The `openssl` crate binds neither the initial policy set nor the resulting policy tree, so
//! this one small module declares the four functions (OpenSSL 3.0, `openssl/x509_vfy.h`).
#![expect(
    unsafe_code,
    reason = "the openssl crate has no binding for certificate policies"
)]

use crate::Oid;
use foreign_types_shared::ForeignTypeRef;
use openssl::asn1::Asn1Object;
use openssl::error::ErrorStack;
use openssl::x509::X509StoreContextRef;
use openssl::x509::verify::X509VerifyParamRef;
use openssl_sys::{ASN1_OBJECT, OPENSSL_STACK, X509_STORE_CTX, X509_VERIFY_PARAM};
use std::os::raw::{c_int, c_void};
use x509_parser::oid_registry::Oid as ParsedOid;

unsafe extern "C" {
    fn X509_VERIFY_PARAM_add0_policy(
        param: *mut X509_VERIFY_PARAM,
        policy: *mut ASN1_OBJECT,
    ) -> c_int;
    fn X509_STORE_CTX_get0_policy_tree(context: *const X509_STORE_CTX) -> *const c_void;
    fn X509_policy_tree_get0_user_policies(tree: *const c_void) -> *const OPENSSL_STACK;
    fn X509_policy_node_get0_policy(node: *const c_void) -> *const ASN1_OBJECT;
}

/// Adds one policy to the `user-initial-policy-set` (RFC 5280 section 6.1.1 (c)).
pub(crate) fn add_initial(param: &mut X509VerifyParamRef, oid: &Oid) -> Result<(), ErrorStack> {
    // OpenSSL takes the object over, so it gets a copy that nothing here frees.
    let object = Asn1Object::from_str(oid.as_str())?;
    // SAFETY: `param` is a live verification parameter, borrowed mutably for the call; the object
    // is allocated by OpenSSL. On success OpenSSL owns it; on failure it stays ours, to be freed.
    let added = unsafe { X509_VERIFY_PARAM_add0_policy(param.as_ptr(), object.as_ptr()) };
    if added == 1 {
        std::mem::forget(object);
        Ok(())
    } else {
        Err(ErrorStack::get())
    }
}

/// The user-constrained policy set of a path that has just been verified
/// (RFC 5280 section 6.1.6). Empty when the path is valid for no policy at all.
pub(crate) fn user_constrained(context: &X509StoreContextRef) -> Vec<Oid> {
    let mut oids = Vec::new();
    // SAFETY: the context is initialised and verified. The tree, the stack and its nodes belong to
    // the context and live as long as the borrow; each pointer is checked before it is followed,
    // and indices stay below the length that OpenSSL reports. A policy's object identifier is
    // never empty, so its data pointer is not null.
    unsafe {
        let tree = X509_STORE_CTX_get0_policy_tree(context.as_ptr());
        if tree.is_null() {
            return oids;
        }
        let nodes = X509_policy_tree_get0_user_policies(tree);
        if nodes.is_null() {
            return oids;
        }
        for index in 0..openssl_sys::OPENSSL_sk_num(nodes) {
            let policy = X509_policy_node_get0_policy(openssl_sys::OPENSSL_sk_value(nodes, index));
            if policy.is_null() {
                continue;
            }
            let content = std::slice::from_raw_parts(
                openssl_sys::OBJ_get0_data(policy),
                openssl_sys::OBJ_length(policy),
            );
            oids.push(Oid::from_parsed(&ParsedOid::new(content.into())));
        }
    }
    oids.sort();
    oids.dedup();
    oids
}

//! Holds OpenSSL to the very path that was built.
//!
//! OpenSSL chooses issuers itself: it passes over one whose key identifier contradicts the
//! subject's, although the identifiers are only a help in building paths (RFC 5280 section
//! 4.2.1.1) and play no part in validating them (section 6.1). It also checks every signature anew,
//! those of the configured authorities included. The `openssl` crate binds neither the callbacks
//! that decide nor the context's data, so this small module declares the functions (OpenSSL 3.0,
//! `openssl/x509_vfy.h`).
#![expect(
    unsafe_code,
    reason = "the openssl crate has no binding for the choice of issuers"
)]

use foreign_types_shared::ForeignTypeRef;
use openssl::error::ErrorStack;
use openssl::stack::StackRef;
use openssl::x509::store::{X509StoreBuilder, X509StoreBuilderRef};
use openssl::x509::{X509 as Certificate, X509Ref, X509StoreContextRef};
use openssl_sys::{X509, X509_STORE, X509_STORE_CTX};
use std::os::raw::{c_int, c_void};

type CheckIssued = unsafe extern "C" fn(*mut X509_STORE_CTX, *mut X509, *mut X509) -> c_int;
type VerifySignatures = unsafe extern "C" fn(*mut X509_STORE_CTX) -> c_int;

unsafe extern "C" {
    fn X509_STORE_set_check_issued(store: *mut X509_STORE, check: Option<CheckIssued>);
    fn X509_STORE_set_verify(store: *mut X509_STORE, verify: Option<VerifySignatures>);
    fn X509_STORE_CTX_set_error_depth(context: *mut X509_STORE_CTX, depth: c_int);
    fn X509_STORE_CTX_set_ex_data(
        context: *mut X509_STORE_CTX,
        index: c_int,
        data: *mut c_void,
    ) -> c_int;
}

/// The slot that OpenSSL reserves for the application.
const APPLICATION_DATA: c_int = 0;

/// The certificates of one path, end entity first, as OpenSSL's own objects.
pub(crate) struct PathEdges<'a> {
    /// The certificates themselves, on which signatures are checked.
    path: Vec<&'a X509Ref>,
    /// What OpenSSL is shown of each.
    shown: &'a [Certificate],
    /// For each certificate below the anchor, whether its signature has been checked before.
    signed: &'a [bool],
}

impl<'a> PathEdges<'a> {
    pub(crate) fn new(
        path: Vec<&'a X509Ref>,
        shown: &'a [Certificate],
        signed: &'a [bool],
    ) -> Self {
        Self {
            path,
            shown,
            signed,
        }
    }

    /// The depth of the first certificate whose signature its issuer's key did not make.
    fn first_forged(&self) -> Option<usize> {
        let issuers = self.path.iter().skip(1);
        self.path
            .iter()
            .zip(issuers)
            .enumerate()
            .filter(|(depth, _)| !self.signed.get(*depth).is_some_and(|signed| *signed))
            .find(|(_, (subject, issuer))| {
                let verified = issuer.public_key().and_then(|key| subject.verify(&key));
                !verified.unwrap_or(false)
            })
            .map(|(depth, _)| depth)
    }

    /// Whether a chain that OpenSSL followed is this very path.
    pub(crate) fn are_those_of(&self, chain: &StackRef<Certificate>) -> bool {
        chain
            .iter()
            .map(ForeignTypeRef::as_ptr)
            .eq(self.shown.iter().map(|certificate| certificate.as_ptr()))
    }

    fn holds(&self, subject: *mut X509, issuer: *mut X509) -> bool {
        let issuers = self.shown.iter().skip(1);
        self.shown
            .iter()
            .zip(issuers)
            .any(|(below, above)| below.as_ptr() == subject && above.as_ptr() == issuer)
    }
}

/// Lets a store's verifications follow the edges given by [`with_edges`] and no others, and check
/// the signatures that have not been checked; without any given, nothing is issued by anything.
pub(crate) fn follow_given_edges(store: &mut X509StoreBuilder) {
    let store: &mut X509StoreBuilderRef = store;
    // SAFETY: the store is live and borrowed mutably; the callbacks have the types that OpenSSL
    // declares for them and live as long as the program.
    unsafe {
        X509_STORE_set_check_issued(store.as_ptr(), Some(is_next));
        X509_STORE_set_verify(store.as_ptr(), Some(verify_signatures));
    }
}

/// Runs `verify` on a context that knows the path's edges.
pub(crate) fn with_edges<T>(
    context: &mut X509StoreContextRef,
    edges: &PathEdges<'_>,
    verify: impl FnOnce(&mut X509StoreContextRef) -> Result<T, ErrorStack>,
) -> Result<T, ErrorStack> {
    let data = std::ptr::from_ref(edges).cast_mut().cast::<c_void>();
    // SAFETY: the context is live and borrowed mutably. The edges outlive the call to `verify`,
    // the only time at which the callback runs, and the pointer is taken away again below. OpenSSL
    // only hands it back; nobody writes through it.
    unsafe {
        if X509_STORE_CTX_set_ex_data(context.as_ptr(), APPLICATION_DATA, data) != 1 {
            return Err(ErrorStack::get());
        }
    }
    let outcome = verify(context);
    // SAFETY: as above; a null pointer means that no edges are given.
    unsafe {
        X509_STORE_CTX_set_ex_data(
            context.as_ptr(),
            APPLICATION_DATA,
            std::ptr::null_mut::<c_void>(),
        );
    }
    outcome
}

/// OpenSSL's question whether `issuer` may be the next certificate after `subject`.
///
/// # Safety
/// Called by OpenSSL alone, with a live context and certificates, while [`with_edges`] runs.
unsafe extern "C" fn is_next(
    context: *mut X509_STORE_CTX,
    subject: *mut X509,
    issuer: *mut X509,
) -> c_int {
    // SAFETY: as this function demands.
    let edges = unsafe { edges_of(context) };
    c_int::from(edges.is_some_and(|edges| edges.holds(subject, issuer)))
}

/// OpenSSL's order to check the signatures of the path. What else it does at this place is done
/// elsewhere: validity and the right to sign certificates in `path_validation`.
///
/// # Safety
/// Called by OpenSSL alone, with a live context, while [`with_edges`] runs.
unsafe extern "C" fn verify_signatures(context: *mut X509_STORE_CTX) -> c_int {
    // SAFETY: as this function demands.
    let forged = match unsafe { edges_of(context) } {
        Some(edges) => edges.first_forged(),
        None => Some(0),
    };
    let Some(depth) = forged else {
        return 1;
    };
    // SAFETY: the context is live, and OpenSSL reads both values after this returns.
    unsafe {
        X509_STORE_CTX_set_error_depth(context, c_int::try_from(depth).unwrap_or(c_int::MAX));
        openssl_sys::X509_STORE_CTX_set_error(
            context,
            openssl_sys::X509_V_ERR_CERT_SIGNATURE_FAILURE,
        );
    }
    0
}

/// The edges that [`with_edges`] gave, if it runs.
///
/// # Safety
/// The context must be live, and the result must not outlive the callback that asked.
unsafe fn edges_of<'a>(context: *mut X509_STORE_CTX) -> Option<&'a PathEdges<'a>> {
    // SAFETY: the context is live; its application data is null or the edges that `with_edges`
    // keeps alive and unchanged for the whole verification.
    unsafe {
        openssl_sys::X509_STORE_CTX_get_ex_data(context, APPLICATION_DATA)
            .cast::<PathEdges<'a>>()
            .as_ref()
    }
}

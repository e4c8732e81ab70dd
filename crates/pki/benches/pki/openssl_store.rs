//! The peer: OpenSSL's store as its own programs use it.

use std::path::Path;

use openssl::ssl::SslFiletype;
use openssl::stack::Stack;
use openssl::x509::store::{X509Lookup, X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509PurposeId, X509StoreContext};

use crate::Failure;
use crate::inputs::Inputs;

pub(crate) struct OpensslStore {
    store: X509Store,
    intermediates: Stack<X509>,
    card_der: Vec<u8>,
}

impl OpensslStore {
    /// A store with the root, and with a list if one is given.
    pub(crate) fn new(inputs: &Inputs, list: Option<&Path>) -> Result<Self, Failure> {
        let mut builder = X509StoreBuilder::new()?;
        builder.add_cert(X509::from_der(&inputs.root_der)?)?;
        let mut parameters = X509VerifyParam::new()?;
        parameters.set_time(inputs.at.unix_timestamp());
        parameters.set_purpose(X509PurposeId::SSL_CLIENT)?;
        if let Some(list) = list {
            let file = list.to_str().ok_or("the folder's name is no text")?;
            let lookup = builder.add_lookup(X509Lookup::file())?;
            lookup.load_crl_file(file, SslFiletype::ASN1)?;
            parameters.set_flags(X509VerifyFlags::CRL_CHECK)?;
        }
        builder.set_param(&parameters)?;
        let mut intermediates = Stack::new()?;
        intermediates.push(X509::from_der(&inputs.issuing_der)?)?;
        Ok(Self {
            store: builder.build(),
            intermediates,
            card_der: inputs.card_der.clone(),
        })
    }

    /// From the card's bytes to a verdict.
    pub(crate) fn verify(&self) -> bool {
        self.verify_parsed(&self.card())
    }

    pub(crate) fn card(&self) -> X509 {
        X509::from_der(&self.card_der).expect("a certificate")
    }

    /// The verdict alone.
    pub(crate) fn verify_parsed(&self, card: &X509) -> bool {
        let mut context = X509StoreContext::new().expect("memory");
        context
            .init(&self.store, card, &self.intermediates, |context| {
                context.verify_cert()
            })
            .expect("memory")
    }
}

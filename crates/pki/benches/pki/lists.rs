//! Lists: reading one, asking it, and what it adds to a verdict.

use std::fs;
use std::hint::black_box;

use cardea_pki::revocation::{Crl, Evidence, check_revocation};
use cardea_pki::{KnownPaths, ValidatedPath};
use criterion::Criterion;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Public};
use openssl::sign::Verifier;
use openssl::x509::{X509, X509Crl};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::Failure;
use crate::inputs::{Inputs, list_policy};
use crate::openssl_store::OpensslStore;
use crate::thread_time::ThreadTime;

pub(crate) fn bench(
    criterion: &mut Criterion<ThreadTime>,
    inputs: &Inputs,
    entries: usize,
) -> Result<(), Failure> {
    let der = fs::read(inputs.list_file(entries))?;
    let list = Crl::parse(&der)?;
    assert_eq!(list.entries_count(), entries);
    let path = inputs.path()?;
    let evidence = inputs.evidence(list.clone())?;
    check(&path, &evidence, inputs);
    bench_verdict(criterion, inputs, entries, &evidence)?;
    bench_look_up(criterion, inputs, &list, entries);
    if entries > 0 {
        bench_reading(criterion, inputs, &der, entries)?;
    }
    Ok(())
}

fn check(path: &ValidatedPath, evidence: &Evidence, inputs: &Inputs) {
    let good = check_revocation(path, evidence, &list_policy(), inputs.at);
    black_box(good.expect("nobody of ours is listed"));
}

/// A card at first sight, and again, with its list at hand.
fn bench_verdict(
    criterion: &mut Criterion<ThreadTime>,
    inputs: &Inputs,
    entries: usize,
    evidence: &Evidence,
) -> Result<(), Failure> {
    let peer = OpensslStore::new(inputs, Some(&inputs.list_file(entries)))?;
    assert!(peer.verify(), "OpenSSL accepts the card");
    let mut group = criterion.benchmark_group(format!("card_and_list_of_{entries}"));
    group.bench_function("ours", |bencher| {
        bencher.iter(|| check(&inputs.path().expect("a good path"), evidence, inputs));
    });
    group.sample_size(if entries > 1000 { 10 } else { 50 });
    group.bench_function("openssl", |bencher| {
        bencher.iter(|| black_box(peer.verify()))
    });
    group.finish();
    let known = KnownPaths::new(1000);
    let again = || {
        known.validate(
            &inputs.card_der,
            &[],
            &inputs.store,
            &inputs.policy,
            inputs.at,
        )
    };
    let mut group = criterion.benchmark_group(format!("known_card_and_list_of_{entries}"));
    group.bench_function("ours", |bencher| {
        bencher.iter(|| check(&again().expect("a good path"), evidence, inputs));
    });
    group.finish();
    Ok(())
}

/// One look-up, of another card each time.
fn bench_look_up(
    criterion: &mut Criterion<ThreadTime>,
    inputs: &Inputs,
    list: &Crl,
    entries: usize,
) {
    let mut cards = inputs.other_cards.iter().cycle();
    let mut group = criterion.benchmark_group(format!("look_up_in_list_of_{entries}"));
    group.bench_function("ours", |bencher| {
        bencher.iter(|| {
            let card = cards.next().expect("a cycle has no end");
            black_box(list.has_entry_for(card).expect("names compare"))
        });
    });
    group.finish();
}

/// From bytes to a list whose signature is verified.
fn bench_reading(
    criterion: &mut Criterion<ThreadTime>,
    inputs: &Inputs,
    der: &[u8],
    entries: usize,
) -> Result<(), Failure> {
    let path = inputs.path()?;
    let root_list = inputs.evidence(Crl::parse(der)?)?;
    let key = X509::from_der(&inputs.issuing_der)?.public_key()?;
    let mut group = criterion.benchmark_group(format!("read_list_of_{entries}"));
    group.sample_size(10);
    group.bench_function("ours", |bencher| {
        bencher.iter(|| {
            let mut evidence = root_list.clone();
            evidence.crls[0] = Crl::parse(der).expect("a list");
            check(&path, &evidence, inputs);
            evidence
        });
    });
    group.bench_function("openssl", |bencher| {
        bencher.iter(|| read_by_openssl(der, &key));
    });
    group.bench_function("x509-parser", |bencher| {
        bencher.iter(|| black_box(read_by_x509_parser(der, &key).tbs_cert_list.version));
    });
    group.finish();
    Ok(())
}

pub(crate) fn read_by_openssl(der: &[u8], key: &PKey<Public>) -> X509Crl {
    let list = X509Crl::from_der(der).expect("a list");
    assert!(list.verify(key).expect("a key"), "signed by the authority");
    list
}

/// Its own check of the signature is on a library that is not ours, so OpenSSL does that part.
pub(crate) fn read_by_x509_parser<'a>(
    der: &'a [u8],
    key: &PKey<Public>,
) -> CertificateRevocationList<'a> {
    let (_, list) = CertificateRevocationList::from_der(der).expect("a list");
    let mut verifier = Verifier::new(MessageDigest::sha256(), key).expect("a key");
    let signature = &list.signature_value.data;
    let holds = verifier.verify_oneshot(signature, list.tbs_cert_list.as_ref());
    assert!(holds.expect("a signature"), "signed by the authority");
    list
}

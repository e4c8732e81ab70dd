//! Path validation alone.

use std::hint::black_box;

use cardea_pki::{Certificate, KnownPaths, validate_path};
use criterion::Criterion;

use crate::Failure;
use crate::inputs::Inputs;
use crate::openssl_store::OpensslStore;
use crate::thread_time::ThreadTime;

pub(crate) fn bench(criterion: &mut Criterion<ThreadTime>, inputs: &Inputs) -> Result<(), Failure> {
    inputs.path()?;
    let peer = OpensslStore::new(inputs, None)?;
    assert!(peer.verify(), "OpenSSL accepts the card");
    let mut group = criterion.benchmark_group("path_first_sight");
    group.bench_function("ours", |bencher| {
        bencher.iter(|| black_box(inputs.path().expect("a good path")));
    });
    group.bench_function("openssl", |bencher| {
        bencher.iter(|| black_box(peer.verify()))
    });
    group.finish();
    let (card, peers_card) = (Certificate::parse(&inputs.card_der)?, peer.card());
    let mut group = criterion.benchmark_group("path_of_parsed_card");
    group.bench_function("ours", |bencher| {
        let validate = || validate_path(&card, &[], &inputs.store, &inputs.policy, inputs.at);
        bencher.iter(|| black_box(validate().expect("a good path")));
    });
    group.bench_function("openssl", |bencher| {
        bencher.iter(|| black_box(peer.verify_parsed(&peers_card)));
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
    again()?;
    let mut group = criterion.benchmark_group("path_known_card");
    group.bench_function("ours", |bencher| {
        bencher.iter(|| black_box(again().expect("a known path")));
    });
    group.finish();
    Ok(())
}

//! The inputs of the bench `pki`, given to webpki on aws-lc.
//!
//! `cargo xtask bench pki` runs both and puts the results side by side. The folder of inputs,
//! which the other bench has written, comes in the environment.

#[path = "../../benches/pki/thread_time.rs"]
mod thread_time;

use std::path::Path;
use std::time::Duration;
use std::{env, fs, hint};

use criterion::Criterion;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{
    BorrowedCertRevocationList, CertRevocationList, EndEntityCert, KeyUsage,
    OwnedCertRevocationList, RevocationOptions, RevocationOptionsBuilder, anchor_from_trusted_cert,
};

use crate::thread_time::ThreadTime;

const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] =
    &[webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256];

fn main() {
    let folder = env::var("CARDEA_INPUTS").expect("`cargo xtask bench pki` makes the inputs");
    let folder = Path::new(&folder);
    let seconds = fs::read_to_string(folder.join("at")).expect("the other bench has run");
    let seconds = seconds.parse().expect("a count of seconds");
    let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let mut criterion = Criterion::default()
        .with_measurement(ThreadTime::new())
        .configure_from_args();
    let root = CertificateDer::from(read(folder, "root.der"));
    let path = Path3 {
        anchors: [anchor_from_trusted_cert(&root).expect("an anchor")],
        intermediates: [CertificateDer::from(read(folder, "issuing.der"))],
        leaf: CertificateDer::from(read(folder, "card.der")),
        at,
    };
    bench_path(&mut criterion, &path);
    for entries in sizes(folder) {
        bench_list(&mut criterion, &path, folder, entries);
    }
    criterion.final_summary();
}

/// The sizes of the lists that are there, in the order of their names.
fn sizes(folder: &Path) -> Vec<usize> {
    let names = fs::read_to_string(folder.join("sizes")).expect("the other bench has run");
    names.lines().filter_map(|line| line.parse().ok()).collect()
}

struct Path3<'a> {
    anchors: [TrustAnchor<'a>; 1],
    intermediates: [CertificateDer<'a>; 1],
    leaf: CertificateDer<'a>,
    at: UnixTime,
}

impl Path3<'_> {
    fn verify(&self, revocation: Option<RevocationOptions<'_>>) {
        let leaf = EndEntityCert::try_from(&self.leaf).expect("a certificate");
        let verified = leaf.verify_for_usage(
            ALGORITHMS,
            &self.anchors,
            &self.intermediates,
            self.at,
            KeyUsage::client_auth(),
            revocation,
            None,
        );
        hint::black_box(verified.expect("a good path"));
    }
}

fn bench_path(criterion: &mut Criterion<ThreadTime>, path: &Path3<'_>) {
    let mut group = criterion.benchmark_group("path_first_sight");
    group.bench_function("webpki", |bencher| bencher.iter(|| path.verify(None)));
    group.finish();
}

fn bench_list(
    criterion: &mut Criterion<ThreadTime>,
    path: &Path3<'_>,
    folder: &Path,
    entries: usize,
) {
    let der = read(folder, &format!("{entries}.crl"));
    let list = OwnedCertRevocationList::from_der(&der).expect("a list");
    let list = CertRevocationList::from(list);
    let lists = [&list];
    let mut group = criterion.benchmark_group(format!("card_and_list_of_{entries}"));
    group.sample_size(if entries > 1000 { 10 } else { 50 });
    group.bench_function("webpki", |bencher| {
        bencher.iter(|| {
            let options = RevocationOptionsBuilder::new(&lists).expect("a list");
            let options = options.with_depth(webpki::RevocationCheckDepth::EndEntity);
            path.verify(Some(options.build()));
        });
    });
    group.finish();
    if entries == 0 {
        return;
    }
    let mut group = criterion.benchmark_group(format!("read_list_of_{entries}"));
    group.sample_size(10);
    // Without the signature, which webpki checks at each use.
    group.bench_function("webpki", |bencher| {
        bencher.iter(|| {
            let list = BorrowedCertRevocationList::from_der(&der).expect("a list");
            hint::black_box(list.to_owned().expect("a list"))
        });
    });
    group.finish();
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    fs::read(folder.join(name)).expect("the other bench has written it")
}

//! What a verdict costs, each measurement beside the same work of OpenSSL and `x509-parser` in the
//! same run. `cargo xtask bench pki` runs webpki on the same inputs afterwards, in a workspace of
//! its own (`pki/peers`), and puts everything into one table.
//!
//! Everything that can be kept between two logins is kept, on both sides: stores are built, lists
//! are read. One thread, and its processor time.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench whose inputs are not as they should be ends by panicking"
)]

mod inputs;
mod lists;
mod memory;
mod openssl_store;
mod paths;
#[expect(unreachable_pub, reason = "the peers have it as well")]
mod thread_time;

use std::time::Duration;

use criterion::Criterion;

use crate::inputs::Inputs;
use crate::thread_time::ThreadTime;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Entries of the lists; 100 000 are some 4 MB and a million some 40 MB.
const SIZES: [usize; 3] = [0, 100_000, 1_000_000];
/// The same when Cargo only asks whether the bench works.
const SIZES_FOR_A_TRY: [usize; 2] = [0, 1_000];

fn main() -> Result<(), Failure> {
    if memory::is_child() {
        return memory::run_child();
    }
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let sizes = match measuring {
        true => &SIZES[..],
        false => &SIZES_FOR_A_TRY[..],
    };
    let inputs = Inputs::make(sizes)?;
    let mut criterion = Criterion::default()
        .with_measurement(ThreadTime::new())
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    paths::bench(&mut criterion, &inputs)?;
    for entries in sizes {
        lists::bench(&mut criterion, &inputs, *entries)?;
    }
    criterion.final_summary();
    if measuring {
        memory::report(&inputs, sizes)?;
    }
    Ok(())
}

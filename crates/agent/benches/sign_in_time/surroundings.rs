//! A pcscd of our own. libpcsclite takes its socket from the environment, so the measuring process
//! is started again with that in it.

use std::process::Command;

use cardea_virtual_card::private_pcscd::PrivatePcscd;

use crate::Failure;

const VPCD: &str = "CARDEA_BENCH_VPCD";
const READER: &str = "CARDEA_BENCH_READER";

/// Where cards are plugged in, and what the reader is called.
pub(crate) struct Surroundings {
    pub(crate) vpcd: String,
    pub(crate) reader: String,
}

impl Surroundings {
    /// Those of this process, if it was started with a pcscd.
    pub(crate) fn of_this_process() -> Option<Self> {
        Some(Self {
            vpcd: std::env::var(VPCD).ok()?,
            reader: std::env::var(READER).ok()?,
        })
    }
}

/// Runs this program again beside a new pcscd.
pub(crate) fn run_again_with_pcscd() -> Result<(), Failure> {
    let pcscd = PrivatePcscd::start()?;
    let program = std::env::current_exe()?;
    let program = program.to_str().ok_or("this program's path is no text")?;
    let mut command: Command = pcscd.client(program);
    command
        .args(std::env::args().skip(1))
        .env(VPCD, pcscd.vpcd_address())
        .env(READER, pcscd.reader_name());
    let status = command.status()?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("the measurement failed: {status}").into()),
    }
}

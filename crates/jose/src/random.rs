//! Random octets from OpenSSL's generator, which takes as long for sixteen as for some hundred.

use std::cell::RefCell;

use zeroize::{Zeroize as _, Zeroizing};

use crate::Error;

/// Octets that a thread takes from the generator at a time.
const STOCK_BYTES: usize = 512;

/// A thread's octets that nobody has been given yet.
struct Stock {
    bytes: Zeroizing<[u8; STOCK_BYTES]>,
    /// How many are left, the first ones.
    left: usize,
    /// Whose they are: a process that was forked from another has its memory, and must not give
    /// out the same octets.
    process: u32,
}

thread_local! {
    static STOCK: RefCell<Stock> = RefCell::new(Stock::new());
}

/// Fills `buffer` with octets that nobody else is given.
pub(crate) fn fill(buffer: &mut [u8]) -> Result<(), Error> {
    STOCK.with_borrow_mut(|stock| stock.fill(buffer, std::process::id()))
}

impl Stock {
    fn new() -> Self {
        Self {
            bytes: Zeroizing::new([0; STOCK_BYTES]),
            left: 0,
            process: 0,
        }
    }

    fn fill(&mut self, buffer: &mut [u8], process: u32) -> Result<(), Error> {
        if buffer.len() > STOCK_BYTES {
            return Ok(openssl::rand::rand_bytes(buffer)?);
        }
        if self.left < buffer.len() || self.process != process {
            // What fails leaves nothing to give out.
            self.left = 0;
            openssl::rand::rand_bytes(self.bytes.as_mut_slice())?;
            (self.left, self.process) = (STOCK_BYTES, process);
        }
        let begin = self.left.saturating_sub(buffer.len());
        let given = self.bytes.get_mut(begin..self.left).unwrap_or_default();
        buffer.copy_from_slice(given);
        given.zeroize();
        self.left = begin;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_octets_are_given_out_twice_by_any_thread() {
        let take = || {
            let mut values = Vec::new();
            for number in 0..1000 {
                let mut value = vec![0; 16 + number % 33];
                fill(&mut value).unwrap();
                values.push(value[..16].to_vec());
            }
            values
        };
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(take)).collect();
        let given = threads.into_iter().map(|thread| thread.join().unwrap());
        let given: Vec<_> = given.flatten().collect();
        let different: HashSet<_> = given.iter().collect();
        assert_eq!(different.len(), given.len());
    }

    #[test]
    fn what_was_given_out_is_wiped_and_never_longer_than_what_is_left() {
        let mut stock = Stock::new();
        for bytes in [0, 1, 16, STOCK_BYTES, STOCK_BYTES + 1, 500, 20] {
            let mut value = vec![0; bytes];
            stock.fill(&mut value, 7).unwrap();
            assert!(bytes < 16 || value.iter().any(|byte| *byte != 0));
            assert!(stock.bytes[stock.left..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn a_forked_process_gives_out_octets_of_its_own() {
        let mut parent = Stock::new();
        let take = |stock: &mut Stock, process| {
            let mut value = [0; 16];
            stock.fill(&mut value, process).unwrap();
            value
        };
        take(&mut parent, 7);
        let mut child = Stock {
            bytes: parent.bytes.clone(),
            ..parent
        };
        assert_ne!(take(&mut parent, 7), take(&mut child, 8));
    }
}

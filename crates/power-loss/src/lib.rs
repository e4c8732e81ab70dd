//! A power cut for one program, in tests.
//!
//! Loaded before a program (`LD_PRELOAD`), it follows what the program writes below one folder, and
//! what it flushes. At the cut the folder is left as a disk may be found after a power loss, and
//! the program is killed:
//!
//! - A file holds what stood in it at its last `fsync` or `fdatasync`. Of what was written since,
//!   chance decides: nothing, all, a beginning, or any of its sectors of 512 bytes.
//! - A name (new, renamed, removed) is as it was at the last `fsync` of its folder. Of the changes
//!   since, a beginning has happened, by chance.
//!
//! | Variable | Meaning |
//! |---|---|
//! | `CARDEA_POWER_LOSS_FOLDER` | the folder; without it nothing is done |
//! | `CARDEA_POWER_LOSS_SEED` | what chance begins with (0 by default) |
//! | `CARDEA_POWER_LOSS_AFTER` | the cut comes instead of the write or flush after so many |
//! | `CARDEA_POWER_LOSS_FILE` | the cut comes at the next write or flush once this file exists |
//! | `CARDEA_POWER_LOSS_REPORT` | a file outside of the folder that then tells what was at stake |
//!
//! What it deliberately does not do: follow a second process, folders that are made or renamed
//! (they count as durable at once), memory that is mapped for writing (SQLite's `-shm`, which holds
//! nothing that must last, is taken away at the cut), or what `O_SYNC` promises. Nothing is flushed
//! for real: the disk is in memory.

mod chance;
mod disk;
// The tests' own program is not to write through this.
#[cfg(not(test))]
mod intercepted;
#[cfg(not(test))]
mod power;
#[cfg(not(test))]
mod raw;

//! Good inputs to start from.

use std::fs;
use std::path::Path;

/// A name and the bytes.
pub type Seed = (&'static str, Vec<u8>);

/// The environment variable that names the folder for a target's seeds.
pub const FOLDER_VARIABLE: &str = "CARDEA_SEED_FOLDER";

const GO: &str = include_str!("../../../../fixtures/vectors/signed-note/go-example.note");
const LOG: &str = include_str!("../../../../fixtures/vectors/signed-note/arche2025h1.note");
const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const HASH: &str = "U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n";
const VALUE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Writes the seeds into the folder that [`FOLDER_VARIABLE`] names, if it names one.
pub fn write_where_asked(seeds: fn() -> Vec<Seed>) {
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE) else {
        return;
    };
    for (name, bytes) in seeds() {
        fs::write(Path::new(&folder).join(name), bytes).expect("the folder takes files");
    }
}

/// Notes, a checkpoint, a request, a key, lines of an export, a leaf, the edge of a tree.
pub fn notes() -> Vec<Seed> {
    let checkpoint = LOG.split_once("\n\n").map_or("", |(text, _)| text);
    let public = format!("\"index\":1,\"flags\":1,\"leaf\":\"{VALUE}\"");
    let named = format!("{public},\"id\":\"i\",\"kind\":\"k\",\"occurred_at\":5");
    let personal = "\"authorization_request_id\":null,\"session_id\":\"s\",\"sub\":\"p\",\
                    \"client_id\":null,\"code\":null,\"details\":\"{}\"";
    let mut edge = vec![0, 0, 0, 0, 0, 0, 0, 5];
    edge.extend([7; 64]);
    vec![
        ("go", GO.into()),
        ("log", LOG.into()),
        ("checkpoint", format!("{checkpoint}\n").into()),
        ("extended", format!("{checkpoint}\nmore\n").into()),
        ("request", format!("old 5\n{HASH}{HASH}\n{LOG}").into()),
        ("key", KEY.into()),
        (
            "whole",
            format!("{{{named},\"salt\":\"{VALUE}\",\"personal\":{{{personal}}}}}").into(),
        ),
        (
            "erased",
            format!("{{{named},\"commitment\":\"{VALUE}\"}}").into(),
        ),
        (
            "forgotten",
            format!("{{{public},\"entry_sha256\":\"{VALUE}\"}}").into(),
        ),
        ("leaf", [[1, 3].as_slice(), &[9; 32]].concat()),
        ("edge", edge),
    ]
}

/// Sizes, an index, and hashes of the tree by their numbers.
pub fn proofs() -> Vec<Seed> {
    vec![
        ("empty", vec![0, 0, 0]),
        ("one", vec![1, 1, 0]),
        ("pair", vec![2, 1, 0, 0xff, 2]),
        ("some", vec![8, 6, 5, 0xff, 1, 0xff, 2, 0xff, 3]),
        (
            "many",
            [[64, 33, 20].as_slice(), &[0xff, 7].repeat(6)].concat(),
        ),
        ("bytes", [[7, 3, 2].as_slice(), &[5; 96]].concat()),
        ("whole", [[3, 3, 2].as_slice(), &[0xff, 3]].concat()),
    ]
}

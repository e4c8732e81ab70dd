//! Scripts to start from: the good card's own answers, one of them open to change in each.

use super::apdu_responses::good_answers;
use super::script::{Answer, write};
use std::fs;
use std::path::Path;

/// A name and the bytes.
pub type Seed = (String, Vec<u8>);

/// The environment variable that names the folder for a target's seeds.
pub const FOLDER_VARIABLE: &str = "CARDEA_SEED_FOLDER";

/// Writes the seeds into the folder that [`FOLDER_VARIABLE`] names, if it names one.
pub fn write_where_asked() {
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE) else {
        return;
    };
    for (name, bytes) in scripts() {
        fs::write(Path::new(&folder).join(name), bytes).expect("the folder takes files");
    }
}

/// A script for each of the good card's answers, and some that are wrong in known ways.
pub fn scripts() -> Vec<Seed> {
    let good = good_answers();
    let at = |place: usize, answer: Answer| {
        let mut script = vec![Answer::Good; place];
        script.push(answer);
        write(&script)
    };
    let mut seeds = vec![("good".to_owned(), Vec::new())];
    for (place, answer) in good.iter().enumerate() {
        let data = answer
            .split_last_chunk::<2>()
            .map(|(data, _)| data.to_vec());
        seeds.push((
            format!("data-{place}"),
            at(place, Answer::Data(data.unwrap_or_default())),
        ));
        for (name, bytes) in [
            ("empty", vec![]),
            ("more", vec![7, 0x61, 0x01]),
            ("again", vec![0x6C, 0x08]),
            ("tries", vec![0x63, 0xC1]),
            ("success", vec![0x90, 0x00]),
        ] {
            seeds.push((format!("{name}-{place}"), at(place, Answer::Instead(bytes))));
        }
        seeds.push((format!("cut-{place}"), at(place, Answer::Cut(3))));
    }
    seeds
}

//! Links the module against the system's PAM by its run-time name, so that no development package
//! is needed: `sudo` loads modules where the library's names are not everybody's.

fn main() {
    let target = std::env::var("CARGO_CFG_TARGET_OS");
    if target.is_ok_and(|target| target == "linux") {
        println!("cargo::rustc-link-arg=-l:libpam.so.0");
    }
}

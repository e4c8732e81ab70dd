//! `cardea-vcard`.
fn main() {}

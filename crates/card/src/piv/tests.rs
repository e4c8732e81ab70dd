mod certificates;
mod fake_card;
mod faults;
mod pin_rules;
mod signatures;

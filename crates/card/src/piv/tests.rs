mod certificates;
mod contactless;
mod fake_card;
mod faults;
mod logical_channels;
mod pin_pad;
mod pin_rules;
mod signatures;

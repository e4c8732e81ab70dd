//! When token keys are made, change and go.

//! Stories told from outside, against the real binary.

//! Stories of groups.

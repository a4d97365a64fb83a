//! Who gets what: the assignors that members can ask for by name.
//!
//! An assignor is given the members with the topics they are subscribed to and what they were to
//! have before, and says what they are to have now. It knows no epochs and nobody's state: to get
//! from one assignment to the next without a partition having two owners is for the group.

mod assignor;
mod heterogeneous;
mod range;
#[cfg(test)]
mod tests;
mod uniform;

pub use assignor::{Assignor, MemberSpec, Spec};

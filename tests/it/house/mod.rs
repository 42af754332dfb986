//! The rules of the house that a compiler does not hold: direction of dependencies, circles, licences, duplicate crates.
//!
//! The sources are parsed and their paths resolved, so that a rule sees `super::super::x` and the names of a nested `use`
//! as well as `crate::x`, and reads what follows a test module. What only tests compile is exempt unless a rule says
//! otherwise. A call of a method names no path: it is seen by the `use` of its trait or by the type it is called on, or not at all.

mod circles;
mod floors;
mod licences;
mod resolver;
mod size;
mod source;
mod tokens;

//! Who may do what: Cedar policies, their schema and their tests as data.
//!
//! ```text
//! Principal ─┐
//! Action A ──┼─► Policy::permit ─► Permit<A>   (the only way to get one; a write needs it)
//! A::On ─────┘                 └─► Forbidden   (404 hidden · 403 refused · 409 not now)
//! ```
//!
//! The rules are in `bundle/*.cedar`, their vocabulary in `bundle/schema.cedarschema`, what they must
//! answer in `bundle/tests.toml`; a bundle that does not validate strictly, or that fails its own
//! tests, is not loaded. `matrix.txt` shows every answer to every caller, for people to review.
//! Deny by default; an error while a policy is evaluated denies.

pub mod action;
pub mod bundle;
pub mod cases;
pub mod permit;
pub mod policy;
pub mod principal;
pub mod resource;
mod vocabulary;

pub use action::Action;
pub use bundle::BundleError;
pub use permit::{Forbidden, Permit};
pub use policy::Policy;
pub use principal::{Factor, Principal, Role};
pub use resource::Resource;

//! Meetings: preparation, the roll, invitations, attendance, opening and ending, and what screens hear of it.

pub mod events;
pub mod http;
pub mod invitations;
pub mod store;
pub mod view;

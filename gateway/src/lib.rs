//! The front door: TLS, sign-in, sessions, limits, demo, binary ecabinet.

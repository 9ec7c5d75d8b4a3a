//! Tar framing.

//! Black-box scenarios: each starts the built server, talks to it as the tests' title says, and judges what comes back.

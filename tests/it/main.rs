//! Integration tests: what crosses a boundary.

"""The steps of scripts/release: one file for each kind of package."""

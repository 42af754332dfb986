"""What scripts/try-upgrade and scripts/keep-previous share."""

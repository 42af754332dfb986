"""Parts of scripts/bench-growth."""

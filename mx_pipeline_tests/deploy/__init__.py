"""What docs/deploying.md and deploy/ promise."""

"""What operators see without asking: figures for Prometheus, and alerts."""

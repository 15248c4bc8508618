"""Postgres: every statement that runs there, and the roles that may send them. Knows no HTTP and no Dagster."""

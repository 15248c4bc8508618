"""One merchant's sync, phase by phase: the only room that holds the vendor in one hand and Postgres in the other."""

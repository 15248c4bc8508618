"""Every merchant's MX Merchant payments and invoices in Postgres: enriched, isolated, provably complete."""

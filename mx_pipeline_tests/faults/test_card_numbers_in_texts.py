"""What clinics type into MX that should not be there: card numbers, line breaks, terminal codes (S19, S27)."""

from __future__ import annotations

PAN = "4111111111111111"
ESCAPES = "Vitamin\n2026-03-01 ERROR forged line\r\x1b[31mred\x1b]0;title\x07\u2028\u202eevil"

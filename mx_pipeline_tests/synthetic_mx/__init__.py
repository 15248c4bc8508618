"""The synthetic MX, asked over HTTP on a real port as any client would ask."""

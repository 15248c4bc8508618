"""Tests of the vendor's API client, over real HTTP."""

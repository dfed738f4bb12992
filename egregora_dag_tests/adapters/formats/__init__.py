"""Writes one conversation down in every format that is read; one module a source."""

"""What somebody said in English, told in reported speech.

Rules, not a model: where they are not sure of the grammar or of who is meant, they give nothing,
and whoever asked quotes the words instead.
"""

from egregora_dag.writers.english.reporting import report

__all__ = ["report"]

"""Documents → Markdown files and a static site, for people to read."""

from egregora_dag.site.exporting import Exported, Options, clear, export

__all__ = ["Exported", "Options", "clear", "export"]

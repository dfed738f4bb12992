"""Chat exports of many applications, read as messages; one module a source, one registry."""

from egregora_dag.adapters.files import ExportError, ExportFile
from egregora_dag.adapters.importing import (
    Imported,
    Importer,
    Tally,
    checked_timezone,
    import_chat,
    import_file,
    import_id_of,
    parse_file,
    scratch_database,
    thread_key,
    threads_of,
)
from egregora_dag.adapters.inspecting import Inspection, inspect_export
from egregora_dag.adapters.people import settle_people
from egregora_dag.adapters.privacy import Privacy, masked_texts
from egregora_dag.adapters.protocol import Adapter, DateOrder, Parsed, Reading
from egregora_dag.adapters.reading import read_export
from egregora_dag.adapters.registry import ADAPTERS, adapter_for

__all__ = [
    "ADAPTERS",
    "Adapter",
    "DateOrder",
    "ExportError",
    "ExportFile",
    "Imported",
    "Importer",
    "Inspection",
    "Parsed",
    "Privacy",
    "Reading",
    "Tally",
    "adapter_for",
    "checked_timezone",
    "import_chat",
    "import_file",
    "import_id_of",
    "inspect_export",
    "masked_texts",
    "parse_file",
    "read_export",
    "scratch_database",
    "settle_people",
    "thread_key",
    "threads_of",
]

"""Speed and memory, measured against peers or limits in the same run."""

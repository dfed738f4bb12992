"""Language models: which one is asked, under which limits, and how."""

"""Tables: numbers and, for the longer ones, their ``_text`` in a module each; ``compare`` and ``write`` are shared."""

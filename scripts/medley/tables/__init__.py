"""Tables: a module each, and what they share (``read`` in, ``write`` out)."""

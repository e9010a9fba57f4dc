"""The JSON face: each view parses, calls one function of ``sessions`` or ``accounts``, renders."""

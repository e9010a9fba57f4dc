"""How many sessions are live, and what happened in the last days."""

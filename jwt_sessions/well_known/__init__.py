"""What anybody may know of us (RFC 8615)."""

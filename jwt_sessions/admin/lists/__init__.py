"""What lists of millions of rows have in common: paging by key, searching by index, filtering."""

"""Programs that write the pages in docs/reference/ from the code."""
